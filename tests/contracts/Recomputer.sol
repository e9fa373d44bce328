// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Blocks} from "../../contracts/libraries/Blocks.sol";
import {Mixtures} from "../../contracts/libraries/Mixtures.sol";
import {Rule} from "../../contracts/types/Types.sol";

/// @title The disputes' arithmetic, for many rounds in one call
contract Recomputer {
    struct Place {
        Rule rule;
        uint8 fractionBits;
        int8 exponent;
        int32 weight;
    }

    error Malformed();

    uint256 private constant FIXED = 10;
    uint256 private constant PICKED = 3;
    /// @dev Where the choice begins.
    uint256 private constant CHOICE = FIXED + 5 * PICKED;

    /// @param rounds one after another: rule 1 · updates 1 · F 1 · exponent 1 · lowest 1 · highest 1 · coordinates 2 · bytes of the
    /// choice 2 · three coordinates, each offset 1 · weight 4 · the choice, none where nothing is mixed · the block's columns, 256 codes
    /// an update
    /// @return results of each round: three weights of 4 bytes, the next exponent
    function recompute(bytes calldata rounds) external pure returns (bytes memory results) {
        while (rounds.length != 0) {
            uint256 updates = uint8(rounds[1]);
            uint256 start = CHOICE + uint16(bytes2(rounds[8:FIXED]));
            if (start != CHOICE && !Mixtures.isWellFormed(rounds[CHOICE:start], updates)) revert Malformed();
            bytes calldata columns = rounds[start:start + updates * Blocks.BLOCK];
            results = abi.encodePacked(results, _weights(rounds, start, columns), _nextExponent(rounds, columns, updates));
            rounds = rounds[start + updates * Blocks.BLOCK:];
        }
    }

    function _weights(bytes calldata round, uint256 end, bytes calldata columns) private pure returns (bytes memory weights) {
        for (uint256 i = FIXED; i < CHOICE; i += 5) {
            int8[] memory codes = Blocks.column(columns, uint8(round[1]), uint8(round[i]));
            weights = abi.encodePacked(weights, _next(_place(round, i), round[CHOICE:end], codes));
        }
    }

    function _next(Place memory place, bytes calldata choice, int8[] memory codes) private pure returns (int32) {
        if (choice.length == 0) return Aggregation.next(place.rule, codes, place.weight, place.fractionBits, place.exponent);
        int256[] memory values = Mixtures.mixed(choice, codes);
        uint256 divisor = Mixtures.divisor(choice);
        return Aggregation.nextMixed(place.rule, values, divisor, place.weight, place.fractionBits, place.exponent);
    }

    function _place(bytes calldata round, uint256 at) private pure returns (Place memory place) {
        (place.rule, place.fractionBits, place.exponent) = (Rule(uint8(round[0])), uint8(round[2]), int8(uint8(round[3])));
        place.weight = int32(uint32(bytes4(round[at + 1:at + 5])));
    }

    function _nextExponent(bytes calldata round, bytes calldata columns, uint256 updates) private pure returns (int8) {
        uint256 coordinates = uint16(bytes2(round[6:8]));
        return
            Aggregation.nextExponent(
                Blocks.squares(columns, updates, coordinates),
                coordinates,
                int8(uint8(round[3])),
                int8(uint8(round[4])),
                int8(uint8(round[5]))
            );
    }
}
