// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, Opened} from "../libraries/Evidence.sol";
import {GroupId, Result} from "../types/Types.sol";

/// @title Checking what proves a named result wrong
/// @notice Holds nothing and may change nothing. Each function is that of `IDisputes` with the same name and arguments, which
/// says what it takes and hands its call on: it reverts with an error of `IDisputes` unless the proof is right.
/// @dev @return round and @return hash of the result proven wrong
interface IProofs {
    function challengeCoordinate(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        uint256 offset,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external view returns (uint32 round, bytes32 hash);
    function challengeExponent(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external view returns (uint32 round, bytes32 hash);
    function challengeColumn(
        GroupId group,
        Result calldata result,
        uint256 blockIndex,
        Leaf calldata columns,
        Opened calldata opened,
        Leaf calldata update
    ) external view returns (uint32 round, bytes32 hash);
    function challengeUpdate(
        GroupId group,
        Result calldata result,
        Opened calldata opened,
        uint256 leafIndex,
        Leaf calldata update
    ) external view returns (uint32 round, bytes32 hash);

    function challengeAvailability(
        GroupId group,
        Result calldata result,
        uint8 seat,
        Opened[] calldata without
    ) external view returns (uint32 round, bytes32 hash);
    function challengeAbsence(GroupId group, Result calldata result, uint8 seat) external view returns (uint32 round, bytes32 hash);
    function challengeInclusion(
        GroupId group,
        Result calldata result,
        Opened calldata opened
    ) external view returns (uint32 round, bytes32 hash);
    function challengeTerms(GroupId group, Result calldata result) external view returns (uint32 round, bytes32 hash);
    function challengeUnpresented(GroupId group) external view returns (uint32 round, bytes32 hash);
}
