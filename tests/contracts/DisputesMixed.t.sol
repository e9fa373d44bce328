// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {Mixing, Rule, Scoring, Terms} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";
import {Mix, Mixes} from "./Mixer.sol";

/// @title Results of groups that mix updates or score them
contract DisputesMixedTest is DisputeSwarm {
    using Mixes for Mix;

    uint256 private constant MEMBERS = 5;
    uint256 private constant WRONG = 9;

    /// @dev Five updates mixed, the last block's numbers as they must be.
    function _aggregate(Rule rule, Mix memory mix) private {
        Terms memory given = defaultTerms();
        (given.rule, given.mixing) = (rule, Mixing.NearestNeighbours);
        choice = mix.encoded();
        prepare(MEMBERS, given, 3);
        playFirst();
        aggregateHonestly();
    }

    /// @dev What ranks give of a coordinate's codes, in the order of the nodes' addresses.
    function _plainly(Rule rule, Mix memory mix, uint256 offset) private view returns (int32) {
        int8[] memory codes_ = new int8[](MEMBERS);
        for (uint256 row = 0; row < MEMBERS; ++row) codes_[row] = int8(uint8(columnsData[row * 256 + offset]));
        return mix.next(rule, codes_, _weightIn(beforeData, offset), 20);
    }

    function _weightIn(bytes memory data, uint256 offset) private pure returns (int32) {
        uint32 bits = 0;
        for (uint256 i = 0; i < 4; ++i) bits = (bits << 8) | uint8(data[1 + 4 * offset + i]);
        return int32(bits);
    }

    // ------------------------------------------------------------------------------------------------ coordinates

    function test_every_rule_of_mixtures_is_recomputed() public {
        for (uint256 i = 0; i < 8; ++i) {
            restart();
            Rule rule = Rule(i % 4);
            Mix memory mix = Mixes.random(i, MEMBERS, 1 + (i % MEMBERS));
            _aggregate(rule, mix);
            for (uint256 offset = 0; offset < realCoordinates(); offset += 3) {
                setClaimedWeight(offset, _plainly(rule, mix, offset));
            }
            int32 right = _weightIn(claimedData, 17);
            setClaimedWeight(17, right > 0 ? right - 1 : right + 1);
            bytes32 hash = claim();
            for (uint256 offset = 0; offset < realCoordinates(); offset += 21) {
                expectNothingWrong(IDisputes.Kind.Coordinate);
                challengeCoordinate(offset);
            }
            expectNothingWrong(IDisputes.Kind.Terms);
            challengeTerms();
            expectNothingWrong(IDisputes.Kind.Exponent);
            challengeExponent();
            challengeCoordinate(17);
            assertStruck(hash, IDisputes.Kind.Coordinate);
        }
    }

    /// @dev The numbers are right for the choice they were made by, and for no other that counts.
    function test_numbers_of_another_choice_are_struck() public {
        Mix memory mix = Mixes.alone(MEMBERS);
        mix.divisor = 2;
        _aggregate(Rule.Mean, mix);
        mix.factors[2] = 2;
        claimed.choice = mix.encoded();
        bytes32 hash = claim();
        assertTrue(_plainly(Rule.Mean, mix, 17) != _weightIn(claimedData, 17), "another weight follows");
        challengeCoordinate(17);
        assertStruck(hash, IDisputes.Kind.Coordinate);
    }

    /// @dev Five updates that are mixed into one row: its value is all there is to each rule.
    function test_a_rule_counts_rows_not_updates() public {
        for (uint256 i = 0; i < 4; ++i) {
            restart();
            Mix memory mix = Mixes.random(9, MEMBERS, 1);
            mix.rows[0] = 0x1F;
            mix.divisor = mix.lengthOf(0);
            _aggregate(Rule(i), mix);
            for (uint256 offset = 0; offset < realCoordinates(); ++offset) {
                setClaimedWeight(offset, _plainly(Rule.Mean, mix, offset));
            }
            claim();
            for (uint256 offset = 0; offset < realCoordinates(); offset += 33) {
                expectNothingWrong(IDisputes.Kind.Coordinate);
                challengeCoordinate(offset);
            }
        }
    }

    function test_what_is_behind_the_last_coordinate_is_not_mixed() public {
        _aggregate(Rule.Mean, Mixes.alone(MEMBERS));
        setClaimedWeight(232, 1);
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(233);
        challengeCoordinate(232);
        assertStruck(hash, IDisputes.Kind.Coordinate);
    }

    // ------------------------------------------------------------------------------------------------ malformed choices

    /// @dev Each is wrong in one way alone.
    function _wrongChoice(uint256 which) private pure returns (bytes memory) {
        Mix memory mix = Mixes.alone(MEMBERS);
        if (which == 0) return "";
        if (which == 1) mix.rows = new uint256[](0);
        if (which == 2) mix.rows = new uint256[](MEMBERS + 1);
        if (which == 3) return abi.encodePacked(mix.encoded(), hex"00");
        if (which == 4) mix.divisor = 0;
        if (which == 5) mix.divisor = 65_537;
        if (which == 6) mix.rows[4] = 1 << MEMBERS;
        if (which == 7) mix.factors[4] = 2;
        // As of six updates: too long for five.
        if (which == 8) return Mixes.alone(MEMBERS + 1).encoded();
        return mix.encoded();
    }

    /// @dev Whatever the numbers.
    function test_a_malformed_choice_is_struck_by_its_terms_and_by_any_coordinate() public {
        for (uint256 i = 0; i < 2 * WRONG; ++i) {
            restart();
            _aggregate(Rule.TrimmedThird, Mixes.alone(MEMBERS));
            claimed.choice = _wrongChoice(i / 2);
            bytes32 hash = claim();
            if (i % 2 == 0) challengeTerms();
            else challengeCoordinate(17);
            assertStruck(hash, i % 2 == 0 ? IDisputes.Kind.Terms : IDisputes.Kind.Coordinate);
        }
        restart();
        _aggregate(Rule.TrimmedThird, Mixes.alone(MEMBERS));
        claimed.choice = _wrongChoice(WRONG);
        claim();
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
    }

    /// @dev Also one that changes nothing.
    function test_where_nothing_is_mixed_a_choice_is_struck() public {
        for (uint256 i = 0; i < 4; ++i) {
            restart();
            prepare();
            playFirst();
            aggregateHonestly();
            claimed.choice = i < 2 ? Mixes.alone(MEMBERS).encoded() : bytes(hex"00");
            bytes32 hash = claim();
            if (i % 2 == 0) challengeTerms();
            else challengeCoordinate(17);
            assertStruck(hash, i % 2 == 0 ? IDisputes.Kind.Terms : IDisputes.Kind.Coordinate);
        }
    }

    // ------------------------------------------------------------------------------------------------ scores

    /// @dev Two bytes an included seat, and nothing where all score the same.
    function test_scores_are_as_many_as_the_terms_want() public {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 length = 0; length <= 2 * MEMBERS + 2; ++length) {
                restart();
                Terms memory given = defaultTerms();
                given.scoring = i == 0 ? Scoring.Equal : Scoring.Novelty;
                scores = new bytes(length);
                prepare(MEMBERS, given, 1);
                playFirst();
                aggregateHonestly();
                bytes32 hash = claim();
                bool isRight = length == (i == 0 ? 0 : 2 * MEMBERS);
                if (isRight) expectNothingWrong(IDisputes.Kind.Terms);
                challengeTerms();
                if (!isRight) assertStruck(hash, IDisputes.Kind.Terms);
            }
        }
    }

    /// @dev Of the seats included, not of all.
    function test_scores_are_of_the_seats_included() public {
        for (uint256 count = 3; count <= 4; ++count) {
            restart();
            Terms memory given = defaultTerms();
            given.scoring = Scoring.Novelty;
            scores = new bytes(2 * count);
            prepare(MEMBERS, given, 1);
            playFirst();
            aggregateHonestly();
            claimed.included = 0x15;
            claim();
            if (count == 3) expectNothingWrong(IDisputes.Kind.Terms);
            challengeTerms();
        }
    }

    /// @dev No number depends on them.
    function test_scores_change_no_coordinate() public {
        scores = new bytes(7);
        honest();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(17);
    }
}
