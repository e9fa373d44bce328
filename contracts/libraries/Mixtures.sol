// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Reading how a round's updates were mixed
/// @dev See docs/specification.md, section 5. Of n updates, in the order of their nodes' addresses:
/// divisor (4 bytes) · n factors (2 bytes each) · rows (32 bytes each): bitmaps of the updates a row takes.
/// A row's value of a coordinate is the sum of factor times code over the updates it takes, divided by the divisor.
library Mixtures {
    uint256 private constant DIVISOR = 4;
    uint256 private constant FACTOR = 2;
    uint256 private constant ROW = 32;
    uint256 private constant DIVISOR_MAX = 2 ** 16;
    /// @dev Subsets of four updates.
    uint256 private constant SUBSETS = 16;

    /// @notice Whether a choice has one to `updates` rows, which take none but these updates, and a divisor of 1 to 65,536; and
    /// whether the factors of a row come to no more than the divisor: so no mixture is longer than the longest update in it.
    function isWellFormed(bytes calldata choice, uint256 updates) internal pure returns (bool) {
        unchecked {
            uint256 start = DIVISOR + FACTOR * updates;
            if (choice.length <= start || (choice.length - start) % ROW != 0) return false;
            uint256 rows = (choice.length - start) / ROW;
            uint256 divisor_ = divisor(choice);
            if (rows > updates || divisor_ == 0 || divisor_ > DIVISOR_MAX) return false;
            for (; start < choice.length; start += ROW) {
                if (uint256(bytes32(choice[start:start + ROW])) >> updates != 0) return false;
            }
            int8[] memory ones = new int8[](updates);
            for (uint256 i = 0; i < updates; ++i) ones[i] = 1;
            int256[] memory lengths = mixed(choice, ones);
            for (uint256 row = 0; row < rows; ++row) {
                if (lengths[row] > int256(divisor_)) return false;
            }
            return true;
        }
    }

    function divisor(bytes calldata choice) internal pure returns (uint256) {
        return uint32(bytes4(choice[:DIVISOR]));
    }

    /// @notice The rows' values of a coordinate, times the divisor.
    /// @param choice well-formed for as many updates as there are codes
    /// @param codes of the coordinate; their mixtures stay below 255 * 65,535 * 127 < 2^31
    function mixed(bytes calldata choice, int8[] memory codes) internal pure returns (int256[] memory values) {
        unchecked {
            uint256 updates = codes.length;
            // Of every four updates the sums of all their subsets, so that a row is read four bits at a time.
            int256[] memory sums = new int256[](SUBSETS * ((updates + 3) / 4));
            for (uint256 i = 0; i < updates; ++i) {
                uint256 at = DIVISOR + FACTOR * i;
                int256 weighed = int256(codes[i]) * int256(uint256(uint16(bytes2(choice[at:at + FACTOR]))));
                uint256 from = SUBSETS * (i / 4);
                uint256 count = 1 << (i % 4);
                for (uint256 j = from; j < from + count; ++j) sums[j + count] = sums[j] + weighed;
            }
            uint256 start = DIVISOR + FACTOR * updates;
            values = new int256[]((choice.length - start) / ROW);
            for (uint256 row = 0; row < values.length; ++row) {
                uint256 takes = uint256(bytes32(choice[start:start + ROW]));
                int256 value = 0;
                for (uint256 from = 0; takes != 0; from += SUBSETS) {
                    value += sums[from + (takes % SUBSETS)];
                    takes /= SUBSETS;
                }
                values[row] = value;
                start += ROW;
            }
        }
    }
}
