// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId} from "../types/Types.sol";

/// @title Budgets and credits
/// @notice Holds what sponsors put in and operators have earned. Credits are counted in units of 10^9 wei; what that rounds off
/// stays in the budget.
///
/// A group keeps one sum of the best seats' shares of all rounds, and a seat what it did not get of it: credit = sum − missed. Where
/// all score the same, a round in which all earned the share costs one word, however many they are.
/// Always: token balance >= sum of budgets + sum of credits.
interface IRewardDistributor {
    error OnlyGroupRegistry(address caller);
    error OnlyRoundManager(address caller);
    error NothingToClaim(address operator);
    error NotSeatOperator(GroupId group, uint8 seat, address caller);
    error LengthMismatch(uint256 groups, uint256 seats);

    event BudgetAdded(GroupId indexed group, uint256 amount);
    /// @notice From now on the seat's credits are the operator's; with zero addresses, nobody's.
    event SeatAssigned(GroupId indexed group, uint8 indexed seat, address indexed operator, address node);
    /// @notice What a final round paid.
    /// @param paid sum of all credits, in wei, which left the budget
    /// @param share of the seat that scored best, in wei; of another, as much less as it scored less, in whole units
    /// @param halfShare half of `share`, in whole units: what is left of a share to those that did not vote in the next round
    /// @param whole bitmap of the seats credited with their shares; @param half of those credited with half of them
    /// @param scores two bytes a seat of both, in ascending order; empty where all score the same
    event RoundPaid(
        GroupId indexed group,
        uint32 indexed round,
        uint256 paid,
        uint256 share,
        uint256 halfShare,
        uint256 whole,
        uint256 half,
        bytes scores
    );
    event Claimed(address indexed operator, uint256 amount);

    /// @notice A final round to pay for.
    /// @param reward in wei, if it lasted `duration` and the budget has as much
    /// @param elapsed seconds the round took; @param duration seconds it could have taken
    /// @param whole bitmap of seats that earned a share; @param half of those that earned half a share
    /// @param taken bitmap of all seats assigned to someone, those two among them
    /// @param scores two bytes a seat of `whole` and `half`, in ascending order; of any other length, all score the same
    struct Payment {
        uint32 round;
        uint256 reward;
        uint256 elapsed;
        uint256 duration;
        uint256 whole;
        uint256 half;
        uint256 taken;
        bytes scores;
    }

    /// @notice Only the group registry, which has brought the tokens here.
    function addBudget(GroupId group, uint256 amount) external;
    /// @notice Names the operator whom a seat's credits belong to from now on; earlier ones stay with the earlier operator.
    function assign(GroupId group, uint8 seat, address operator, address node) external;
    /// @notice Credits seats for a round, out of the budget.
    function pay(GroupId group, Payment calldata payment) external;

    /// @notice Pays the caller all it has earned: its seats' credits, and those of seats it no longer holds.
    /// @param groups and @param seats the caller's seats to collect from
    function claim(GroupId[] calldata groups, uint8[] calldata seats) external returns (uint256 amount);

    function budgetOf(GroupId group) external view returns (uint256);
    /// @notice Credits of a seat not yet claimed, in wei.
    function creditOf(GroupId group, uint8 seat) external view returns (uint256);
    /// @notice Credits an operator carries from seats it no longer holds, in wei.
    function settledCreditOf(address operator) external view returns (uint256);
    /// @notice The seat a node took last and still holds, and what is unclaimed there, in wei; zeros if it holds none.
    function rewards(address node) external view returns (GroupId group, uint8 seat, address operator, uint256 unclaimed);
}
