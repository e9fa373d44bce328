// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Proof} from "./Proof.sol";

/// @dev SHA-256 is any function here: what holds, holds unless two different inputs of it that the proof names have one hash.
contract MerkleProofs is Proof {
    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return Merkle.verify(root, leaf, index, depth, proof);
    }

    function leafHash(Merkle.Kind kind, bytes calldata data) external pure returns (bytes32) {
        return Merkle.leafHash(kind, data);
    }

    function _pair(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(bytes.concat(hex"01", left, right));
    }

    /// @dev Whether two nodes have one hash and different children.
    function _collide(bytes32 left, bytes32 right, bytes32 otherLeft, bytes32 otherRight) private pure returns (bool) {
        return _pair(left, right) == _pair(otherLeft, otherRight) && !(left == otherLeft && right == otherRight);
    }

    function check_nodeIsTheHashOfOneAndItsChildren(bytes32 left, bytes32 right) external view {
        assert(Merkle.nodeHash(left, right) == _pair(left, right));
    }

    function check_leafIsTheHashOfZeroItsKindAndItsData(bytes32 first, bytes32 second) external view {
        bytes memory data = bytes.concat(first, second);
        assert(this.leafHash(Merkle.Kind.Update, data) == sha256(bytes.concat(hex"0001", data)));
        assert(this.leafHash(Merkle.Kind.Model, data) == sha256(bytes.concat(hex"0002", data)));
        assert(this.leafHash(Merkle.Kind.Columns, data) == sha256(bytes.concat(hex"0003", data)));
        assert(this.leafHash(Merkle.Kind.Choice, data) == sha256(bytes.concat(hex"0004", data)));
    }

    /// @dev Data of 63 bytes makes a leaf's input as long as a node's. They have one hash only by a collision of these two inputs.
    function check_noLeafIsANode(bytes32 first, bytes31 second, bytes32 left, bytes32 right) external view {
        bytes memory data = bytes.concat(first, second);
        bytes memory leaf = bytes.concat(hex"0001", data);
        bytes memory node = bytes.concat(hex"01", left, right);
        assert(leaf.length == node.length && keccak256(leaf) != keccak256(node));
        assert(this.leafHash(Merkle.Kind.Update, data) == sha256(leaf) && Merkle.nodeHash(left, right) == sha256(node));
    }

    /// @dev A tree of four leaves, made by hand: every leaf has a proof.
    function check_everyLeafHasItsProof(bytes32 a, bytes32 b, bytes32 c, bytes32 d) external view {
        bytes32 root = _pair(_pair(a, b), _pair(c, d));
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (b, _pair(c, d));
        assert(this.verify(root, a, 0, 2, proof));
        proof[0] = a;
        assert(this.verify(root, b, 1, 2, proof));
        (proof[0], proof[1]) = (d, _pair(a, b));
        assert(this.verify(root, c, 2, 2, proof));
        proof[0] = c;
        assert(this.verify(root, d, 3, 2, proof));
    }

    /// @dev Whatever is proven to be at an index is what is there, unless the hash collides on the way up. So a proof of one
    /// index is none of another.
    function check_proofOfAnIndexIsOfThatLeafAlone(
        bytes32 a,
        bytes32 b,
        bytes32 c,
        bytes32 d,
        bytes32 leaf,
        bytes32 lower,
        bytes32 upper,
        uint256 index
    ) external view {
        given(index < 4);
        (bytes32 left, bytes32 right) = (_pair(a, b), _pair(c, d));
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (lower, upper);
        if (!this.verify(_pair(left, right), leaf, index, 2, proof)) return;
        (bytes32 x, bytes32 y) = index & 1 == 0 ? (leaf, lower) : (lower, leaf);
        (bytes32 w, bytes32 z) = index & 2 == 0 ? (_pair(x, y), upper) : (upper, _pair(x, y));
        if (_collide(w, z, left, right)) return;
        (bytes32 first, bytes32 second) = index & 2 == 0 ? (a, b) : (c, d);
        if (_collide(x, y, first, second)) return;
        assert(leaf == (index & 1 == 0 ? first : second));
        assert(lower == (index & 1 == 0 ? second : first));
        assert(upper == (index & 2 == 0 ? right : left));
    }

    function check_proofHasItsDepthAndAnIndexInTheTree(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        bytes32 one
    ) external view {
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = one;
        given(depth <= 255 && (depth != 1 || index > 1));
        assert(!this.verify(root, leaf, index, depth, proof));
    }

    function check_depthIsTheLeastThatHoldsTheLeaves(uint16 leaves) external view {
        given(leaves != 0);
        uint256 depth = Merkle.depthOf(leaves);
        assert(depth <= 16 && uint256(1) << depth >= leaves);
        assert(depth == 0 || uint256(1) << (depth - 1) < leaves);
    }
}
