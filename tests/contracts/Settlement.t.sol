// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {Phase, Result, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Final and void rounds: what they settle, pay, move and burn
contract SettlementTest is Swarm {
    uint256 private constant ALL = 0x7;
    bytes32 private constant OTHER = keccak256("another result");

    function test_several_rounds_become_final() public {
        swarmOf(3);
        bytes32 head = genesis;
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 12; ++round) {
            play(3, round, parent, 4);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                Result memory result = resultOf(round - 1, head, ALL);
                head = hashOf(result);
                vm.expectEmit(address(rounds));
                emit IRoundManager.RoundFinal(group, round - 1, head);
                rounds.finalize(group, result);
                (bytes32 given, uint32 finalRound, uint32 settled, ) = views.head(group);
                assertEq(given, head, "head");
                assertEq(finalRound, round - 1, "final round");
                assertEq(settled, round - 1, "settled round");
            }
            parent = hashOf(resultOf(round, parent, ALL));
        }
        IRoundViews.SeatView memory seat = views.seat(group, nodes[0]);
        assertEq(seat.missed, 0, "missed");
        assertEq(seat.age, 8, "age stops at the maturity");
        // 1000 towards 10000 by an eighth, eleven times, rounded down.
        assertEq(seat.reputation, _risen(11), "reputation");
        assertEq(seat.weight, seat.reputation, "weight");
        (, uint32 weight) = views.roster(group);
        assertEq(weight, 3 * uint256(seat.weight), "roster weight");
    }

    function test_reputation_reaches_its_maximum() public {
        swarmOf(2);
        bytes32 head = genesis;
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 70; ++round) {
            play(2, round, parent, 0);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                rounds.finalize(group, resultOf(round - 1, head, 3));
                head = hashOf(resultOf(round - 1, head, 3));
            }
            parent = hashOf(resultOf(round, parent, 3));
        }
        assertEq(views.seat(group, nodes[1]).reputation, 10_000, "reputation");
        assertEq(views.seat(group, nodes[1]).weight, 10_000, "weight");
    }

    function test_finalize_reverts() public {
        swarmOf(3);
        Result memory result = resultOf(1, genesis, ALL);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.finalize(group, result);
        play(3, 1, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.finalize(group, result);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hashOf(result));
        reveal(0, 2, hashOf(result));
        reveal(1, 2, hashOf(result));
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.finalize(group, result);
        reveal(2, 2, hashOf(result));
        uint256 due = vm_now() + WINDOW;
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, due, due - WINDOW));
        rounds.finalize(group, result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNextToSettle.selector, group, 1, 2));
        rounds.finalize(group, resultOf(2, genesis, ALL));
        Result memory wrong = resultOf(1, genesis, 0x3);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hashOf(result), hashOf(wrong)));
        rounds.finalize(group, wrong);
        vm.warp(due);
        rounds.finalize(group, result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNextToSettle.selector, group, 2, 1));
        rounds.finalize(group, result);
    }

    function test_an_agreed_result_must_stand_on_the_head() public {
        swarmOf(3);
        Result memory result = resultOf(1, OTHER, ALL);
        _agreeOn(result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ParentMismatch.selector, genesis, OTHER));
        rounds.finalize(group, result);
    }

    function test_an_agreed_result_needs_enough_updates_that_were_revealed() public {
        swarmOf(3);
        Result memory few = resultOf(1, genesis, 0x1);
        _agreeOn(few);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.TooFewUpdates.selector, 1, 2));
        rounds.finalize(group, few);
    }

    function test_no_empty_seat_can_be_included() public {
        swarmOf(3);
        Result memory ghost = resultOf(1, genesis, 0x17);
        _agreeOn(ghost);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatNotRevealed.selector, group, 1, 4));
        rounds.finalize(group, ghost);
    }

    function test_a_seat_that_did_not_reveal_is_not_included_and_forfeits() public {
        swarmOf(3);
        for (uint256 i = 0; i < 3; ++i) commit(i, 1, genesis);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        Result memory result = resultOf(1, genesis, ALL);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatNotRevealed.selector, group, 1, 2));
        rounds.finalize(group, result);
    }

    function test_a_commit_without_reveal_burns_a_hundredth_of_the_stake() public {
        swarmOf(3);
        for (uint256 i = 0; i < 3; ++i) commit(i, 1, genesis);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        Result memory result = resultOf(1, genesis, 0x3);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(rounds));
        emit IRoundManager.CommitForfeited(group, 1, 2, STAKE / 100);
        rounds.finalize(group, result);
        assertEq(token.totalSupply(), supply - STAKE / 100, "burnt");
        (, uint256 locked) = vault.stakeOf(3);
        assertEq(locked, STAKE - STAKE / 100, "locked");
        IRoundViews.SeatView memory seat = views.seat(group, nodes[2]);
        assertEq(seat.reputation, 875, "decayed");
        assertEq(seat.missed, 1, "missed");
        assertEq(seat.age, 0, "age");
        assertEq(views.seat(group, nodes[0]).reputation, 2_125, "risen");
        assertEq(distributor.creditOf(group, 2), 0, "earned nothing");
    }

    function test_a_revealed_update_left_out_decays_but_is_not_missed() public {
        swarmOf(3);
        Result memory result = resultOf(1, genesis, 0x3);
        _agreeOn(result);
        rounds.finalize(group, result);
        assertEq(views.seat(group, nodes[2]).reputation, 875, "decayed");
        assertEq(views.seat(group, nodes[2]).missed, 0, "not missed");
    }

    function test_pay_follows_elapsed_time_and_halves_for_no_vote() public {
        swarmOf(3);
        play(3, 1, genesis, 16);
        Result memory result = resultOf(1, genesis, ALL);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hashOf(result));
        reveal(0, 2, hashOf(result));
        reveal(1, 2, hashOf(result));
        vm.warp(vm_now() + REVEAL + WINDOW);
        uint256 pot = (uint256(REWARD) * 16) / (COMMIT + REVEAL);
        uint256 share = (pot / 3 / 1e9) * 1e9;
        uint256 half = (pot / 6 / 1e9) * 1e9;
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.RoundPaid(group, 1, 2 * share + half, share, half, 0x3, 0x4, "");
        rounds.finalize(group, result);
        assertEq(distributor.creditOf(group, 0), share, "share");
        assertEq(distributor.creditOf(group, 1), share, "share");
        assertEq(distributor.creditOf(group, 2), half, "half");
        assertEq(distributor.budgetOf(group), 10 * uint256(REWARD) - 2 * share - half, "budget");
    }

    function test_who_leaves_after_its_vote_is_paid_in_full() public {
        swarmOf(3);
        play(3, 1, genesis, 16);
        Result memory result = resultOf(1, genesis, ALL);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hashOf(result));
        for (uint256 i = 0; i < 3; ++i) reveal(i, 2, hashOf(result));
        vm.prank(nodes[2]);
        rounds.leave(group, nodes[2]);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        uint256 share = (((uint256(REWARD) * 16) / (COMMIT + REVEAL)) / 3 / 1e9) * 1e9;
        for (uint8 index = 0; index < 3; ++index) assertEq(distributor.creditOf(group, index), share, "share");
    }

    function test_a_round_is_void_as_soon_as_one_opened_too_late_to_follow_it() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        vm.warp(vm_now() + IDLE);
        commit(0, 2, genesis);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "settled while the next is open");
    }

    function test_who_joins_later_has_no_part_in_what_was_paid() public {
        swarmOf(4);
        play(4, 1, genesis, 1);
        bytes32 parent = hashOf(resultOf(1, genesis, 0xF));
        play(4, 2, parent, 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 0xF));
        uint256 paid = distributor.creditOf(group, 0);
        assertTrue(paid != 0, "paid");
        assertEq(stakeAndJoin(register()), 4, "a seat of the next word");
        assertEq(distributor.creditOf(group, 4), 0, "nothing yet");
        for (uint8 index = 0; index < 4; ++index) assertEq(distributor.creditOf(group, index), paid, "theirs");
    }

    function test_the_longest_round_pays_the_whole_reward_once() public {
        swarmOf(3);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.warp(START + COMMIT);
        reveal(0, 1, genesis);
        vm.warp(START + COMMIT + REVEAL - 1);
        reveal(1, 1, genesis);
        Result memory result = resultOf(1, genesis, 0x3);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        uint256 pot = (uint256(REWARD) * 79) / 80;
        assertEq(distributor.creditOf(group, 0), pot / 2, "share");
    }

    function test_newcomers_hold_at_most_a_third_of_the_mature_weight() public {
        Terms memory terms = defaultTerms();
        terms.maturity = 2;
        swarmOf(2, terms);
        bytes32 head = genesis;
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 4; ++round) {
            play(2, round, parent, 1);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                rounds.finalize(group, resultOf(round - 1, head, 3));
                head = hashOf(resultOf(round - 1, head, 3));
            }
            parent = hashOf(resultOf(round, parent, 3));
        }
        // Three finals: 1000, 2125, 3109, 3970; mature since the second.
        uint256 mature = 2 * _risen(3);
        uint256 cap = mature / 3;
        stakeAndJoin(register());
        assertEq(views.seat(group, nodes[2]).weight, 1_000, "what is left is more than its reputation");
        stakeAndJoin(register());
        stakeAndJoin(register());
        assertEq(views.seat(group, nodes[3]).weight, 1_000, "second newcomer");
        assertEq(views.seat(group, nodes[4]).weight, cap - 2_000, "gets what is left");
        (, uint32 weight) = views.roster(group);
        assertEq(weight, mature + cap, "roster weight");
        // A final round shares the cap anew.
        play(5, 5, parent, 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(4, head, 3));
        mature = 2 * _risen(4);
        assertEq(views.seat(group, nodes[2]).weight, 1_000, "three newcomers fit");
        (, weight) = views.roster(group);
        uint256 fit = mature / 3 < 3_000 ? (1_000 * (mature / 3)) / 3_000 : 1_000;
        assertEq(weight, mature + 3 * fit, "roster weight after the final round");
    }

    /// @dev One seat is at the top, so that a final round moves nobody. Four newcomers share 10,000 / 3 = 3,333.
    function test_a_final_round_that_moves_nobody_shares_the_newcomers_part() public {
        Terms memory terms = defaultTerms();
        terms.minUpdates = 1;
        swarmOf(1, terms);
        (bytes32 head, bytes32 parent) = (genesis, genesis);
        for (uint32 round = 1; round <= 72; ++round) {
            play(1, round, parent, 0);
            vm.warp(vm_now() + WINDOW);
            if (round == 72) {
                assertEq(views.seatAt(group, 0).weight, 10_000, "at the top");
                for (uint256 i = 1; i < 5; ++i) stakeAndJoin(register());
                for (uint8 i = 1; i < 5; ++i) assertEq(views.seatAt(group, i).weight, i == 4 ? 333 : 1_000, "first come");
            }
            if (round > 1) {
                rounds.finalize(group, resultOf(round - 1, head, 1));
                head = hashOf(resultOf(round - 1, head, 1));
            }
            parent = hashOf(resultOf(round, parent, 1));
        }
        for (uint8 i = 1; i < 5; ++i) assertEq(views.seatAt(group, i).weight, 833, "a quarter");
    }

    /// @dev The fourth newcomer finds nothing left of their part.
    function test_a_newcomer_weighs_nothing_where_nothing_is_left() public {
        Terms memory terms = defaultTerms();
        (terms.maturity, terms.capacity) = (1, 8);
        swarmOf(2, terms);
        play(2, 1, genesis, 1);
        play(2, 2, hashOf(resultOf(1, genesis, 3)), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 3));
        // 2 x 2,125 are mature, so 1,416 are for newcomers.
        uint256 left = (2 * _risen(1)) / 3;
        for (uint256 i = 2; i < 5; ++i) {
            stakeAndJoin(register());
            uint256 expected = left < 1_000 ? left : 1_000;
            assertEq(views.seat(group, nodes[i]).weight, expected, "weight");
            left -= expected;
        }
        assertEq(left, 0, "all given");
    }

    // ------------------------------------------------------------------------------------------------ void

    function test_no_agreement_is_void() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.settleVoid(group);
        bytes32[3] memory votes = [genesis, OTHER, keccak256("third")];
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, votes[i]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.settleVoid(group);
        for (uint256 i = 0; i < 3; ++i) reveal(i, 2, votes[i]);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundVoid(group, 1);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "settled");
        assertEq(distributor.creditOf(group, 0), 0, "nothing paid");
        assertEq(views.seat(group, nodes[0]).reputation, 1_000, "nothing moved");
    }

    function test_agreement_on_the_head_is_void_and_the_swarm_goes_on() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        play(3, 2, genesis, 1);
        rounds.settleVoid(group);
        Result memory result = resultOf(2, genesis, ALL);
        play(3, 3, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        (bytes32 head, uint32 finalRound, , ) = views.head(group);
        assertEq(head, hashOf(result), "head");
        assertEq(finalRound, 2, "final round");
    }

    function test_one_seat_alone_revealing_agrees_on_nothing() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        Result memory result = resultOf(1, genesis, ALL);
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, hashOf(result));
        reveal(0, 2, hashOf(result));
        vm.warp(vm_now() + REVEAL + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.finalize(group, result);
        rounds.settleVoid(group);
        // Those who kept their updates to themselves pay for it when that round is settled.
        play(3, 3, genesis, 1);
        uint256 supply = token.totalSupply();
        rounds.settleVoid(group);
        assertEq(token.totalSupply(), supply - (2 * STAKE) / 100, "two forfeits");
    }

    /// @dev Who revealed missed nothing, and nobody misses more than a byte holds.
    function test_a_void_round_is_missed_by_who_did_not_reveal_alone() public {
        swarmOf(4);
        play(4, 1, genesis, 1);
        for (uint32 round = 2; round <= 260; ++round) {
            for (uint256 i = 0; i < 4; ++i) if (i != 2) commit(i, round, genesis);
            vm.warp(vm_now() + COMMIT);
            for (uint256 i = 0; i < 4; ++i) if (i != 2) reveal(i, round, genesis);
            rounds.settleVoid(group);
            uint256 missed = round - 2 < 255 ? round - 2 : 255;
            for (uint8 i = 0; i < 4; ++i) assertEq(views.seatAt(group, i).missed, i == 2 ? missed : 0, "missed");
        }
        assertEq(views.seatAt(group, 2).age, 0, "what lies beside the count");
    }

    function test_a_round_in_which_nobody_reveals() public {
        swarmOf(3);
        for (uint256 i = 0; i < 3; ++i) commit(i, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        assertPhase(1, Phase.Closed);
        play(3, 2, genesis, 1);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "settled");
        assertEq(views.roundAt(group, 1).leader, 0, "no leader");
    }

    function test_the_leader_of_eight_rounds_ago_is_forgotten() public {
        swarmOf(2);
        for (uint32 round = 1; round <= 8; ++round) play(2, round, genesis, 1);
        rounds.settleVoid(group);
        commit(0, 9, OTHER);
        commit(1, 9, OTHER);
        reveal(0, 9, OTHER);
        assertEq(views.roundAt(group, 9).leader, OTHER, "leader");
        assertEq(views.roundAt(group, 9).leaderWeight, 1_000, "leader weight");
    }

    function test_an_idle_round_is_void_at_once() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        vm.warp(vm_now() + IDLE - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.settleVoid(group);
        vm.warp(vm_now() + 1);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "settled");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 2));
        rounds.settleVoid(group);
        play(3, 2, genesis, 1);
        assertTrue(views.roundAt(group, 2).idle, "opened after the timeout");
    }

    function test_an_idle_round_stays_void_when_its_successor_opens_late() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        vm.warp(vm_now() + IDLE);
        Result memory result = resultOf(1, genesis, ALL);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotAgreed.selector, group, 1));
        rounds.finalize(group, result);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "settled");
        assertTrue(!views.roundAt(group, 1).idle, "the first round follows none");
    }

    function test_a_successor_just_in_time_is_not_idle() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        vm.warp(vm_now() + IDLE - 1);
        Result memory result = resultOf(1, genesis, ALL);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        assertEq(settledRound(), 1, "settled");
    }

    /// @dev Where the next round would say that it opened late is what one eight rounds before said.
    function test_a_round_that_nobody_opened_is_never_void() public {
        swarmOf(2);
        play(2, 1, genesis, 1);
        vm.warp(vm_now() + IDLE);
        for (uint32 round = 2; round <= 8; ++round) play(2, round, genesis, 1);
        vm.warp(vm_now() + IDLE);
        for (uint32 round = 1; round <= 8; ++round) rounds.settleVoid(group);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 9));
        rounds.settleVoid(group);
    }

    function test_a_strike_leaves_the_round_before_to_its_votes() public {
        swarmOf(3);
        Result memory one = resultOf(1, genesis, ALL);
        bytes32 two = hashOf(resultOf(2, hashOf(one), ALL));
        play(3, 1, genesis, 1);
        play(3, 2, hashOf(one), 1);
        play(3, 3, two, 1);
        vm.prank(address(disputes));
        assertTrue(rounds.strike(group, 2, two), "struck");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.settleVoid(group);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, one);
        assertEq(settledRound(), 1, "final");
    }

    function test_a_struck_round_keeps_its_votes_and_its_successors_opening() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        play(3, 2, OTHER, 1);
        IRoundViews.RoundView memory first = views.roundAt(group, 1);
        IRoundViews.RoundView memory second = views.roundAt(group, 2);
        vm.prank(address(disputes));
        rounds.strike(group, 1, OTHER);
        assertEq(keccak256(abi.encode(views.roundAt(group, 1))), keccak256(abi.encode(first)), "votes");
        assertEq(views.roundAt(group, 2).openedAt, second.openedAt, "opened");
        assertEq(views.roundAt(group, 2).rosterWeight, second.rosterWeight, "roster weight");
        assertTrue(views.roundAt(group, 2).struck && !second.struck, "struck");
    }

    function test_a_result_nobody_presents_expires_and_voids_all_later_rounds() public {
        swarmOf(3);
        play(3, 1, genesis, 1);
        play(3, 2, OTHER, 1);
        uint256 closed = vm_now();
        play(3, 3, OTHER, 1);
        uint256 expiry = closed + WINDOW + IDLE;
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NothingToSettle.selector, group, 1));
        rounds.settleVoid(group);
        vm.warp(closed + IDLE);
        // Round 3 closed less than the idle timeout ago.
        commit(0, 4, OTHER);
        assertPhase(4, Phase.Commit);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.TooEarly.selector, expiry, vm_now()));
        disputes.challengeUnpresented(group);
        vm.warp(expiry);
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundsStruck(group, 1, 4, OTHER);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundClosed(group, 4);
        disputes.challengeUnpresented(group);
        assertPhase(4, Phase.Closed);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, expiry + WINDOW, expiry));
        rounds.settleVoid(group);
        vm.warp(expiry + WINDOW);
        for (uint32 round = 1; round <= 4; ++round) {
            vm.expectEmit(address(rounds));
            emit IRoundManager.RoundVoid(group, round);
            rounds.settleVoid(group);
        }
        assertEq(settledRound(), 4, "settled");
        assertEq(token.totalSupply(), supply, "commits of a round struck down are not forfeit");
        assertEq(views.seat(group, nodes[1]).missed, 0, "nor is anything missed");
        // Everything counts from the head again.
        play(3, 5, genesis, 1);
        Result memory result = resultOf(5, genesis, ALL);
        play(3, 6, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        assertEq(settledRound(), 5, "goes on");
    }

    /// @dev The lowest members left before the first round.
    function test_the_last_of_255_seats_forfeits_like_any_other() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(255, terms);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(nodes[i]);
            rounds.leave(group, nodes[i]);
        }
        commit(2, 1, genesis);
        commit(254, 1, genesis);
        vm.warp(vm_now() + COMMIT);
        reveal(2, 1, genesis);
        vm.warp(vm_now() + REVEAL + IDLE);
        vm.expectEmit(address(rounds));
        emit IRoundManager.CommitForfeited(group, 1, 254, STAKE / 100);
        rounds.settleVoid(group);
    }

    function test_a_swarm_of_255_settles_in_one_transaction() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(255, terms);
        // The dearest case: two thirds reveal, the others forfeit; nobody's slot was counted; a seat left in between.
        for (uint256 i = 0; i < 255; ++i) commit(i, 1, genesis);
        for (uint256 i = 0; i < 171; ++i) reveal(i, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        uint256 included = (1 << 171) - 1;
        Result memory result = resultOf(1, genesis, included);
        for (uint256 i = 0; i < 255; ++i) commit(i, 2, hashOf(result));
        for (uint256 i = 0; i < 180; ++i) reveal(i, 2, hashOf(result));
        vm.warp(vm_now() + REVEAL + WINDOW);
        vm.prank(nodes[254]);
        rounds.leave(group, nodes[254]);
        rounds.finalize(group, result);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        assertTrue(used < 16_777_216, "finalize fits a transaction");
        for (uint256 i = 0; i < 254; ++i) commit(i, 3, genesis);
        vm.warp(vm_now() + REVEAL);
        rounds.settleVoid(group);
        assertTrue(vm.lastCallGas().gasTotalUsed < 16_777_216, "settleVoid fits a transaction");
    }

    /// @dev The seats of a group's last word are looked at, and nothing behind it; also where the lower half of the seats is gone.
    function test_the_highest_of_255_seats_are_paid_by_their_own_votes() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(255, terms);
        play(255, 1, genesis, 10);
        for (uint256 i = 0; i < 130; ++i) {
            vm.prank(nodes[i]);
            rounds.leave(group, nodes[i]);
        }
        Result memory result = resultOf(1, genesis, type(uint256).max >> 1);
        for (uint256 i = 130; i < 255; ++i) commit(i, 2, hashOf(result));
        for (uint256 i = 130; i < 254; ++i) reveal(i, 2, hashOf(result));
        vm.warp(vm_now() + REVEAL + WINDOW);
        rounds.finalize(group, result);
        uint256 whole = distributor.creditOf(group, 253);
        assertTrue(whole > 0, "paid");
        assertEq(distributor.creditOf(group, 130), whole, "the first that stayed");
        assertEq(distributor.creditOf(group, 254), (whole / 2e9) * 1e9, "did not vote");
        assertEq(distributor.creditOf(group, 0), (whole / 2e9) * 1e9, "left");
    }

    /// @dev Round 1 by all three, whose votes in round 2 agree on `result`, and the window over.
    function _agreeOn(Result memory result) private {
        play(3, 1, genesis, 1);
        play(3, 2, hashOf(result), 1);
        vm.warp(vm_now() + WINDOW);
    }

    function _risen(uint256 times) private pure returns (uint256 reputation) {
        reputation = 1_000;
        for (; times != 0; --times) reputation += (10_000 - reputation) / 8;
    }
}
