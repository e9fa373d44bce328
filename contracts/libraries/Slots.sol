// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What a node committed in one round, later what it revealed. From the low end:
///
///   round 24 · weight 16 · seat 8 · flags 8 · (8 free) · digest 192
///
/// A node has a ring of these. A slot that was used before also says which seat the node has, which saves a commit the lookup:
/// so a slot is cleared when its node's seat is freed, and `retired` when the seat goes to another key.
type Slot is uint256;

using Slots for Slot global;

/// @title Slots of the ring
library Slots {
    uint256 private constant WEIGHT = 24;
    uint256 private constant SEAT = 40;
    uint256 private constant REVEALED = 1 << 48;
    uint256 private constant RETIRED = 1 << 49;
    uint256 private constant HANDED_OVER = 1 << 50;
    uint256 private constant DIGEST = ~uint256(type(uint64).max);

    /// @return 0 for a slot never used
    function round(Slot slot) internal pure returns (uint32) {
        return uint24(Slot.unwrap(slot));
    }

    function weight(Slot slot) internal pure returns (uint16) {
        return uint16(Slot.unwrap(slot) >> WEIGHT);
    }

    function seat(Slot slot) internal pure returns (uint8) {
        return uint8(Slot.unwrap(slot) >> SEAT);
    }

    function isRevealed(Slot slot) internal pure returns (bool) {
        return Slot.unwrap(slot) & REVEALED != 0;
    }

    /// @dev Whether it holds a commitment of this round that is not revealed yet.
    function awaits(Slot slot, uint32 round_) internal pure returns (bool) {
        return Slot.unwrap(slot) & (REVEALED | type(uint24).max) == round_;
    }

    /// @dev The node's seat went to its identity's next key: it can reveal, but not commit.
    function isRetired(Slot slot) internal pure returns (bool) {
        return Slot.unwrap(slot) & RETIRED != 0;
    }

    /// @dev The node got its seat during this round, in which the key before it may have committed.
    function isHandedOver(Slot slot) internal pure returns (bool) {
        return Slot.unwrap(slot) & HANDED_OVER != 0;
    }

    function digest(Slot slot) internal pure returns (bytes24) {
        return bytes24(bytes32(Slot.unwrap(slot)));
    }

    function committedIn(uint32 round_, uint16 weight_, uint8 seat_, bytes24 commitment) internal pure returns (Slot) {
        return Slot.wrap(uint256(bytes32(commitment)) | (uint256(seat_) << SEAT) | (uint256(weight_) << WEIGHT) | uint256(round_));
    }

    function handedOverIn(uint32 round_, uint8 seat_) internal pure returns (Slot) {
        return Slot.wrap(HANDED_OVER | (uint256(seat_) << SEAT) | uint256(round_));
    }

    function withReveal(Slot slot, bytes24 digest_) internal pure returns (Slot) {
        return Slot.wrap(uint256(bytes32(digest_)) | (Slot.unwrap(slot) & ~DIGEST) | REVEALED);
    }

    function retired(Slot slot) internal pure returns (Slot) {
        return Slot.wrap(Slot.unwrap(slot) | RETIRED);
    }
}
