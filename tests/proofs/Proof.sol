// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

interface Assuming {
    function assume(bool condition) external pure;
}

/// @title What symbolic proofs share
/// @dev Halmos runs every `check_` function once for all values of its arguments that `given` lets pass, and reports values for
/// which an `assert` fails. Each statement is written without the library's own constants, so that a wrong one is seen.
abstract contract Proof {
    Assuming private constant VM = Assuming(address(uint160(uint256(keccak256("hevm cheat code")))));

    function given(bool condition) internal pure {
        VM.assume(condition);
    }

    /// @dev Whether two words are the same outside `width` bits from bit `low` on.
    function sameBut(uint256 one, uint256 other, uint256 low, uint256 width) internal pure returns (bool) {
        return (one ^ other) & ~(((1 << width) - 1) << low) == 0;
    }

    /// @dev `width` bits of a word from bit `low` on.
    function bits(uint256 word, uint256 low, uint256 width) internal pure returns (uint256) {
        return (word >> low) & ((1 << width) - 1);
    }
}
