// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";

/// @title What nodes have at stake
contract StakeVault is IStakeVault {
    using SafeERC20 for ERC20Burnable;

    /// @dev Both parts fit: the token's supply is below 2^90.
    struct Stake {
        uint128 free;
        uint128 locked;
    }

    ERC20Burnable public immutable TOKEN;
    IIdentityRegistry public immutable IDENTITIES;
    address public immutable ROUND_MANAGER;

    mapping(uint64 identity => Stake) private _stakes;

    modifier onlyRoundManager() {
        if (msg.sender != ROUND_MANAGER) revert OnlyRoundManager(msg.sender);
        _;
    }

    constructor(ERC20Burnable token, IIdentityRegistry identities, address roundManager) {
        TOKEN = token;
        IDENTITIES = identities;
        ROUND_MANAGER = roundManager;
    }

    /// @inheritdoc IStakeVault
    function deposit(uint64 identity, uint256 amount) external {
        // An identity nobody owns could never take it out again.
        if (IDENTITIES.operatorOf(identity) == address(0)) revert NotOperator(identity, msg.sender);
        _stakes[identity].free += _narrow(amount);
        emit StakeDeposited(identity, msg.sender, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStakeVault
    function withdraw(uint64 identity, uint256 amount, address to) external {
        if (IDENTITIES.operatorOf(identity) != msg.sender) revert NotOperator(identity, msg.sender);
        Stake storage stake = _stakes[identity];
        if (stake.free < amount) revert InsufficientStake(identity, stake.free, amount);
        stake.free -= _narrow(amount);
        emit StakeWithdrawn(identity, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IStakeVault
    function lock(uint64 identity, uint256 amount) external onlyRoundManager {
        Stake storage stake = _stakes[identity];
        if (stake.free < amount) revert InsufficientStake(identity, stake.free, amount);
        stake.free -= _narrow(amount);
        stake.locked += _narrow(amount);
        emit StakeLocked(identity, amount);
    }

    /// @inheritdoc IStakeVault
    function unlock(uint64 identity, uint256 amount) external onlyRoundManager {
        Stake storage stake = _stakes[identity];
        stake.locked -= _narrow(amount);
        stake.free += _narrow(amount);
        emit StakeUnlocked(identity, amount);
    }

    /// @inheritdoc IStakeVault
    function slash(
        uint64 identity,
        uint256 amount,
        address challenger,
        uint256 challengerPart
    ) external onlyRoundManager returns (uint256 taken) {
        Stake storage stake = _stakes[identity];
        taken = amount < stake.locked ? amount : stake.locked;
        uint256 part = challengerPart < taken ? challengerPart : taken;
        stake.locked -= _narrow(taken);
        emit StakeSlashed(identity, taken, challenger, part);
        TOKEN.burn(taken - part);
        if (part != 0) TOKEN.safeTransfer(challenger, part);
    }

    /// @inheritdoc IStakeVault
    function stakeOf(uint64 identity) external view returns (uint256 free, uint256 locked) {
        Stake storage stake = _stakes[identity];
        return (stake.free, stake.locked);
    }

    /// @dev Amounts above 2^128 are above the supply: no stake has as much.
    function _narrow(uint256 amount) private pure returns (uint128) {
        return amount > type(uint128).max ? type(uint128).max : uint128(amount);
    }
}
