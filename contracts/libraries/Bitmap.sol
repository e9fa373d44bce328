// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Sets of seats, a bit each
library Bitmap {
    /// @dev Sums the bits of pairs, nibbles and bytes side by side, then all bytes.
    function count(uint256 bits) internal pure returns (uint256) {
        unchecked {
            bits -= (bits >> 1) & (type(uint256).max / 3);
            bits = (bits & (type(uint256).max / 5)) + ((bits >> 2) & (type(uint256).max / 5));
            bits = (bits + (bits >> 4)) & (type(uint256).max / 17);
            // 256 bits overflow the one byte the product gathers them in, so the halves are summed apart.
            uint256 ones = type(uint256).max / 255;
            return (((bits >> 128) * ones) >> 248) + ((uint256(uint128(bits)) * ones) >> 248);
        }
    }

    /// @param bits not zero
    function lowest(uint256 bits) internal pure returns (uint8) {
        unchecked {
            return uint8(count((bits & (~bits + 1)) - 1));
        }
    }
}
