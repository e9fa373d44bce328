// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice The last result of a round that was presented. From the low end:
///
///   round 24 · dueFloor 40 · first 24 bytes of the result's hash 192
type Presented is uint256;

using Presentation for Presented global;

/// @title Which named result lies open, and since when
library Presentation {
    uint256 private constant DUE_FLOOR = 24;
    uint256 private constant DIGEST = ~uint256(type(uint64).max);

    /// @param dueFloor_ earliest time to finalize it
    function make(uint32 round, bytes32 hash, uint256 dueFloor_) internal pure returns (Presented) {
        return Presented.wrap((uint256(hash) & DIGEST) | (dueFloor_ << DUE_FLOOR) | round);
    }

    function matches(Presented presented, uint32 round, bytes32 hash) internal pure returns (bool) {
        uint256 word = Presented.unwrap(presented);
        return uint24(word) == round && bytes24(bytes32(word)) == bytes24(hash);
    }

    function dueFloor(Presented presented) internal pure returns (uint256) {
        return uint40(Presented.unwrap(presented) >> DUE_FLOOR);
    }

    function held(Presented presented, uint256 until) internal pure returns (Presented) {
        if (until <= dueFloor(presented)) return presented;
        return Presented.wrap((Presented.unwrap(presented) & ~(uint256(type(uint40).max) << DUE_FLOOR)) | (until << DUE_FLOOR));
    }
}
