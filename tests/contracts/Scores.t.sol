// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {GroupId, Result, Scoring, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Rewards split by scores
/// @dev The test is the round manager and the group registry of the distributor `_pool`.
contract ScoresTest is Swarm {
    uint256 private constant UNIT = 1e9;
    GroupId private constant GROUP = GroupId.wrap(7);
    // A whole round's.
    uint256 private constant FIRST = 11_918_733_193_000_000_000;
    uint256 private constant FIRST_HALF = 5_959_366_596_000_000_000;
    uint256 private constant SECOND = 7_960_561_696_000_000_000;
    uint256 private constant THIRD = 60_352_554_000_000_000;
    uint256 private constant PAID = FIRST + SECOND + THIRD;

    IRewardDistributor private _pool;

    function setUp() public override {
        super.setUp();
        _pool = IRewardDistributor(deploy("RewardDistributor", abi.encode(token, address(this), address(this))));
        _pool.addBudget(GROUP, 1_000 * UNIT);
        _take(GROUP, type(uint256).max >> 1);
    }

    function _take(GroupId id, uint256 seats) private {
        for (uint256 seat = 0; seat < 255; ++seat) {
            if ((seats >> seat) & 1 == 1) _pool.assign(id, uint8(seat), address(0xA11CE), address(uint160(0xB0B00 + seat)));
        }
    }

    function _pay(uint256 units, uint256 whole, uint256 half, uint256 taken, bytes memory scores) private {
        _pool.pay(GROUP, IRewardDistributor.Payment(1, units * UNIT, 80, 80, whole, half, taken, scores));
    }

    function _of(uint16 a, uint16 b, uint16 c) private pure returns (bytes memory) {
        return abi.encodePacked(a, b, c);
    }

    function _assertCredits(uint256 a, uint256 b, uint256 c, string memory what) private view {
        assertEq(_pool.creditOf(GROUP, 0), a * UNIT, what);
        assertEq(_pool.creditOf(GROUP, 1), b * UNIT, what);
        assertEq(_pool.creditOf(GROUP, 2), c * UNIT, what);
    }

    // ------------------------------------------------------------------------------------------------ shares

    function test_a_share_is_to_the_best_one_s_as_its_score_to_the_best() public {
        vm.expectEmit(address(_pool));
        emit IRewardDistributor.RoundPaid(GROUP, 1, 10 * UNIT, 6 * UNIT, 3 * UNIT, 0x7, 0, _of(3, 1, 1));
        _pay(10, 0x7, 0, 0x7, _of(3, 1, 1));
        _assertCredits(6, 2, 2, "three fifths and a fifth each");
        assertEq(_pool.budgetOf(GROUP), 990 * UNIT, "paid");
        // The order of the scores is that of the seats.
        _pay(10, 0x7, 0, 0x7, _of(1, 1, 3));
        _assertCredits(8, 4, 8, "the last one's turn");
    }

    /// @dev Of ten units 10 * 7 / 13 = 5.4 are the best one's; the others get 3/7 of 5, which is 2.1. One unit stays.
    function test_shares_are_whole_units_and_the_rest_stays() public {
        vm.expectEmit(address(_pool));
        emit IRewardDistributor.RoundPaid(GROUP, 1, 9 * UNIT, 5 * UNIT, 2 * UNIT, 0x7, 0, _of(7, 3, 3));
        _pay(10, 0x7, 0, 0x7, _of(7, 3, 3));
        _assertCredits(5, 2, 2, "units");
        assertEq(_pool.budgetOf(GROUP), 991 * UNIT, "what rounding leaves stays");
    }

    /// @dev Half of what it would have had itself, rounded down: of 5 units 2, of 2 units 1.
    function test_who_did_not_vote_gets_half_of_its_own_share() public {
        vm.expectEmit(address(_pool));
        emit IRewardDistributor.RoundPaid(GROUP, 1, 5 * UNIT, 5 * UNIT, 2 * UNIT, 0x4, 0x3, _of(7, 3, 3));
        _pay(10, 0x4, 0x3, 0x7, _of(7, 3, 3));
        _assertCredits(2, 1, 2, "half, half and whole");
        assertEq(_pool.budgetOf(GROUP), 995 * UNIT, "the other halves stay");
    }

    function test_a_score_of_zero_earns_nothing() public {
        _pay(10, 0x3, 0x4, 0x7, _of(0, 4, 1));
        _assertCredits(0, 8, 1, "of four fifths and half of one fifth");
    }

    function test_where_all_score_zero_nobody_is_paid_and_nothing_told() public {
        vm.recordLogs();
        _pay(10, 0x3, 0x4, 0x7, _of(0, 0, 0));
        assertEq(vm.getRecordedLogs().length, 0, "nothing is told of nothing");
        _assertCredits(0, 0, 0, "nothing");
        assertEq(_pool.budgetOf(GROUP), 1_000 * UNIT, "all stays");
        _pay(9, 0x7, 0, 0x7, "");
        _assertCredits(3, 3, 3, "the next round is paid");
    }

    function test_one_that_scores_alone_gets_all() public {
        _pay(10, 0x7, 0, 0x7, _of(0, 0, 1));
        _assertCredits(0, 0, 10, "by the lowest score");
        _pay(10, 0x7, 0, 0x7, _of(0, 65_535, 0));
        _assertCredits(0, 10, 10, "by the highest");
        _pay(10, 0x2, 0, 0x7, abi.encodePacked(uint16(9)));
        _assertCredits(0, 20, 10, "where nobody else is included");
    }

    /// @dev 65,535 units are one each to a score of one.
    function test_the_best_and_the_least_score() public {
        _pool.addBudget(GROUP, 1_000_000 * UNIT);
        _pay(65_535 + 2, 0x7, 0, 0x7, _of(1, 65_535, 1));
        _assertCredits(1, 65_535, 1, "a unit a point");
        _pay(65_535 + 1, 0x7, 0, 0x7, _of(1, 65_535, 1));
        _assertCredits(1, 65_535 + 65_534, 1, "less than a unit is nothing");
    }

    function test_equal_scores_pay_what_no_scores_do() public {
        for (uint256 i = 0; i < 5; ++i) {
            uint16 score = uint16(1 + 13_107 * i);
            _pay(20, 0x3, 0x4, 0x7, _of(score, score, score));
            _pay(20, 0x3, 0x4, 0x7, "");
        }
        _assertCredits(60, 60, 30, "sixes and threes");
    }

    function test_scores_of_another_length_say_nothing() public {
        for (uint256 length = 0; length < 12; ++length) {
            bytes memory scores = new bytes(length);
            if (length > 1) scores[1] = 0x01;
            uint256 snapshot = vm.snapshotState();
            if (length != 6) {
                vm.expectEmit(address(_pool));
                emit IRewardDistributor.RoundPaid(GROUP, 1, 7 * UNIT, 3 * UNIT, UNIT, 0x6, 0x1, "");
                _pay(10, 0x6, 0x1, 0x7, scores);
                _assertCredits(1, 3, 3, "all the same, but for the vote");
            } else {
                _pay(10, 0x6, 0x1, 0x7, scores);
                _assertCredits(5, 0, 0, "the first alone scored, and gets half");
            }
            vm.revertToState(snapshot);
        }
    }

    function test_a_round_that_closed_early_pays_as_much_less() public {
        _pool.pay(GROUP, IRewardDistributor.Payment(1, 40 * UNIT, 20, 80, 0x7, 0, 0x7, _of(3, 1, 1)));
        _assertCredits(6, 2, 2, "of a quarter");
    }

    /// @dev Seven of eleven seats in words 0, 1, 4, 31 and 63; what lies between is nobody's.
    function test_scores_belong_to_seats_in_order_whatever_lies_between() public {
        uint8[7] memory seats = [0, 3, 5, 17, 125, 252, 254];
        uint8[4] memory others = [1, 4, 124, 253];
        (uint256 whole, uint256 half, uint256 taken) = (0, 0, 0);
        bytes memory scores;
        for (uint256 i = 0; i < 7; ++i) {
            if (i % 3 == 1) half |= 1 << seats[i];
            else whole |= 1 << seats[i];
            scores = abi.encodePacked(scores, uint16(100 * (i + 1)));
        }
        taken = whole | half;
        for (uint256 i = 0; i < 4; ++i) taken |= 1 << others[i];
        // 28 points to 280 units: ten a point, 70 to the best.
        _pay(280, whole, half, taken, scores);
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(_pool.creditOf(GROUP, seats[i]), (10 * (i + 1) * UNIT) / (i % 3 == 1 ? 2 : 1), "a seat's");
        }
        for (uint256 i = 0; i < 4; ++i) assertEq(_pool.creditOf(GROUP, others[i]), 0, "not included");
        // A seat that nobody held has no part in what was paid before.
        assertEq(_pool.budgetOf(GROUP), (1_000 - 280 + 10 + 25) * UNIT, "paid");
    }

    function test_a_newcomer_has_no_part_in_what_was_paid_by_scores() public {
        GroupId id = GroupId.wrap(8);
        _pool.addBudget(id, 1_000 * UNIT);
        _take(id, 0x5);
        bytes memory scores = abi.encodePacked(uint16(3), uint16(2));
        _pool.pay(id, IRewardDistributor.Payment(1, 10 * UNIT, 1, 1, 0x5, 0, 0x5, scores));
        _take(id, 0x2);
        assertEq(_pool.creditOf(id, 1), 0, "nothing");
        _pool.pay(id, IRewardDistributor.Payment(2, 10 * UNIT, 1, 1, 0x6, 0, 0x7, scores));
        assertEq(_pool.creditOf(id, 0), 6 * UNIT, "the first round's");
        assertEq(_pool.creditOf(id, 1), 6 * UNIT, "the second round's");
        assertEq(_pool.creditOf(id, 2), 8 * UNIT, "both rounds'");
    }

    /// @dev The best share of all may be as much as a seat's lane holds, and no more.
    function test_a_lane_never_overflows() public {
        GroupId id = GroupId.wrap(8);
        _take(id, 0xF);
        uint256 most = type(uint64).max;
        _pool.addBudget(id, 2 * most * UNIT);
        bytes memory scores = abi.encodePacked(uint16(0), uint16(0), uint16(1), uint16(0));
        _pool.pay(id, IRewardDistributor.Payment(1, (most - 5) * UNIT, 1, 1, 0xF, 0, 0xF, scores));
        for (uint8 seat = 0; seat < 4; ++seat) {
            assertEq(_pool.creditOf(id, seat), seat == 2 ? (most - 5) * UNIT : 0, "the third has all");
        }
        _pool.pay(id, IRewardDistributor.Payment(2, 6 * UNIT, 1, 1, 0xF, 0, 0xF, scores));
        assertEq(_pool.creditOf(id, 2), (most - 5) * UNIT, "a unit too many is not paid");
        _pool.pay(id, IRewardDistributor.Payment(2, 5 * UNIT, 1, 1, 0xF, 0, 0xF, scores));
        for (uint8 seat = 0; seat < 4; ++seat) assertEq(_pool.creditOf(id, seat), seat == 2 ? most * UNIT : 0, "to the end");
    }

    function test_a_full_group_is_paid_seat_by_seat() public {
        GroupId id = GroupId.wrap(8);
        uint256 all = type(uint256).max >> 1;
        _take(id, all);
        _pool.addBudget(id, 1e27);
        bytes memory scores;
        uint256 sum = 0;
        for (uint256 seat = 0; seat < 255; ++seat) {
            uint256 score = seat == 200 ? 65_535 : uint256(keccak256(abi.encode(seat))) % 10_001;
            scores = abi.encodePacked(scores, uint16(score));
            sum += score;
        }
        _pool.pay(id, IRewardDistributor.Payment(1, 1e20, 1, 1, all, 0, all, scores));
        uint256 paid = 0;
        uint256 share = (1e20 * 65_535) / sum / UNIT;
        for (uint256 seat = 0; seat < 255; ++seat) {
            uint256 score = seat == 200 ? 65_535 : uint256(keccak256(abi.encode(seat))) % 10_001;
            uint256 credit = _pool.creditOf(id, uint8(seat));
            assertEq(credit, ((share * score) / 65_535) * UNIT, "a seat's");
            paid += credit;
        }
        assertTrue(paid <= 1e20 && 1e20 - paid < 512 * UNIT, "all but dust");
        assertEq(_pool.budgetOf(id), 1e27 - paid, "what is not paid stays");
    }

    // ------------------------------------------------------------------------------------------------ a whole round

    /// @dev 100 tokens for 80 seconds, of which the round took 16; the third did not vote. The numbers are `payment`'s of
    /// swarm_chain/protocol/payment.py.
    function test_a_final_round_pays_by_its_result_s_scores() public {
        Terms memory terms = defaultTerms();
        terms.scoring = Scoring.Novelty;
        swarmOf(3, terms);
        play(3, 1, genesis, 16);
        Result memory result = resultOf(1, genesis, 0x7);
        result.scores = _of(9_973, 6_661, 101);
        bytes32 hash = hashOf(result);
        commit(0, 2, hash);
        commit(1, 2, hash);
        vm.warp(vm_now() + COMMIT);
        reveal(0, 2, hash);
        reveal(1, 2, hash);
        vm.warp(vm_now() + REVEAL + WINDOW);
        result.scores = _of(9_974, 6_661, 101);
        bytes32 other = hashOf(result);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.ResultMismatch.selector, hash, other));
        rounds.finalize(group, result);
        result.scores = _of(9_973, 6_661, 101);
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.RoundPaid(group, 1, PAID, FIRST, FIRST_HALF, 0x3, 0x4, result.scores);
        rounds.finalize(group, result);
        assertEq(distributor.creditOf(group, 0), FIRST, "the best");
        assertEq(distributor.creditOf(group, 1), SECOND, "the second");
        assertEq(distributor.creditOf(group, 2), THIRD, "the third, half");
        assertEq(distributor.budgetOf(group), 10 * uint256(REWARD) - PAID, "the budget");
        GroupId[] memory inGroups = new GroupId[](1);
        inGroups[0] = group;
        uint8[] memory seats = new uint8[](1);
        vm.prank(operators[0]);
        distributor.claim(inGroups, seats);
        assertEq(token.balanceOf(operators[0]), FIRST, "claimed");
        assertEq(distributor.creditOf(group, 1), SECOND, "the neighbour's stays");
    }
}
