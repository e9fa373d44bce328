// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId} from "../types/Types.sol";

/// @title Budgets and credits
/// @notice Holds what sponsors put in and operators have earned. Credits are counted in units of 10^9 wei, four seats a word,
/// so that a round's credits cost little; what that rounds off stays in the budget.
/// Always: token balance >= sum of budgets + sum of credits.
interface IRewardDistributor {
    error OnlyGroupRegistry(address caller);
    error OnlyRoundManager(address caller);
    error NothingToClaim(address operator);
    error CreditOverflow(GroupId group, uint8 seat);

    event BudgetAdded(GroupId indexed group, uint256 amount);
    event SeatAssigned(GroupId indexed group, uint8 indexed seat, address indexed operator, address node);
    /// @notice What a final round paid. `credits[i]` in wei, for the seat `seats[i]`.
    event RoundPaid(GroupId indexed group, uint32 indexed round, uint256 paid, uint8[] seats, uint256[] credits);
    event Claimed(address indexed operator, uint256 amount);

    function addBudget(GroupId group, uint256 amount) external;
    /// @notice Names the operator whom a seat's credits belong to from now on; earlier ones stay with the earlier operator.
    function assign(GroupId group, uint8 seat, address operator, address node) external;
    /// @notice Credits seats for a round, out of the budget.
    /// @param credits by seat index, in wei, each a multiple of 10^9
    function pay(GroupId group, uint32 round, uint256[] calldata credits) external;

    /// @notice Pays the caller all it has earned: its seats' credits, and those of seats it no longer holds.
    /// @param groups and @param seats the caller's seats to collect from
    function claim(GroupId[] calldata groups, uint8[] calldata seats) external returns (uint256 amount);

    function budgetOf(GroupId group) external view returns (uint256);
    /// @notice Credits of a seat not yet claimed, in wei.
    function creditOf(GroupId group, uint8 seat) external view returns (uint256);
    /// @notice Credits an operator carries from seats it no longer holds, in wei.
    function settledCreditOf(address operator) external view returns (uint256);
    /// @notice What a node earned over its life, and what of it is unclaimed in the seat it holds now, in wei.
    function rewards(address node) external view returns (GroupId group, uint8 seat, address operator, uint256 unclaimed);
}
