// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Blocks} from "../../contracts/libraries/Blocks.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {Evidence, Opened} from "../../contracts/libraries/Evidence.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Live, Round} from "../../contracts/libraries/Round.sol";
import {Slot, Slots} from "../../contracts/libraries/Slots.sol";
import {StandingWord} from "../../contracts/libraries/Standings.sol";
import {Weights, WeightWord} from "../../contracts/libraries/Weights.sol";
import {Phase, Result, Reveal, RoundId, RoundIds, Rule, Seat, Terms} from "../../contracts/types/Types.sol";
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
        rounds.revealWith(id, opened, wrong);
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
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeSlashed(2, STAKE / 100, address(0), 0);
        rounds.settleVoid(group);
        vm.prank(address(disputes));
        assertEq(rounds.slash(group, 1), (STAKE / 100) * 49, "49 hundredths were left");
        // Nothing is left to be unlocked, and nothing is in the way of leaving.
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[1]);
        rounds.release(group, 1);
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

    /// @dev Eight seats at the top are settled by one comparison; what it skips must be as if it were not skipped, and it skips
    /// nothing of the ninth, which joins late and is never included.
    function test_eight_seats_at_the_top_stay_there_and_can_fall() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 9;
        swarmOf(8, terms);
        bytes32 parent = genesis;
        uint32 round = 1;
        uint256 earned = 0;
        play(8, round, parent, 1);
        for (; round < 90; ++round) {
            if (round == 88) earned = distributor.creditOf(group, 7);
            // In the last rounds the eighth is left out.
            Result memory result = resultOf(round, parent, round < 88 ? 0xFF : 0x7F);
            parent = hashOf(result);
            play(round > 80 ? 9 : 8, round + 1, parent, 1);
            vm.warp(vm_now() + WINDOW);
            rounds.finalize(group, result);
            if (round == 80) stakeAndJoin(register());
            if (round < 80 || round >= 88) continue;
            for (uint8 seat = 0; seat < 8; ++seat) assertEq(views.seatAt(group, seat).reputation, 10_000, "at the top");
        }
        assertEq(views.seatAt(group, 6).reputation, 10_000, "stays");
        assertEq(views.seatAt(group, 7).reputation, 7_657, "two eighths down");
        assertEq(views.seatAt(group, 7).weight, 7_657, "and so its weight");
        assertEq(views.seatAt(group, 0).age, 8, "an age stops at maturity");
        assertEq(views.seatAt(group, 8).reputation, 346, "eight eighths down");
        assertEq(distributor.creditOf(group, 7), earned, "who is left out earns nothing, from the top too");
        assertTrue(distributor.creditOf(group, 6) > earned, "the others do");
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

    /// @dev 10,000 of 10,001 are not all of them.
    function test_a_quorum_is_missed_by_the_least_part() public pure {
        Live live = Round.open(1, 10, 20, 1, false).withCommit(5).withLeader("a", 10_000).withReveal(10_000, 11);
        assertTrue(live.agrees(10_000, 10_000), "all of them");
        assertTrue(!live.agrees(10_001, 10_000), "all but one");
    }

    function test_a_new_leader_takes_nothing_from_the_one_before() public pure {
        for (uint256 i = 0; i < 16; ++i) {
            (bytes32 old, bytes32 fresh) = (bytes32(i), bytes32(i + 1));
            Live live = Round.open(7, 10, 20, 3, true).withCommit(5).withLeader(old, 0x7FFFFF).withReveal(5, 11);
            live = live.withLeader(fresh, 8);
            assertEq(live.leaderWeight(), 8, "weight");
            assertTrue(live.leads(fresh) && !live.leads(old), "tag");
            assertTrue(live.isQuiet() && live.round() == 7, "the rest stays");
        }
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

    function test_the_least_that_is_not_nothing_moves_the_exponent() public pure {
        uint256[] memory squares_ = new uint256[](1);
        assertTrue(Aggregation.nextExponent(squares_, 256, 3, -8, 20) == 3, "nothing but zeros");
        squares_[0] = 1;
        assertTrue(Aggregation.nextExponent(squares_, 256, 3, -8, 20) == 5, "a single one");
    }

    function test_a_seat_s_standing_is_its_lane_s_alone() public pure {
        for (uint256 lane = 0; lane < 8; ++lane) {
            StandingWord word = StandingWord.wrap(0).joined(lane);
            (uint256 seated, uint256 taken) = word.occupied();
            assertTrue(seated == 1 << lane && taken == 1 << lane, "joined");
            assertTrue(word.read(lane).seated && !word.read((lane + 1) % 8).seated, "seated");
            word = word.left(lane);
            (seated, taken) = word.occupied();
            assertTrue(seated == 0 && taken == 1 << lane, "left");
            assertTrue(!word.read(lane).seated && word.read(lane).reputation == 1_000, "its reputation stays");
            assertEq(StandingWord.unwrap(word.freed(lane)), 0, "freed");
        }
    }

    function test_who_is_no_member_weighs_nothing() public pure {
        WeightWord word = WeightWord.wrap(Weights.withMember(0, 3, 0));
        for (uint256 lane = 0; lane < 8; ++lane) {
            (bool isMember, uint256 weight) = word.read(lane, 0);
            assertTrue(isMember == (lane == 3) && weight == 0, "no weight");
        }
    }

    /// @dev As the table of the word has it: whoever asks for the word reads the round there.
    function test_the_round_from_which_weights_hold_is_the_word_s_last_32_bits() public pure {
        uint256 lanes = Weights.withMember(0, 7, 10_000);
        WeightWord word = WeightWord.wrap(0).changed(lanes, type(uint32).max);
        assertEq(WeightWord.unwrap(word), lanes | (uint256(type(uint32).max) << 224), "word");
        (bool isMember, ) = word.read(7, type(uint32).max - 1);
        assertTrue(!isMember, "before");
    }

    function test_a_seat_handed_over_is_in_the_new_keys_slot() public pure {
        Slot slot = Slots.handedOverIn(7, 200);
        assertTrue(slot.isHandedOver() && slot.seat() == 200 && slot.round() == 7, "round and seat");
        assertTrue(!slot.isRetired() && slot.weight() == 0, "no more");
    }

    /// @dev On the roster from round 5 on and until before round 9; the key changed in round 7.
    function test_a_seat_is_its_key_s_of_the_round() public pure {
        (address old, address fresh) = (address(1), address(2));
        Seat memory seat = Seat(fresh, 5, 9, 7, 0, old, 1);
        address[6] memory expected = [address(0), old, old, fresh, fresh, address(0)];
        for (uint256 i = 0; i < 6; ++i) assertEq(Evidence.holder(seat, 4 + i), expected[i], "of a round");
        seat.untilRound = 0;
        assertEq(Evidence.holder(seat, 4), address(0), "before its first");
        assertEq(Evidence.holder(seat, 9), fresh, "who has not left");
        seat.fromRound = 0;
        assertEq(Evidence.holder(seat, 7), address(0), "never on a roster");
    }

    function test_a_word_is_at_the_top_where_all_eight_seats_are() public pure {
        uint256 lanes = type(uint256).max / type(uint32).max;
        uint256 top = 10_000 | (3 << 14) | (1 << 30);
        assertTrue(StandingWord.wrap(top * lanes).isAtTop(3), "all");
        for (uint256 lane = 0; lane < 8; ++lane) {
            assertTrue(!StandingWord.wrap(top * lanes - (1 << (32 * lane))).isAtTop(3), "one is below it");
        }
        uint256[4] memory others = [uint256(0), 10_000 | (1 << 30), (3 << 14) | (1 << 30), 1 << 30];
        for (uint256 i = 0; i < 4; ++i) assertTrue(!StandingWord.wrap(others[i] * lanes).isAtTop(3), "none is");
    }

    function test_an_update_has_a_leaf_for_its_header_and_every_1024_codes() public pure {
        uint64[5] memory dimensions = [uint64(1), 1_024, 1_025, 2_048, 2 ** 31];
        uint256[5] memory leaves = [uint256(2), 2, 3, 3, 1 + 2 ** 21];
        for (uint256 i = 0; i < 5; ++i) assertEq(Blocks.updateLeaves(dimensions[i]), leaves[i], "leaves");
    }

    function test_a_block_begins_at_every_256th_coordinate() public pure {
        uint64[6] memory dimensions = [uint64(1), 255, 256, 257, 512, 2 ** 31];
        uint256[6] memory blocks = [uint256(1), 1, 1, 2, 2, 2 ** 23];
        for (uint256 i = 0; i < 6; ++i) assertEq(Blocks.count(dimensions[i]), blocks[i], "blocks");
    }

    function test_squares_are_of_each_update_by_itself() public view {
        bytes memory columns = new bytes(3 * 256);
        for (uint256 i = 0; i < columns.length; ++i) columns[i] = bytes1(uint8(1 + i / 256));
        uint256[] memory sums = this.squares(columns, 3, 256);
        for (uint256 row = 0; row < 3; ++row) assertEq(sums[row], 256 * (row + 1) ** 2, "squares");
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

    /// @dev Of the codes before the last coordinate, not of as many behind it.
    function test_squares_are_of_the_first_coordinates() public view {
        bytes memory columns = new bytes(256);
        for (uint256 i = 0; i < 256; ++i) columns[i] = bytes1(uint8(1 + (i % 127)));
        uint256 expected = 0;
        for (uint256 coordinates = 1; coordinates <= 256; ++coordinates) {
            expected += (1 + ((coordinates - 1) % 127)) ** 2;
            assertEq(this.squares(columns, 1, coordinates)[0], expected, "squares");
        }
    }

    function squares(bytes calldata columns, uint256 updates, uint256 coordinates) external pure returns (uint256[] memory) {
        return Blocks.squares(columns, updates, coordinates);
    }

    /// @dev Only a slot of the round that was revealed in it keeps a reveal, and only the very one.
    function test_a_slot_is_evidence_of_what_was_revealed_alone() public view {
        RoundId id = RoundIds.make(group, 9);
        Opened memory given = Opened(address(7), opening(0, 9, OTHER));
        bytes24 commitment = Commitment.commitment(address(rounds), id, given.node, given.opened);
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
