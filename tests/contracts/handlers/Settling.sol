// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../../contracts/interfaces/IRoundViews.sol";
import {Result} from "../../../contracts/types/Types.sol";
import {Votes} from "./Votes.sol";
import {Book, Fault, Member, Played, Situation} from "./Model.sol";

/// @title Settling rounds, and what that does by the rules
abstract contract Settling is Votes {
    function _try(address sender, address target, bytes memory call) internal returns (bool done) {
        vm.prank(sender);
        (done, ) = target.call(call);
    }

    /// @dev Settles the first unsettled round if it can be now. Presents it first, and waits if `waits`.
    function _settle(uint256 g, bool waits) internal returns (bool) {
        if (_settleVoid(g)) return true;
        uint32 round = books[g].settled + 1;
        if (books[g].last <= round) return false;
        (bool agreed, bytes32 hash) = views.agreedParent(arena[g], round + 1);
        if (!agreed || known[hash].round != round) return false;
        if (!views.roundAt(arena[g], round + 1).presented) {
            rounds.present(arena[g], known[hash]);
            _saw(Situation.PresentedByAnyone);
        }
        uint256 due = views.roundAt(arena[g], round + 1).due;
        if (waits && vm_now() < due) vm.warp(due);
        return _finalize(g, round, hash);
    }

    /// @dev What is due, right and next must become final; what isn't due must not.
    function _finalize(uint256 g, uint32 round, bytes32 hash) internal returns (bool done) {
        bytes32 head = books[g].head;
        uint256 due = views.roundAt(arena[g], round + 1).due;
        Result memory result = known[hash];
        done = _try(STRANGER, address(rounds), abi.encodeCall(IRoundManager.finalize, (arena[g], result)));
        if (!done) {
            bool isRight = isHonest[hash] && result.parent == head && due != 0 && vm_now() >= due;
            _require(!isRight, "a right result that is due cannot become final");
            return false;
        }
        _require(due != 0 && vm_now() >= due, "a result became final before its window was over");
        _require(result.parent == head, "a final result does not stand on the head");
        _require(struckPlace[g][hash] == 0, "a struck result became final");
        _require(!played[g][round].struck, "a struck round became final");
        _becameFinal(g, round, hash, result);
    }

    function _becameFinal(uint256 g, uint32 round, bytes32 hash, Result memory result) private {
        _saw(Situation.FinalInTime);
        if (!isHonest[hash]) _saw(Situation.WrongResultFinal);
        else if (result.choice.length != 0) _saw(Situation.MixedFinal);
        uint256 included = result.included;
        Book storage book = books[g];
        (book.settled, book.finalized, book.head) = (round, round, hash);
        finals[g].push(hash);
        Played storage p = played[g][round];
        _require(included & ~p.revealed == 0, "a final result includes who did not reveal");
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((p.members >> seat) & 1 == 1) _moveStanding(g, seat, (included >> seat) & 1 == 1, (p.revealed >> seat) & 1 == 1);
        }
        _forfeit(g, round);
        _pay(g, round, included, result.scores);
    }

    /// @dev docs/specification.md, section 8, one seat at a time.
    function _moveStanding(uint256 g, uint256 seat, bool isIncluded, bool hasRevealed) private {
        Member storage member = members[g][seat];
        if (isIncluded) {
            uint256 step = (10_000 - member.reputation) / 8;
            if (step == 0 && member.reputation < 10_000) step = 1;
            member.reputation += step;
            if (member.age < MATURITY) ++member.age;
            member.missed = 0;
        } else {
            member.reputation -= member.reputation / 8;
            if (!hasRevealed && member.missed < 255) ++member.missed;
        }
    }

    function _forfeit(uint256 g, uint32 round) private {
        if (played[g][round].aborted) return;
        uint256 who = _unopened(g, round);
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            Member storage member = members[g][seat];
            if ((who >> seat) & 1 == 0 || member.forfeits == 100) continue;
            ++member.forfeits;
            lockedStake[member.actor - 1] -= STAKE / 100;
            burnt += STAKE / 100;
            _saw(Situation.Forfeited);
        }
    }

    /// @dev Scores of any seats but the included ones say nothing, whatever the terms: all score the same.
    function _pay(uint256 g, uint32 round, uint256 included, bytes memory scores) private {
        Played storage p = played[g][round];
        uint256 pot = books[g].budget < REWARD ? books[g].budget : REWARD;
        if (pot < REWARD) _saw(Situation.BudgetExhausted);
        uint256 elapsed = p.revealDeadline - p.openedAt;
        if (elapsed < COMMIT + REVEAL) pot = (pot * elapsed) / (COMMIT + REVEAL);
        uint256 paid = _creditAll(g, included, played[g][round + 1].revealed, pot, _scoresOrOnes(included, scores));
        if (paid > pot) broken = "a round paid more than its pot";
        books[g].budget -= paid;
    }

    function _scoresOrOnes(uint256 included, bytes memory scores) private returns (uint256[] memory given) {
        given = new uint256[](_popcount(included));
        bool isSaid = scores.length == 2 * given.length;
        for (uint256 i = 0; i < given.length; ++i) {
            given[i] = isSaid ? 256 * uint256(uint8(scores[2 * i])) + uint8(scores[2 * i + 1]) : 1;
        }
        if (isSaid) _saw(Situation.PaidByScores);
    }

    function _creditAll(
        uint256 g,
        uint256 included,
        uint256 voted,
        uint256 pot,
        uint256[] memory scores
    ) private returns (uint256 paid) {
        (uint256 best, uint256 sum, uint256 at) = (0, 0, 0);
        for (uint256 i = 0; i < scores.length; ++i) {
            if (scores[i] > best) best = scores[i];
            sum += scores[i];
        }
        if (sum == 0) _saw(Situation.PaidNobody);
        if (sum == 0) return 0;
        uint256 units = (pot * best) / sum / 1e9;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((included >> seat) & 1 == 0) continue;
            uint256 part = (units * scores[at++]) / best;
            if ((voted >> seat) & 1 == 0) part /= 2;
            credits[g][seat] += part * 1e9;
            paid += part * 1e9;
        }
    }

    // ------------------------------------------------------------------------------------------------ void

    function _settleVoid(uint256 g) internal returns (bool done) {
        uint32 round = books[g].settled + 1;
        (bool mayBe, Situation why) = _isVoid(g, round);
        done = _try(STRANGER, address(rounds), abi.encodeCall(IRoundManager.settleVoid, (arena[g])));
        _require(done == mayBe, done ? "a round became void that is not" : "a void round cannot be settled");
        if (!done) return false;
        _saw(why);
        books[g].settled = round;
        Played storage p = played[g][round];
        if (p.aborted) return true;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            bool isAbsent = ((p.members & ~p.revealed) >> seat) & 1 == 1;
            if (isAbsent && members[g][seat].missed < 255) ++members[g][seat].missed;
        }
        _forfeit(g, round);
    }

    function _isVoid(uint256 g, uint32 round) private view returns (bool, Situation) {
        Book storage book = books[g];
        if (round > book.last) return (false, Situation.End);
        Played storage p = played[g][round];
        if (p.struck) return (vm_now() >= book.struckAt + WINDOW, Situation.VoidStruck);
        if (vm_now() < p.revealDeadline) return (false, Situation.End);
        if (round == book.last) return (vm_now() >= p.revealDeadline + IDLE, Situation.VoidIdle);
        if (played[g][round + 1].openedAt >= p.revealDeadline + IDLE) return (true, Situation.VoidIdle);
        if (vm_now() < played[g][round + 1].revealDeadline) return (false, Situation.End);
        (bool agreed, bytes32 hash) = _agreedByBooks(g, round + 1);
        return (!agreed || hash == book.head, Situation.VoidNotAgreed);
    }

    /// @dev Counts the votes of a closed round again.
    function _agreedByBooks(uint256 g, uint32 round) internal view returns (bool, bytes32) {
        Played storage p = played[g][round];
        if (played[g][round - 1].struck) return (false, 0);
        if (played[g][round - 1].revealDeadline + IDLE <= p.openedAt && round > 1) return (false, 0);
        uint256 all = 0;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((p.revealed >> seat) & 1 == 1) all += _weightIn(p.weights, seat);
        }
        for (uint256 first = 0; first < capacity[g]; ++first) {
            if ((p.revealed >> first) & 1 == 0) continue;
            bytes32 hash = votes[g][round][first].parent;
            uint256 weight = 0;
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                bool isFor = (p.revealed >> seat) & 1 == 1 && votes[g][round][seat].parent == hash;
                if (isFor) weight += _weightIn(p.weights, seat);
            }
            if (weight != 0 && 3 * weight >= 2 * all && 2 * weight >= p.rosterWeight) return (true, hash);
        }
        return (false, 0);
    }
}
