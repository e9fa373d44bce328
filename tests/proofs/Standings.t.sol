// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Standings, StandingWord} from "../../contracts/libraries/Standings.sol";
import {Proof} from "./Proof.sol";

contract StandingsProofs is Proof {
    /// @dev Bits of one seat's lane.
    function _lane(StandingWord word, uint256 lane) private pure returns (uint256) {
        return bits(StandingWord.unwrap(word), lane * 32, 32);
    }

    function _onlyLaneMoved(StandingWord before, StandingWord next, uint256 lane) private pure returns (bool) {
        return sameBut(StandingWord.unwrap(before), StandingWord.unwrap(next), lane * 32, 32);
    }

    function check_fieldsAreWhereTheTableSays(uint256 word, uint8 lane) external pure {
        given(lane < 8);
        Standings.Standing memory standing = StandingWord.wrap(word).read(lane);
        uint256 own = bits(word, uint256(lane) * 32, 32);
        assert(standing.reputation == bits(own, 0, 14) && standing.age == bits(own, 14, 8) && standing.missed == bits(own, 22, 8));
        assert(standing.seated == (bits(own, 30, 1) == 1));
        assert(StandingWord.wrap(word).isEmpty(lane) == (own == 0));
    }

    function check_joinFillsAnEmptyLaneAlone(StandingWord word, uint8 lane) external pure {
        given(lane < 8 && word.isEmpty(lane));
        StandingWord next = word.joined(lane);
        Standings.Standing memory standing = next.read(lane);
        assert(standing.reputation == 1_000 && standing.age == 0 && standing.missed == 0 && standing.seated);
        assert(_onlyLaneMoved(word, next, lane));
    }

    function check_leavingEndsTheSeatAndKeepsTheRest(StandingWord word, uint8 lane) external pure {
        given(lane < 8);
        StandingWord next = word.left(lane);
        assert(!next.read(lane).seated && !next.isEmpty(lane));
        assert(bits(_lane(next, lane), 0, 30) == bits(_lane(word, lane), 0, 30));
        assert(_onlyLaneMoved(word, next, lane));
    }

    function check_freeingEmptiesItsLaneAlone(StandingWord word, uint8 lane) external pure {
        given(lane < 8);
        StandingWord next = word.freed(lane);
        assert(next.isEmpty(lane) && _onlyLaneMoved(word, next, lane));
    }

    function check_slashingMovesTheReputationAlone(StandingWord word, uint8 lane) external pure {
        given(lane < 8);
        StandingWord next = word.slashed(lane);
        assert(next.read(lane).reputation == 1);
        assert(sameBut(StandingWord.unwrap(word), StandingWord.unwrap(next), uint256(lane) * 32, 14));
    }

    /// @dev Two lanes at either end; the others are empty.
    function check_occupiedIsWhatTheLanesSay(uint32 first, uint32 last) external pure {
        (uint256 seated, uint256 taken) = StandingWord.wrap(uint256(first) | (uint256(last) << 224)).occupied();
        assert(seated == bits(first, 30, 1) + 128 * bits(last, 30, 1));
        assert(taken == (first == 0 ? 0 : 1) + (last == 0 ? 0 : 128));
    }

    /// @dev An absent seat has missed one more, up to 255; nothing else moves.
    function _checkAbsence(StandingWord word, uint256 lane) private pure {
        StandingWord next = word.absent(1 << lane);
        uint256 missed = bits(_lane(word, lane), 22, 8);
        assert(bits(_lane(next, lane), 22, 8) == (missed == 255 ? 255 : missed + 1));
        assert(sameBut(StandingWord.unwrap(word), StandingWord.unwrap(next), lane * 32 + 22, 8));
    }

    function check_absenceIsCountedInTheFirstLaneAlone(StandingWord word) external pure {
        _checkAbsence(word, 0);
    }

    function check_absenceIsCountedInAMiddleLaneAlone(StandingWord word) external pure {
        _checkAbsence(word, 3);
    }

    function check_absenceIsCountedInTheLastLaneAlone(StandingWord word) external pure {
        _checkAbsence(word, 7);
    }

    /// @dev Included: an eighth of the way up, at least one, never above the top; one older; nothing missed.
    function check_includedSeatRisesToTheTopAlone(StandingWord word, uint8 maturity, bool revealed) external pure {
        uint256 lane = 7;
        Standings.Standing memory before = word.read(lane);
        given(before.reputation >= 1 && before.reputation <= 10_000 && before.age <= maturity);
        StandingWord next = word.settled(1 << lane, 1 << lane, uint256(revealed ? 1 : 0) << lane, maturity);
        Standings.Standing memory standing = next.read(lane);
        uint256 missing = 10_000 - before.reputation;
        uint256 expected = missing == 0 ? 10_000 : before.reputation + (missing < 8 ? 1 : missing / 8);
        assert(standing.reputation == expected && expected <= 10_000);
        assert(standing.age == (before.age == maturity ? maturity : before.age + 1) && standing.missed == 0);
        assert(_lane(next, lane) >> 30 == _lane(word, lane) >> 30 && _onlyLaneMoved(word, next, lane));
    }

    /// @dev Not included: an eighth down and never to nothing, the age stays; missed, unless it revealed.
    function check_seatLeftOutSinksAndNeverToNothing(StandingWord word, uint8 maturity, bool revealed) external pure {
        uint256 lane = 5;
        Standings.Standing memory before = word.read(lane);
        given(before.reputation >= 1 && before.reputation <= 10_000);
        StandingWord next = word.settled(1 << lane, 0, uint256(revealed ? 1 : 0) << lane, maturity);
        Standings.Standing memory standing = next.read(lane);
        assert(standing.reputation >= 1 && standing.reputation == before.reputation - before.reputation / 8);
        assert(standing.age == before.age);
        assert(standing.missed == (revealed || before.missed == 255 ? before.missed : before.missed + 1));
        assert(_lane(next, lane) >> 30 == _lane(word, lane) >> 30 && _onlyLaneMoved(word, next, lane));
    }

    function check_seatsNotOfTheRoundStayAsTheyAre(
        StandingWord word,
        uint8 included,
        uint8 revealed,
        uint8 maturity
    ) external pure {
        StandingWord next = word.settled(0, included, revealed, maturity);
        assert(StandingWord.unwrap(next) == StandingWord.unwrap(word));
    }
}
