// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Rule} from "../types/Types.sol";

/// @title One coordinate's step and one block's next exponent, exactly
/// @dev Integers only; division truncates toward zero, as SDIV does. See docs/specification.md, section 5.
library Aggregation {
    error NoCodes();

    uint256 internal constant BLOCK = 256;

    /// @notice A model's integer after a step: `clamp(weight + (a * 2^(F - e)) / b)`, where a / b is what the rule makes of the codes.
    /// @param codes of every included update; sorted in place
    /// @param fractionBits F; @param exponent e of the coordinate's block, at most F
    function next(Rule rule, int8[] memory codes, int32 weight, uint8 fractionBits, int8 exponent) internal pure returns (int32) {
        (int256 a, int256 b) = fraction(rule, codes);
        uint256 shift = uint256(int256(uint256(fractionBits)) - exponent);
        int256 moved = int256(weight) + (a * int256(1 << shift)) / b;
        if (moved > type(int32).max) return type(int32).max;
        if (moved < type(int32).min) return type(int32).min;
        return int32(moved);
    }

    /// @notice What the rule makes of the codes, as a fraction a / b.
    function fraction(Rule rule, int8[] memory codes) internal pure returns (int256 a, int256 b) {
        uint256 n = codes.length;
        if (n == 0) revert NoCodes();
        uint256 cut = 0;
        if (rule == Rule.TrimmedMean && n >= 5) cut = n / 4;
        else if (rule == Rule.Median) cut = (n - 1) / 2;
        // The median is what is left when all but the middle one or two are cut.
        if (cut != 0) _sort(codes);
        for (uint256 i = cut; i < n - cut; ++i) a += codes[i];
        b = int256(n - 2 * cut);
    }

    /// @notice The exponent of a block after a round.
    /// @param squares one sum of the block's squared codes an included update; sorted in place
    /// @param coordinates real coordinates of the block, 256 but in the last
    function nextExponent(
        uint256[] memory squares,
        uint256 coordinates,
        int8 exponent,
        int8 lowest,
        int8 highest
    ) internal pure returns (int8) {
        if (squares.length == 0) revert NoCodes();
        _sort(squares);
        uint256 median = squares[(squares.length - 1) / 2];
        if (median == 0) return exponent;
        // 16 * S * 4^delta <= 127^2 * c: four times the root mean square fill the int8 range.
        uint256 room = 127 * 127 * coordinates;
        int256 delta = -2;
        if (256 * median <= room) delta = 2;
        else if (64 * median <= room) delta = 1;
        else if (16 * median <= room) delta = 0;
        else if (16 * median <= 4 * room) delta = -1;
        int256 moved = int256(exponent) + delta;
        if (moved < lowest) return lowest;
        if (moved > highest) return highest;
        return int8(moved);
    }

    function _sort(int8[] memory values) private pure {
        for (uint256 i = 1; i < values.length; ++i) {
            int8 value = values[i];
            uint256 j = i;
            for (; j > 0 && values[j - 1] > value; --j) values[j] = values[j - 1];
            values[j] = value;
        }
    }

    function _sort(uint256[] memory values) private pure {
        for (uint256 i = 1; i < values.length; ++i) {
            uint256 value = values[i];
            uint256 j = i;
            for (; j > 0 && values[j - 1] > value; --j) values[j] = values[j - 1];
            values[j] = value;
        }
    }
}
