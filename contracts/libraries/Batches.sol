// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Reveal, Report} from "../types/Types.sol";

/// @title What a relayed batch tells in one event: its entries, packed one behind the other
/// @dev An event a node costs more than twice as much. Room for all entries is taken first; entries that are left out are cut off.
library Batches {
    /// @dev node 20 · sealedDigest 32
    uint256 internal constant COMMIT = 52;
    /// @dev node 20 · updateRoot 32 · report 12 · available 32 · salt 32; the parent is the batch's
    uint256 internal constant REVEAL = 128;

    /// @param index of the entry, below the count that there is room for
    function putCommit(bytes memory batch, uint256 index, address node, bytes32 sealedDigest) internal pure {
        assembly ("memory-safe") {
            let at := add(add(batch, 32), mul(index, COMMIT))
            mstore(at, shl(96, node))
            mstore(add(at, 20), sealedDigest)
        }
    }

    /// @param index of the entry, below the count that there is room for
    function putReveal(bytes memory batch, uint256 index, address node, Reveal calldata opened) internal pure {
        uint256 report = Report.unwrap(opened.report);
        assembly ("memory-safe") {
            let at := add(add(batch, 32), mul(index, REVEAL))
            mstore(at, shl(96, node))
            calldatacopy(add(at, 20), add(opened, 32), 32)
            mstore(add(at, 52), shl(160, report))
            calldatacopy(add(at, 64), add(opened, 96), 64)
        }
    }

    /// @dev Cuts off what was not needed.
    function cut(bytes memory batch, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(batch, length)
        }
    }
}
