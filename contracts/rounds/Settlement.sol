// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardDistributor} from "../interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {Presentation, Presented} from "../libraries/Presentation.sol";
import {Live} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {StandingWord} from "../libraries/Standings.sol";
import {GroupId, Phase, Result, Roster, Rules, Seat} from "../types/Types.sol";
import {GroupState, GroupStates, RING} from "./GroupState.sol";
import {RoundState} from "./RoundState.sol";

/// @title Settling rounds, in order: final or void
abstract contract Settlement is RoundState {
    /// @dev A hundredth of the stake for a commit that was not revealed.
    uint256 private constant FORFEIT_PARTS = 100;
    /// @dev Hundredths for a vote for a struck result.
    uint256 private constant SLASH_PARTS = 50;
    /// @dev The challenger's part is a tenth of what is taken.
    uint256 private constant CHALLENGER_PARTS = 10;

    modifier onlyDisputes() {
        if (msg.sender != DISPUTES) revert OnlyDisputes(msg.sender);
        _;
    }

    /// @inheritdoc IRoundManager
    function finalize(GroupId group, Result calldata result) external {
        GroupState storage state = _states[group];
        Roster memory roster_ = state.roster;
        Rules memory rules = state.rules;
        Live live = state.live;
        uint32 round = uint32(roster_.settledRound) + 1;
        bytes32 hash = _requireFinal(state, group, live, rules, round, result);

        uint256 seated;
        uint256 taken;
        (seated, taken) = _occupied(state, roster_.top, rules.maturity);
        uint256 members = _membersIn(state, roster_, round, seated);
        uint256 revealed = _revealedIn(state, live, round, members);
        uint256 missing = result.included & ~revealed;
        if (missing != 0) revert SeatNotRevealed(group, round, Bitmap.lowest(missing));
        uint256 voted = _revealedIn(state, live, round + 1, _membersIn(state, roster_, round + 1, seated));

        roster_.settledRound = uint24(round);
        roster_.finalRound = uint24(round);
        state.head = hash;
        _moveStandings(state, roster_, rules.maturity, live.round() + 1, members, result.included, revealed);
        state.roster = roster_;
        emit RoundFinal(group, round, hash);
        _forfeit(state, group, live, rules, round, members);
        DISTRIBUTOR.pay(
            group,
            IRewardDistributor.Payment({
                round: round,
                reward: rules.reward,
                elapsed: state.votesOf(live, round).revealDeadline() - state.openingOf(round).openedAt(),
                duration: uint256(roster_.commitDuration) + roster_.revealDuration,
                whole: result.included & voted,
                half: result.included & ~voted,
                taken: taken,
                scores: result.scores
            })
        );
    }

    /// @inheritdoc IRoundManager
    function settleVoid(GroupId group) external {
        GroupState storage state = _states[group];
        Roster memory roster_ = state.roster;
        Rules memory rules = state.rules;
        Live live = state.live;
        uint32 round = uint32(roster_.settledRound) + 1;
        _requireVoid(state, group, live, roster_, rules.challengeWindow, round);

        state.roster.settledRound = uint24(round);
        emit RoundVoid(group, round);
        Live votes = state.votesOf(live, round);
        if (votes.revealed() == votes.seats()) return;
        (uint256 seated, ) = _occupied(state, roster_.top, rules.maturity);
        uint256 members = _membersIn(state, roster_, round, seated);
        // So that members that vanished with most of the weight can be evicted, although no round becomes final.
        uint256 absent = members & ~_revealedIn(state, live, round, members);
        for (uint256 index = 0; absent >> (index * 8) != 0; ++index) {
            state.standings[index] = state.standings[index].absent(uint8(absent >> (index * 8)));
        }
        _forfeit(state, group, live, rules, round, members);
    }

    /// @inheritdoc IRoundManager
    function present(GroupId group, Result calldata result) external {
        GroupState storage state = _states[group];
        Live live = state.live;
        uint32 round = result.round;
        if (round <= state.roster.settledRound) revert NothingToSettle(group, round);
        if (round >= live.round() || state.votesOf(live, round + 1).revealed() == 0) revert NotAgreed(group, round);
        bytes32 hash = Commitment.resultHash(address(this), group, result);
        bytes32 leader = state.leaders[(round + 1) % RING];
        if (hash != leader) revert ResultMismatch(leader, hash);
        _present(state, group, hash, result);
    }

    // ------------------------------------------------------------------------------------------------ the disputes'

    /// @inheritdoc IRoundManager
    function strike(GroupId group, uint32 round, bytes32 resultHash) external onlyDisputes returns (bool voids) {
        GroupState storage state = _states[group];
        Live live = state.live;
        if (!state.agrees(live, round + 1) || state.leaders[(round + 1) % RING] != resultHash) return false;
        uint32 last = live.round();
        bool isOpen = live.phase(block.timestamp) != Phase.Closed;
        for (uint32 r = round; r < last; ++r) state.records[r % RING] = state.records[r % RING].withStrike();
        state.roster.struckRound = uint24(last);
        state.struckAt = block.timestamp;
        if (isOpen) state.live = live.aborted(block.timestamp);
        emit RoundsStruck(group, round, last, resultHash);
        if (isOpen) emit RoundClosed(group, last);
        return true;
    }

    /// @inheritdoc IRoundManager
    function slash(GroupId group, uint8 index) external onlyDisputes returns (uint256 taken) {
        GroupState storage state = _states[group];
        Seat storage seat = state.requireTaken(group, index);
        Rules memory rules = state.rules;
        uint256 parts = FORFEIT_PARTS - seat.forfeits;
        if (parts > SLASH_PARTS) parts = SLASH_PARTS;
        uint256 amount = (rules.stake / FORFEIT_PARTS) * parts;
        seat.forfeits += uint8(parts);
        state.standings[index / 8] = state.standings[index / 8].slashed(index % 8);
        Roster memory roster_ = state.roster;
        state.shareWeights(roster_, rules.maturity, state.live.round() + 1);
        state.roster = roster_;
        emit SeatSlashed(group, index, amount);
        return VAULT.slash(seat.identity, amount, DISPUTES, amount / CHALLENGER_PARTS);
    }

    /// @inheritdoc IRoundManager
    function hold(GroupId group, uint32 round, uint256 until) external onlyDisputes {
        GroupState storage state = _states[group];
        state.presented[round % RING] = state.presented[round % RING].held(until);
    }

    // ------------------------------------------------------------------------------------------------ when a round settles

    /// @dev Lies open from now on; a window from now at the earliest it can be final.
    function _present(GroupState storage state, GroupId group, bytes32 hash, Result memory result) internal {
        Presented presented = state.presented[result.round % RING];
        if (presented.matches(result.round, hash)) return;
        uint256 dueFloor = block.timestamp + state.rules.challengeWindow;
        state.presented[result.round % RING] = Presentation.make(result.round, hash, dueFloor);
        emit ResultPresented(group, result.round, hash, result, dueFloor);
    }

    /// @dev A struck round waits a window, so that its seats can be slashed: till then neither ring slots nor stakes come free.
    function _requireVoid(
        GroupState storage state,
        GroupId group,
        Live live,
        Roster memory roster_,
        uint256 window,
        uint32 round
    ) private view {
        uint32 last = live.round();
        if (last < round || !GroupStates.isClosed(live, round)) revert NothingToSettle(group, round);
        if (last == round ? round == roster_.struckRound : state.openingOf(round + 1).struck()) {
            uint256 due = state.struckAt + window;
            if (block.timestamp < due) revert WindowOpen(due, block.timestamp);
        } else if (last == round) {
            if (block.timestamp < live.revealDeadline() + roster_.idleTimeout) revert NothingToSettle(group, round);
        } else if (!state.openingOf(round + 1).idle()) {
            if (!GroupStates.isClosed(live, round + 1)) revert NothingToSettle(group, round);
            if (state.agrees(live, round + 1) && state.leaders[(round + 1) % RING] != state.head) {
                revert NothingToSettle(group, round);
            }
        }
    }

    /// @dev The result's hash, if it is the next to settle, agreed and due.
    function _requireFinal(
        GroupState storage state,
        GroupId group,
        Live live,
        Rules memory rules,
        uint32 round,
        Result calldata result
    ) private view returns (bytes32 hash) {
        if (result.round != round) revert NotNextToSettle(group, round, result.round);
        if (!GroupStates.isClosed(live, round + 1) || !state.agrees(live, round + 1)) revert NotAgreed(group, round);
        hash = Commitment.resultHash(address(this), group, result);
        bytes32 leader = state.leaders[(round + 1) % RING];
        if (hash != leader) revert ResultMismatch(leader, hash);
        if (result.parent != state.head) revert ParentMismatch(state.head, result.parent);
        Presented presented = state.presented[round % RING];
        if (!presented.matches(round, hash)) revert NotPresented(hash);
        uint256 due = state.votesOf(live, round + 1).revealDeadline() + rules.challengeWindow;
        if (due < presented.dueFloor()) due = presented.dueFloor();
        if (block.timestamp < due) revert WindowOpen(due, block.timestamp);
        uint256 count = Bitmap.count(result.included);
        if (count < rules.minUpdates) revert TooFewUpdates(count, rules.minUpdates);
    }

    // ------------------------------------------------------------------------------------------------ who was there

    /// @return seated bitmap of the next opening's roster; @return taken those and the seats not yet released
    function _occupied(GroupState storage state, uint8 top, uint256 maturity) private view returns (uint256 seated, uint256 taken) {
        unchecked {
            for (uint256 index = 0; index * 8 < top; ++index) {
                StandingWord word = state.standings[index];
                (uint256 s, uint256 t) = word.isAtTop(maturity) ? (0xFF, 0xFF) : word.occupied();
                seated |= s << (index * 8);
                taken |= t << (index * 8);
            }
        }
    }

    /// @dev Bitmap of a round's roster: the next opening's, when nothing changed since; else the seats say.
    function _membersIn(
        GroupState storage state,
        Roster memory roster_,
        uint32 round,
        uint256 seated
    ) private view returns (uint256 members) {
        if (roster_.changed <= round) return seated;
        for (uint256 index = 0; index < roster_.top; ++index) {
            Seat storage taken = state.seats[uint8(index)];
            (uint32 from, uint32 until) = (taken.fromRound, taken.untilRound);
            if (from != 0 && from <= round && (until == 0 || until > round)) members |= 1 << index;
        }
    }

    /// @dev Bitmap of those members that revealed: all of them if the counts say so, else the slots say.
    function _revealedIn(
        GroupState storage state,
        Live live,
        uint32 round,
        uint256 members
    ) private view returns (uint256 revealed) {
        Live votes = state.votesOf(live, round);
        if (votes.revealed() == votes.seats()) return members;
        for (uint256 index = 0; members >> index != 0; ++index) {
            if ((members >> index) & 1 == 0) continue;
            Slot slot_ = state.slotOf(state.seats[uint8(index)], round);
            if (slot_.round() == round && slot_.isRevealed()) revealed |= 1 << index;
        }
    }

    // ------------------------------------------------------------------------------------------------ what it costs and earns

    /// @dev Burns a hundredth of the stake of each member that committed in a round and did not reveal.
    function _forfeit(
        GroupState storage state,
        GroupId group,
        Live live,
        Rules memory rules,
        uint32 round,
        uint256 members
    ) private {
        Live votes = state.votesOf(live, round);
        if (votes.committed() == votes.revealed()) return;
        for (uint256 index = 0; members >> index != 0; ++index) {
            if ((members >> index) & 1 == 0) continue;
            Seat storage taken = state.seats[uint8(index)];
            Slot slot_ = state.slotOf(taken, round);
            if (slot_.round() != round || slot_.isRevealed() || taken.forfeits == FORFEIT_PARTS) continue;
            ++taken.forfeits;
            uint256 burnt = VAULT.slash(taken.identity, rules.stake / FORFEIT_PARTS, address(0), 0);
            emit CommitForfeited(group, round, uint8(index), burnt);
        }
    }

    /// @dev Moves reputations and ages, and from them the weights that hold from round `from` on.
    function _moveStandings(
        GroupState storage state,
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
                StandingWord word = state.standings[index];
                uint256 shift = index * 8;
                if (uint8(included >> shift) == 0xFF && word.isAtTop(maturity)) continue;
                StandingWord next = word.settled(
                    uint8(members >> shift),
                    uint8(included >> shift),
                    uint8(revealed >> shift),
                    maturity
                );
                if (StandingWord.unwrap(next) == StandingWord.unwrap(word)) continue;
                state.standings[index] = next;
                moved = true;
            }
            // Without newcomers a weight is a reputation, so where none moved no weight did.
            if (moved || roster_.young != 0) state.shareWeights(roster_, maturity, from);
        }
    }
}
