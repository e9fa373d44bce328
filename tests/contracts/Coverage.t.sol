// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Blocks} from "../../contracts/libraries/Blocks.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {Evidence, Opened} from "../../contracts/libraries/Evidence.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Live, Round} from "../../contracts/libraries/Round.sol";
import {Slot, Slots} from "../../contracts/libraries/Slots.sol";
import {Phase, Result, Reveal, RoundId, RoundIds, Rule, Terms} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";
import {Swarm} from "./Swarm.sol";

/// @title Sides of conditions that no play of the other tests takes
contract CoverageTest is Swarm {
    bytes32 private constant OTHER = keccak256("another");

    // ------------------------------------------------------------------------------------------------ presenting

    function test_only_the_leading_result_of_an_unsettled_round_can_be_presented() public {
        swarmOf(3);
        Result memory result = resultOf(1, genesis, 0x7);
        bytes32 hash = hashOf(result);
        play(3, 1, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.present(group, result);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hash);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.present(group, result);
        for (uint256 i = 0; i < 3; ++i) _revealOnly(i, 2, hash);
        Result memory wrong = resultOf(1, genesis, 0x3);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hash, hashOf(wrong)));
        rounds.present(group, wrong);

        vm.warp(vm_now() + 3 * WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotPresented.selector, hash));
        rounds.finalize(group, result);
        assertEq(views.roundAt(group, 2).due, 0, "what nobody has seen is never due");
        rounds.present(group, result);
        // The window begins anew for what was shown late.
        uint256 due = vm_now() + WINDOW;
        assertEq(views.roundAt(group, 2).due, due, "due");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, due, vm_now()));
        rounds.finalize(group, result);
        vm.warp(due);
        rounds.finalize(group, result);
        assertEq(settledRound(), 1, "settled");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.present(group, result);
    }

    function test_a_vote_presents_what_it_names_alone() public {
        swarmOf(3);
        Result memory result = resultOf(1, genesis, 0x7);
        bytes32 hash = hashOf(result);
        play(3, 1, genesis, 1);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hash);
        Result memory wrong = resultOf(1, genesis, 0x3);
        RoundId id = RoundIds.make(group, 2);
        Reveal memory opened = opening(0, 2, hash);
        bytes32 wrongHash = hashOf(wrong);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hash, wrongHash));
        vm.prank(nodes[0]);
        rounds.revealWith(id, opened, "", wrong);
    }

    // ------------------------------------------------------------------------------------------------ views

    function test_the_views_name_contracts_and_hashes() public {
        swarmOf(1);
        (address a, address b, address c, address d, address e, address f) = rounds.contracts();
        assertTrue(a == address(identities) && b == address(vault) && c == address(groups), "what it reads");
        assertTrue(d == address(distributor) && e == address(disputes) && f == address(relay), "whom it pays and trusts");
        Result memory result = resultOf(7, OTHER, 0x5);
        assertEq(views.hashResult(group, result), hashOf(result), "hash");
        assertEq(rounds.struckAt(group), 0, "never struck");
    }

    function test_the_time_of_a_strike_is_kept() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        play(3, 2, OTHER, 1);
        vm.warp(vm_now() + WINDOW + IDLE);
        disputes.challengeUnpresented(group);
        assertEq(rounds.struckAt(group), vm_now(), "now");
    }

    // ------------------------------------------------------------------------------------------------ stakes

    function test_no_challenger_gets_more_than_was_taken() public {
        swarmOf(1);
        address challenger = address(0xC4A1);
        vm.prank(address(rounds));
        uint256 taken = vault.slash(1, 3e18, challenger, 5e18);
        assertEq(taken, 3e18, "taken");
        assertEq(token.balanceOf(challenger), 3e18, "all of it, and no more");
        (, uint256 locked) = vault.stakeOf(1);
        assertEq(locked, STAKE - 3e18, "locked");
    }

    function test_nobody_has_as_much_as_a_word_holds() public {
        register();
        (bool isDone, ) = address(vault).call(abi.encodeCall(vault.deposit, (1, type(uint256).max)));
        assertTrue(!isDone, "the token has less");
        (uint256 free, ) = vault.stakeOf(1);
        assertEq(free, 0, "nothing is booked");
    }

    /// @dev Half, the other half, nothing: never more than a seat has.
    function test_slashes_end_with_the_stake() public {
        swarmOf(2);
        uint256[3] memory expected = [uint256(STAKE / 2), STAKE / 2, 0];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(address(disputes));
            assertEq(rounds.slash(group, 0), expected[i], "taken");
        }
        (, uint256 locked) = vault.stakeOf(1);
        assertEq(locked, 0, "nothing left");
        (, locked) = vault.stakeOf(2);
        assertEq(locked, STAKE, "the neighbour's stays");
    }

    function test_a_slash_after_forfeits_takes_what_is_left_of_a_half() public {
        swarmOf(2);
        vm.prank(address(disputes));
        rounds.slash(group, 1);
        // One commit not revealed: a hundredth.
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        reveal(0, 1, genesis);
        vm.warp(vm_now() + REVEAL + IDLE);
        rounds.settleVoid(group);
        vm.prank(address(disputes));
        assertEq(rounds.slash(group, 1), (STAKE / 100) * 49, "49 hundredths were left");
    }

    // ------------------------------------------------------------------------------------------------ who was there

    /// @dev Seat 0 has left, so the members are not the lowest seats; the last of them does not reveal.
    function test_a_gap_among_the_members_is_nobodys_fault() public {
        swarmOf(4);
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        for (uint256 i = 1; i < 4; ++i) commit(i, 1, genesis);
        reveal(1, 1, genesis);
        reveal(2, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        Result memory result = resultOf(1, genesis, 0x6);
        bytes32 hash = hashOf(result);
        for (uint256 i = 1; i < 4; ++i) commit(i, 2, hash);
        for (uint256 i = 1; i < 4; ++i) reveal(i, 2, hash);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        for (uint64 identity = 1; identity <= 4; ++identity) {
            (, uint256 locked) = vault.stakeOf(identity);
            assertEq(locked, identity == 4 ? STAKE - STAKE / 100 : STAKE, "only who did not reveal forfeits");
        }
        assertEq(views.seatAt(group, 3).missed, 1, "missed");
        assertEq(views.seatAt(group, 0).missed, 0, "not on the roster");
        assertTrue(distributor.creditOf(group, 1) != 0 && distributor.creditOf(group, 0) == 0, "paid");
    }

    /// @dev Four seats share a word of what they missed. The first four missed nothing, the fifth all.
    function test_a_word_of_seats_that_all_earned_is_left_alone() public {
        swarmOf(5);
        play(5, 1, genesis, 15);
        Result memory result = resultOf(1, genesis, 0xF);
        play(5, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        uint256 credit = distributor.creditOf(group, 0);
        assertTrue(credit != 0, "the first earned");
        for (uint8 seat = 1; seat < 4; ++seat) assertEq(distributor.creditOf(group, seat), credit, "so did the others");
        assertEq(distributor.creditOf(group, 4), 0, "the fifth did not");
    }

    /// @dev Eight seats at the top are settled by one comparison; what it skips must be as if it were not skipped.
    function test_eight_seats_at_the_top_stay_there_and_can_fall() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 8;
        swarmOf(8, terms);
        bytes32 parent = genesis;
        uint32 round = 1;
        play(8, round, parent, 1);
        for (; round < 90; ++round) {
            // In the last rounds the eighth is left out.
            Result memory result = resultOf(round, parent, round < 88 ? 0xFF : 0x7F);
            parent = hashOf(result);
            play(8, round + 1, parent, 1);
            vm.warp(vm_now() + WINDOW);
            rounds.finalize(group, result);
            if (round < 80 || round >= 88) continue;
            for (uint8 seat = 0; seat < 8; ++seat) assertEq(views.seatAt(group, seat).reputation, 10_000, "at the top");
        }
        assertEq(views.seatAt(group, 6).reputation, 10_000, "stays");
        assertEq(views.seatAt(group, 7).reputation, 7_657, "two eighths down");
        assertEq(views.seatAt(group, 7).weight, 7_657, "and so its weight");
        assertEq(views.seatAt(group, 0).age, 8, "an age stops at maturity");
    }

    // ------------------------------------------------------------------------------------------------ a round's end

    function test_an_end_moves_no_deadline_away() public pure {
        Live live = Round.open(1, 100, 120, 3, false);
        assertEq(live.aborted(90).commitDeadline(), 90, "in the commit phase");
        assertEq(live.aborted(90).revealDeadline(), 90, "in the commit phase");
        assertEq(live.aborted(110).commitDeadline(), 100, "in the reveal phase");
        assertEq(live.aborted(110).revealDeadline(), 110, "in the reveal phase");
        assertEq(live.aborted(130).revealDeadline(), 120, "after its end");
        assertTrue(live.phase(119) == Phase.Reveal && live.aborted(110).phase(110) == Phase.Closed, "phases");
    }

    // ------------------------------------------------------------------------------------------------ libraries

    function test_nothing_is_aggregated_from_no_updates() public {
        vm.expectRevert(abi.encodeWithSelector(Aggregation.NoCodes.selector));
        this.stepOfNone();
        vm.expectRevert(abi.encodeWithSelector(Aggregation.NoCodes.selector));
        this.exponentOfNone();
    }

    function stepOfNone() external pure returns (int32) {
        return Aggregation.next(Rule.Mean, new int8[](0), 1, 24, 0);
    }

    function exponentOfNone() external pure returns (int8) {
        return Aggregation.nextExponent(new uint256[](0), 256, 0, -8, 20);
    }

    /// @dev 16 * S * 4^step <= 127^2 * 256: on either side of each bound.
    function test_the_exponent_moves_at_exactly_these_bounds() public pure {
        uint256[4] memory bounds = [uint256(16_129), 64_516, 258_064, 1_032_256];
        for (uint256 i = 0; i < 4; ++i) {
            uint256[] memory squares = new uint256[](1);
            squares[0] = bounds[i];
            assertTrue(Aggregation.nextExponent(squares, 256, 3, -8, 20) == int8(3 + 2 - int256(i)), "at the bound");
            ++squares[0];
            assertTrue(Aggregation.nextExponent(squares, 256, 3, -8, 20) == int8(3 + 1 - int256(i)), "behind it");
        }
    }

    function test_a_block_begins_at_every_256th_coordinate() public pure {
        uint64[6] memory dimensions = [uint64(1), 255, 256, 257, 512, 2 ** 31];
        uint256[6] memory blocks = [uint256(1), 1, 1, 2, 2, 2 ** 23];
        for (uint256 i = 0; i < 6; ++i) assertEq(Blocks.count(dimensions[i]), blocks[i], "blocks");
    }

    /// @dev Codes of -1 have all bits set, so a bit too many would show.
    function test_squares_stop_at_the_last_coordinate() public view {
        bytes memory columns = new bytes(512);
        for (uint256 i = 0; i < 512; ++i) columns[i] = 0xff;
        for (uint256 coordinates = 1; coordinates <= 256; coordinates += 5) {
            uint256[] memory sums = this.squares(columns, 2, coordinates);
            assertTrue(sums[0] == coordinates && sums[1] == coordinates, "one each");
        }
    }

    function squares(bytes calldata columns, uint256 updates, uint256 coordinates) external pure returns (uint256[] memory) {
        return Blocks.squares(columns, updates, coordinates);
    }

    /// @dev Only a slot of the round that was revealed in it keeps a reveal, and only the very one.
    function test_a_slot_is_evidence_of_what_was_revealed_alone() public view {
        RoundId id = RoundIds.make(group, 9);
        Opened memory given = Opened(address(7), opening(0, 9, OTHER), OTHER);
        bytes24 commitment = Commitment.commitment(address(rounds), id, given.node, given.opened, OTHER);
        Slot committed = Slots.committedIn(9, 100, 3, commitment);
        Slot revealed = committed.withReveal(Commitment.revealDigest(commitment, given.opened.available));
        assertTrue(this.isOpening(revealed, id, given), "what was revealed");
        assertTrue(!this.isOpening(committed, id, given), "what was only committed");
        assertTrue(!this.isOpening(committed.withReveal(commitment), id, given), "another digest");
        assertTrue(!this.isOpening(revealed, RoundIds.make(group, 1), given), "another round");
        ++given.opened.available;
        assertTrue(!this.isOpening(revealed, id, given), "another bitmap");
    }

    function isOpening(Slot slot, RoundId id, Opened calldata given) external view returns (bool) {
        return Evidence.isOpening(slot, address(rounds), id, given);
    }

    /// @dev A tree of five leaves has three empty ones, which the proof of the fifth passes by.
    function test_what_lies_behind_the_last_leaf_is_empty() public view {
        bytes32[] memory proof = new bytes32[](3);
        (proof[0], proof[1], proof[2]) = (bytes32(0), Merkle.nodeHash(0, 0), OTHER);
        assertTrue(this.isPadded(4, 5, proof), "empty");
        proof[1] = OTHER;
        assertTrue(!this.isPadded(4, 5, proof), "something where two leaves would be");
        (proof[0], proof[1]) = (OTHER, Merkle.nodeHash(0, 0));
        assertTrue(!this.isPadded(4, 5, proof), "something where a leaf would be");
        assertTrue(this.isPadded(4, 6, proof), "a sixth leaf");
        proof[1] = OTHER;
        assertTrue(this.isPadded(0, 5, proof), "the first leaf passes no empty ones");
    }

    function isPadded(uint256 index, uint256 count, bytes32[] calldata proof) external pure returns (bool) {
        return Merkle.isPadded(index, count, proof);
    }

    function _revealOnly(uint256 index, uint32 round, bytes32 parent) private {
        vm.prank(nodes[index]);
        rounds.reveal(RoundIds.make(group, round), opening(index, round, parent));
    }
}

/// @title The same of disputes
contract CoverageDisputesTest is DisputeSwarm {
    function test_a_leaf_beside_something_behind_the_last_is_no_answer() public {
        require(token.transfer(WATCHER, STAKE), "funded");
        vm.prank(WATCHER);
        token.approve(address(disputes), type(uint256).max);
        Terms memory few = defaultTerms();
        // Three blocks: the last one's neighbour does not exist.
        few.dimension = 700;
        prepare(5, few, 2);
        playFirst();
        aggregateHonestly();
        claim();
        rounds.present(group, claimed);
        demand(IDisputes.Tree.Model, 2);
        expectError(abi.encodeWithSelector(IDisputes.BadProof.selector, claimed.modelRoot, 2));
        answer(address(0xCAFE), IDisputes.Tree.Model);
    }
}
