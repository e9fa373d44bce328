// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Binary SHA-256 Merkle trees
/// @dev Leaves and nodes are told apart by their first byte, trees of different things by the second. Missing leaves on the
/// right are 32 zero bytes. See docs/specification.md, section 3.
library Merkle {
    enum Kind {
        None,
        Update,
        Model,
        Columns,
        Choice
    }

    function leafHash(Kind kind, bytes calldata data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), uint8(kind), data));
    }

    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @return ceil(log2(leaves)), 0 for one leaf
    function depthOf(uint256 leaves) internal pure returns (uint256) {
        uint256 depth = 0;
        while (1 << depth < leaves) ++depth;
        return depth;
    }

    /// @param proof siblings from the leaf up; must be `depth` long, and `index` below 2^depth
    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        if (proof.length != depth || index >> depth != 0) return false;
        bytes32 hash = leaf;
        for (uint256 level = 0; level < depth; ++level) {
            hash = (index >> level) & 1 == 0 ? nodeHash(hash, proof[level]) : nodeHash(proof[level], hash);
        }
        return hash == root;
    }

    /// @notice Whether a leaf's siblings are empty where they cover nothing but indices from `count` on, as in every right tree.
    /// @dev Those of the last leaf cover all of them.
    function isPadded(uint256 index, uint256 count, bytes32[] calldata proof) internal pure returns (bool) {
        bytes32 empty = 0;
        for (uint256 level = 0; level < proof.length; ++level) {
            uint256 first = ((index >> level) ^ 1) << level;
            if (first >= count && proof[level] != empty) return false;
            empty = nodeHash(empty, empty);
        }
        return true;
    }
}
