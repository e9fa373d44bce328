// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {Result, Reveal, RoundId, RoundIds} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Results lie open before they are final
contract PresentingTest is Swarm {
    bytes32 private constant OTHER = keccak256("another result");

    /// @dev Votes for a result that nobody presents: plain reveals.
    function _vote(uint256 from, uint256 to, uint32 round, bytes32 parent) private {
        for (uint256 i = from; i < to; ++i) {
            vm.prank(nodes[i]);
            rounds.reveal(RoundIds.make(group, round), opening(i, round, parent));
        }
    }

    function _agreed() private returns (Result memory result, bytes32 hash) {
        swarmOf(3);
        play(3, 1, genesis, 1);
        result = resultOf(1, genesis, 7);
        hash = hashOf(result);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hash);
        _vote(0, 3, 2, hash);
    }

    function test_the_window_counts_from_the_presentation() public {
        (Result memory result, bytes32 hash) = _agreed();
        vm.warp(vm_now() + 3 * WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotPresented.selector, hash));
        rounds.finalize(group, result);
        uint256 due = vm_now() + WINDOW;
        vm.expectEmit(address(rounds));
        emit IRoundManager.ResultPresented(group, 1, hash, result, due);
        rounds.present(group, result);
        assertEq(views.roundAt(group, 2).due, due, "due");
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, due, due - 1));
        rounds.finalize(group, result);
        // Presenting again moves nothing.
        rounds.present(group, result);
        vm.warp(due);
        rounds.finalize(group, result);
        assertEq(settledRound(), 1, "final");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.present(group, result);
    }

    function test_a_result_presented_by_a_vote_waits_for_the_close() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        Result memory result = resultOf(1, genesis, 7);
        bytes32 hash = hashOf(result);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hash);
        reveal(0, 2, hash);
        IRoundViews.RoundView memory view_ = views.roundAt(group, 2);
        assertTrue(view_.presented && view_.due == 0, "presented, and not closed");
        vm.warp(vm_now() + 5);
        reveal(1, 2, hash);
        reveal(2, 2, hash);
        uint256 due = vm_now() + WINDOW;
        assertEq(views.roundAt(group, 2).due, due, "a window from the close");
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, due, due - 1));
        rounds.finalize(group, result);
        vm.warp(due);
        rounds.finalize(group, result);
    }

    function test_only_what_leads_is_presented() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        Result memory result = resultOf(1, genesis, 7);
        bytes32 hash = hashOf(result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.present(group, result);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, i == 0 ? OTHER : hash);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.present(group, result);
        _vote(0, 1, 2, OTHER);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, OTHER, hash));
        rounds.present(group, result);
    }

    /// @dev Where the votes on the last round would be kept are those of a round eight before.
    function test_no_result_of_the_last_round_is_presented() public {
        swarmOf(2);
        for (uint32 round = 1; round <= 8; ++round) play(2, round, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 8));
        rounds.present(group, resultOf(8, genesis, 3));
    }

    function test_a_vote_presents_only_what_it_votes_for() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        Result memory result = resultOf(1, genesis, 7);
        bytes32 hash = hashOf(result);
        Result memory other = resultOf(1, genesis, 3);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, i == 0 ? hashOf(other) : hash);
        RoundId id = RoundIds.make(group, 2);
        Reveal memory opened = opening(1, 2, hash);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hash, hashOf(other)));
        vm.prank(nodes[1]);
        rounds.revealWith(id, opened, other);
        // Of another round than the one before, although it is what the vote names.
        _vote(0, 1, 2, hashOf(other));
        vm.prank(nodes[1]);
        rounds.revealWith(id, opened, result);
        assertEq(views.roundAt(group, 2).revealed, 2, "it counts");
        assertTrue(!views.roundAt(group, 2).presented, "it does not lead, and need not lie open");
        vm.prank(nodes[2]);
        rounds.revealWith(id, opening(2, 2, hash), result);
        assertTrue(views.roundAt(group, 2).presented, "it leads now");
    }

    function test_a_result_of_another_round_is_not_presented() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        Result memory later = resultOf(2, genesis, 7);
        bytes32 hash = hashOf(later);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hash);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hash, hash));
        vm.prank(nodes[0]);
        rounds.revealWith(RoundIds.make(group, 2), opening(0, 2, hash), later);
    }
}
