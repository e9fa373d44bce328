// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {Opened} from "../../contracts/libraries/Evidence.sol";
import {Result} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";

/// @title What a strike costs its voters and earns its challenger
contract DisputesSlashingTest is DisputeSwarm {
    uint256 private constant TAKEN = STAKE / 2;
    uint256 private constant PART = TAKEN / 10;

    function test_each_voter_loses_half_once() public {
        bytes32 hash = _struckBy(WATCHER);
        uint256 supply = token.totalSupply();
        for (uint256 i = 0; i < 5; ++i) {
            slash(hash, i);
            (uint256 free, uint256 locked) = vault.stakeOf(uint64(i + 1));
            assertEq(free, 0, "free");
            assertEq(locked, STAKE - TAKEN, "locked");
            assertEq(views.seat(group, nodes[i]).reputation, 1, "reputation");
            assertEq(disputes.strikeOf(group, hash).pot, (i + 1) * PART, "pot");
            assertEq(token.balanceOf(address(disputes)), (i + 1) * PART, "escrow");
            expectError(abi.encodeWithSelector(IDisputes.AlreadySlashed.selector, hash, i));
            slash(hash, i);
        }
        assertEq(supply - token.totalSupply(), 5 * (TAKEN - PART), "burnt");
        assertEq(disputes.strikeOf(group, hash).slashed, 0x1F, "seats");
    }

    function test_a_slash_is_told() public {
        bytes32 hash = _struckBy(WATCHER);
        vm.expectEmit(address(disputes));
        emit IDisputes.VoterSlashed(group, hash, 3, nodes[3], TAKEN);
        slash(hash, 3);
    }

    function test_a_strike_tells_whether_anything_is_void_by_it() public {
        bytes32 hash = honest();
        vm.prank(address(disputes));
        assertTrue(!rounds.strike(group, 1, ~hash), "what nobody agreed on");
        vm.prank(address(disputes));
        assertTrue(rounds.strike(group, 1, hash), "what all agreed on");
    }

    function test_a_slashed_seat_weighs_less_from_the_next_opening_on() public {
        bytes32 hash = _struckBy(WATCHER);
        (, uint32 before) = views.roster(group);
        slash(hash, 0);
        (, uint32 later) = views.roster(group);
        assertEq(before, 5_000, "five newcomers");
        assertEq(later, 4_001, "of which one has lost its reputation");
    }

    function test_the_challenger_collects_after_a_window() public {
        bytes32 hash = _struckBy(WATCHER);
        uint256 from = vm_now() + WINDOW;
        slash(hash, 0);
        slash(hash, 1);
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.TooEarly.selector, from, from - 1));
        disputes.collect(group, hash);
        vm.warp(from);
        vm.expectEmit(address(disputes));
        emit IDisputes.Collected(group, hash, WATCHER, 2 * PART, 0);
        disputes.collect(group, hash);
        assertEq(token.balanceOf(WATCHER), 2 * PART, "paid");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, hash));
        disputes.collect(group, hash);
        // Until the round is settled there may be more.
        slash(hash, 2);
        disputes.collect(group, hash);
        assertEq(token.balanceOf(WATCHER), 3 * PART, "paid again");
        assertEq(token.balanceOf(address(disputes)), 0, "escrow");
    }

    function test_an_operator_earns_nothing_by_its_own_seats_vote() public {
        prepare();
        _earnsNothing(operators[1]);
    }

    function test_a_node_earns_nothing_by_its_own_vote() public {
        prepare();
        _earnsNothing(nodes[1]);
    }

    function test_a_node_earns_nothing_by_its_own_vote_whichever_key_it_challenges_with() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        address voter = nodes[1];
        (address later, bytes memory publicKey, bytes memory signature) = registration(77_777, operators[1], 0);
        vm.prank(operators[1]);
        identities.rotate(2, publicKey, signature);
        rounds.rekey(group, 1);
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(i == 0 ? voter : later);
            disputes.challengeTerms(group, claimed);
            slash(hash, 0);
            slash(hash, 1);
            vm.warp(vm_now() + WINDOW);
            disputes.collect(group, hash);
            assertEq(token.balanceOf(i == 0 ? voter : later), 0, "nothing earned");
            assertEq(token.balanceOf(address(disputes)), 0, "escrow");
            vm.revertToState(before);
        }
    }

    function _earnsNothing(address challenger) private {
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        vm.prank(challenger);
        disputes.challengeTerms(group, claimed);
        slash(hash, 0);
        slash(hash, 1);
        slash(hash, 2);
        vm.warp(vm_now() + WINDOW);
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(disputes));
        emit IDisputes.Collected(group, hash, challenger, 0, 3 * PART);
        disputes.collect(group, hash);
        assertEq(supply - token.totalSupply(), 3 * PART, "burnt");
        assertEq(token.balanceOf(challenger), 0, "nothing earned");
        assertEq(token.balanceOf(address(disputes)), 0, "escrow");
    }

    function test_only_struck_results_slash() public {
        bytes32 hash = honest();
        expectError(abi.encodeWithSelector(IDisputes.NotStruck.selector, hash));
        slash(hash, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotStruck.selector, hash));
        disputes.collect(group, hash);
    }

    /// @dev What a round later still names the struck hash is no vote for it as that round's result.
    function test_only_the_votes_of_the_next_round_are_slashed() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        for (uint256 i = 0; i < 5; ++i) revealed[3][i] = opening(i, 3, hash);
        playRevealed(3, 5);
        challengeTerms();
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadOpening.selector, 2, nodes[0]));
        disputes.slash(group, hash, openedOf(3, 0));
        Opened memory forged = openedOf(2, 0);
        forged.node = nodes[1];
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadOpening.selector, 2, nodes[1]));
        disputes.slash(group, hash, forged);
        slash(hash, 0);
    }

    function test_only_disputes_strike_slash_and_hold() public {
        bytes32 hash = honest();
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyDisputes.selector, address(this)));
        rounds.strike(group, 1, hash);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyDisputes.selector, address(this)));
        rounds.slash(group, 0);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyDisputes.selector, address(this)));
        rounds.hold(group, 1, type(uint40).max);
    }

    function test_the_stake_stays_until_the_struck_rounds_are_settled() public {
        bytes32 hash = _struckBy(WATCHER);
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, group, 0, 2));
        rounds.release(group, 0);
        slash(hash, 0);
        vm.warp(vm_now() + WINDOW);
        rounds.settleVoid(group);
        rounds.settleVoid(group);
        rounds.release(group, 0);
        (uint256 free, uint256 locked) = vault.stakeOf(1);
        assertEq(free, STAKE - TAKEN, "free");
        assertEq(locked, 0, "locked");
    }

    /// @dev The old key's slot outlives its seat: whoever has the seat now is not slashed by it.
    function test_a_key_of_the_past_does_not_slash_the_seats_next_holder() public {
        bytes32 hash = _struckBy(WATCHER);
        Opened memory opened = openedOf(2, 4);
        (, bytes memory publicKey, bytes memory signature) = registration(77, operators[4], 0);
        vm.prank(operators[4]);
        identities.rotate(5, publicKey, signature);
        vm.warp(vm_now() + WINDOW);
        rounds.settleVoid(group);
        rounds.settleVoid(group);
        rounds.rekey(group, 4);
        address fresh = identities.nodeOf(5);
        vm.prank(fresh);
        rounds.leave(group, fresh);
        rounds.release(group, 4);
        uint256 next = register();
        assertEq(stakeAndJoin(next), 4, "the same seat");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadOpening.selector, 2, nodes[4]));
        disputes.slash(group, hash, opened);
    }

    /// @dev Its old key named the result, so the seat that has a new key is slashed all the same.
    function test_a_replaced_key_does_not_save_the_seat() public {
        bytes32 hash = _struckBy(WATCHER);
        (, bytes memory publicKey, bytes memory signature) = registration(77, operators[4], 0);
        vm.prank(operators[4]);
        identities.rotate(5, publicKey, signature);
        vm.warp(vm_now() + WINDOW);
        rounds.settleVoid(group);
        rounds.settleVoid(group);
        rounds.rekey(group, 4);
        slash(hash, 4);
        assertEq(disputes.strikeOf(group, hash).slashed, 1 << 4, "slashed");
    }

    function _struckBy(address challenger) private returns (bytes32 hash) {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        hash = claim();
        Result memory result = claimed;
        vm.prank(challenger);
        disputes.challengeTerms(group, result);
    }
}
