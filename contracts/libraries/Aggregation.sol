// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Rule} from "../types/Types.sol";

/// @title One coordinate's step and one block's next exponent, exactly
/// @dev Integers only; division truncates toward zero, as SDIV does. See docs/specification.md, section 5. Nothing is sorted: codes
/// have 256 values, so their order is a histogram; and a median is below a bound where more than half of the values are. Mixtures of
/// codes have more values than a histogram can count, and are sorted.
library Aggregation {
    error NoCodes();

    uint256 internal constant BLOCK = 256;
    /// @dev The histogram's middle: where code 0 is counted.
    uint256 private constant ZERO = 128;

    /// @notice A model's integer after a step: `clamp(weight + (a * 2^(F - e)) / b)`, where a / b is what the rule makes of the codes.
    /// @param codes of every included update, at most 255
    /// @param fractionBits F; @param exponent e of the coordinate's block, at most F
    function next(Rule rule, int8[] memory codes, int32 weight, uint8 fractionBits, int8 exponent) internal pure returns (int32) {
        (int256 a, int256 b) = fraction(rule, codes);
        return _stepped(a, b, weight, fractionBits, exponent);
    }

    /// @notice The same, where the rule sees mixtures of the codes.
    /// @param values of every mixture, times `divisor`; their order is lost
    function nextMixed(
        Rule rule,
        int256[] memory values,
        uint256 divisor,
        int32 weight,
        uint8 fractionBits,
        int8 exponent
    ) internal pure returns (int32) {
        uint256 cut = _cut(rule, values.length);
        int256 b = int256((values.length - 2 * cut) * divisor);
        return _stepped(_sumBetween(values, cut), b, weight, fractionBits, exponent);
    }

    /// @notice What the rule makes of the codes, as a fraction a / b.
    function fraction(Rule rule, int8[] memory codes) internal pure returns (int256 a, int256 b) {
        uint256 n = codes.length;
        if (n == 0) revert NoCodes();
        uint256 cut = _cut(rule, n);
        return (_sumWithout(codes, cut), int256(n - 2 * cut));
    }

    /// @notice The exponent of a block after a round.
    /// @param squares one sum of the block's squared codes an included update
    /// @param coordinates real coordinates of the block, 256 but in the last
    function nextExponent(
        uint256[] memory squares,
        uint256 coordinates,
        int8 exponent,
        int8 lowest,
        int8 highest
    ) internal pure returns (int8) {
        if (squares.length == 0) revert NoCodes();
        if (_medianIsAtMost(squares, 0)) return exponent;
        // 16 * S * 4^delta <= 127^2 * c: four times the root mean square fill the int8 range. A whole S is at most a fraction where
        // it is at most what is whole of it.
        uint256 room = 127 * 127 * coordinates;
        int256 moved = int256(exponent) - 2;
        if (_medianIsAtMost(squares, room / 4)) ++moved;
        if (_medianIsAtMost(squares, room / 16)) ++moved;
        if (_medianIsAtMost(squares, room / 64)) ++moved;
        if (_medianIsAtMost(squares, room / 256)) ++moved;
        if (moved < lowest) return lowest;
        if (moved > highest) return highest;
        return int8(moved);
    }

    /// @dev How many of `n` values are left out at each end of their order.
    function _cut(Rule rule, uint256 n) private pure returns (uint256) {
        if (rule == Rule.TrimmedMean) return n < 5 ? 0 : n / 4;
        if (rule == Rule.TrimmedThird) return (n - 1) / 3;
        // The median is what is left when all but the middle one or two are cut.
        return rule == Rule.Median ? (n - 1) / 2 : 0;
    }

    function _stepped(int256 a, int256 b, int32 weight, uint8 fractionBits, int8 exponent) private pure returns (int32) {
        uint256 shift = uint256(int256(uint256(fractionBits)) - exponent);
        int256 moved = int256(weight) + (a * int256(1 << shift)) / b;
        if (moved > type(int32).max) return type(int32).max;
        if (moved < type(int32).min) return type(int32).min;
        return int32(moved);
    }

    /// @dev Sum of the codes without the `cut` lowest and the `cut` highest.
    function _sumWithout(int8[] memory codes, uint256 cut) private pure returns (int256 sum) {
        unchecked {
            uint256[256] memory counts;
            for (uint256 i = 0; i < codes.length; ++i) {
                sum += codes[i];
                ++counts[uint256(int256(codes[i]) + int256(ZERO))];
            }
            uint256 left = cut;
            for (uint256 low = 0; left != 0; ++low) {
                uint256 gone = counts[low] < left ? counts[low] : left;
                left -= gone;
                sum -= (int256(low) - int256(ZERO)) * int256(gone);
            }
            left = cut;
            for (uint256 high = 255; left != 0; --high) {
                uint256 gone = counts[high] < left ? counts[high] : left;
                left -= gone;
                sum -= (int256(high) - int256(ZERO)) * int256(gone);
            }
        }
    }

    /// @dev The same of any values. Sorted runs of one, two, four and so on are merged: no order is dear, and nothing recurses.
    function _sumBetween(int256[] memory values, uint256 cut) private pure returns (int256 sum) {
        unchecked {
            uint256 n = values.length;
            int256[] memory merged = new int256[](n);
            for (uint256 run = 1; cut != 0 && run < n; run *= 2) {
                for (uint256 at = 0; at < n;) {
                    (uint256 low, uint256 middle) = (at, at + run < n ? at + run : n);
                    uint256 high = middle;
                    uint256 end = middle + run < n ? middle + run : n;
                    for (; at < end; ++at) {
                        bool isLow = high == end || (low < middle && values[low] <= values[high]);
                        merged[at] = values[isLow ? low : high];
                        if (isLow) ++low;
                        else ++high;
                    }
                }
                (values, merged) = (merged, values);
            }
            for (uint256 i = cut; i < n - cut; ++i) sum += values[i];
        }
    }

    /// @dev Of the lower median, index (n - 1) / 2 of the sorted values.
    function _medianIsAtMost(uint256[] memory values, uint256 bound) private pure returns (bool) {
        unchecked {
            uint256 atMost = 0;
            for (uint256 i = 0; i < values.length; ++i) {
                if (values[i] <= bound) ++atMost;
            }
            return atMost > (values.length - 1) / 2;
        }
    }
}
