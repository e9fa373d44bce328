// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "./interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "./interfaces/IRewardDistributor.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Slot, Slots} from "./libraries/Slots.sol";
import {Standings} from "./libraries/Standings.sol";
import {Weights, WeightWord} from "./libraries/Weights.sol";
import {GroupId, Roster, Rules, Seat, Terms} from "./types/Types.sol";
import {Genesis} from "./rounds/Genesis.sol";
import {GroupState, RING} from "./rounds/GroupState.sol";

/// @notice The contracts that seats have to do with.
struct Parts {
    IIdentityRegistry identities;
    IStakeVault vault;
    IGroupRegistry groups;
    IRewardDistributor distributor;
}

/// @title Taking, leaving and handing over seats
/// @dev Whatever changes here holds from the round after the open one:
///
///   free ──join──▶ seated ──leave, evict──▶ left ──release, when its rounds are settled──▶ free
///
/// A library of its own code, which the round manager is linked to, because both do not fit into one contract. It works on the
/// round manager's storage and has none.
library Seating {
    function join(
        GroupState storage state,
        Parts calldata parts,
        GroupId group,
        address node,
        bytes calldata invitation
    ) external returns (uint8 index) {
        uint64 identity = parts.identities.identityOf(node);
        if (identity == 0) revert IIdentityRegistry.UnknownNode(node);
        address operator = parts.identities.operatorOf(identity);
        if (msg.sender != node && msg.sender != operator) revert IRoundManager.NotNodeOrOperator(node, msg.sender);
        if (state.places[node] != 0) revert IRoundManager.AlreadySeated(group, node);
        uint8 capacity = _setUp(state, parts, group);
        Roster memory roster_ = state.roster;
        index = _freeSeat(state, group, roster_.top, capacity);

        uint24 from = uint24(state.live.round() + 1);
        uint256 weight = _startWeight(roster_);
        ++roster_.seats;
        if (index == roster_.top) roster_.top = index + 1;
        roster_.young += uint24(weight);
        roster_.changed = from;
        roster_.weighed = from;
        state.roster = roster_;
        state.seats[index] = Seat({
            node: node,
            fromRound: from,
            untilRound: 0,
            keyFrom: from,
            forfeits: 0,
            previousNode: address(0),
            identity: identity
        });
        state.places[node] = uint256(index) + 1;
        state.standings[index / 8] = state.standings[index / 8].joined(index % 8);
        WeightWord word = state.weights[index / 8];
        state.weights[index / 8] = word.changed(Weights.withMember(word.current(), index % 8, weight), from);
        emit IRoundManager.SeatTaken(group, index, node, identity, from);
        parts.groups.admit(group, identity, invitation);
        parts.vault.lock(identity, state.rules.stake);
        parts.distributor.assign(group, index, operator, node);
    }

    function leave(GroupState storage state, Parts calldata parts, GroupId group, address node) external {
        uint8 index = _requireSeat(state, group, node);
        uint64 identity = state.seats[index].identity;
        // A key that was replaced has no say any more, even before its seat is handed over.
        if (msg.sender != parts.identities.operatorOf(identity) && msg.sender != parts.identities.nodeOf(identity)) {
            revert IRoundManager.NotNodeOrOperator(node, msg.sender);
        }
        _leave(state, group, index);
    }

    function evict(GroupState storage state, GroupId group, uint8 index) external {
        state.requireTaken(group, index);
        uint8 missed = state.standings[index / 8].read(index % 8).missed;
        if (missed < state.rules.maxMissed) revert IRoundManager.NotEvictable(group, index, missed);
        _leave(state, group, index);
    }

    function release(GroupState storage state, Parts calldata parts, GroupId group, uint8 index) external {
        Seat memory taken = state.requireTaken(group, index);
        if (taken.untilRound == 0) revert IRoundManager.SeatStillBound(group, index, taken.fromRound);
        if (state.roster.settledRound + 1 < taken.untilRound)
            revert IRoundManager.SeatStillBound(group, index, taken.untilRound - 1);

        delete state.seats[index];
        delete state.places[taken.node];
        // So that no stale slot lets the node commit for a seat that will be another's.
        for (uint256 i = 0; i < RING; ++i) state.slots[taken.node][i].slot = Slot.wrap(0);
        state.standings[index / 8] = state.standings[index / 8].freed(index % 8);
        emit IRoundManager.SeatFreed(group, index, taken.node);
        uint256 stake = state.rules.stake;
        parts.vault.unlock(taken.identity, stake - (stake / 100) * taken.forfeits);
        parts.distributor.assign(group, index, address(0), address(0));
    }

    function rekey(GroupState storage state, Parts calldata parts, GroupId group, uint8 index) external {
        Seat storage taken = state.requireTaken(group, index);
        (address oldNode, uint64 identity) = (taken.node, taken.identity);
        address newNode = parts.identities.nodeOf(identity);
        if (state.places[newNode] != 0) revert IRoundManager.AlreadySeated(group, newNode);
        if (taken.untilRound != 0) revert IRoundManager.NotSeated(group, oldNode);
        // A seat remembers one key before the present one, so rounds of the one before that must be settled.
        if (state.roster.settledRound + 1 < taken.keyFrom) revert IRoundManager.SeatStillBound(group, index, taken.keyFrom - 1);

        uint32 open = state.live.round();
        taken.previousNode = oldNode;
        taken.node = newNode;
        taken.keyFrom = uint24(open + 1);
        state.roster.weighed = uint24(open + 1);
        delete state.places[oldNode];
        state.places[newNode] = uint256(index) + 1;
        for (uint256 i = 0; i < RING; ++i) {
            Slot slot_ = state.slots[oldNode][i].slot;
            if (slot_.round() != 0) state.slots[oldNode][i].slot = slot_.retired();
        }
        // In the open round the seat is still the old key's.
        if (open != 0) state.slots[newNode][open % RING].slot = Slots.handedOverIn(open, index);
        emit IRoundManager.SeatRekeyed(group, index, oldNode, newNode);
        parts.distributor.assign(group, index, parts.identities.operatorOf(identity), newNode);
    }

    function _leave(GroupState storage state, GroupId group, uint8 index) private {
        Seat storage taken = state.seats[index];
        if (taken.untilRound != 0) revert IRoundManager.NotSeated(group, taken.node);
        uint24 from = uint24(state.live.round() + 1);
        taken.untilRound = from;
        state.standings[index / 8] = state.standings[index / 8].left(index % 8);
        Roster memory roster_ = state.roster;
        --roster_.seats;
        roster_.changed = from;
        roster_.weighed = from;
        // Newcomers' part is of the mature weight that stays.
        state.shareWeights(roster_, state.rules.maturity, from);
        state.roster = roster_;
        emit IRoundManager.SeatLeft(group, index, taken.node, from);
    }

    /// @dev Copies a group's terms and the hash of its genesis at its first join.
    function _setUp(GroupState storage state, Parts calldata parts, GroupId group) private returns (uint8 capacity) {
        Terms memory terms = parts.groups.terms(group);
        if (state.head == 0) {
            state.head = Genesis.hashOf(parts.groups, group);
            state.roster.commitDuration = uint24(terms.commitDuration);
            state.roster.revealDuration = uint24(terms.revealDuration);
            state.roster.idleTimeout = uint24(terms.idleTimeout);
            state.rules = Rules({
                stake: uint96(terms.stake),
                reward: uint96(terms.rewardPerRound),
                challengeWindow: uint24(terms.challengeWindow),
                quorumBps: terms.quorumBps,
                minUpdates: terms.minUpdates,
                maxMissed: terms.maxMissed,
                maturity: terms.maturity
            });
        }
        return terms.capacity;
    }

    /// @dev A seat never taken if there is one, else the lowest free one.
    function _freeSeat(GroupState storage state, GroupId group, uint8 top, uint8 capacity) private view returns (uint8) {
        if (top < capacity) return top;
        for (uint8 index = 0; index < capacity; ++index) {
            if (state.standings[index / 8].isEmpty(index % 8)) return index;
        }
        revert IRoundManager.GroupFull(group, capacity);
    }

    /// @dev What is left for newcomers until the next final round shares their part anew.
    function _startWeight(Roster memory roster_) private pure returns (uint256) {
        if (roster_.mature == 0) return Standings.START_REPUTATION;
        uint256 cap = roster_.mature / 3;
        uint256 left = cap > roster_.young ? cap - roster_.young : 0;
        return left < Standings.START_REPUTATION ? left : Standings.START_REPUTATION;
    }

    function _requireSeat(GroupState storage state, GroupId group, address node) private view returns (uint8) {
        uint256 place = state.places[node];
        if (place == 0) revert IRoundManager.NotSeated(group, node);
        return uint8(place - 1);
    }
}
