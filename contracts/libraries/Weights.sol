// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Weights of eight seats, as they are and as they were before the last change. From the low end eight lanes of
/// current 14 · previous 14, then `from` 32: in round `r` the current ones hold when `r >= from`, else the previous ones.
/// A lane keeps weight + 1, so that 0 says: not on the roster.
///
/// This freezes a round's roster at its first commit: every change is written with `from` one after the open round.
type WeightWord is uint256;

using Weights for WeightWord global;

/// @title Eight seats' weights in one word
library Weights {
    uint256 private constant LANE = 28;
    uint256 private constant PREVIOUS = 14;
    uint256 private constant FROM = 224;
    uint256 private constant MASK = 0x3FFF;
    /// @dev MASK in each of the eight lanes.
    uint256 private constant CURRENT = 0x3FFF_0003FFF_0003FFF_0003FFF_0003FFF_0003FFF_0003FFF_0003FFF;

    /// @param lane seat mod 8
    function read(WeightWord word, uint256 lane, uint256 round) internal pure returns (bool member, uint16 weight) {
        unchecked {
            uint256 raw = WeightWord.unwrap(word);
            uint256 value = (raw >> (lane * LANE + (round < raw >> FROM ? PREVIOUS : 0))) & MASK;
            return (value != 0, value == 0 ? 0 : uint16(value - 1));
        }
    }

    /// @dev The lanes that hold from the next opening.
    function current(WeightWord word) internal pure returns (uint256 lanes) {
        return WeightWord.unwrap(word) & CURRENT;
    }

    /// @dev `lanes` with a member of this weight in one lane.
    function withMember(uint256 lanes, uint256 lane, uint256 weight) internal pure returns (uint256) {
        unchecked {
            return withoutMember(lanes, lane) | ((weight + 1) << (lane * LANE));
        }
    }

    function withoutMember(uint256 lanes, uint256 lane) internal pure returns (uint256) {
        unchecked {
            return lanes & ~(MASK << (lane * LANE));
        }
    }

    /// @dev Puts `lanes` in force from round `from`; what was in force before it stays for the round still open.
    function changed(WeightWord word, uint256 lanes, uint256 from) internal pure returns (WeightWord) {
        uint256 raw = WeightWord.unwrap(word);
        if (raw >> FROM == from) return WeightWord.wrap((raw & ~CURRENT) | lanes);
        return WeightWord.wrap(((raw & CURRENT) << PREVIOUS) | lanes | (from << FROM));
    }
}
