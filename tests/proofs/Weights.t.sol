// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Weights, WeightWord} from "../../contracts/libraries/Weights.sol";
import {Proof} from "./Proof.sol";

contract WeightsProofs is Proof {
    uint256 private constant MAX_WEIGHT = 10_000;

    /// @dev A word that is in force from round `from`, with these lanes.
    function _word(uint256 lanes, uint32 from) private pure returns (WeightWord) {
        return WeightWord.wrap(bits(lanes, 0, 224) | (uint256(from) << 224));
    }

    function check_memberIsWrittenToItsLaneAlone(uint256 lanes, uint8 lane, uint16 weight, uint32 round) external pure {
        given(lane < 8 && weight <= MAX_WEIGHT);
        uint256 next = Weights.withMember(lanes, lane, weight);
        assert(sameBut(lanes, next, uint256(lane) * 28, 14));
        (bool isMember, uint16 read) = _word(next, 0).read(lane, round);
        assert(isMember && read == weight);
    }

    function check_memberIsTakenFromItsLaneAlone(uint256 lanes, uint8 lane, uint32 round) external pure {
        given(lane < 8);
        uint256 next = Weights.withoutMember(lanes, lane);
        assert(sameBut(lanes, next, uint256(lane) * 28, 14));
        (bool isMember, uint16 read) = _word(next, 0).read(lane, round);
        assert(!isMember && read == 0);
    }

    /// @dev The first change after a round opened: the open round still reads what held before, the next ones what holds now.
    function check_changeLeavesTheOpenRoundItsWeights(
        uint256 word,
        uint256 lanes,
        uint8 lane,
        uint24 from,
        uint24 round
    ) external pure {
        WeightWord before = WeightWord.wrap(word);
        uint256 earlier = word >> 224;
        given(lane < 8 && earlier < from && lanes == WeightWord.wrap(lanes).current());
        WeightWord next = before.changed(lanes, from);
        assert(WeightWord.unwrap(next) >> 224 == from && next.current() == lanes);
        given(round >= earlier);
        (bool isMember, uint16 weight) = next.read(lane, round);
        (bool expectedMember, uint16 expected) = round < from ? before.read(lane, round) : _word(lanes, 0).read(lane, round);
        assert(isMember == expectedMember && weight == expected);
    }

    /// @dev A second change in the same round: what holds now is replaced, what the open round reads stays.
    function check_secondChangeKeepsWhatTheOpenRoundReads(uint256 word, uint256 lanes, uint8 lane, uint24 round) external pure {
        WeightWord before = WeightWord.wrap(word);
        uint256 from = word >> 224;
        given(lane < 8 && lanes == WeightWord.wrap(lanes).current() && round < from);
        WeightWord next = before.changed(lanes, from);
        assert(next.current() == lanes && WeightWord.unwrap(next) >> 224 == from);
        (bool isMember, uint16 weight) = next.read(lane, round);
        (bool expectedMember, uint16 expected) = before.read(lane, round);
        assert(isMember == expectedMember && weight == expected);
    }

    /// @dev `current` keeps the low half of every lane and nothing else.
    function check_currentIsTheLowHalfOfEachLane(uint256 word) external pure {
        uint256 lanes = WeightWord.wrap(word).current();
        for (uint256 lane = 0; lane < 8; ++lane) {
            assert(bits(lanes, lane * 28, 14) == bits(word, lane * 28, 14) && bits(lanes, lane * 28 + 14, 14) == 0);
        }
        assert(lanes >> 224 == 0);
    }
}
