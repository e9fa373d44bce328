// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IRelay} from "./interfaces/IRelay.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {GroupId, RoundId, SignedCommit, SignedReveal} from "./types/Types.sol";

/// @title Commits and reveals of many nodes in one transaction
/// @dev Holds nothing and decides nothing: it turns signatures into nodes, and the round manager judges what they say as if they
/// had sent it themselves. A relayed round costs little because of three things here: what a batch has in common (domain, type,
/// round, parent) is read once; one message's memory serves all; what is signed is copied straight into the call to the round
/// manager, as the ABI lays out `CommitOf[]` and `RevealOf[]`, whose elements have fixed sizes.
contract Relay is IRelay, EIP712 {
    bytes32 private constant COMMIT = keccak256("Commit(uint32 group,uint32 round,bytes32 sealedDigest,bytes24 commitment)");
    bytes32 private constant REVEAL = keccak256("Reveal(uint32 group,uint32 round,bytes32 salt,uint256 available)");
    /// @dev Bytes of a `CommitOf` and of a `RevealOf` in a call.
    uint256 private constant COMMIT_SIZE = 3 * 32;
    uint256 private constant REVEAL_SIZE = 6 * 32;

    IRoundManager public immutable ROUNDS;

    constructor(IRoundManager rounds) EIP712("Relay", "1") {
        ROUNDS = rounds;
    }

    /// @inheritdoc IRelay
    function relayCommits(RoundId id, SignedCommit[] calldata commits) external returns (uint256 accepted) {
        bytes32 domain = _domainSeparatorV4();
        bytes32[5] memory message = _messageOf(COMMIT, id);
        uint256 start = _begin(commits.length * COMMIT_SIZE);
        uint256 end = start;
        for (uint256 i = 0; i < commits.length;) {
            SignedCommit calldata given = commits[i];
            assembly ("memory-safe") {
                calldatacopy(add(message, 96), given, 64) // sealedDigest, commitment
                i := add(i, 1)
            }
            address node = _signerOf(domain, message, given.r, given.vs);
            if (node == address(0)) continue;
            assembly ("memory-safe") {
                mstore(end, node)
                calldatacopy(add(end, 32), given, 64)
                end := add(end, COMMIT_SIZE)
            }
        }
        accepted = _submit(IRoundManager.commitFor.selector, id, start, end, COMMIT_SIZE);
    }

    /// @inheritdoc IRelay
    function relayReveals(RoundId id, bytes32 parent, SignedReveal[] calldata reveals) external returns (uint256 accepted) {
        bytes32 domain = _domainSeparatorV4();
        bytes32[5] memory message = _messageOf(REVEAL, id);
        uint256 start = _begin(reveals.length * REVEAL_SIZE);
        uint256 end = start;
        for (uint256 i = 0; i < reveals.length;) {
            SignedReveal calldata given = reveals[i];
            assembly ("memory-safe") {
                mstore(add(message, 96), calldataload(given)) // salt
                mstore(add(message, 128), calldataload(add(given, 96))) // available
                i := add(i, 1)
            }
            address node = _signerOf(domain, message, given.r, given.vs);
            if (node == address(0)) continue;
            assembly ("memory-safe") {
                mstore(end, node)
                mstore(add(end, 32), parent)
                calldatacopy(add(end, 64), add(given, 32), 96) // updateRoot, report, available
                mstore(add(end, 160), calldataload(given)) // salt
                end := add(end, REVEAL_SIZE)
            }
        }
        accepted = _submit(IRoundManager.revealFor.selector, id, start, end, REVEAL_SIZE);
    }

    /// @dev A message's words, the last two yet to be filled in.
    function _messageOf(bytes32 typeHash, RoundId id) private pure returns (bytes32[5] memory message) {
        message[0] = typeHash;
        message[1] = bytes32(uint256(GroupId.unwrap(id.group())));
        message[2] = bytes32(uint256(id.round()));
    }

    /// @dev Zero for a signature that is none, or whose s is in the upper half: each message has one signature.
    function _signerOf(bytes32 domain, bytes32[5] memory message, bytes32 r, bytes32 vs) private pure returns (address signer) {
        bytes32 content;
        assembly ("memory-safe") {
            content := keccak256(message, 160)
        }
        (signer, , ) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domain, content), r, vs);
    }

    /// @dev Takes memory for a call's four words before its elements and for the elements, which begin at `start`.
    function _begin(uint256 size) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(mload(0x40), 128)
            mstore(0x40, add(start, size))
        }
    }

    /// @dev Calls the round manager with the elements between `start` and `end`.
    function _submit(bytes4 selector, RoundId id, uint256 start, uint256 end, uint256 size) private returns (uint256 accepted) {
        if (start == end) revert NothingAccepted(id);
        address rounds = address(ROUNDS);
        assembly ("memory-safe") {
            mstore(sub(start, 128), shr(224, selector))
            mstore(sub(start, 96), id)
            mstore(sub(start, 64), 64) // where the array begins
            mstore(sub(start, 32), div(sub(end, start), size))
            mstore(0, 0)
            if iszero(call(gas(), rounds, 0, sub(start, 100), add(sub(end, start), 100), 0, 32)) {
                returndatacopy(start, 0, returndatasize())
                revert(start, returndatasize())
            }
            accepted := mload(0)
        }
        if (accepted == 0) revert NothingAccepted(id);
    }
}
