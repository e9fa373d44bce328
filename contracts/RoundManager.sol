// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "./interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "./interfaces/IRewardDistributor.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Batches} from "./libraries/Batches.sol";
import {Commitment} from "./libraries/Commitment.sol";
import {Live, Round} from "./libraries/Round.sol";
import {Slot, Slots} from "./libraries/Slots.sol";
import {Cell, GroupState, RING} from "./rounds/GroupState.sol";
import {RoundState} from "./rounds/RoundState.sol";
import {Seats} from "./rounds/Seats.sol";
import {Settlement} from "./rounds/Settlement.sol";
import {GroupId, Phase, Result, Reveal, RoundId, Roster} from "./types/Types.sol";

/// @title Seats and rounds
/// @dev
///
///          every seat committed, or the deadline        every commit revealed, or the deadline
///   Commit ─────────────────────────────────▶ Reveal ─────────────────────────────────▶ Closed
///     ▲                                                                                     │
///     └───────────── the next commit opens the next round (no transaction of its own) ◀─────┘
///
///   Closed ──finalize: the next round's votes agreed on its result, which lay open for the window──▶ final
///          ──settleVoid: no agreement, no successor in time, or struck a window ago──▶ void
///
/// Phases are functions of two deadlines and the time; no transaction moves them. Storage touched is what a round costs:
/// a commit writes the group's word and the node's slot and reads one word of weights; a reveal writes the same two words.
contract RoundManager is Seats, Settlement {
    using Batches for bytes;

    uint256 private constant MAX_ROUND = type(uint24).max - RING;

    modifier onlyRelay() {
        if (msg.sender != RELAY) revert OnlyRelay(msg.sender);
        _;
    }

    constructor(
        IIdentityRegistry identities,
        IStakeVault vault,
        IGroupRegistry groups,
        IRewardDistributor distributor,
        address disputes,
        address relay
    ) RoundState(identities, vault, groups, distributor, disputes, relay) {} // solhint-disable-line no-empty-blocks

    // ------------------------------------------------------------------------------------------------ one's own

    /// @inheritdoc IRoundManager
    function commit(RoundId id, bytes32 sealedDigest, bytes24 commitment) external {
        GroupState storage state = _states[id.group()];
        Live live = _inCommitPhase(state, id);
        Cell storage cell = state.slots[msg.sender][id.round() % RING];
        Slot slot_ = cell.slot;
        if (slot_.round() == id.round()) revert AlreadyCommitted(id, msg.sender);
        bool isSeated;
        (isSeated, live) = _commit(state, id, live, cell, slot_, msg.sender, commitment);
        if (!isSeated) revert NotSeated(id.group(), msg.sender);
        state.live = live;
        emit Committed(id, msg.sender, sealedDigest);
        if (live.isFull()) emit RevealStarted(id.group(), id.round(), live.revealDeadline());
    }

    /// @inheritdoc IRoundManager
    function reveal(RoundId id, Reveal calldata opened) external {
        _revealOwn(id, opened);
    }

    /// @inheritdoc IRoundManager
    function revealWith(RoundId id, Reveal calldata opened, Result calldata result) external {
        Live live = _revealOwn(id, opened);
        bytes32 hash = Commitment.resultHash(address(this), id.group(), result);
        if (hash != opened.parent || result.round + 1 != id.round()) revert ResultMismatch(opened.parent, hash);
        // The vote counts also where its result does not lead, and need not lie open.
        if (live.leads(hash)) _present(_states[id.group()], id.group(), hash, result);
    }

    // ------------------------------------------------------------------------------------------------ the relay's

    /// @inheritdoc IRoundManager
    function commitFor(RoundId id, CommitOf[] calldata commits) external onlyRelay returns (uint256 accepted) {
        GroupState storage state = _states[id.group()];
        Live live = _inCommitPhase(state, id);
        bytes memory taken = new bytes(commits.length * Batches.COMMIT);
        for (uint256 i = 0; i < commits.length; ++i) {
            CommitOf calldata given = commits[i];
            Cell storage cell = state.slots[given.node][id.round() % RING];
            Slot slot_ = cell.slot;
            if (slot_.round() == id.round() || live.isFull()) continue;
            bool isSeated;
            (isSeated, live) = _commit(state, id, live, cell, slot_, given.node, given.commitment);
            if (!isSeated) continue;
            taken.putCommit(accepted, given.node, given.sealedDigest);
            ++accepted;
        }
        state.live = live;
        taken.cut(accepted * Batches.COMMIT);
        emit CommitsRelayed(id, taken);
        if (live.isFull()) emit RevealStarted(id.group(), id.round(), live.revealDeadline());
    }

    /// @inheritdoc IRoundManager
    function revealFor(RoundId id, RevealOf[] calldata reveals) external onlyRelay returns (uint256 accepted) {
        GroupState storage state = _states[id.group()];
        Live live = _inRevealPhase(state, id);
        bytes32 parent = reveals[0].opened.parent;
        bytes memory taken = new bytes(reveals.length * Batches.REVEAL);
        for (uint256 i = 0; i < reveals.length; ++i) {
            Reveal calldata opened = reveals[i].opened;
            address node = reveals[i].node;
            Cell storage cell = state.slots[node][id.round() % RING];
            Slot slot_ = cell.slot;
            if (!slot_.awaits(id.round()) || opened.parent != parent) continue;
            if (slot_.digest() != Commitment.commitmentOf(id, node, opened)) continue;
            live = _reveal(state, id, live, cell, slot_, opened);
            taken.putReveal(accepted, node, opened);
            ++accepted;
        }
        state.live = live;
        taken.cut(accepted * Batches.REVEAL);
        emit RevealsRelayed(id, parent, taken);
        if (live.isOpened()) emit RoundClosed(id.group(), id.round());
    }

    // ------------------------------------------------------------------------------------------------ committing

    /// @dev The group's word if it takes commits of this round; opens the round if it is the next.
    function _inCommitPhase(GroupState storage state, RoundId id) private returns (Live live) {
        live = state.live;
        if (block.timestamp >= live.revealDeadline()) return _open(state, id.group(), live, id.round());
        if (id.round() != live.round()) revert UnexpectedRound(id.group(), live.round(), id.round());
        if (block.timestamp >= live.commitDeadline()) revert UnexpectedPhase(id, Phase.Reveal);
    }

    /// @dev Opens the round after the last. Records what the last one came to, and whether that was void already.
    function _open(GroupState storage state, GroupId group, Live last, uint32 round) private returns (Live live) {
        Roster memory roster_ = state.roster;
        if (round != last.round() + 1 || round > MAX_ROUND) revert UnexpectedRound(group, last.round() + 1, round);
        if (round > roster_.settledRound + RING) revert RingFull(group, uint32(roster_.settledRound) + 1);
        bool isIdle = last.round() != 0 && block.timestamp >= last.revealDeadline() + roster_.idleTimeout;
        bool isStruck = last.round() != 0 && last.round() == roster_.struckRound;
        uint256 commitDeadline = block.timestamp + roster_.commitDuration;

        bool isQuiet = uint256(roster_.weighed) + RING <= round;
        live = Round.open(round, commitDeadline, commitDeadline + roster_.revealDuration, roster_.seats, isQuiet);
        uint256 rosterWeight = uint256(roster_.mature) + roster_.young;
        state.records[last.round() % RING] = Round.record(last, block.timestamp, rosterWeight, isIdle, isStruck);
        emit RoundOpened(group, round, roster_.seats, commitDeadline);
    }

    function _commit(
        GroupState storage state,
        RoundId id,
        Live live,
        Cell storage cell,
        Slot slot_,
        address node,
        bytes24 commitment
    ) private returns (bool isSeated, Live next) {
        uint8 index;
        uint16 weight;
        (isSeated, index, weight) = _seatAndWeight(state, id.round(), slot_, node, live.isQuiet());
        if (!isSeated) return (false, live);
        next = live.withCommit(block.timestamp);
        cell.slot = Slots.committedIn(id.round(), weight, index, commitment);
    }

    /// @dev What a node sits on and weighs in a round. A slot once used knows the seat; where nothing changed since, the weight
    /// too. A node whose seat went to its next key has none.
    function _seatAndWeight(
        GroupState storage state,
        uint32 round,
        Slot slot_,
        address node,
        bool isQuiet
    ) private view returns (bool isSeated, uint8 index, uint16 weight) {
        uint256 used = slot_.round();
        if (used != 0) {
            if (slot_.isRetired()) return (false, 0, 0);
            index = slot_.seat();
            if (isQuiet && used + RING == round) return (true, index, slot_.weight());
        } else {
            uint256 place = state.places[node];
            if (place == 0) return (false, 0, 0);
            index = uint8(place - 1);
        }
        (isSeated, weight) = state.weights[index / 8].read(index % 8, round);
    }

    // ------------------------------------------------------------------------------------------------ revealing

    function _inRevealPhase(GroupState storage state, RoundId id) private view returns (Live live) {
        live = state.live;
        if (id.round() != live.round()) revert UnexpectedRound(id.group(), live.round(), id.round());
        if (!live.isRevealing(block.timestamp)) revert UnexpectedPhase(id, live.phase(block.timestamp));
    }

    function _revealOwn(RoundId id, Reveal calldata opened) private returns (Live live) {
        GroupState storage state = _states[id.group()];
        live = _inRevealPhase(state, id);
        Cell storage cell = state.slots[msg.sender][id.round() % RING];
        Slot slot_ = cell.slot;
        if (!slot_.awaits(id.round())) revert NotCommitted(id, msg.sender);
        bytes24 given = Commitment.commitmentOf(id, msg.sender, opened);
        if (given != slot_.digest()) revert CommitmentMismatch(slot_.digest(), given);
        live = _reveal(state, id, live, cell, slot_, opened);
        state.live = live;
        emit Revealed(id, msg.sender, opened.salt, opened.parent, opened.updateRoot, opened.report, opened.available);
        if (live.isOpened()) emit RoundClosed(id.group(), id.round());
    }

    function _reveal(
        GroupState storage state,
        RoundId id,
        Live live,
        Cell storage cell,
        Slot slot_,
        Reveal calldata opened
    ) private returns (Live) {
        uint256 weight = slot_.weight();
        live =
            live.leads(opened.parent)
                ? live.withLeaderWeight(weight)
                : _voteAgainstLeader(state, id.round(), live, opened.parent, weight);
        live = live.withReveal(weight, block.timestamp);
        cell.slot = slot_.withReveal(Commitment.revealDigest(slot_.digest(), opened.available));
        return live;
    }

    /// @dev The first vote leads. A hash that overtakes the leader changes places with it, so that any hash with most of the
    /// weight leads at the close.
    function _voteAgainstLeader(
        GroupState storage state,
        uint32 round,
        Live live,
        bytes32 parent,
        uint256 weight
    ) private returns (Live) {
        bytes32 leader = state.leaders[round % RING];
        mapping(bytes32 => uint256) storage dissent = state.dissent[round];
        if (live.revealed() != 0) {
            weight += dissent[parent];
            if (weight <= live.leaderWeight()) {
                dissent[parent] = weight;
                return live;
            }
            dissent[leader] = live.leaderWeight();
        }
        state.leaders[round % RING] = parent;
        return live.withLeader(parent, weight);
    }
}
