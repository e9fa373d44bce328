// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId, Result, Reveal} from "../types/Types.sol";

/// @title Hashes that nodes commit to and vote for
/// @dev Every hash is bound to the chain, the round manager and the group. See docs/specification.md, section 2.
library Commitment {
    /// @param manager the round manager that holds the slots
    function commitment(
        address manager,
        GroupId group,
        uint32 round,
        address node,
        Reveal calldata opened,
        bytes32 scoresHash
    ) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    block.chainid,
                    manager,
                    group,
                    round,
                    node,
                    opened.parent,
                    opened.updateRoot,
                    opened.samples,
                    opened.metric,
                    scoresHash,
                    opened.salt
                )
            );
    }

    /// @notice What a slot keeps of a reveal, so that a dispute can bring it back.
    function revealDigest(Reveal calldata opened, bytes32 scoresHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(opened.parent, opened.updateRoot, opened.samples, opened.metric, opened.available, scoresHash));
    }

    function resultHash(address manager, GroupId group, Result memory result) internal view returns (bytes32) {
        // A Result is eight words with no pointers, so its encoding is those of its fields.
        return keccak256(abi.encode(block.chainid, manager, group, result));
    }

    /// @notice The hash that round 1 starts from.
    function genesisHash(address manager, GroupId group, bytes32 modelDigest, bytes32 modelRoot) internal view returns (bytes32) {
        Result memory genesis;
        genesis.modelDigest = modelDigest;
        genesis.modelRoot = modelRoot;
        return resultHash(manager, group, genesis);
    }
}
