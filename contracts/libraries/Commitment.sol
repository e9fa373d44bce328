// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {GroupId, Result, Reveal, RoundId} from "../types/Types.sol";

/// @title Hashes that nodes commit to and vote for
/// @dev Every hash is bound to the chain, the round manager and the group. See docs/specification.md, section 2.
library Commitment {
    /// @notice What a node commits to; `available` is not part of it, since a node knows it only later.
    /// @param manager the round manager that holds the slots
    function commitment(address manager, RoundId id, address node, Reveal memory opened) internal view returns (bytes24) {
        return
            bytes24(
                keccak256(
                    abi.encode(block.chainid, manager, id, node, opened.parent, opened.updateRoot, opened.report, opened.salt)
                )
            );
    }

    /// @dev The same without copying the reveal to memory.
    function commitmentOf(RoundId id, address node, Reveal calldata opened) internal view returns (bytes24) {
        return
            bytes24(
                keccak256(
                    abi.encode(block.chainid, address(this), id, node, opened.parent, opened.updateRoot, opened.report, opened.salt)
                )
            );
    }

    /// @notice What a slot keeps of a reveal, so that a dispute can bring it back.
    function revealDigest(bytes24 commitment_, uint256 available) internal pure returns (bytes24) {
        return bytes24(Hashes.efficientKeccak256(commitment_, bytes32(available)));
    }

    function resultHash(address manager, GroupId group, Result memory result) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    block.chainid,
                    manager,
                    group,
                    result.round,
                    result.parent,
                    result.modelDigest,
                    result.modelRoot,
                    result.columnsRoot,
                    result.included,
                    keccak256(result.choice),
                    keccak256(result.scores),
                    result.metric
                )
            );
    }

    /// @notice The hash that round 1 starts from.
    function genesisHash(address manager, GroupId group, bytes32 modelDigest, bytes32 modelRoot) internal view returns (bytes32) {
        Result memory genesis;
        genesis.modelDigest = modelDigest;
        genesis.modelRoot = modelRoot;
        return resultHash(manager, group, genesis);
    }
}
