// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Bitmap} from "../../contracts/libraries/Bitmap.sol";
import {Proof} from "./Proof.sol";

/// @dev The count of a word is the sum of its halves', down to 32 bits, which are summed one by one: so it is that of its bits.
contract BitmapProofs is Proof {
    function check_countIsTheSumOfItsHalves(uint256 word) external pure {
        unchecked {
            assert(Bitmap.count(word) == Bitmap.count(word >> 128) + Bitmap.count(uint128(word)));
        }
    }

    function check_countOf128BitsIsTheSumOfItsHalves(uint128 word) external pure {
        unchecked {
            assert(Bitmap.count(word) == Bitmap.count(word >> 64) + Bitmap.count(uint64(word)));
        }
    }

    function check_countOf64BitsIsTheSumOfItsHalves(uint64 word) external pure {
        unchecked {
            assert(Bitmap.count(word) == Bitmap.count(word >> 32) + Bitmap.count(uint32(word)));
        }
    }

    function check_countOf32BitsIsTheSumOfItsBits(uint32 word) external pure {
        unchecked {
            uint256 sum = 0;
            for (uint256 i = 0; i < 32; ++i) sum += (word >> i) & 1;
            assert(Bitmap.count(word) == sum);
        }
    }

    function check_lowestOfAnyWord(uint256 word, uint8 seat) external pure {
        uint256 bit = uint256(1) << seat;
        given(word & bit != 0 && word & (bit - 1) == 0);
        assert(Bitmap.lowest(word) == seat);
    }
}
