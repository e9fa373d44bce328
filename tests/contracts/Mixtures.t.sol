// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Rule} from "../../contracts/types/Types.sol";
import {Mix, Mixer, Mixes} from "./Mixer.sol";
import {Swarm} from "./Swarm.sol";

/// @title What a choice says, and what follows from it
contract MixturesTest is Swarm {
    using Mixes for Mix;

    uint256 private constant ALL = type(uint256).max;
    Mixer private _mixer = new Mixer();

    function setUp() public override {}

    // ------------------------------------------------------------------------------------------------ well-formed

    /// @dev Of three updates ten bytes come before the rows, of which there are one to three.
    function test_a_choice_has_whole_rows_one_at_least_and_no_more_than_updates() public view {
        for (uint256 length = 0; length < 300; ++length) {
            bytes memory choice = new bytes(length);
            if (length > 3) choice[3] = 0x01;
            bool expected = length == 10 + 32 || length == 10 + 64 || length == 10 + 96;
            assertTrue(_mixer.isWellFormed(choice, 3) == expected, vm.toString(length));
        }
    }

    function test_a_choice_of_no_updates_there_is_not() public view {
        for (uint256 length = 0; length < 80; ++length) {
            bytes memory choice = new bytes(length);
            if (length > 3) choice[3] = 0x01;
            assertTrue(!_mixer.isWellFormed(choice, 0), vm.toString(length));
        }
    }

    function test_a_divisor_is_1_to_65536() public view {
        Mix memory mix = Mixes.alone(2);
        uint256[6] memory divisors = [uint256(1), 65_535, 65_536, 0, 65_537, type(uint32).max];
        for (uint256 i = 0; i < 6; ++i) {
            mix.divisor = divisors[i];
            assertTrue(_mixer.isWellFormed(mix.encoded(), 2) == (i < 3), vm.toString(divisors[i]));
        }
    }

    /// @dev A row may take none, and any; in every row a bit behind the updates is one too many.
    function test_a_row_takes_none_but_the_updates() public view {
        for (uint256 row = 0; row < 3; ++row) {
            for (uint256 bit = 0; bit < 256; ++bit) {
                Mix memory mix = Mixes.alone(3);
                mix.divisor = 3;
                mix.rows[row] = 1 << bit;
                assertTrue(_mixer.isWellFormed(mix.encoded(), 3) == (bit < 3), vm.toString(bit));
            }
            Mix memory none = Mixes.alone(3);
            (none.divisor, none.rows[row]) = (3, 0);
            assertTrue(_mixer.isWellFormed(none.encoded(), 3), "none");
            none.rows[row] = 0x7;
            assertTrue(_mixer.isWellFormed(none.encoded(), 3), "all");
        }
    }

    function test_the_largest_choice_is_well_formed() public view {
        Mix memory mix = Mixes.alone(255);
        mix.divisor = 65_536;
        for (uint256 i = 0; i < 255; ++i) (mix.factors[i], mix.rows[i]) = (257, ALL >> 1);
        assertTrue(_mixer.isWellFormed(mix.encoded(), 255), "the largest");
        assertTrue(!_mixer.isWellFormed(abi.encodePacked(mix.encoded(), bytes32(0)), 255), "a row more");
        mix.rows[254] = 1 << 255;
        assertTrue(!_mixer.isWellFormed(mix.encoded(), 255), "a bit more");
    }

    /// @dev Else a mixture could be longer than every update in it, and move a weight by as much as two thirds of the swarm like.
    function test_what_the_factors_of_a_row_come_to_is_no_more_than_the_divisor() public view {
        for (uint256 row = 0; row < 4; ++row) {
            Mix memory mix = Mixes.alone(4);
            (mix.factors[0], mix.factors[2], mix.factors[3]) = (65_000, 500, 36);
            mix.rows[row] = 0xD;
            for (uint256 i = 0; i < 4; ++i) if (i != row) mix.rows[i] = 0x2;
            mix.divisor = 65_536;
            assertTrue(_mixer.isWellFormed(mix.encoded(), 4), "as much");
            mix.divisor = 65_535;
            assertTrue(!_mixer.isWellFormed(mix.encoded(), 4), "one more");
            mix.rows[row] = 0x9;
            assertTrue(_mixer.isWellFormed(mix.encoded(), 4), "what it does not take does not count");
        }
    }

    function testFuzz_a_random_choice_is_well_formed_until_its_divisor_is_less_than_a_row(uint256 seed) public view {
        uint256 updates = 1 + ((seed >> 8) % 12);
        Mix memory mix = Mixes.random(seed, updates, 1 + ((seed >> 16) % updates));
        assertTrue(_mixer.isWellFormed(mix.encoded(), updates), "well-formed");
        uint256 longest = 0;
        for (uint256 row = 0; row < mix.rows.length; ++row) if (mix.lengthOf(row) > longest) longest = mix.lengthOf(row);
        mix.divisor = longest;
        assertTrue(_mixer.isWellFormed(mix.encoded(), updates) == (longest != 0), "the least");
        if (longest < 2) return;
        --mix.divisor;
        assertTrue(!_mixer.isWellFormed(mix.encoded(), updates), "less");
    }

    /// @dev The smallest: one update, one row.
    function test_an_update_may_be_alone() public view {
        bytes memory choice = Mixes.alone(1).encoded();
        assertEq(choice.length, 4 + 2 + 32, "length");
        assertTrue(_mixer.isWellFormed(choice, 1), "alone");
        assertTrue(!_mixer.isWellFormed(choice, 2), "of two");
    }

    // ------------------------------------------------------------------------------------------------ mixtures

    function test_a_row_s_value_is_the_sum_of_factor_times_code_over_what_it_takes() public view {
        Mix memory mix = Mixes.alone(3);
        (mix.factors[0], mix.factors[1], mix.factors[2]) = (2, 256, 65_535);
        (mix.rows[0], mix.rows[1], mix.rows[2]) = (0x5, 0x2, 0x7);
        int8[] memory codes = new int8[](3);
        (codes[0], codes[1], codes[2]) = (-127, 5, 127);
        int256[] memory values = _mixer.mixed(mix.encoded(), codes);
        assertEq(values.length, 3, "rows");
        assertTrue(values[0] == -254 + 65_535 * 127, "the first and the last");
        assertTrue(values[1] == 1_280, "the middle one");
        assertTrue(values[2] == -254 + 1_280 + 65_535 * 127, "all");
        mix.rows[1] = 0;
        assertTrue(_mixer.mixed(mix.encoded(), codes)[1] == 0, "none");
    }

    function test_the_largest_values_are_exact() public view {
        Mix memory mix = Mixes.random(0, 255, 255);
        for (uint256 i = 0; i < 255; ++i) (mix.factors[i], mix.rows[i]) = (65_535, ALL >> 1);
        for (int8 code = -127; code <= 127 - 1; code += 127) {
            int8[] memory codes = new int8[](255);
            for (uint256 i = 0; i < 255; ++i) codes[i] = code;
            int256[] memory values = _mixer.mixed(mix.encoded(), codes);
            for (uint256 i = 0; i < 255; ++i) assertTrue(values[i] == int256(code) * 65_535 * 255, "a value");
        }
    }

    // ------------------------------------------------------------------------------------------------ steps

    /// @dev Squares, lowest last: which are left out shows in the mean. Ten bits of its fraction are kept.
    function test_every_rule_leaves_out_what_it_says() public pure {
        for (uint256 n = 1; n <= 30; ++n) {
            uint256[4] memory cuts = [0, n < 5 ? 0 : n / 4, (n - 1) / 2, (n - 1) / 3];
            for (uint256 rule = 0; rule < 4; ++rule) {
                int256[] memory values = new int256[](n);
                for (uint256 i = 0; i < n; ++i) values[i] = int256((n - i) ** 2);
                uint256 sum = 0;
                for (uint256 i = 1 + cuts[rule]; i <= n - cuts[rule]; ++i) sum += i ** 2;
                int32 given = Aggregation.nextMixed(Rule(rule), values, 3, 5, 12, 2);
                assertTrue(given == 5 + int32(int256((sum << 10) / (3 * (n - 2 * cuts[rule])))), vm.toString(n));
            }
        }
    }

    /// @dev A third of them: as many as the protocol bears.
    function test_a_trimmed_third_of_codes_is_the_mean_of_the_rest() public pure {
        uint256[12] memory cuts = [uint256(0), 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
        for (uint256 n = 1; n <= 12; ++n) {
            int8[] memory codes = new int8[](n);
            // Squares about zero, every second one from either end.
            for (uint256 i = 0; i < n; ++i) codes[i] = _square(i % 2 == 0 ? i / 2 : n - 1 - i / 2);
            int256 sum = 0;
            for (uint256 i = cuts[n - 1]; i < n - cuts[n - 1]; ++i) sum += _square(i);
            int256 expected = (sum * 1_024) / int256(n - 2 * cuts[n - 1]);
            assertTrue(Aggregation.next(Rule.TrimmedThird, codes, 0, 10, 0) == expected, vm.toString(n));
        }
    }

    function _square(uint256 i) private pure returns (int8) {
        return int8(int256(i ** 2) - 20);
    }

    function test_values_are_sorted_from_any_order() public pure {
        int256[4][6] memory orders = [
            [int256(-9), -1, 2, 50],
            [int256(50), 2, -1, -9],
            [int256(2), -9, 50, -1],
            [int256(-1), 50, -9, 2],
            [int256(50), -9, 2, -1],
            [int256(-9), 2, 50, -1]
        ];
        for (uint256 i = 0; i < 6; ++i) {
            for (uint256 rule = 2; rule < 4; ++rule) {
                int256[] memory values = new int256[](4);
                for (uint256 j = 0; j < 4; ++j) values[j] = orders[i][j];
                // -1 and 2 are the middle ones; of four a third is one.
                assertTrue(Aggregation.nextMixed(Rule(rule), values, 1, 0, 4, 0) == 8, "the middle ones' mean");
            }
        }
    }

    /// @dev Division truncates toward zero, on either side of it.
    function test_halves_are_cut_toward_zero() public pure {
        for (int256 sign = -1; sign <= 1; sign += 2) {
            for (uint256 rule = 0; rule < 4; ++rule) {
                int256[] memory values = new int256[](2);
                values[0] = 3 * sign;
                assertTrue(Aggregation.nextMixed(Rule(rule), values, 1, 7, 0, 0) == 7 + sign, "one and a half");
                (values[0], values[1]) = (3 * sign, 0);
                assertTrue(Aggregation.nextMixed(Rule(rule), values, 2, 7, 0, 0) == 7, "three quarters");
                (values[0], values[1]) = (3 * sign, 0);
                assertTrue(Aggregation.nextMixed(Rule(rule), values, 2, 7, 1, 0) == 7 + sign, "of twice as much");
            }
        }
    }

    function test_a_mixed_step_saturates() public view {
        Mix memory mix = Mixes.alone(3);
        int8[] memory codes = new int8[](3);
        for (int8 code = -1; code <= 1; code += 2) {
            for (uint256 i = 0; i < 3; ++i) codes[i] = code;
            (int32 end, int32 other) = (type(int32).max, type(int32).min);
            if (code < 0) (end, other) = (other, end);
            for (uint256 rule = 0; rule < 4; ++rule) {
                assertTrue(_mixer.next(Rule(rule), mix.encoded(), codes, end - code, 8, 8) == end, "to the end");
                assertTrue(_mixer.next(Rule(rule), mix.encoded(), codes, end, 8, 8) == end, "no further");
                assertTrue(_mixer.next(Rule(rule), mix.encoded(), codes, other, 30, -16) == end, "from the other");
            }
        }
    }

    /// @dev 255 rows of all updates at their highest, by the widest shift: nothing overflows.
    function test_the_largest_step_is_cut_to_the_range() public view {
        Mix memory mix = Mixes.random(0, 255, 255);
        int8[] memory codes = new int8[](255);
        for (uint256 i = 0; i < 255; ++i) (mix.factors[i], mix.rows[i], codes[i]) = (65_535, ALL >> 1, 127);
        assertTrue(_mixer.next(Rule.Mean, mix.encoded(), codes, type(int32).min, 30, -16) == type(int32).max, "up");
        for (uint256 i = 0; i < 255; ++i) codes[i] = -127;
        assertTrue(_mixer.next(Rule.Mean, mix.encoded(), codes, type(int32).max, 30, -16) == type(int32).min, "down");
    }

    /// @dev Updates that stay by themselves are no mixtures.
    function test_of_updates_by_themselves_a_rule_makes_what_it_makes_of_codes(uint256 seed) public view {
        uint256 n = 1 + (seed % 20);
        int8[] memory codes = new int8[](n);
        for (uint256 i = 0; i < n; ++i) codes[i] = int8(int256(uint256(keccak256(abi.encode(seed, i))) % 255) - 127);
        for (uint256 rule = 0; rule < 4; ++rule) {
            int32 given = _mixer.next(Rule(rule), Mixes.alone(n).encoded(), codes, 1_000, 24, 12);
            assertTrue(given == Aggregation.next(Rule(rule), codes, 1_000, 24, 12), "a step");
        }
    }
}
