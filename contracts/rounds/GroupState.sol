// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Presented} from "../libraries/Presentation.sol";
import {Live, Record} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {StandingWord} from "../libraries/Standings.sol";
import {WeightWord} from "../libraries/Weights.sol";
import {GroupId, Phase, Roster, Rules, Seat} from "../types/Types.sol";

/// @dev Rounds a group and a node keep.
uint256 constant RING = 8;

/// @dev A slot by itself: written as a whole word, where an array of slots would be read again and masked first.
struct Cell {
    Slot slot;
}

/// @notice All that the round manager keeps of a group.
/// @param records `records[r % RING]` closes round r and opens round r + 1
/// @param leaders `leaders[r % RING]`: what most of the votes of round r name
/// @param presented `presented[r % RING]`: a result of round r
/// @param weights and @param standings, eight seats a word
/// @param dissent revealed weight of hashes that do not lead
/// @param places seat plus one
struct GroupState {
    Live live;
    Roster roster;
    Rules rules;
    bytes32 head;
    uint256 struckAt;
    Record[RING] records;
    bytes32[RING] leaders;
    Presented[RING] presented;
    WeightWord[32] weights;
    StandingWord[32] standings;
    mapping(address node => Cell[RING]) slots;
    mapping(uint32 round => mapping(bytes32 hash => uint256)) dissent;
    mapping(uint8 seat => Seat) seats;
    mapping(address node => uint256) places;
}

using GroupStates for GroupState global;

/// @title Reading a group's rounds and seats, and sharing its weights
library GroupStates {
    // ------------------------------------------------------------------------------------------------ rounds

    /// @dev The open round's word, or the closed one's as the opening after it left it. No tag in the latter.
    function votesOf(GroupState storage state, Live live, uint32 round) internal view returns (Live) {
        return live.round() == round ? live : state.records[round % RING].votes();
    }

    /// @dev Only openedAt, rosterWeight, idle and struck of the record are the round's; the last two are of the one before.
    function openingOf(GroupState storage state, uint32 round) internal view returns (Record) {
        return state.records[(round - 1) % RING];
    }

    function isClosed(Live live, uint32 round) internal view returns (bool) {
        return round < live.round() || (round == live.round() && live.phase(block.timestamp) == Phase.Closed);
    }

    /// @dev Whether a closed round's votes made their leader the result of the round before.
    function agrees(GroupState storage state, Live live, uint32 round) internal view returns (bool) {
        Record opening = openingOf(state, round);
        return opening.binds() && votesOf(state, live, round).agrees(opening.rosterWeight(), state.rules.quorumBps);
    }

    // ------------------------------------------------------------------------------------------------ seats

    function requireTaken(GroupState storage state, GroupId group, uint8 index) internal view returns (Seat storage taken) {
        taken = state.seats[index];
        if (taken.node == address(0)) revert IRoundManager.NotSeated(group, address(0));
    }

    /// @dev The slot of whichever key a seat had in a round.
    function slotOf(GroupState storage state, Seat storage taken, uint32 round) internal view returns (Slot) {
        return state.slots[round < taken.keyFrom ? taken.previousNode : taken.node][round % RING].slot;
    }

    // ------------------------------------------------------------------------------------------------ weights

    /// @dev The weights that hold from round `from` on: reputations, the newcomers' within their part.
    function shareWeights(GroupState storage state, Roster memory roster_, uint256 maturity, uint256 from) internal {
        unchecked {
            uint256 words = (uint256(roster_.top) + 7) / 8;
            StandingWord[] memory standings = new StandingWord[](words);
            uint256 mature = 0;
            uint256 young = 0;
            for (uint256 index = 0; index < words; ++index) {
                standings[index] = state.standings[index];
                (uint256 m, uint256 y) = standings[index].reputations(maturity);
                mature += m;
                young += y;
            }
            uint256 cap = mature == 0 || young <= mature / 3 ? young : mature / 3;
            uint256 youngWeight = 0;
            for (uint256 index = 0; index < words; ++index) {
                (uint256 lanes, uint256 shared) = standings[index].weights(maturity, cap, young);
                youngWeight += shared;
                WeightWord word = state.weights[index];
                if (word.current() == lanes) continue;
                state.weights[index] = word.changed(lanes, from);
                roster_.weighed = uint24(from);
            }
            roster_.mature = uint24(mature);
            roster_.young = uint24(youngWeight);
        }
    }
}
