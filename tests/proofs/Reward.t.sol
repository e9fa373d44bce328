// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {RewardDistributor} from "../../contracts/RewardDistributor.sol";
import {GroupId} from "../../contracts/types/Types.sol";
import {Proof} from "./Proof.sol";

/// @dev The proof is the round manager and the group registry, so the distributor is the shipped one as it is. Seats 0 to 3, which share a word, are
/// taken; who earned what is fixed in each proof, since a divisor must be,
/// and amounts are below 2^36 or 2^40 wei (68 or 1,099 units of credit), which is what a solver can divide.
contract RewardProofs is Proof {
    uint256 private constant UNIT = 1e9;
    uint256 private constant SEATS = 4;
    GroupId private constant GROUP = GroupId.wrap(1);

    RewardDistributor private immutable DISTRIBUTOR = new RewardDistributor(IERC20(address(1)), address(this), address(this));

    function setUp() external {
        for (uint8 seat = 0; seat < SEATS; ++seat) {
            DISTRIBUTOR.assign(GROUP, seat, address(uint160(0xA000 + seat)), address(uint160(0xB000 + seat)));
        }
    }

    function _pay(uint96 budget, uint96 reward, uint256 elapsed, uint256 whole, uint256 half) private returns (uint256 paid) {
        return _payScores(budget, reward, elapsed, whole, half, "");
    }

    function _payScores(
        uint96 budget,
        uint96 reward,
        uint256 elapsed,
        uint256 whole,
        uint256 half,
        bytes memory scores
    ) private returns (uint256 paid) {
        DISTRIBUTOR.addBudget(GROUP, budget);
        DISTRIBUTOR.pay(GROUP, IRewardDistributor.Payment(1, reward, elapsed, 80, whole, half, (1 << SEATS) - 1, scores));
        paid = budget - DISTRIBUTOR.budgetOf(GROUP);
    }

    function _credits() private view returns (uint256 sum) {
        unchecked {
            for (uint8 seat = 0; seat < SEATS; ++seat) sum += DISTRIBUTOR.creditOf(GROUP, seat);
        }
    }

    /// @dev Of a share's part of the pot all is credited but dust, less than a unit.
    function check_shareIsItsPartButDust(uint40 budget) external {
        given(budget < 1 << 36);
        _pay(budget, budget, 80, 0x1, 0);
        uint256 credit = DISTRIBUTOR.creditOf(GROUP, 0);
        assert(credit <= budget && budget - credit < UNIT);
    }

    /// @dev What the budget loses is what the seats are credited.
    function check_seatsAreCreditedWhatThePoolPays(uint40 budget) external {
        uint256 paid = _pay(budget, budget, 80, 0xF, 0);
        uint256 credit = DISTRIBUTOR.creditOf(GROUP, 0);
        assert(DISTRIBUTOR.creditOf(GROUP, 1) == credit && DISTRIBUTOR.creditOf(GROUP, 2) == credit);
        assert(DISTRIBUTOR.creditOf(GROUP, 3) == credit && paid == 4 * credit);
    }

    /// @dev Never more than the reward of a round, whatever the budget.
    function check_splitPaysNoMoreThanTheReward(uint96 budget, uint40 reward) external {
        given(budget > reward && reward < 1 << 36);
        _pay(budget, reward, 80, 0x5, 0);
        assert(2 * DISTRIBUTOR.creditOf(GROUP, 0) <= reward);
    }

    /// @dev A half is half of a whole, rounded down to units; the rest of it stays in the budget.
    function check_halvesAreHalfOfAWhole(uint40 budget) external {
        uint256 paid = _pay(budget, budget, 80, 0x1, 0x4);
        uint256 whole = DISTRIBUTOR.creditOf(GROUP, 0);
        uint256 half = DISTRIBUTOR.creditOf(GROUP, 2);
        assert(2 * half <= whole && whole - 2 * half < 2 * UNIT);
        assert(paid == whole + half);
    }

    function check_roundThatEarnedNobodyPaysNothing(uint96 budget, uint96 reward) external {
        assert(_pay(budget, reward, 80, 0, 0) == 0 && _credits() == 0);
    }

    /// @dev A round pays into the lanes of those that earned alone: nobody else has anything of it.
    function check_creditsOfNeighboursDoNotMix(uint40 budget) external {
        _pay(budget, budget, 80, 0x2, 0);
        assert(DISTRIBUTOR.creditOf(GROUP, 0) == 0 && DISTRIBUTOR.creditOf(GROUP, 2) == 0 && DISTRIBUTOR.creditOf(GROUP, 3) == 0);
    }

    /// @dev By scores too the budget loses what the seats are credited, and that is never more than it had. The best score and the sum
    /// are powers of two, which is what a solver can divide by.
    function check_scoresPayWhatSeatsAreCredited(uint40 budget) external {
        given(budget < 1 << 36);
        uint256 paid = _payScores(budget, budget, 80, 0x7, 0x8, hex"0002000100000001");
        assert(paid == _credits() && paid <= budget);
    }

    /// @dev Whatever its neighbours score, a score of zero earns nothing.
    function check_aScoreOfZeroEarnsNothing(uint40 budget) external {
        _payScores(budget, budget, 80, 0x7, 0x8, hex"0002000000020000");
        assert(DISTRIBUTOR.creditOf(GROUP, 1) == 0 && DISTRIBUTOR.creditOf(GROUP, 3) == 0);
    }

    /// @dev A share is to the best one's as its score to the best, but for what whole units leave.
    function check_sharesAreAsTheirScores(uint40 budget) external {
        given(budget < 1 << 36);
        _payScores(budget, budget, 80, 0x7, 0, hex"000200010001");
        uint256 best = DISTRIBUTOR.creditOf(GROUP, 0);
        uint256 other = DISTRIBUTOR.creditOf(GROUP, 2);
        assert(2 * other <= best && best - 2 * other < 2 * UNIT);
    }
}
