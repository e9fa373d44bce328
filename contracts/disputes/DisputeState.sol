// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IIdentityRegistry} from "../interfaces/IIdentityRegistry.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {GroupId} from "../types/Types.sol";
import {NamedResults} from "./NamedResults.sol";

/// @title What disputes keep, and striking
abstract contract DisputeState is IDisputes, NamedResults {
    IIdentityRegistry public immutable IDENTITIES;
    ERC20Burnable public immutable TOKEN;

    mapping(GroupId group => mapping(bytes32 resultHash => Strike)) internal _strikes;
    mapping(GroupId group => mapping(bytes32 resultHash => mapping(address challenger => Demand))) internal _demands;
    /// @dev Until when leaves of a result can be demanded; set by the first demand.
    mapping(GroupId group => mapping(bytes32 resultHash => uint256)) internal _demandsEnd;

    constructor(IIdentityRegistry identities, IStakeVault vault) {
        IDENTITIES = identities;
        TOKEN = vault.TOKEN();
    }

    /// @inheritdoc IDisputes
    function strikeOf(GroupId group, bytes32 resultHash) external view returns (Strike memory) {
        return _strikes[group][resultHash];
    }

    /// @inheritdoc IDisputes
    function demandOf(GroupId group, bytes32 resultHash, address challenger) external view returns (Demand memory) {
        return _demands[group][resultHash][challenger];
    }

    function _strike(Kind kind, GroupId group, uint32 round, bytes32 hash, address challenger) internal {
        Strike storage struck = _strikes[group][hash];
        if (struck.struckAt != 0) revert AlreadyStruck(hash);
        struck.challenger = challenger;
        struck.struckAt = uint40(block.timestamp);
        struck.round = round;
        struck.kind = kind;
        emit ResultStruck(group, round, hash, challenger, kind);
        ROUNDS.strike(group, round, hash);
    }
}
