// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {GroupId, Result, Reveal, RoundId} from "../types/Types.sol";

/// @title Hashes that nodes commit to and vote for
/// @dev Every hash is bound to the chain, the round manager and the group. See docs/specification.md, section 2.
library Commitment {
    /// @notice What a node commits to; `available` is not part of it, since a node knows it only later.
    /// @param manager the round manager that holds the slots
    /// @param scoresHash keccak256 of the committee's reports, zero where there are none
    function commitment(
        address manager,
        RoundId id,
        address node,
        Reveal memory opened,
        bytes32 scoresHash
    ) internal view returns (bytes24) {
        return
            bytes24(
                keccak256(
                    abi.encode(
                        block.chainid,
                        manager,
                        id,
                        node,
                        opened.parent,
                        opened.updateRoot,
                        opened.report,
                        scoresHash,
                        opened.salt
                    )
                )
            );
    }

    /// @dev The same without copying the reveal to memory.
    function commitmentOf(RoundId id, address node, Reveal calldata opened, bytes32 scoresHash) internal view returns (bytes24) {
        return
            bytes24(
                keccak256(
                    abi.encode(
                        block.chainid,
                        address(this),
                        id,
                        node,
                        opened.parent,
                        opened.updateRoot,
                        opened.report,
                        scoresHash,
                        opened.salt
                    )
                )
            );
    }

    /// @notice What a slot keeps of a reveal, so that a dispute can bring it back.
    function revealDigest(bytes24 commitment_, uint256 available) internal pure returns (bytes24) {
        return bytes24(Hashes.efficientKeccak256(commitment_, bytes32(available)));
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
