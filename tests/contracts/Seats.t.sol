// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../contracts/interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {Phase, Result, Terms, RoundIds} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Joining, leaving, eviction, release and new keys
contract SeatsTest is Swarm {
    uint256 private constant NEW_KEY = 77_777;

    function test_join() public {
        swarmOf(1);
        uint256 index = register();
        vault.deposit(2, STAKE);
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatTaken(group, 1, nodes[index], 2, 1);
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeLocked(2, STAKE);
        vm.prank(operators[index]);
        rounds.join(group, nodes[index], "");
        IRoundViews.SeatView memory seat = views.seat(group, nodes[index]);
        assertEq(seat.seat, 1, "seat");
        assertEq(seat.node, nodes[index], "node");
        assertEq(seat.identity, 2, "identity");
        assertEq(seat.fromRound, 1, "from");
        assertEq(seat.untilRound, 0, "until");
        assertEq(seat.weight, 1_000, "weight");
        assertEq(seat.reputation, 1_000, "reputation");
        (uint256 free, uint256 locked) = vault.stakeOf(2);
        assertEq(free, 0, "free");
        assertEq(locked, STAKE, "locked");
        (uint8 seats, uint32 weight) = views.roster(group);
        assertEq(seats, 2, "seats");
        assertEq(weight, 2_000, "roster weight");
    }

    function test_join_reverts() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 2;
        swarmOf(1, terms);
        uint256 index = register();
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.UnknownNode.selector, address(7)));
        rounds.join(group, address(7), "");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNodeOrOperator.selector, nodes[index], address(this)));
        rounds.join(group, nodes[index], "");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.AlreadySeated.selector, group, nodes[0]));
        vm.prank(nodes[0]);
        rounds.join(group, nodes[0], "");
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 2, 0, STAKE));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], "");
        stakeAndJoin(index);
        index = register();
        vault.deposit(3, STAKE);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.GroupFull.selector, group, 2));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], "");
    }

    function test_the_roster_is_frozen_from_the_first_commit() public {
        swarmOf(2);
        commit(0, 1, genesis);
        uint256 late = register();
        stakeAndJoin(late);
        assertEq(views.seat(group, nodes[late]).fromRound, 2, "from");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[late]));
        vm.prank(nodes[late]);
        rounds.commit(RoundIds.make(group, 1), 0, "c");
        vm.prank(operators[1]);
        rounds.leave(group, nodes[1]);
        // It is still on the roster of the open round, and needed for its early end.
        commit(1, 1, genesis);
        assertPhase(1, Phase.Reveal);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[1]));
        vm.prank(nodes[1]);
        rounds.commit(RoundIds.make(group, 2), 0, "c");
        Result memory result = resultOf(1, genesis, 0x3);
        commit(0, 2, hashOf(result));
        commit(late, 2, hashOf(result));
        assertPhase(2, Phase.Reveal);
        reveal(0, 2, hashOf(result));
        reveal(late, 2, hashOf(result));
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        assertEq(views.seat(group, nodes[late]).reputation, 1_000, "a later member is not moved");
        assertEq(views.seatAt(group, 1).reputation, 2_125, "a member that left is");
    }

    function test_both_joining_and_leaving_twice_in_a_round_keep_its_weights() public {
        swarmOf(2);
        commit(0, 1, genesis);
        stakeAndJoin(register());
        stakeAndJoin(register());
        vm.prank(operators[2]);
        rounds.leave(group, nodes[2]);
        commit(1, 1, genesis);
        assertPhase(1, Phase.Reveal);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        assertEq(views.roundAt(group, 1).rosterWeight, 2_000, "roster weight");
        commit(3, 2, genesis);
        assertEq(views.roundAt(group, 2).rosterWeight, 3_000, "next roster weight");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[2]));
        vm.prank(nodes[2]);
        rounds.commit(RoundIds.make(group, 2), 0, "c");
    }

    function test_leave_reverts() public {
        swarmOf(2);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNodeOrOperator.selector, nodes[0], nodes[1]));
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, address(9)));
        rounds.leave(group, address(9));
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[0]));
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
    }

    function test_release_waits_for_the_seats_rounds() public {
        swarmOf(3);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, group, 2, 1));
        rounds.release(group, 2);
        play(3, 1, genesis, 1);
        vm.prank(nodes[2]);
        rounds.leave(group, nodes[2]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, group, 2, 1));
        rounds.release(group, 2);
        Result memory result = resultOf(1, genesis, 0x7);
        play(2, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        uint256 credit = distributor.creditOf(group, 2);
        assertTrue(credit != 0, "paid for its last round");
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatFreed(group, 2, nodes[2]);
        rounds.release(group, 2);
        (uint256 free, uint256 locked) = vault.stakeOf(3);
        assertEq(free, STAKE, "stake is free");
        assertEq(locked, 0, "nothing locked");
        assertEq(distributor.settledCreditOf(operators[2]), credit, "credit stays with its operator");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, address(0)));
        rounds.release(group, 2);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[2]));
        views.seat(group, nodes[2]);
        (bool committed, , , ) = views.slot(group, nodes[2], 1);
        assertTrue(!committed, "slots are cleared");
    }

    function test_a_freed_seat_is_taken_again_only_by_joining() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 2;
        swarmOf(2, terms);
        play(2, 1, genesis, 1);
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[1]);
        uint256 next = register();
        vault.deposit(3, STAKE);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.GroupFull.selector, group, 2));
        vm.prank(nodes[next]);
        rounds.join(group, nodes[next], "");
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        rounds.release(group, 1);
        vm.prank(nodes[next]);
        assertEq(rounds.join(group, nodes[next], ""), 1, "the freed seat");
        // The former member's stale slots of the ring give it nothing.
        for (uint32 round = 2; round <= 9; ++round) {
            vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[1]));
            vm.prank(nodes[1]);
            rounds.commit(RoundIds.make(group, round), 0, "c");
            commit(0, round, genesis);
            commit(next, round, genesis);
            reveal(0, round, genesis);
            reveal(next, round, genesis);
            if (round > 2) rounds.settleVoid(group);
        }
        assertEq(views.seatAt(group, 1).reputation, 1_000, "starts anew");
    }

    function test_leaving_before_ever_taking_part_frees_at_once() public {
        swarmOf(2);
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[1]);
        rounds.release(group, 1);
        (uint256 free, ) = vault.stakeOf(2);
        assertEq(free, STAKE, "free");
        stakeAndJoin(1);
    }

    function test_release_gives_back_what_was_not_burnt() public {
        swarmOf(3);
        for (uint256 i = 0; i < 3; ++i) commit(i, 1, genesis);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        vm.prank(nodes[2]);
        rounds.leave(group, nodes[2]);
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeUnlocked(3, (STAKE * 99) / 100);
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.SeatAssigned(group, 2, address(0), address(0));
        rounds.release(group, 2);
        (uint256 free, uint256 locked) = vault.stakeOf(3);
        assertEq(free, (STAKE * 99) / 100, "free");
        assertEq(locked, 0, "locked");
    }

    function test_a_stake_is_burnt_up_by_a_hundred_forfeits_and_no_more() public {
        swarmOf(1);
        for (uint32 round = 1; round <= 102; ++round) {
            commit(0, round, genesis);
            vm.warp(vm_now() + REVEAL + IDLE);
            rounds.settleVoid(group);
        }
        (, uint256 locked) = vault.stakeOf(1);
        assertEq(locked, 0, "burnt");
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        rounds.release(group, 0);
    }

    function test_evict_those_who_miss_final_rounds() public {
        swarmOf(4);
        bytes32 head = genesis;
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 4; ++round) {
            for (uint256 i = 0; i < 3; ++i) commit(i, round, parent);
            vm.warp(vm_now() + COMMIT);
            for (uint256 i = 0; i < 3; ++i) reveal(i, round, parent);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotEvictable.selector, group, 3, round - 2));
                rounds.evict(group, 3);
                rounds.finalize(group, resultOf(round - 1, head, 0x7));
                head = hashOf(resultOf(round - 1, head, 0x7));
            }
            parent = hashOf(resultOf(round, parent, 0x7));
        }
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatLeft(group, 3, nodes[3], 5);
        rounds.evict(group, 3);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[3]));
        rounds.evict(group, 3);
        // The next round does not wait for it.
        for (uint256 i = 0; i < 3; ++i) commit(i, 5, parent);
        assertPhase(5, Phase.Reveal);
    }

    /// @dev Standings and weights are kept eight seats a word.
    function test_seats_beyond_the_eighth_gain_and_weigh_like_the_first() public {
        Terms memory terms = defaultTerms();
        (terms.capacity, terms.maturity) = (10, 1);
        swarmOf(10, terms);
        (bytes32 head, bytes32 parent) = (genesis, genesis);
        for (uint32 round = 1; round <= 3; ++round) {
            play(10, round, parent, 1);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                rounds.finalize(group, resultOf(round - 1, head, 0x3FF));
                head = hashOf(resultOf(round - 1, head, 0x3FF));
            }
            parent = hashOf(resultOf(round, parent, 0x3FF));
        }
        commit(0, 4, parent);
        (, , uint16 first, ) = views.slot(group, nodes[0], 4);
        assertTrue(first > 1_000, "grown");
        for (uint8 index = 0; index < 10; ++index) {
            assertEq(views.seatAt(group, index).reputation, views.seatAt(group, 0).reputation, "reputation");
            assertEq(views.seatAt(group, index).weight, first, "weight");
        }
        (, uint32 weight) = views.roster(group);
        assertEq(weight, 10 * uint256(first), "roster weight");
    }

    function test_the_ninth_seat_is_freed_and_taken_again_by_itself() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        swarmOf(10, terms);
        vm.prank(nodes[8]);
        rounds.leave(group, nodes[8]);
        rounds.release(group, 8);
        for (uint8 index = 0; index < 10; ++index) {
            if (index != 8) assertEq(views.seatAt(group, index).reputation, 1_000, "of the others nothing changed");
        }
        assertEq(stakeAndJoin(register()), 8, "the freed seat");
        // Whatever else the release had left in its word would weigh from the next final round on.
        nodes[8] = nodes[10];
        (bytes32 head, bytes32 parent) = (genesis, genesis);
        for (uint32 round = 1; round <= 2; ++round) {
            play(10, round, parent, 1);
            parent = hashOf(resultOf(round, parent, 0x3FF));
        }
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, head, 0x3FF));
        uint256 sum;
        for (uint8 index = 0; index < 10; ++index) sum += views.seatAt(group, index).weight;
        (, uint32 weight) = views.roster(group);
        assertEq(weight, sum, "roster weight");
    }

    function test_the_ninth_seat_is_evicted_for_a_round_that_came_to_nothing() public {
        Terms memory terms = defaultTerms();
        (terms.capacity, terms.maxMissed) = (10, 1);
        swarmOf(10, terms);
        for (uint256 i = 0; i < 10; ++i) if (i != 8) commit(i, 1, genesis);
        vm.warp(vm_now() + COMMIT);
        for (uint256 i = 0; i < 10; ++i) if (i != 8) reveal(i, 1, genesis);
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        for (uint8 index = 0; index < 10; ++index) assertEq(views.seatAt(group, index).missed, index == 8 ? 1 : 0, "missed");
        rounds.evict(group, 8);
    }

    /// @dev The ninth seat leaves before the first round, the eighth after the second: neither is missed in what came after.
    function test_who_has_left_is_missed_in_no_round() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        swarmOf(10, terms);
        vm.prank(nodes[8]);
        rounds.leave(group, nodes[8]);
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 2; ++round) {
            for (uint256 i = 0; i < 10; ++i) if (i != 8) commit(i, round, parent);
            vm.warp(vm_now() + 1);
            for (uint256 i = 0; i < 10; ++i) if (i != 8) reveal(i, round, parent);
            parent = hashOf(resultOf(round, parent, 0x2FF));
        }
        vm.prank(nodes[7]);
        rounds.leave(group, nodes[7]);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 0x2FF));
        for (uint8 index = 0; index < 10; ++index) {
            assertEq(views.seatAt(group, index).reputation, index == 8 ? 1_000 : 2_125, "reputation");
            assertEq(views.seatAt(group, index).missed, 0, "missed");
        }
    }

    /// @dev Weights are kept eight seats a word, too: the ninth seat's is not the first one's.
    function test_the_first_seat_and_the_ninth_leave_each_by_itself() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        swarmOf(10, terms);
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        assertEq(views.seatAt(group, 0).weight, 0, "the first left");
        assertEq(views.seatAt(group, 8).weight, 1_000, "the ninth stays");
        commit(8, 1, genesis);
        (, , uint16 committed, ) = views.slot(group, nodes[8], 1);
        assertEq(committed, 1_000, "and commits");
        vm.prank(nodes[8]);
        rounds.leave(group, nodes[8]);
        assertEq(views.seatAt(group, 8).weight, 0, "the ninth left");
        (uint8 seats, uint32 weight) = views.roster(group);
        assertEq(seats, 8, "seats");
        assertEq(weight, 8_000, "roster weight");
    }

    function test_a_full_group_gives_its_lowest_free_seat_and_no_taken_one() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 10;
        swarmOf(10, terms);
        uint256 index = register();
        vault.deposit(uint64(index + 1), STAKE);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.GroupFull.selector, group, 10));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], "");
        uint8[2] memory free = [9, 0];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(nodes[free[i]]);
            rounds.leave(group, nodes[free[i]]);
            rounds.release(group, free[i]);
        }
        vm.prank(nodes[index]);
        assertEq(rounds.join(group, nodes[index], ""), 0, "the lowest");
        assertEq(stakeAndJoin(register()), 9, "the other");
    }

    /// @dev The first eight seats left, so that nothing of their word moves; of the other three two are included.
    function test_seats_beyond_the_eighth_move_where_the_first_eight_do_not() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 11;
        swarmOf(11, terms);
        for (uint256 i = 0; i < 8; ++i) {
            vm.prank(nodes[i]);
            rounds.leave(group, nodes[i]);
        }
        Result memory result = resultOf(1, genesis, 0x300);
        for (uint32 round = 1; round <= 2; ++round) {
            bytes32 parent = round == 1 ? genesis : hashOf(result);
            for (uint256 i = 8; i < 11; ++i) commit(i, round, parent);
            for (uint256 i = 8; i < 11; ++i) reveal(i, round, parent);
        }
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        for (uint8 index = 8; index < 11; ++index) {
            assertEq(views.seatAt(group, index).reputation, index == 10 ? 875 : 2_125, "reputation");
            assertEq(views.seatAt(group, index).missed, 0, "who revealed missed nothing");
        }
    }

    /// @dev What a slash changes holds from the round after the open one.
    function test_a_slashed_seat_weighs_less_in_the_next_round() public {
        swarmOf(2);
        commit(0, 1, genesis);
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatSlashed(group, 1, STAKE / 2);
        vm.prank(address(disputes));
        rounds.slash(group, 1);
        commit(1, 1, genesis);
        (, , uint16 weight, ) = views.slot(group, nodes[1], 1);
        assertEq(weight, 1_000, "in the open round");
        for (uint256 i = 0; i < 2; ++i) reveal(i, 1, genesis);
        commit(1, 2, genesis);
        (, , weight, ) = views.slot(group, nodes[1], 2);
        assertEq(weight, 1, "in the next");
    }

    function test_a_slash_of_the_ninth_seat_is_of_that_seat_alone() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 9;
        swarmOf(9, terms);
        vm.prank(address(disputes));
        rounds.slash(group, 8);
        for (uint8 index = 0; index < 9; ++index) {
            assertEq(views.seatAt(group, index).reputation, index == 8 ? 1 : 1_000, "reputation");
        }
        (, uint32 weight) = views.roster(group);
        assertEq(weight, 8_001, "roster weight");
    }

    /// @dev Whoever takes the ninth seat again changes the weight of the ninth seat.
    function test_a_seat_taken_again_leaves_the_weights_of_its_word() public {
        Terms memory terms = defaultTerms();
        (terms.capacity, terms.maturity) = (10, 1);
        swarmOf(10, terms);
        vm.prank(nodes[8]);
        rounds.leave(group, nodes[8]);
        rounds.release(group, 8);
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 2; ++round) {
            for (uint256 i = 0; i < 8; ++i) commit(i, round, parent);
            vm.warp(vm_now() + COMMIT);
            for (uint256 i = 0; i < 8; ++i) reveal(i, round, parent);
            parent = hashOf(resultOf(round, parent, 0xFF));
        }
        vm.warp(vm_now() + REVEAL + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 0xFF));
        uint256 weight = views.seatAt(group, 9).weight;
        assertTrue(weight != views.seatAt(group, 1).weight, "who stayed away weighs less");
        assertEq(stakeAndJoin(register()), 8, "the freed seat");
        assertEq(views.seatAt(group, 9).weight, weight, "the tenth seat's weight");
    }

    /// @dev Two of 2,125 are mature, so two newcomers of 1,000 share 4,250 / 3 = 1,416.
    function test_newcomers_share_a_third_of_what_the_mature_weigh() public {
        Terms memory terms = defaultTerms();
        terms.maturity = 1;
        swarmOf(2, terms);
        play(2, 1, genesis, 1);
        bytes32 parent = hashOf(resultOf(1, genesis, 0x3));
        play(2, 2, parent, 1);
        stakeAndJoin(register());
        stakeAndJoin(register());
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 0x3));
        for (uint8 index = 0; index < 4; ++index) {
            assertEq(views.seatAt(group, index).weight, index < 2 ? 2_125 : 708, "weight");
        }
        (, uint32 weight) = views.roster(group);
        assertEq(weight, 2 * (2_125 + 708), "roster weight");
    }

    function test_the_ninth_seat_is_evicted_for_its_own_absence() public {
        Terms memory terms = defaultTerms();
        (terms.capacity, terms.maxMissed) = (9, 1);
        swarmOf(9, terms);
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 2; ++round) {
            for (uint256 i = 0; i < 8; ++i) commit(i, round, parent);
            vm.warp(vm_now() + COMMIT);
            for (uint256 i = 0; i < 8; ++i) reveal(i, round, parent);
            parent = hashOf(resultOf(round, parent, 0xFF));
        }
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 0xFF));
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotEvictable.selector, group, 0, 0));
        rounds.evict(group, 0);
        rounds.evict(group, 8);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, address(0)));
        rounds.evict(group, 9);
    }

    // ------------------------------------------------------------------------------------------------ keys

    function test_rekey_in_the_middle_of_a_round() public {
        swarmOf(2);
        commit(0, 1, genesis);
        address newNode = _rotate(0, NEW_KEY);
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatRekeyed(group, 0, nodes[0], newNode);
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.SeatAssigned(group, 0, operators[0], newNode);
        rounds.rekey(group, 0);
        assertEq(views.seat(group, newNode).seat, 0, "seat");
        vm.expectRevert(abi.encodeWithSelector(IRoundViews.NotSeated.selector, group, nodes[0]));
        views.seat(group, nodes[0]);
        // One commit a seat a round, whatever the keys.
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.AlreadyCommitted.selector, RoundIds.make(group, 1), newNode));
        vm.prank(newNode);
        rounds.commit(RoundIds.make(group, 1), 0, "c");
        (bool committed, , , ) = views.slot(group, newNode, 1);
        assertTrue(!committed, "the new key has not committed");
        commit(1, 1, genesis);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        assertEq(views.roundAt(group, 1).revealed, 2, "the old key reveals what it committed");
        Result memory result = resultOf(1, genesis, 0x3);
        bytes32 parent = hashOf(result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[0]));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, 2), 0, "c");
        nodes[0] = newNode;
        for (uint256 i = 0; i < 2; ++i) commit(i, 2, parent);
        reveal(0, 2, parent);
        reveal(1, 2, parent);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        assertEq(views.seatAt(group, 0).reputation, 2_125, "reputation goes on under the new key");
    }

    function test_a_second_rekey_waits_for_the_rounds_of_the_first_key() public {
        swarmOf(2);
        play(2, 1, genesis, 1);
        nodes[0] = _rotate(0, NEW_KEY);
        rounds.rekey(group, 0);
        play(2, 2, genesis, 1);
        _rotate(0, NEW_KEY + 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, group, 0, 1));
        rounds.rekey(group, 0);
        rounds.settleVoid(group);
        rounds.rekey(group, 0);
    }

    function test_a_retired_key_never_commits_again() public {
        swarmOf(2);
        for (uint32 round = 1; round <= 8; ++round) {
            play(2, round, genesis, 1);
            if (round > 1) rounds.settleVoid(group);
        }
        address newNode = _rotate(0, NEW_KEY);
        rounds.rekey(group, 0);
        address oldNode = nodes[0];
        nodes[0] = newNode;
        for (uint32 round = 9; round <= 18; ++round) {
            vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, oldNode));
            vm.prank(oldNode);
            rounds.commit(RoundIds.make(group, round), 0, "c");
            play(2, round, genesis, 1);
            rounds.settleVoid(group);
            (, , uint16 weight, ) = views.slot(group, newNode, round);
            assertEq(weight, 1_000, "weight");
        }
    }

    function test_a_forfeit_finds_the_key_of_its_round() public {
        swarmOf(2);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        reveal(1, 1, genesis);
        _rotate(0, NEW_KEY);
        rounds.rekey(group, 0);
        vm.warp(vm_now() + REVEAL + IDLE);
        vm.expectEmit(address(rounds));
        emit IRoundManager.CommitForfeited(group, 1, 0, STAKE / 100);
        rounds.settleVoid(group);
    }

    function test_rekey_reverts() public {
        swarmOf(2);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.AlreadySeated.selector, group, nodes[0]));
        rounds.rekey(group, 0);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, address(0)));
        rounds.rekey(group, 4);
        _rotate(0, NEW_KEY);
        // Its operator leaves; a key that was replaced has no say.
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNodeOrOperator.selector, nodes[0], nodes[0]));
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        vm.prank(operators[0]);
        rounds.leave(group, nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[0]));
        rounds.rekey(group, 0);
    }

    // ------------------------------------------------------------------------------------------------ invitations

    function test_invitation() public {
        swarmOf(0, _closedTerms());
        uint256 index = register();
        vault.deposit(1, STAKE);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.InvitationNeeded.selector, group));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], "");
        bytes memory invitation = _invitation(1, uint64(vm_now()) + 5);
        vm.warp(vm_now() + 6);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.InvitationExpired.selector, vm_now() - 1, vm_now()));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
        invitation = _invitation(2, uint64(vm_now()) + 5);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadInvitationSignature.selector, group, address(this)));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
        invitation = _invitation(1, uint64(vm_now()) + 5);
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
        assertEq(views.seat(group, nodes[index]).identity, 1, "joined");
        // Used up, also after leaving.
        vm.prank(nodes[index]);
        rounds.leave(group, nodes[index]);
        rounds.release(group, 0);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.InvitationUsed.selector, _digest(1, uint64(vm_now()) + 5)));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
    }

    /// @dev This contract is the groups' creator: an ERC-1271 account that approves one identity's invitation. It also tries to
    /// act while it is asked, which a static call does not let it.
    function isValidSignature(bytes32 digest, bytes calldata signature) external returns (bytes4) {
        (bool acted, ) = address(vault).call(abi.encodeCall(IStakeVault.deposit, (1, 0)));
        if (acted || keccak256(signature) != keccak256(abi.encode(digest))) return bytes4(0);
        return this.isValidSignature.selector;
    }

    function _closedTerms() private pure returns (Terms memory terms) {
        terms = defaultTerms();
        terms.byInvitation = true;
    }

    function _invitation(uint64 identity, uint64 expiry) private view returns (bytes memory) {
        return abi.encode(expiry, bytes32("nonce"), abi.encode(_digest(identity, expiry)));
    }

    function _digest(uint64 identity, uint64 expiry) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("GroupRegistry"),
                keccak256("1"),
                block.chainid,
                address(groups)
            )
        );
        bytes32 typeHash = keccak256("Invitation(uint32 group,uint64 identity,uint64 expiry,bytes32 nonce)");
        bytes32 content = keccak256(abi.encode(typeHash, group, identity, expiry, bytes32("nonce")));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    function _rotate(uint256 index, uint256 key) private returns (address) {
        uint64 identity = uint64(index + 1);
        (address node, bytes memory publicKey, bytes memory signature) = registration(
            key,
            operators[index],
            identities.nonceOf(identity)
        );
        vm.prank(operators[index]);
        identities.rotate(identity, publicKey, signature);
        return node;
    }
}
