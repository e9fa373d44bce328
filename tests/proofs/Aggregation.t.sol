// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Rule} from "../../contracts/types/Types.sol";
import {Proof} from "./Proof.sol";

/// @dev The codes are counted in a histogram, whose index must be concrete here: so the weight is symbolic, the codes are not.
contract AggregationProofs is Proof {
    int256 private constant TOP = 2 ** 31 - 1;
    int256 private constant BOTTOM = -(2 ** 31);

    function _next(int8 a, int8 b, int8 c, int32 weight, uint8 fractionBits, int8 exponent) private pure returns (int256) {
        int8[] memory codes = new int8[](3);
        (codes[0], codes[1], codes[2]) = (a, b, c);
        return Aggregation.next(Rule.Mean, codes, weight, fractionBits, exponent);
    }

    /// @dev Whether a third of `dividend` was added: the quotient toward zero leaves a rest smaller than 3 and of the dividend's
    /// sign, except where the clamp acted, and there an unclamped step would have gone at least as far.
    function _isStep(int256 next, int256 weight, int256 dividend) private pure returns (bool) {
        int256 rest = dividend - 3 * (next - weight);
        if (next == TOP && rest >= 0) return true;
        if (next == BOTTOM && rest <= 0) return true;
        return dividend >= 0 ? (0 <= rest && rest < 3) : (-3 < rest && rest <= 0);
    }

    function check_stepWithoutRestIsExact(int32 weight) external pure {
        assert(_isStep(_next(1, 2, -6, weight, 4, 0), weight, -3 * 16));
    }

    function check_positiveStepWithARestOfOneIsTruncated(int32 weight) external pure {
        assert(_isStep(_next(7, 100, -100, weight, 0, 0), weight, 7));
    }

    function check_positiveStepWithARestOfTwoIsTruncated(int32 weight) external pure {
        assert(_isStep(_next(5, 127, -127, weight, 0, 0), weight, 5));
    }

    /// @dev Where truncation and rounding down part.
    function check_negativeStepWithARestOfOneIsTruncated(int32 weight) external pure {
        assert(_isStep(_next(-7, 100, -100, weight, 0, 0), weight, -7));
    }

    function check_negativeStepWithARestOfTwoIsTruncated(int32 weight) external pure {
        assert(_isStep(_next(-5, 127, -127, weight, 0, 0), weight, -5));
    }

    /// @dev The largest sums at a scale of 2^20 reach a fifteenth of the range.
    function check_largeStepUpIsTruncatedOrClamped(int32 weight) external pure {
        assert(_isStep(_next(127, 127, 126, weight, 24, 4), weight, 380 * 2 ** 20));
    }

    function check_largeStepDownIsTruncatedOrClamped(int32 weight) external pure {
        assert(_isStep(_next(-127, -127, -126, weight, 16, -4), weight, -380 * 2 ** 20));
    }

    /// @dev The widest scale there is, 2^32: no step stays in the range.
    function check_widestStepIsClamped(int32 weight) external pure {
        int256 next = _next(-1, 2, 2, weight, 24, -8);
        assert(next == TOP && _isStep(next, weight, 3 * 2 ** 32));
    }

    /// @dev The next exponent is the highest step for which four times the root mean square stay in the int8 range.
    function check_exponentMovesAsFarAsTheRangeAllows(
        uint24 square,
        uint16 coordinates,
        int8 exponent,
        int8 lowest,
        int8 highest
    ) external pure {
        given(square != 0 && coordinates != 0 && coordinates <= 256);
        given(lowest <= exponent && exponent <= highest && lowest >= -64 && highest <= 64);
        uint256[] memory squares = new uint256[](1);
        squares[0] = square;
        int256 moved = int256(Aggregation.nextExponent(squares, coordinates, exponent, lowest, highest)) - exponent;
        assert(moved >= -2 && moved <= 2 && exponent + moved >= lowest && exponent + moved <= highest);
        // 16 * square * 4^step <= 127^2 * coordinates, times 16 so that steps down are whole
        uint256 room = 16 * 16_129 * uint256(coordinates);
        if (moved > -2 && exponent + moved > lowest) assert(16 * uint256(square) * (1 << uint256(2 * (moved + 2))) <= room);
        if (moved < 2 && exponent + moved < highest) assert(16 * uint256(square) * (1 << uint256(2 * (moved + 3))) > room);
    }

    function check_updatesOfZerosKeepTheExponent(uint16 coordinates, int8 exponent, int8 lowest, int8 highest) external pure {
        given(lowest <= exponent && exponent <= highest);
        assert(Aggregation.nextExponent(new uint256[](3), coordinates, exponent, lowest, highest) == exponent);
    }
}
