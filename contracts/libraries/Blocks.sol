// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "./Aggregation.sol";

/// @title Reading leaves of the model, columns and update trees
/// @dev See docs/specification.md, section 3. Callers have checked the leaves' lengths.
library Blocks {
    uint256 internal constant BLOCK = Aggregation.BLOCK;
    /// @dev An exponent and 256 weights of four bytes.
    uint256 internal constant MODEL_LEAF = 1_025;
    /// @dev Codes of four blocks.
    uint256 internal constant UPDATE_LEAF = 1_024;

    bytes1 private constant NO_CODE = 0x80;

    /// @notice Blocks of a model, which are the leaves of its tree and of the columns'.
    function count(uint64 dimension) internal pure returns (uint256) {
        return (uint256(dimension) + BLOCK - 1) / BLOCK;
    }

    /// @notice Leaves of an update: the header and the codes.
    function updateLeaves(uint64 dimension) internal pure returns (uint256) {
        return 1 + (uint256(dimension) + UPDATE_LEAF - 1) / UPDATE_LEAF;
    }

    /// @notice How many of `width` coordinates from `index * width` on are real, not padding.
    function real(uint64 dimension, uint256 index, uint256 width) internal pure returns (uint256) {
        uint256 left = uint256(dimension) - index * width;
        return left < width ? left : width;
    }

    // ------------------------------------------------------------------------------------------------ a block's leaves

    /// @notice One coordinate's codes, one an included update.
    function column(bytes calldata columns, uint256 updates, uint256 offset) internal pure returns (int8[] memory codes) {
        codes = new int8[](updates);
        for (uint256 row = 0; row < updates; ++row) codes[row] = int8(uint8(columns[row * BLOCK + offset]));
    }

    /// @notice Sum of squared codes of the first `coordinates`, one an included update.
    function squares(bytes calldata columns, uint256 updates, uint256 coordinates) internal pure returns (uint256[] memory sums) {
        sums = new uint256[](updates);
        unchecked {
            for (uint256 row = 0; row < updates; ++row) {
                uint256 sum = 0;
                for (uint256 start = 0; start < coordinates; start += 32) {
                    uint256 word = uint256(bytes32(columns[row * BLOCK + start:row * BLOCK + start + 32]));
                    if (coordinates - start < 32) word &= ~(type(uint256).max >> ((coordinates - start) * 8));
                    for (; word != 0; word <<= 8) {
                        int256 code = int256(word) >> 248;
                        sum += uint256(code * code);
                    }
                }
                sums[row] = sum;
            }
        }
    }

    function exponent(bytes calldata model) internal pure returns (int8) {
        return int8(uint8(model[0]));
    }

    function weight(bytes calldata model, uint256 offset) internal pure returns (int32) {
        return int32(uint32(bytes4(model[1 + 4 * offset:5 + 4 * offset])));
    }

    // ------------------------------------------------------------------------------------------------ an update's leaves

    /// @notice Whether a leaf of codes is as a canonical update has it: no -128, and zeros behind the last coordinate.
    function isCanonical(bytes calldata codes, uint256 coordinates) internal pure returns (bool) {
        if (codes.length != UPDATE_LEAF) return false;
        unchecked {
            for (uint256 i = 0; i < UPDATE_LEAF; ++i) {
                if (codes[i] == NO_CODE || (i >= coordinates && codes[i] != 0)) return false;
            }
        }
        return true;
    }
}
