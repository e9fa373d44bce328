// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../../contracts/interfaces/IDisputes.sol";
import {Leaf, Opened} from "../../../contracts/libraries/Evidence.sol";
import {Phase, Result} from "../../../contracts/types/Types.sol";
import {Members} from "./Members.sol";
import {Bond, Book, Fault, Member, Played, Situation, Struck, Vote} from "./Model.sol";

/// @title Proving results wrong, and what that does by the rules
abstract contract Challenges is Members {
    bytes32[] private _none;

    // ------------------------------------------------------------------------------------------------ which results

    /// @dev Whether a result of a round may be challenged now: its votes are closed, and it is not settled.
    function _isOpenToChallenge(uint256 g, uint32 round) internal view returns (bool) {
        if (round == 0 || round <= books[g].settled || round >= books[g].last) return false;
        return vm_now() >= played[g][round + 1].revealDeadline;
    }

    /// @dev What a seat named in the round after.
    function _namedBy(uint256 g, uint32 round, uint256 seat) internal view returns (bytes32) {
        if ((played[g][round + 1].revealed >> seat) & 1 == 0) return 0;
        return votes[g][round + 1][seat].parent;
    }

    /// @dev Tries every wrong result that is named; honest ones are challenged too, in vain.
    function _watch(uint256 g, address challenger) internal returns (bool isAny) {
        for (uint32 round = books[g].settled + 1; round < books[g].last; ++round) {
            if (!_isOpenToChallenge(g, round)) continue;
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                bytes32 hash = _namedBy(g, round, seat);
                if (known[hash].round != round || struckPlace[g][hash] != 0 || !isKnown[hash]) continue;
                if (isHonest[hash]) {
                    if (_below(4) == 0) _challengeInVain(g, round, hash);
                } else if (_challenge(g, round, hash, challenger)) isAny = true;
            }
        }
    }

    function _challenge(uint256 g, uint32 round, bytes32 hash, address challenger) internal returns (bool done) {
        Fault fault = faults[hash];
        if (fault == Fault.Withheld) return false;
        if (_isCut("strike")) return false;
        (bool agreed, bytes32 leader) = _agreedByBooks(g, round + 1);
        // A wrong parent shows where it is settled on.
        bool isShown = fault != Fault.Parent || (agreed && leader == hash && round == books[g].settled + 1);
        done = _try(challenger, address(disputes), _callOf(g, round, hash, fault));
        isShown = isShown && _isNamed(g, round, hash);
        _require(done == isShown, string.concat("challenging a wrong result, fault ", vm.toString(uint256(fault))));
        if (!done) return false;
        _saw(Situation(uint256(Situation.StruckCoordinate) + _kindOf(fault)));
        _struckBy(g, round, hash, challenger);
    }

    /// @dev Votes that weigh nothing name nothing, unless theirs was the first.
    function _isNamed(uint256 g, uint32 round, bytes32 hash) private view returns (bool) {
        if (rounds.leaderOf(arena[g], (round + 1) % 8) == hash) return true;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            bool weighs = _weightIn(played[g][round + 1].weights, seat) != 0;
            if (weighs && _namedBy(g, round, seat) == hash) return true;
        }
        return false;
    }

    function _kindOf(Fault fault) private pure returns (uint256) {
        return fault == Fault.Parent ? uint256(Fault.Terms) - 1 : uint256(fault) - 1;
    }

    /// @dev Every kind of challenge of a right result, as far as its evidence can be had.
    function _challengeInVain(uint256 g, uint32 round, bytes32 hash) internal {
        for (Fault fault = Fault.Coordinate; fault <= Fault.Terms; fault = Fault(uint256(fault) + 1)) {
            bytes memory call = _callOf(g, round, hash, fault);
            if (call.length != 0) _require(!_try(WATCHER, address(disputes), call), "a right result was struck");
        }
        _saw(Situation.HonestChallenged);
    }

    function _challengeUnpresented(uint256 g) internal returns (bool done) {
        uint32 round = books[g].settled + 1;
        if (!_isOpenToChallenge(g, round)) return false;
        (bool agreed, bytes32 hash) = _agreedByBooks(g, round + 1);
        bool isPresented = rounds.presentedOf(arena[g], round % 8).matches(round, hash);
        bool isTime = vm_now() >= played[g][round + 1].revealDeadline + WINDOW + IDLE;
        bool may = agreed && hash != books[g].head && !isPresented && isTime && struckPlace[g][hash] == 0;
        done = _try(WATCHER, address(disputes), abi.encodeCall(IDisputes.challengeUnpresented, (arena[g])));
        _require(done == may, "challenging what nobody presents");
        if (!done) return false;
        _saw(Situation.StruckUnpresented);
        _struckBy(g, round, hash, WATCHER);
    }

    // ------------------------------------------------------------------------------------------------ evidence

    function _leaf(bytes memory data) private view returns (Leaf memory) {
        return Leaf(data, _none);
    }

    function _columnsOf(bytes32 hash) private view returns (bytes memory) {
        return _columns(_popcount(known[hash].included), faults[hash] == Fault.Column ? 7 : 0);
    }

    function _openedOf(uint256 g, uint32 round, uint256 seat) internal view returns (Opened memory) {
        Vote memory vote = votes[g][round][seat];
        return Opened({node: vote.node, opened: _openingOf(g, round, vote)});
    }

    function _callOf(uint256 g, uint32 round, bytes32 hash, Fault fault) private view returns (bytes memory) {
        Result memory result = known[hash];
        if (fault == Fault.Terms || fault == Fault.Parent) return abi.encodeCall(IDisputes.challengeTerms, (arena[g], result));
        if (fault <= Fault.Exponent) return _numbersCall(g, hash, fault == Fault.Coordinate);
        uint256 seat = _culprit(g, round, hash, fault);
        if (fault == Fault.Absence) return abi.encodeCall(IDisputes.challengeAbsence, (arena[g], result, uint8(seat)));
        if (fault == Fault.Availability) return _availabilityCall(g, round, hash, seat);
        Opened memory opened = _openedOf(g, round, seat);
        if (fault == Fault.Inclusion) return abi.encodeCall(IDisputes.challengeInclusion, (arena[g], result, opened));
        bool isBad = votes[g][round][seat].isBad;
        Leaf memory update = Leaf(_codes(isBad ? 0x80 : 0), new bytes32[](1));
        update.proof[0] = _headerHash(g, round, opened.node);
        if (fault == Fault.Update) return abi.encodeCall(IDisputes.challengeUpdate, (arena[g], result, opened, 1, update));
        return abi.encodeCall(IDisputes.challengeColumn, (arena[g], result, 0, _leaf(_columnsOf(hash)), opened, update));
    }

    function _numbersCall(uint256 g, bytes32 hash, bool isCoordinate) private view returns (bytes memory) {
        Result memory result = known[hash];
        Result memory parent = known[result.parent];
        Leaf memory columns = _leaf(_columnsOf(hash));
        Leaf memory before = _leaf(_modelLeaf(leafOf[result.parent] - 1));
        Leaf memory claimed = _leaf(_modelLeaf(leafOf[hash] - 1));
        if (isCoordinate) {
            return abi.encodeCall(IDisputes.challengeCoordinate, (arena[g], result, parent, 0, 0, columns, before, claimed));
        }
        return abi.encodeCall(IDisputes.challengeExponent, (arena[g], result, parent, 0, columns, before, claimed));
    }

    function _availabilityCall(uint256 g, uint32 round, bytes32 hash, uint256 seat) private view returns (bytes memory) {
        uint256 who = 0;
        uint256 revealed = played[g][round].revealed;
        for (uint256 other = 0; other < capacity[g]; ++other) {
            bool isWithout = (votes[g][round][other].available >> seat) & 1 == 0;
            if ((revealed >> other) & 1 == 1 && isWithout) who |= 1 << other;
        }
        Opened[] memory without = new Opened[](_popcount(who));
        uint256 filled = 0;
        for (uint256 other = 0; other < capacity[g]; ++other) {
            if ((who >> other) & 1 == 1) without[filled++] = _openedOf(g, round, other);
        }
        return abi.encodeCall(IDisputes.challengeAvailability, (arena[g], known[hash], uint8(seat), without));
    }

    /// @dev The seat that is wrongly included; the first included one where none is.
    function _culprit(uint256 g, uint32 round, bytes32 hash, Fault fault) private view returns (uint256 first) {
        Result memory result = known[hash];
        first = capacity[g];
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((result.included >> seat) & 1 == 0) continue;
            if (first == capacity[g]) first = seat;
            Vote storage vote = votes[g][round][seat];
            bool isIn = (played[g][round].revealed >> seat) & 1 == 1;
            if (
                fault == Fault.Absence
                    ? !isIn
                    : fault == Fault.Update
                        ? isIn && vote.isBad
                        : false
            ) return seat;
            if (fault == Fault.Availability && isIn && !_isAvailable(g, round, seat)) return seat;
            if (fault == Fault.Inclusion && isIn && (vote.parent != result.parent || vote.isEmpty)) return seat;
        }
    }

    // ------------------------------------------------------------------------------------------------ consequences

    function _struckBy(uint256 g, uint32 round, bytes32 hash, address challenger) internal {
        (bool agreed, bytes32 leader) = _agreedByBooks(g, round + 1);
        Struck memory entry;
        (entry.hash, entry.round, entry.challenger, entry.struckAt) = (hash, round, challenger, vm_now());
        strikes[g].push(entry);
        struckPlace[g][hash] = strikes[g].length;
        if (!agreed || leader != hash) {
            _saw(Situation.StruckMinority);
            return;
        }
        Book storage book = books[g];
        if (book.last > round + 1) _saw(Situation.StruckCascade);
        for (uint32 r = round; r <= book.last; ++r) played[g][r].struck = true;
        (book.struckRound, book.struckAt) = (book.last, vm_now());
        Played storage p = played[g][book.last];
        if (vm_now() >= p.revealDeadline) return;
        _saw(Situation.StruckWhileOpen);
        p.aborted = true;
        p.revealDeadline = vm_now();
        if (p.commitDeadline > vm_now()) p.commitDeadline = vm_now();
    }

    /// @dev Slashes a seat that named a struck result, where that can be done; before its round is settled it must.
    function _slash(uint256 g, uint256 index, uint256 seat) internal returns (bool done) {
        Struck storage entry = strikes[g][index];
        uint32 round = entry.round;
        if (_namedBy(g, round, seat) != entry.hash || _isCut("slash")) return false;
        bytes memory call = abi.encodeCall(IDisputes.slash, (arena[g], entry.hash, _openedOf(g, round + 1, seat)));
        bool isAgain = (entry.slashed >> seat) & 1 == 1;
        done = _try(STRANGER, address(disputes), call);
        _require(!done || !isAgain, "a seat was slashed twice for one result");
        if (isAgain) _saw(Situation.SlashedTwiceRefused);
        else _require(done || books[g].settled > round, "a seat that named a struck result cannot be slashed");
        if (!done) return false;
        entry.slashed |= 1 << seat;
        Member storage member = members[g][seat];
        _require(_keyIn(g, seat, round + 1) == votes[g][round + 1][seat].node, "a seat was slashed for another's vote");
        bool isOwn =
            entry.challenger == operators[member.actor - 1] ||
                entry.challenger == member.node ||
                entry.challenger == votes[g][round + 1][seat].node;
        if (isOwn) entry.tainted = true;
        uint256 parts = 100 - member.forfeits < 50 ? 100 - member.forfeits : 50;
        uint256 taken = (STAKE / 100) * parts;
        member.forfeits += parts;
        member.reputation = 1;
        lockedStake[member.actor - 1] -= taken;
        entry.pot += taken / 10;
        burnt += taken - taken / 10;
        _saw(Situation.Slashed);
        if (member.forfeits == 100) _saw(Situation.SlashedToNothing);
    }

    function _collect(uint256 g, uint256 index) internal {
        Struck storage entry = strikes[g][index];
        bool may = entry.pot != 0 && vm_now() >= entry.struckAt + WINDOW;
        bool done = _try(STRANGER, address(disputes), abi.encodeCall(IDisputes.collect, (arena[g], entry.hash)));
        _require(done == may, "collecting");
        if (!done) return;
        _saw(entry.tainted ? Situation.CollectedTainted : Situation.CollectedByChallenger);
        if (entry.tainted) burnt += entry.pot;
        else _credit(entry.challenger, entry.pot);
        entry.pot = 0;
    }

    function _credit(address who, uint256 amount) private {
        if (who == WATCHER) watcherWallet += amount;
        for (uint256 i = 0; i < ACTORS; ++i) if (who == operators[i]) wallets[i] += amount;
    }

    // ------------------------------------------------------------------------------------------------ demands

    function _demand(uint256 g) internal {
        uint32 round = books[g].settled + 1;
        if (!_isOpenToChallenge(g, round)) return;
        (bool agreed, bytes32 hash) = _agreedByBooks(g, round + 1);
        if (!agreed || known[hash].round != round || !isKnown[hash]) return;
        IDisputes.Tree tree = IDisputes.Tree(_below(2));
        IDisputes.Demand memory earlier = disputes.demandOf(arena[g], hash, WATCHER);
        uint256 due = views.roundAt(arena[g], round + 1).due;
        bool may =
            vm_now() < due && earlier.until == 0 && vm_now() + WINDOW <= _lastDemand(g, hash, due) && struckPlace[g][hash] == 0;
        bool done = _try(WATCHER, address(disputes), abi.encodeCall(IDisputes.demand, (arena[g], known[hash], tree, 0)));
        _require(done == may, "demanding");
        if (!done) return;
        if (demandsEnd[g][hash] == 0) demandsEnd[g][hash] = due + 64 * WINDOW;
        watcherWallet -= STAKE / 100;
        bonds[g].push(Bond(hash, WATCHER, STAKE / 100));
        _saw(Situation.Demanded);
    }

    function _lastDemand(uint256 g, bytes32 hash, uint256 due) private view returns (uint256) {
        return demandsEnd[g][hash] == 0 ? due + 64 * WINDOW : demandsEnd[g][hash];
    }

    function _answer(uint256 g) internal {
        for (uint256 i = 0; i < bonds[g].length; ++i) {
            Bond storage bond = bonds[g][i];
            if (bond.bond == 0) continue;
            IDisputes.Demand memory open = disputes.demandOf(arena[g], bond.hash, WATCHER);
            bool isModel = open.tree == IDisputes.Tree.Model;
            if (faults[bond.hash] == Fault.Withheld) continue;
            Leaf memory leaf = _leaf(isModel ? _modelLeaf(leafOf[bond.hash] - 1) : _columnsOf(bond.hash));
            bytes memory call = abi.encodeCall(IDisputes.answer, (arena[g], known[bond.hash], WATCHER, leaf));
            bool done = _try(operators[1], address(disputes), call);
            _require(done == (vm_now() < open.until && struckPlace[g][bond.hash] == 0), "answering");
            if (!done) continue;
            // Half is burnt, since one may answer oneself.
            wallets[1] += bond.bond / 2;
            burnt += bond.bond - bond.bond / 2;
            bond.bond = 0;
            _saw(Situation.Answered);
        }
    }

    function _endDemands(uint256 g) internal {
        for (uint256 i = 0; i < bonds[g].length; ++i) {
            Bond storage bond = bonds[g][i];
            if (bond.bond == 0) continue;
            bool done = _try(STRANGER, address(disputes), abi.encodeCall(IDisputes.reclaim, (arena[g], bond.hash, WATCHER)));
            bool isOver = struckPlace[g][bond.hash] != 0 || known[bond.hash].round <= books[g].settled;
            _require(done == isOver, "reclaiming a bond");
            if (done) _saw(Situation.Reclaimed);
            else done = _unanswered(g, bond);
            if (!done) continue;
            watcherWallet += bond.bond;
            bond.bond = 0;
        }
    }

    function _unanswered(uint256 g, Bond storage bond) private returns (bool done) {
        uint32 round = known[bond.hash].round;
        (bool agreed, bytes32 leader) = _agreedByBooks(g, round + 1);
        bool may = agreed && leader == bond.hash && vm_now() >= disputes.demandOf(arena[g], bond.hash, WATCHER).until;
        bytes memory call = abi.encodeCall(IDisputes.challengeUnanswered, (arena[g], known[bond.hash], WATCHER));
        done = _try(STRANGER, address(disputes), call);
        _require(done == may, "striking what nobody shows");
        if (!done) return false;
        _saw(Situation.StruckUnanswered);
        _struckBy(g, round, bond.hash, bond.challenger);
    }
}
