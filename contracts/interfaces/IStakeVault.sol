// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

/// @title What nodes have at stake
/// @notice Stake belongs to an identity. `free` can be withdrawn by the operator; `locked` backs seats and comes free when
/// every round the seat took part in is settled. Slashed stake is burnt, less the challenger's part.
interface IStakeVault {
    error OnlyRoundManager(address caller);
    error NotOperator(uint64 identity, address caller);
    error InsufficientStake(uint64 identity, uint256 free, uint256 needed);

    event StakeDeposited(uint64 indexed identity, address indexed from, uint256 amount);
    event StakeWithdrawn(uint64 indexed identity, address indexed to, uint256 amount);
    event StakeLocked(uint64 indexed identity, uint256 amount);
    event StakeUnlocked(uint64 indexed identity, uint256 amount);
    event StakeSlashed(uint64 indexed identity, uint256 amount, address indexed challenger, uint256 challengerPart);

    /// @notice Adds to an identity's free stake; anyone can, with the token's approval.
    function deposit(uint64 identity, uint256 amount) external;
    function withdraw(uint64 identity, uint256 amount, address to) external;

    function lock(uint64 identity, uint256 amount) external;
    function unlock(uint64 identity, uint256 amount) external;
    /// @notice Burns up to `amount` of the locked stake, less the challenger's part; returns what was taken.
    function slash(uint64 identity, uint256 amount, address challenger, uint256 challengerPart) external returns (uint256 taken);

    // solhint-disable-next-line func-name-mixedcase
    function TOKEN() external view returns (ERC20Burnable);
    function stakeOf(uint64 identity) external view returns (uint256 free, uint256 locked);
}
