// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Mixtures} from "../../contracts/libraries/Mixtures.sol";
import {Rule} from "../../contracts/types/Types.sol";

/// @notice How updates are mixed, before it is encoded.
struct Mix {
    uint256 divisor;
    uint256[] factors;
    uint256[] rows;
}

/// @title Choices written, and what follows from them worked out plainly, with nothing of the contracts
library Mixes {
    /// @dev Parts that do not fit their fields are cut to them.
    function encoded(Mix memory mix) internal pure returns (bytes memory choice) {
        choice = abi.encodePacked(uint32(mix.divisor));
        for (uint256 i = 0; i < mix.factors.length; ++i) choice = abi.encodePacked(choice, uint16(mix.factors[i]));
        choice = abi.encodePacked(choice, mix.rows);
    }

    /// @dev Any choice of so many rows over so many updates: a row takes each update or not, factors are small, large or at an end, and
    /// the divisor is what the longest row comes to, or more.
    function random(uint256 seed, uint256 updates, uint256 rows) internal pure returns (Mix memory mix) {
        mix = Mix({divisor: 1, factors: new uint256[](updates), rows: new uint256[](rows)});
        uint256 most = 65_535 / updates;
        for (uint256 i = 0; i < updates; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, "factor", i)));
            mix.factors[i] = [drawn % (most + 1), drawn % (most < 20 ? most + 1 : 20), 0, most][(drawn >> 128) % 4];
        }
        for (uint256 i = 0; i < rows; ++i) {
            mix.rows[i] = uint256(keccak256(abi.encode(seed, "row", i))) & ((1 << updates) - 1);
            uint256 length = lengthOf(mix, i);
            if (length > mix.divisor) mix.divisor = length;
        }
        if (seed % 2 == 0) mix.divisor += seed % (65_537 - mix.divisor);
    }

    /// @dev What the factors of a row come to.
    function lengthOf(Mix memory mix, uint256 row) internal pure returns (uint256 length) {
        for (uint256 i = 0; i < mix.factors.length; ++i) {
            if ((mix.rows[row] >> i) & 1 == 1) length += mix.factors[i];
        }
    }

    /// @dev Every update by itself: what the rule sees is what it sees of plain codes.
    function alone(uint256 updates) internal pure returns (Mix memory mix) {
        mix = Mix({divisor: 1, factors: new uint256[](updates), rows: new uint256[](updates)});
        for (uint256 i = 0; i < updates; ++i) (mix.factors[i], mix.rows[i]) = (1, 1 << i);
    }

    /// @dev The next weight. A value is left out by its rank, which is how many values come before it; of equal ones the first does.
    function next(Mix memory mix, Rule rule, int8[] memory codes, int32 weight, uint256 shift) internal pure returns (int32) {
        int256[] memory values = new int256[](mix.rows.length);
        for (uint256 i = 0; i < values.length; ++i) {
            for (uint256 j = 0; j < codes.length; ++j) {
                if ((mix.rows[i] >> j) & 1 == 1) values[i] += int256(mix.factors[j]) * codes[j];
            }
        }
        uint256 n = values.length;
        uint256 cut = [0, n >= 5 ? n / 4 : 0, (n - 1) / 2, (n - 1) / 3][uint256(rule)];
        (int256 sum, int256 count) = (0, 0);
        for (uint256 i = 0; i < n; ++i) {
            uint256 rank = 0;
            for (uint256 j = 0; j < n; ++j) if (values[j] < values[i] || (values[j] == values[i] && j < i)) ++rank;
            if (rank >= cut && rank < n - cut) (sum, count) = (sum + values[i], count + 1);
        }
        int256 moved = int256(weight) + (sum * int256(2 ** shift)) / (count * int256(mix.divisor));
        if (moved > type(int32).max) return type(int32).max;
        return moved < type(int32).min ? type(int32).min : int32(moved);
    }
}

/// @dev The library reads calldata, so it is asked by calls.
contract Mixer {
    function isWellFormed(bytes calldata choice, uint256 updates) external pure returns (bool) {
        return Mixtures.isWellFormed(choice, updates);
    }

    function mixed(bytes calldata choice, int8[] calldata codes) external pure returns (int256[] memory) {
        return Mixtures.mixed(choice, codes);
    }

    function next(
        Rule rule,
        bytes calldata choice,
        int8[] calldata codes,
        int32 weight,
        uint8 fractionBits,
        int8 exponent
    ) external pure returns (int32) {
        int256[] memory values = Mixtures.mixed(choice, codes);
        return Aggregation.nextMixed(rule, values, Mixtures.divisor(choice), weight, fractionBits, exponent);
    }
}
