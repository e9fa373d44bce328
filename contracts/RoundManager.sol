// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "./interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "./interfaces/IRewardDistributor.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Commitment} from "./libraries/Commitment.sol";
import {Live, Round} from "./libraries/Round.sol";
import {Slot, Slots} from "./libraries/Slots.sol";
import {RoundState} from "./rounds/RoundState.sol";
import {Seats} from "./rounds/Seats.sol";
import {Settlement} from "./rounds/Settlement.sol";
import {GroupId, Phase, Reveal} from "./types/Types.sol";

/// @title Seats and rounds
/// @dev
///
///          every seat committed, or the deadline        every commit revealed, or the deadline
///   Commit ─────────────────────────────────▶ Reveal ─────────────────────────────────▶ Closed
///     ▲                                                                                     │
///     └───────────── the next commit opens the next round (no transaction of its own) ◀─────┘
///
///   Closed ──finalize, the window after the next round's votes agreed on its result──▶ final
///          ──settleVoid: no agreement, no successor in time, no preimage in time──▶ void
///
/// Phases are functions of two deadlines and the time; no transaction moves them. Storage touched is what a round costs:
/// a commit writes the group's word and the node's slot and reads one word of weights; a reveal writes the same two words.
contract RoundManager is Seats, Settlement {
    uint256 private constant MAX_SCORES_LENGTH = 512;
    uint256 private constant MAX_ROUND = type(uint24).max - RING;

    constructor(
        IIdentityRegistry identities,
        IStakeVault vault,
        IGroupRegistry groups,
        IRewardDistributor distributor
    ) RoundState(identities, vault, groups, distributor) {} // solhint-disable-line no-empty-blocks

    /// @inheritdoc IRoundManager
    function commit(GroupId group, uint32 round, bytes32 sealedDigest, bytes32 commitment) external {
        Live live = _lives[group];
        Phase phase_ = live.phase(block.timestamp);
        if (phase_ == Phase.Closed) live = _open(group, live, round);
        else if (round != live.round()) revert UnexpectedRound(group, live.round(), round);
        else if (phase_ == Phase.Reveal) revert UnexpectedPhase(group, round, phase_);
        mapping(uint256 => Slot) storage slots = _slots[group][msg.sender];
        Slot slot_ = slots[round % RING];
        if (slot_.round() == round) revert AlreadyCommitted(group, round, msg.sender);
        if (slot_.isRetired()) revert NotSeated(group, msg.sender);
        (uint8 index, uint16 weight) = _seatAndWeight(group, round, slot_, live.isQuiet());

        live = live.withCommit(block.timestamp);
        slots[round % RING] = Slots.committedIn(round, weight, index, commitment);
        _lives[group] = live;
        emit Committed(group, round, msg.sender, index, sealedDigest);
        if (live.committed() == live.seats()) emit RevealStarted(group, round, live.revealDeadline());
    }

    /// @inheritdoc IRoundManager
    function reveal(GroupId group, uint32 round, Reveal calldata opened) external {
        Live live = _lives[group];
        if (round != live.round()) revert UnexpectedRound(group, live.round(), round);
        Phase phase_ = live.phase(block.timestamp);
        if (phase_ != Phase.Reveal) revert UnexpectedPhase(group, round, phase_);
        bytes calldata scores = opened.scores;
        if (scores.length > MAX_SCORES_LENGTH) revert ScoresTooLong(scores.length);
        mapping(uint256 => Slot) storage slots = _slots[group][msg.sender];
        Slot slot_ = slots[round % RING];
        if (slot_.round() != round || slot_.isRevealed()) revert NotCommitted(group, round, msg.sender);
        bytes32 scoresHash = keccak256(scores);
        bytes32 given = Commitment.commitment(address(this), group, round, msg.sender, opened, scoresHash);
        if (bytes24(given) != slot_.digest()) revert CommitmentMismatch(slot_.digest(), given);

        uint256 weight = slot_.weight();
        live =
            live.leads(opened.parent)
                ? live.withLeaderWeight(weight)
                : _voteAgainstLeader(group, round, live, opened.parent, weight);
        live = live.withReveal(weight, block.timestamp);
        slots[round % RING] = slot_.withReveal(Commitment.revealDigest(opened, scoresHash));
        _lives[group] = live;
        emit Revealed(
            group,
            round,
            msg.sender,
            opened.salt,
            opened.parent,
            opened.updateRoot,
            opened.samples,
            opened.metric,
            opened.available
        );
        if (scores.length != 0) emit ScoresReported(group, round, msg.sender, scores);
        if (live.revealed() == live.committed()) emit RoundClosed(group, round);
    }

    /// @dev Opens the round after the last. Records what the last one came to, and whether it had been idle.
    function _open(GroupId group, Live last, uint32 round) private returns (Live live) {
        Roster memory roster_ = _rosters[group];
        if (round != last.round() + 1 || round > MAX_ROUND) revert UnexpectedRound(group, last.round() + 1, round);
        if (round > roster_.settledRound + RING) revert RingFull(group, uint32(roster_.settledRound) + 1);
        bool isIdle = last.round() != 0 && block.timestamp >= last.revealDeadline() + roster_.idleTimeout;
        uint256 commitDeadline = block.timestamp + roster_.commitDuration;

        bool isQuiet = uint256(roster_.weighed) + RING <= round;
        live = Round.open(round, commitDeadline, commitDeadline + roster_.revealDuration, roster_.seats, isQuiet);
        _records[group][last.round() % RING] = Round.record(last, block.timestamp, uint256(roster_.mature) + roster_.young, isIdle);
        emit RoundOpened(group, round, roster_.seats, commitDeadline);
    }

    /// @dev What the sender sits on and weighs in a round. A slot once used knows the seat; where nothing changed since, the
    /// weight too.
    function _seatAndWeight(
        GroupId group,
        uint32 round,
        Slot slot_,
        bool isQuiet
    ) private view returns (uint8 index, uint16 weight) {
        uint256 used = slot_.round();
        if (used == 0) index = _requireSeat(group, msg.sender);
        else index = slot_.seat();
        if (isQuiet && used != 0 && used + RING == round) return (index, slot_.weight());
        bool isMember;
        (isMember, weight) = _weights[group][index / 8].read(index % 8, round);
        if (!isMember) revert NotSeated(group, msg.sender);
    }

    /// @dev The first vote leads. A hash that overtakes the leader changes places with it, so that any hash with most of the
    /// weight leads at the close.
    function _voteAgainstLeader(GroupId group, uint32 round, Live live, bytes32 parent, uint256 weight) private returns (Live) {
        bytes32 leader = _leaders[group][round % RING];
        mapping(bytes32 => uint256) storage dissent = _dissent[group][round];
        if (live.revealed() != 0) {
            weight += dissent[parent];
            if (weight <= live.leaderWeight()) {
                dissent[parent] = weight;
                return live;
            }
            dissent[leader] = live.leaderWeight();
        }
        _leaders[group][round % RING] = parent;
        return live.withLeader(parent, weight);
    }
}
