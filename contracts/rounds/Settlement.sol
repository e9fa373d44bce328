// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardDistributor} from "../interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {Live} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {StandingWord} from "../libraries/Standings.sol";
import {GroupId, Phase, Result} from "../types/Types.sol";
import {RoundState} from "./RoundState.sol";

/// @title Settling rounds, in order: final or void
abstract contract Settlement is RoundState {
    /// @dev A hundredth of the stake for a commit that was not revealed.
    uint256 private constant FORFEIT_PARTS = 100;

    /// @inheritdoc IRoundManager
    function finalize(GroupId group, Result calldata result) external {
        Roster memory roster_ = _rosters[group];
        Rules memory rules = _rules[group];
        Live live = _lives[group];
        uint32 round = uint32(roster_.settledRound) + 1;
        bytes32 hash = _requireFinal(group, live, rules, round, result);

        uint256 seated;
        uint256 taken;
        (seated, taken) = _occupied(group, roster_.top);
        uint256 members = _membersIn(group, roster_, round, seated);
        uint256 revealed = _revealedIn(group, live, round, members);
        uint256 missing = result.included & ~revealed;
        if (missing != 0) revert SeatNotRevealed(group, round, Bitmap.lowest(missing));
        uint256 voted = _revealedIn(group, live, round + 1, _membersIn(group, roster_, round + 1, seated));

        roster_.settledRound = uint24(round);
        roster_.finalRound = uint24(round);
        _heads[group] = hash;
        _moveStandings(group, roster_, rules.maturity, live.round() + 1, members, result.included, revealed);
        _rosters[group] = roster_;
        emit RoundFinal(group, round, hash, result);
        _forfeit(group, live, rules, round, members);
        DISTRIBUTOR.pay(
            group,
            IRewardDistributor.Payment({
                round: round,
                reward: rules.reward,
                elapsed: _votesOf(group, live, round).revealDeadline() - _openingOf(group, round).openedAt(),
                duration: uint256(roster_.commitDuration) + roster_.revealDuration,
                whole: result.included & voted,
                half: result.included & ~voted,
                taken: taken
            })
        );
    }

    /// @inheritdoc IRoundManager
    function settleVoid(GroupId group) external {
        Roster memory roster_ = _rosters[group];
        Rules memory rules = _rules[group];
        Live live = _lives[group];
        uint32 round = uint32(roster_.settledRound) + 1;
        if (live.round() < round || !_isClosed(live, round)) revert NothingToSettle(group, round);
        if (live.round() == round) {
            if (block.timestamp < live.revealDeadline() + roster_.idleTimeout) revert NothingToSettle(group, round);
        } else if (!_openingOf(group, round + 1).idle()) {
            if (!_isClosed(live, round + 1)) revert NothingToSettle(group, round);
            if (_agrees(group, live, round + 1) && _leaders[group][(round + 1) % RING] != _heads[group]) {
                uint256 expiry = _votesOf(group, live, round + 1).revealDeadline() + rules.challengeWindow + roster_.idleTimeout;
                if (block.timestamp < expiry) revert WindowOpen(expiry, block.timestamp);
                return _expire(group, live, round);
            }
        }
        _rosters[group].settledRound = uint24(round);
        emit RoundVoid(group, round);
        Live votes = _votesOf(group, live, round);
        if (votes.revealed() == votes.seats()) return;
        (uint256 seated, ) = _occupied(group, roster_.top);
        uint256 members = _membersIn(group, roster_, round, seated);
        // So that members that vanished with most of the weight can be evicted, although no round becomes final.
        uint256 absent = members & ~_revealedIn(group, live, round, members);
        for (uint256 index = 0; absent >> (index * 8) != 0; ++index) {
            _standings[group][index] = _standings[group][index].absent(uint8(absent >> (index * 8)));
        }
        _forfeit(group, live, rules, round, members);
    }

    /// @dev The result's hash, if it is the next to settle, agreed and due.
    function _requireFinal(
        GroupId group,
        Live live,
        Rules memory rules,
        uint32 round,
        Result calldata result
    ) private view returns (bytes32 hash) {
        if (result.round != round) revert NotNextToSettle(group, round, result.round);
        if (!_isClosed(live, round + 1) || _openingOf(group, round + 1).idle() || !_agrees(group, live, round + 1)) {
            revert NotAgreed(group, round);
        }
        hash = Commitment.resultHash(address(this), group, result);
        bytes32 leader = _leaders[group][(round + 1) % RING];
        if (hash != leader) revert ResultMismatch(leader, hash);
        if (result.parent != _heads[group]) revert ParentMismatch(_heads[group], result.parent);
        uint256 due = _votesOf(group, live, round + 1).revealDeadline() + rules.challengeWindow;
        if (block.timestamp < due) revert WindowOpen(due, block.timestamp);
        uint256 count = Bitmap.count(result.included);
        if (count < rules.minUpdates) revert TooFewUpdates(count, rules.minUpdates);
    }

    /// @dev Nobody presented what was agreed: this round and every later one are void, the open one closes at once.
    function _expire(GroupId group, Live live, uint32 round) private {
        bool isOpen = live.phase(block.timestamp) != Phase.Closed;
        _rosters[group].settledRound = uint24(live.round());
        if (isOpen) _lives[group] = live.closed(block.timestamp);
        for (; round <= live.round(); ++round) emit RoundVoid(group, round);
        if (isOpen) emit RoundClosed(group, live.round());
    }

    // ------------------------------------------------------------------------------------------------ who was there

    /// @return seated bitmap of the next opening's roster; @return taken those and the seats not yet released
    function _occupied(GroupId group, uint8 top) private view returns (uint256 seated, uint256 taken) {
        unchecked {
            for (uint256 index = 0; index * 8 < top; ++index) {
                (uint256 s, uint256 t) = _standings[group][index].occupied();
                seated |= s << (index * 8);
                taken |= t << (index * 8);
            }
        }
    }

    /// @dev Bitmap of a round's roster: the next opening's, when nothing changed since; else the seats say.
    function _membersIn(GroupId group, Roster memory roster_, uint32 round, uint256 seated) private view returns (uint256 members) {
        if (roster_.changed <= round) return seated;
        for (uint256 index = 0; index < roster_.top; ++index) {
            Seat storage taken = _seats[group][uint8(index)];
            (uint32 from, uint32 until) = (taken.fromRound, taken.untilRound);
            if (from != 0 && from <= round && (until == 0 || until > round)) members |= 1 << index;
        }
    }

    /// @dev Bitmap of those members that revealed: all of them if the counts say so, else the slots say.
    function _revealedIn(GroupId group, Live live, uint32 round, uint256 members) private view returns (uint256 revealed) {
        Live votes = _votesOf(group, live, round);
        if (votes.revealed() == votes.seats()) return members;
        for (uint256 index = 0; members >> index != 0; ++index) {
            if ((members >> index) & 1 == 0) continue;
            Slot slot_ = _slotOf(group, _seats[group][uint8(index)], round);
            if (slot_.round() == round && slot_.isRevealed()) revealed |= 1 << index;
        }
    }

    // ------------------------------------------------------------------------------------------------ what it costs and earns

    /// @dev Burns a hundredth of the stake of each member that committed in a round and did not reveal.
    function _forfeit(GroupId group, Live live, Rules memory rules, uint32 round, uint256 members) private {
        Live votes = _votesOf(group, live, round);
        if (votes.committed() == votes.revealed()) return;
        for (uint256 index = 0; members >> index != 0; ++index) {
            if ((members >> index) & 1 == 0) continue;
            Seat storage taken = _seats[group][uint8(index)];
            Slot slot_ = _slotOf(group, taken, round);
            if (slot_.round() != round || slot_.isRevealed() || taken.forfeits == FORFEIT_PARTS) continue;
            ++taken.forfeits;
            uint256 burnt = VAULT.slash(taken.identity, rules.stake / FORFEIT_PARTS, address(0), 0);
            emit CommitForfeited(group, round, uint8(index), burnt);
        }
    }

    /// @dev Moves reputations and ages, and from them the weights that hold from round `from` on.
    function _moveStandings(
        GroupId group,
        Roster memory roster_,
        uint256 maturity,
        uint256 from,
        uint256 members,
        uint256 included,
        uint256 revealed
    ) private {
        unchecked {
            uint256 words = (uint256(roster_.top) + 7) / 8;
            bool moved = false;
            for (uint256 index = 0; index < words; ++index) {
                StandingWord word = _standings[group][index];
                uint256 shift = index * 8;
                StandingWord next = word.settled(
                    uint8(members >> shift),
                    uint8(included >> shift),
                    uint8(revealed >> shift),
                    maturity
                );
                if (StandingWord.unwrap(next) == StandingWord.unwrap(word)) continue;
                _standings[group][index] = next;
                moved = true;
            }
            // Without newcomers a weight is a reputation, so where none moved no weight did.
            if (moved || roster_.young != 0) _shareWeights(group, roster_, maturity, from);
        }
    }
}
