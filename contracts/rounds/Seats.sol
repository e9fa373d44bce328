// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IIdentityRegistry} from "../interfaces/IIdentityRegistry.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Slot, Slots} from "../libraries/Slots.sol";
import {Standings} from "../libraries/Standings.sol";
import {Weights, WeightWord} from "../libraries/Weights.sol";
import {GroupId, Terms} from "../types/Types.sol";
import {RoundState} from "./RoundState.sol";

/// @title Taking, leaving and handing over seats
/// @dev Whatever changes here holds from the round after the open one:
///
///   free ──join──▶ seated ──leave, evict──▶ left ──release, when its rounds are settled──▶ free
abstract contract Seats is RoundState {
    /// @inheritdoc IRoundManager
    function join(GroupId group, address node, bytes calldata invitation) external returns (uint8 index) {
        uint64 identity = IDENTITIES.identityOf(node);
        if (identity == 0) revert IIdentityRegistry.UnknownNode(node);
        address operator = IDENTITIES.operatorOf(identity);
        if (msg.sender != node && msg.sender != operator) revert NotNodeOrOperator(node, msg.sender);
        if (_seatOf[group][node] != 0) revert AlreadySeated(group, node);
        uint8 capacity = _setUp(group);
        Roster memory roster_ = _rosters[group];
        index = _freeSeat(group, roster_.top, capacity);

        uint24 from = uint24(_lives[group].round() + 1);
        uint256 weight = _startWeight(roster_);
        ++roster_.seats;
        if (index == roster_.top) roster_.top = index + 1;
        roster_.young += uint24(weight);
        roster_.changed = from;
        roster_.weighed = from;
        _rosters[group] = roster_;
        _seats[group][index] = Seat({
            node: node,
            fromRound: from,
            untilRound: 0,
            keyFrom: from,
            forfeits: 0,
            previousNode: address(0),
            identity: identity
        });
        _seatOf[group][node] = uint256(index) + 1;
        _standings[group][index / 8] = _standings[group][index / 8].joined(index % 8);
        WeightWord word = _weights[group][index / 8];
        _weights[group][index / 8] = word.changed(Weights.withMember(word.current(), index % 8, weight), from);
        emit SeatTaken(group, index, node, identity, from);
        GROUPS.admit(group, identity, invitation);
        VAULT.lock(identity, _rules[group].stake);
        DISTRIBUTOR.assign(group, index, operator, node);
    }

    /// @inheritdoc IRoundManager
    function leave(GroupId group, address node) external {
        uint8 index = _requireSeat(group, node);
        uint64 identity = _seats[group][index].identity;
        // A key that was replaced has no say any more, even before its seat is handed over.
        if (msg.sender != IDENTITIES.operatorOf(identity) && msg.sender != IDENTITIES.nodeOf(identity)) {
            revert NotNodeOrOperator(node, msg.sender);
        }
        _leave(group, index);
    }

    /// @inheritdoc IRoundManager
    function evict(GroupId group, uint8 index) external {
        _requireTaken(group, index);
        uint8 missed = _standings[group][index / 8].read(index % 8).missed;
        if (missed < _rules[group].maxMissed) revert NotEvictable(group, index, missed);
        _leave(group, index);
    }

    /// @inheritdoc IRoundManager
    function release(GroupId group, uint8 index) external {
        Seat memory taken = _requireTaken(group, index);
        if (taken.untilRound == 0) revert SeatStillBound(group, index, taken.fromRound);
        if (_rosters[group].settledRound + 1 < taken.untilRound) revert SeatStillBound(group, index, taken.untilRound - 1);

        delete _seats[group][index];
        delete _seatOf[group][taken.node];
        // So that no stale slot lets the node commit for a seat that will be another's.
        for (uint256 i = 0; i < RING; ++i) _slots[group][taken.node][i] = Slot.wrap(0);
        _standings[group][index / 8] = _standings[group][index / 8].freed(index % 8);
        emit SeatFreed(group, index, taken.node);
        uint256 stake = _rules[group].stake;
        VAULT.unlock(taken.identity, stake - (stake / 100) * taken.forfeits);
        DISTRIBUTOR.assign(group, index, address(0), address(0));
    }

    /// @inheritdoc IRoundManager
    function rekey(GroupId group, uint8 index) external {
        Seat storage taken = _requireTaken(group, index);
        (address oldNode, uint64 identity) = (taken.node, taken.identity);
        address newNode = IDENTITIES.nodeOf(identity);
        if (_seatOf[group][newNode] != 0) revert AlreadySeated(group, newNode);
        if (taken.untilRound != 0) revert NotSeated(group, oldNode);
        // A seat remembers one key before the present one, so rounds of the one before that must be settled.
        if (_rosters[group].settledRound + 1 < taken.keyFrom) revert SeatStillBound(group, index, taken.keyFrom - 1);

        uint32 open = _lives[group].round();
        taken.previousNode = oldNode;
        taken.node = newNode;
        taken.keyFrom = uint24(open + 1);
        _rosters[group].weighed = uint24(open + 1);
        delete _seatOf[group][oldNode];
        _seatOf[group][newNode] = uint256(index) + 1;
        for (uint256 i = 0; i < RING; ++i) {
            Slot slot_ = _slots[group][oldNode][i];
            if (slot_.round() != 0) _slots[group][oldNode][i] = slot_.retired();
        }
        // In the open round the seat is still the old key's.
        if (open != 0) _slots[group][newNode][open % RING] = Slots.handedOverIn(open, index);
        emit SeatRekeyed(group, index, oldNode, newNode);
        DISTRIBUTOR.assign(group, index, IDENTITIES.operatorOf(identity), newNode);
    }

    function _leave(GroupId group, uint8 index) private {
        Seat storage taken = _seats[group][index];
        if (taken.untilRound != 0) revert NotSeated(group, taken.node);
        uint24 from = uint24(_lives[group].round() + 1);
        taken.untilRound = from;
        _standings[group][index / 8] = _standings[group][index / 8].left(index % 8);
        Roster memory roster_ = _rosters[group];
        --roster_.seats;
        roster_.changed = from;
        roster_.weighed = from;
        // Newcomers' part is of the mature weight that stays.
        _shareWeights(group, roster_, _rules[group].maturity, from);
        _rosters[group] = roster_;
        emit SeatLeft(group, index, taken.node, from);
    }

    /// @dev Copies a group's terms and the hash of its genesis at its first join.
    function _setUp(GroupId group) private returns (uint8 capacity) {
        Terms memory terms = GROUPS.terms(group);
        if (_heads[group] == 0) {
            _heads[group] = _headOf(group);
            _rosters[group].commitDuration = uint24(terms.commitDuration);
            _rosters[group].revealDuration = uint24(terms.revealDuration);
            _rosters[group].idleTimeout = terms.idleTimeout;
            _rules[group] = Rules({
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
    function _freeSeat(GroupId group, uint8 top, uint8 capacity) private view returns (uint8) {
        if (top < capacity) return top;
        for (uint8 index = 0; index < capacity; ++index) {
            if (_standings[group][index / 8].isEmpty(index % 8)) return index;
        }
        revert GroupFull(group, capacity);
    }

    /// @dev What is left for newcomers until the next final round shares their part anew.
    function _startWeight(Roster memory roster_) private pure returns (uint256) {
        if (roster_.mature == 0) return Standings.START_REPUTATION;
        uint256 cap = roster_.mature / 3;
        uint256 left = cap > roster_.young ? cap - roster_.young : 0;
        return left < Standings.START_REPUTATION ? left : Standings.START_REPUTATION;
    }
}
