// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Phase, Result, Reveal, GroupId, Terms} from "../../contracts/types/Types.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {Swarm} from "./Swarm.sol";

/// @title What a member must not be able to do to a group
contract AttackTest is Swarm {
    /// First reveal with the true hash's first 12 bytes and another tail must not become the agreed hash.
    function test_first_reveal_cannot_steal_votes_with_the_same_tag() public {
        swarmOf(5);
        play(5, 1, genesis, 10);
        bytes32 honest = hashOf(resultOf(1, genesis, 31));
        bytes32 twin = bytes32(uint256(honest) ^ 1);
        commit(4, 2, twin);
        for (uint256 i = 0; i < 4; ++i) commit(i, 2, honest);
        reveal(4, 2, twin);
        for (uint256 i = 0; i < 4; ++i) reveal(i, 2, honest);
        (bool agreed, bytes32 parent) = views.agreedParent(group, 2);
        assertTrue(agreed, "agreed");
        assertEq(parent, honest, "the swarm agreed on the thief's hash");
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 31));
    }

    /// Members with most of the weight that vanish must not block the group forever.
    function test_vanished_majority_can_be_evicted() public {
        swarmOf(5);
        // Seats 2..4 never commit; 0 and 1 play on.
        for (uint32 round = 1; round <= 20; ++round) {
            commit(0, round, genesis);
            commit(1, round, genesis);
            vm.warp(vm_now() + COMMIT);
            reveal(0, round, genesis);
            reveal(1, round, genesis);
            if (round > 1) rounds.settleVoid(group);
        }
        for (uint8 seat = 2; seat < 5; ++seat) rounds.evict(group, seat);
        (uint8 seats, uint32 weight) = views.roster(group);
        assertEq(seats, 2, "seats");
        assertEq(weight, 2_000, "weight");
    }

    /// A newcomer that got no weight must have some once it is alone.
    function test_last_newcomer_has_weight() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        terms.maturity = 1;
        terms.minUpdates = 1;
        swarmOf(1, terms);
        play(1, 1, genesis, 1);
        bytes32 one = hashOf(resultOf(1, genesis, 1));
        play(1, 2, one, 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 1)); // seat 0 is mature: 2,125
        stakeAndJoin(register()); // 708
        stakeAndJoin(register()); // 0
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[1]);
        (uint8 seats, uint32 weight) = views.roster(group);
        assertEq(seats, 1, "seats");
        assertTrue(weight != 0, "the whole roster has no weight: nothing is ever agreed");
    }

    /// Newcomers' parts are of the mature weight; when it leaves, late joiners must not outweigh them.
    function test_late_joiners_do_not_outweigh_earlier_newcomers() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        terms.maturity = 1;
        terms.minUpdates = 1;
        swarmOf(1, terms);
        play(1, 1, genesis, 1);
        bytes32 one = hashOf(resultOf(1, genesis, 1));
        commit(0, 2, one);
        for (uint256 i = 1; i < 6; ++i) stakeAndJoin(register());
        reveal(0, 2, one);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 1)); // 2,125 and five newcomers of 141
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        for (uint256 i = 6; i < 8; ++i) stakeAndJoin(register());
        uint256 early = 0;
        uint256 late = 0;
        for (uint256 i = 1; i < 6; ++i) early += views.seatAt(group, uint8(i)).weight;
        for (uint256 i = 6; i < 8; ++i) late += views.seatAt(group, uint8(i)).weight;
        assertTrue(
            early >= late,
            string.concat("two late joiners have ", vm.toString(late), ", five earlier ones ", vm.toString(early))
        );
    }

    /// A full ring waits for its oldest round's window: were that as long as the idle timeout, its newest round would be void.
    function test_the_idle_timeout_is_longer_than_the_window() public {
        Terms memory terms = defaultTerms();
        terms.challengeWindow = terms.idleTimeout;
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, "idleTimeout"));
        createGroup(terms);
    }

    /// Tokens paid, claimed and put in again: the sum of shares must not stop the group.
    function test_shares_do_not_overflow_when_tokens_go_round() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 1;
        terms.minUpdates = 1;
        terms.rewardPerRound = 900_000_000e18;
        terms.commitDuration = 1;
        terms.revealDuration = 2;
        terms.challengeWindow = 1;
        createGroup(terms);
        fund(900_000_000e18);
        stakeAndJoin(register());
        GroupId[] memory where = new GroupId[](1);
        where[0] = group;
        uint8[] memory seats = new uint8[](1);
        bytes32 parent = genesis;
        bytes32 head = genesis;
        for (uint32 round = 1; round <= 62; ++round) {
            commit(0, round, parent);
            vm.warp(vm_now() + 1);
            // A commit by all ends the phase, so the round lasts until the reveal one second later: a third of the pot.
            reveal(0, round, parent);
            vm.warp(vm_now() + 1);
            if (round > 1) {
                Result memory result = resultOf(round - 1, head, 1);
                head = hashOf(result);
                rounds.finalize(group, result);
                vm.prank(operators[0]);
                uint256 paid = distributor.claim(where, seats);
                vm.prank(operators[0]);
                token.approve(address(groups), paid);
                vm.prank(operators[0]);
                groups.fund(group, paid);
            }
            parent = hashOf(resultOf(round, parent, 1));
        }
        // Now 2^64 units went out: it pays no more, but rounds become final.
        for (uint32 round = 63; round <= 70; ++round) {
            commit(0, round, parent);
            vm.warp(vm_now() + 1);
            reveal(0, round, parent);
            vm.warp(vm_now() + 1);
            Result memory result = resultOf(round - 1, head, 1);
            head = hashOf(result);
            rounds.finalize(group, result);
            parent = hashOf(resultOf(round, parent, 1));
        }
        assertEq(distributor.creditOf(group, 0), 0, "credit");
        assertEq(settledRound(), 69, "settled");
    }
}
