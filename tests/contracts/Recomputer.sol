// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Blocks} from "../../contracts/libraries/Blocks.sol";
import {Rule} from "../../contracts/types/Types.sol";

/// @title The disputes' arithmetic, for many rounds in one call
contract Recomputer {
    uint256 private constant FIXED = 8;
    uint256 private constant PICKED = 3;

    /// @param rounds one after another: rule 1 · updates 1 · F 1 · exponent 1 · lowest 1 · highest 1 · coordinates 2 · three
    /// coordinates, each offset 1 · weight 4 · the block's columns, 256 codes an update
    /// @return results of each round: three weights of 4 bytes, the next exponent
    function recompute(bytes calldata rounds) external pure returns (bytes memory results) {
        while (rounds.length != 0) {
            uint256 updates = uint8(rounds[1]);
            uint256 start = FIXED + 5 * PICKED;
            bytes calldata columns = rounds[start:start + updates * Blocks.BLOCK];
            bytes memory weights;
            for (uint256 i = FIXED; i < start; i += 5) {
                int32 next = Aggregation.next(
                    Rule(uint8(rounds[0])),
                    Blocks.column(columns, updates, uint8(rounds[i])),
                    int32(uint32(bytes4(rounds[i + 1:i + 5]))),
                    uint8(rounds[2]),
                    int8(uint8(rounds[3]))
                );
                weights = abi.encodePacked(weights, next);
            }
            results = abi.encodePacked(results, weights, _nextExponent(rounds, columns, updates));
            rounds = rounds[start + updates * Blocks.BLOCK:];
        }
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
