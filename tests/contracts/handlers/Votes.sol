// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../../contracts/interfaces/IRoundManager.sol";
import {Commitment} from "../../../contracts/libraries/Commitment.sol";
import {Live} from "../../../contracts/libraries/Round.sol";
import {WeightWord} from "../../../contracts/libraries/Weights.sol";
import {Phase, Result, Reveal, RoundId, RoundIds, SignedCommit, SignedReveal} from "../../../contracts/types/Types.sol";
import {Honest} from "./Honest.sol";
import {Fault, Played, Situation, Vote} from "./Model.sol";

/// @title Commits and reveals, by nodes themselves and by the relay
/// @dev What the rules let a node do must succeed: a call that is refused fails the campaign.
abstract contract Votes is Honest {
    /// @dev How a whole round is played. Bitmaps of seats.
    struct Play {
        uint256 commits;
        uint256 reveals;
        uint256 against;
        bytes32 parent;
        bytes32 other;
        uint8 available;
        uint256 empty;
        uint256 bad;
        bool isRelayed;
        bool presents;
    }

    // ------------------------------------------------------------------------------------------------ committing

    /// @return round that takes commits now, zero if none does
    function _committable(uint256 g) internal view returns (uint32 round) {
        Phase phase;
        (round, phase) = _phase(g);
        if (phase == Phase.Reveal) return 0;
        if (phase == Phase.Closed) ++round;
        if (round > books[g].settled + 8) return 0;
    }

    /// @dev Seats that may still commit in a round: not where the key changed hands within it.
    function _waiting(uint256 g, uint32 round) internal view returns (uint256 bits) {
        bits = _seatsOf(g, round);
        if (round > books[g].last) return bits;
        bits &= ~played[g][round].committed;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) if (members[g][seat].keyFrom > round) bits &= ~(1 << seat);
    }

    function _commit(uint256 g, uint32 round, uint256 seat, Vote memory vote) internal {
        RoundId id = RoundIds.make(arena[g], round);
        Reveal memory opened = _openingOf(g, round, vote);
        bytes24 commitment = Commitment.commitment(address(rounds), id, vote.node, opened);
        vm.prank(vote.node);
        rounds.commit(id, keccak256(abi.encode(vote.node, round)), commitment);
        _committed(g, round, seat, vote);
    }

    function _relayCommits(uint256 g, uint32 round, uint256[] memory seats, Vote[] memory given) internal {
        RoundId id = RoundIds.make(arena[g], round);
        SignedCommit[] memory batch = new SignedCommit[](seats.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            Reveal memory opened = _openingOf(g, round, given[i]);
            batch[i].sealedDigest = keccak256(abi.encode(given[i].node, round));
            batch[i].commitment = Commitment.commitment(address(rounds), id, given[i].node, opened);
            bytes32 kind = keccak256("Commit(uint32 group,uint32 round,bytes32 sealedDigest,bytes24 commitment)");
            bytes32 content = keccak256(abi.encode(kind, arena[g], round, batch[i].sealedDigest, batch[i].commitment));
            (batch[i].r, batch[i].vs) = _compactly(given[i].node, content);
        }
        _require(relay.relayCommits(id, batch) == seats.length, "a signed commit was left out");
        for (uint256 i = 0; i < seats.length; ++i) _committed(g, round, seats[i], given[i]);
        _saw(Situation.RelayedCommits);
    }

    function _committed(uint256 g, uint32 round, uint256 seat, Vote memory vote) private {
        if (round > books[g].last) _opened(g, round);
        Played storage p = played[g][round];
        p.committed |= 1 << seat;
        votes[g][round][seat] = vote;
        if (p.committed != p.members) return;
        Live live = rounds.liveOf(arena[g]);
        if (live.commitDeadline() < p.commitDeadline) _saw(Situation.CommitsEndedEarly);
        _deadlines(g, round);
    }

    function _opened(uint256 g, uint32 round) private {
        books[g].last = round;
        Played storage p = played[g][round];
        p.members = _seatsOf(g, round);
        WeightWord word = rounds.weightsOf(arena[g], 0);
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            (bool isMember, uint256 weight) = word.read(seat, round);
            _require(isMember == ((p.members >> seat) & 1 == 1), "the roster that opened is not the seats'");
            p.weights |= weight << (16 * seat);
            p.rosterWeight += weight;
        }
        p.openedAt = vm_now();
        p.commitDeadline = vm_now() + COMMIT;
        p.revealDeadline = vm_now() + COMMIT + REVEAL;
        _saw(Situation.RoundOpened);
    }

    /// @dev Deadlines come nearer, or stay.
    function _deadlines(uint256 g, uint32 round) internal {
        Live live = rounds.liveOf(arena[g]);
        Played storage p = played[g][round];
        bool isNearer = live.commitDeadline() <= p.commitDeadline && live.revealDeadline() <= p.revealDeadline;
        if (!isNearer) broken = "a deadline moved away";
        (p.commitDeadline, p.revealDeadline) = (live.commitDeadline(), live.revealDeadline());
    }

    // ------------------------------------------------------------------------------------------------ revealing

    function _unopened(uint256 g, uint32 round) internal view returns (uint256) {
        return played[g][round].committed & ~played[g][round].revealed;
    }

    function _reveal(uint256 g, uint32 round, uint256 seat, bool presents) internal {
        Vote memory vote = votes[g][round][seat];
        RoundId id = RoundIds.make(arena[g], round);
        bytes32 before = rounds.leaderOf(arena[g], round % 8);
        Reveal memory opened = _openingOf(g, round, vote);
        Result memory result = known[vote.parent];
        presents = presents && isKnown[vote.parent] && result.round + 1 == round && result.round != 0;
        if (members[g][seat].node != vote.node) _saw(Situation.RevealedByOldKey);
        vm.prank(vote.node);
        if (presents) rounds.revealWith(id, opened, result);
        else rounds.reveal(id, opened);
        if (presents && rounds.presentedOf(arena[g], result.round % 8).matches(result.round, vote.parent)) {
            _saw(Situation.Presented);
        }
        _revealed(g, round, seat, before);
    }

    function _relayReveals(uint256 g, uint32 round, uint256[] memory seats) internal {
        RoundId id = RoundIds.make(arena[g], round);
        bytes32 parent = votes[g][round][seats[0]].parent;
        SignedReveal[] memory batch = new SignedReveal[](seats.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            Vote memory vote = votes[g][round][seats[i]];
            Reveal memory opened = _openingOf(g, round, vote);
            (batch[i].salt, batch[i].updateRoot) = (opened.salt, opened.updateRoot);
            (batch[i].report, batch[i].available) = (opened.report, opened.available);
            bytes32 kind = keccak256("Reveal(uint32 group,uint32 round,bytes32 salt,uint256 available)");
            bytes32 content = keccak256(abi.encode(kind, arena[g], round, opened.salt, opened.available));
            (batch[i].r, batch[i].vs) = _compactly(vote.node, content);
        }
        bytes32 before = rounds.leaderOf(arena[g], round % 8);
        _require(relay.relayReveals(id, parent, batch) == seats.length, "a signed reveal was left out");
        for (uint256 i = 0; i < seats.length; ++i) _revealed(g, round, seats[i], before);
        _saw(Situation.RelayedReveals);
    }

    function _revealed(uint256 g, uint32 round, uint256 seat, bytes32 before) private {
        Played storage p = played[g][round];
        if (p.revealed != 0 && rounds.leaderOf(arena[g], round % 8) != before) _saw(Situation.LeaderOvertaken);
        p.revealed |= 1 << seat;
        if (p.revealed == p.committed && rounds.liveOf(arena[g]).revealDeadline() < p.revealDeadline) {
            _saw(Situation.RevealsEndedEarly);
        }
        _deadlines(g, round);
    }

    function _compactly(address node, bytes32 content) private view returns (bytes32 r, bytes32 vs) {
        bytes memory signature = signTyped(keyOf[node], "Relay", address(relay), content);
        uint8 v = uint8(signature[64]);
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            vs := or(mload(add(signature, 64)), shl(255, sub(v, 27)))
        }
    }

    // ------------------------------------------------------------------------------------------------ whole rounds

    /// @dev Commits and reveals of those that take part, each with what it names.
    function _play(uint256 g, Play memory play) internal {
        uint32 round = _committable(g);
        if (round == 0) return;
        uint256 who = _waiting(g, round) & play.commits;
        if (who == 0) return;
        // One of another mind is first, so that it leads for a while.
        _commitAll(g, round, who, play);
        Live live = rounds.liveOf(arena[g]);
        if (vm_now() < live.commitDeadline()) vm.warp(live.commitDeadline());
        vm.warp(vm_now() + _below(3));
        live = rounds.liveOf(arena[g]);
        if (!live.isRevealing(vm_now())) return;
        _revealAll(g, round, play);
        live = rounds.liveOf(arena[g]);
        if (vm_now() < live.revealDeadline()) vm.warp(live.revealDeadline());
        if (_unopened(g, round) != 0) _saw(Situation.RevealMissing);
        if (played[g][round].members & ~played[g][round].committed != 0) _saw(Situation.CommitMissing);
    }

    function _commitAll(uint256 g, uint32 round, uint256 who, Play memory play) private {
        uint256 count = _popcount(who);
        uint256[] memory seats = new uint256[](count);
        Vote[] memory given = new Vote[](count);
        uint256 filled = 0;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((who >> seat) & 1 == 0) continue;
            seats[filled] = seat;
            given[filled++] = Vote({
                node: _keyIn(g, seat, round),
                available: play.available,
                isEmpty: (play.empty >> seat) & 1 == 1,
                isBad: (play.bad >> seat) & 1 == 1,
                parent: (play.against >> seat) & 1 == 1 ? play.other : play.parent
            });
        }
        if (play.isRelayed) _relayCommits(g, round, seats, given);
        else for (uint256 i = 0; i < count; ++i) _commit(g, round, seats[i], given[i]);
    }

    function _revealAll(uint256 g, uint32 round, Play memory play) private {
        uint256 who = _unopened(g, round) & play.reveals;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if (((who & play.against) >> seat) & 1 == 1) _reveal(g, round, seat, play.presents);
        }
        who &= ~play.against;
        uint256 count = _popcount(who);
        if (count == 0) return;
        uint256[] memory seats = new uint256[](count);
        uint256 filled = 0;
        bool isOneMind = true;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((who >> seat) & 1 == 0) continue;
            seats[filled++] = seat;
            if (votes[g][round][seat].parent != votes[g][round][seats[0]].parent) isOneMind = false;
        }
        if (play.isRelayed && isOneMind) _relayReveals(g, round, seats);
        else for (uint256 i = 0; i < count; ++i) _reveal(g, round, seats[i], play.presents);
    }

    /// @dev A round in which all members do what the protocol says.
    function _honestly(uint256 g, uint32 round) internal returns (Play memory play) {
        play.commits = type(uint256).max;
        play.reveals = type(uint256).max;
        play.available = 0xFF;
        play.parent = _expected(g, round);
        play.presents = true;
    }

    /// @dev Some of what nodes do that fail or cheat, one or two at a time.
    function _somehow(uint256 g, uint32 round) internal returns (Play memory play) {
        play = _honestly(g, round);
        uint256 one = 1 << _below(capacity[g]);
        uint256 defect = _below(12);
        if (defect == 0) play.available = uint8(0xFF & ~one);
        else if (defect == 1) play.empty = one;
        else if (defect == 2) play.bad = one;
        else if (defect == 3) play.commits = ~one;
        else if (defect == 4) play.reveals = ~one;
        play.isRelayed = _below(6) == 0;
        play.presents = _below(8) != 0;
        uint256 mood = _below(10);
        if (mood > 4) return play;
        bytes32 wrong = round == 1 ? bytes32("wrong") : _wrong(g, round - 1, _parentOf(g, round - 1), _fault(g, round - 1));
        if (wrong == 0) return play;
        if (mood < 3) {
            play.parent = wrong;
        } else {
            play.other = wrong;
            play.against = mood == 3 ? one : (1 << (capacity[g] / 2)) - 1;
        }
    }

    /// @dev Whatever can be wrong with a round's result, the rarer first.
    function _fault(uint256 g, uint32 round) private returns (Fault) {
        bytes32 parent = _parentOf(g, round);
        if (_below(2) == 0) {
            for (Fault fault = Fault.Update; fault <= Fault.Inclusion; fault = Fault(uint256(fault) + 1)) {
                if (_wrong(g, round, parent, fault) != 0) return fault;
            }
        }
        return Fault(1 + _below(uint256(Fault.Withheld)));
    }
}
