// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IProofs} from "../interfaces/IProofs.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Evidence, Opened} from "../libraries/Evidence.sol";
import {Live} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {GroupId, Result, Roster, Scoring, Terms} from "../types/Types.sol";
import {NamedResults} from "./NamedResults.sol";

/// @title Results that include what they must not, break the group's terms, or are never shown
abstract contract Inclusions is IProofs, NamedResults {
    /// @inheritdoc IProofs
    function challengeAvailability(
        GroupId group,
        Result calldata result,
        uint8 seat,
        Opened[] calldata without
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        _requireBit(result, seat);
        round = result.round;
        uint256 weight = 0;
        uint256 fromSeat = 0;
        for (uint256 i = 0; i < without.length; ++i) {
            Slot slot = _requireOpening(group, round, without[i]);
            uint8 reporter = slot.seat();
            if (reporter < fromSeat) revert IDisputes.NotAscending(uint8(fromSeat - 1), reporter);
            if ((without[i].opened.available >> seat) & 1 == 1) revert IDisputes.HeldIt(reporter);
            fromSeat = uint256(reporter) + 1;
            weight += slot.weight();
        }
        uint256 revealed = ROUNDS.recordOf(group, round % RING).votes().revealedWeight();
        if (3 * weight <= revealed) revert IDisputes.NothingWrong(IDisputes.Kind.Availability);
    }

    /// @inheritdoc IProofs
    function challengeAbsence(
        GroupId group,
        Result calldata result,
        uint8 seat
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        _requireBit(result, seat);
        round = result.round;
        address node = Evidence.holder(ROUNDS.seatOf(group, seat), round);
        Slot slot = ROUNDS.slotOf(group, node, round % RING);
        bool hasRevealed = node != address(0) && slot.round() == round && slot.isRevealed();
        if (hasRevealed) revert IDisputes.NothingWrong(IDisputes.Kind.Absence);
    }

    /// @inheritdoc IProofs
    function challengeInclusion(
        GroupId group,
        Result calldata result,
        Opened calldata opened
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        _requireIncluded(group, result, opened);
        bool isWrong = opened.opened.parent != result.parent || opened.opened.updateRoot == bytes32(0);
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Inclusion);
        return (result.round, hash);
    }

    /// @inheritdoc IProofs
    function challengeTerms(GroupId group, Result calldata result) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        round = result.round;
        Terms memory terms = GROUPS.terms(group);
        uint256 count = Bitmap.count(result.included);
        uint256 scored = terms.scoring == Scoring.Equal ? 0 : 2 * count;
        bool isWrong = count < terms.minUpdates || result.scores.length != scored || !_isChoiceWellFormed(terms, result);
        // What an earlier strike took the parent from was right when it was named: so only what still binds the group.
        if (!isWrong && round == uint32(ROUNDS.rosterOf(group).settledRound) + 1 && result.parent != ROUNDS.headOf(group)) {
            isWrong = _agreed(group, ROUNDS.liveOf(group), round) == hash;
        }
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Terms);
    }

    /// @inheritdoc IProofs
    function challengeUnpresented(GroupId group) external view returns (uint32 round, bytes32 hash) {
        Roster memory roster = ROUNDS.rosterOf(group);
        round = uint32(roster.settledRound) + 1;
        Live live = _requireVotesClosed(group, round);
        hash = _agreed(group, live, round);
        if (hash == bytes32(0) || hash == ROUNDS.headOf(group)) revert IDisputes.NothingWrong(IDisputes.Kind.Unpresented);
        if (ROUNDS.presentedOf(group, round % RING).matches(round, hash)) revert IDisputes.IsPresented(hash);
        uint256 close = _votes(group, live, round).revealDeadline();
        uint256 expiry = close + ROUNDS.rulesOf(group).challengeWindow + roster.idleTimeout;
        if (block.timestamp < expiry) revert IDisputes.TooEarly(expiry, block.timestamp);
    }
}
