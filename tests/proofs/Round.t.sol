// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Live, Record, Round} from "../../contracts/libraries/Round.sol";
import {Phase} from "../../contracts/types/Types.sol";
import {Proof} from "./Proof.sol";

/// @dev Where the fields lie, said once more, is the table above `Live`.
contract RoundProofs is Proof {
    function check_openRoundTrips(
        uint24 round,
        uint32 commitDeadline,
        uint32 revealDeadline,
        uint8 seats,
        bool quiet
    ) external pure {
        Live live = Round.open(round, commitDeadline, revealDeadline, seats, quiet);
        assert(live.round() == round);
        assert(live.commitDeadline() == commitDeadline && live.revealDeadline() == revealDeadline);
        assert(live.seats() == seats && live.isQuiet() == quiet);
        assert(live.committed() == 0 && live.revealed() == 0 && live.revealedWeight() == 0 && live.leaderWeight() == 0);
        assert(Live.unwrap(live) >> 160 == 0);
    }

    function check_fieldsAreWhereTheTableSays(uint256 word) external pure {
        Live live = Live.wrap(word);
        assert(live.round() == bits(word, 0, 24));
        assert(live.commitDeadline() == bits(word, 24, 32));
        assert(live.revealDeadline() == bits(word, 56, 32));
        assert(live.seats() == bits(word, 88, 8));
        assert(live.committed() == bits(word, 96, 8));
        assert(live.revealed() == bits(word, 104, 8));
        assert(live.revealedWeight() == bits(word, 112, 24));
        assert(live.leaderWeight() == bits(word, 136, 23));
        assert(live.isQuiet() == (bits(word, 159, 1) == 1));
    }

    function check_commitBeforeTheLastChangesTheCountAlone(uint256 word, uint32 time) external pure {
        uint256 committed = bits(word, 96, 8);
        given(committed < 255 && committed + 1 != bits(word, 88, 8));
        uint256 next = Live.unwrap(Live.wrap(word).withCommit(time));
        assert(sameBut(word, next, 96, 8));
        assert(bits(next, 96, 8) == committed + 1);
    }

    function check_lastCommitBringsBothDeadlinesNearer(uint256 word, uint32 time) external pure {
        uint256 committed = bits(word, 96, 8);
        (uint256 commitDeadline, uint256 revealDeadline) = (bits(word, 24, 32), bits(word, 56, 32));
        given(committed < 255 && committed + 1 == bits(word, 88, 8));
        given(time < commitDeadline && commitDeadline <= revealDeadline);
        uint256 next = Live.unwrap(Live.wrap(word).withCommit(time));
        assert(bits(next, 24, 32) == time);
        assert(bits(next, 56, 32) - time == revealDeadline - commitDeadline);
        assert(bits(next, 96, 8) == committed + 1);
        // Round, seats, and all from the reveals on, are as before.
        assert(bits(next, 0, 24) == bits(word, 0, 24) && bits(next, 88, 8) == bits(word, 88, 8) && next >> 104 == word >> 104);
    }

    function check_revealBeforeTheLastChangesCountAndWeightAlone(uint256 word, uint16 weight, uint32 time) external pure {
        (uint256 revealed, uint256 sum) = (bits(word, 104, 8), bits(word, 112, 24));
        given(revealed < 255 && revealed + 1 != bits(word, 96, 8) && sum + weight < 1 << 24);
        uint256 next = Live.unwrap(Live.wrap(word).withReveal(weight, time));
        assert(sameBut(word, next, 104, 32));
        assert(bits(next, 104, 8) == revealed + 1 && bits(next, 112, 24) == sum + weight);
    }

    function check_lastRevealClosesTheRoundNow(uint256 word, uint16 weight, uint32 time) external pure {
        (uint256 revealed, uint256 sum) = (bits(word, 104, 8), bits(word, 112, 24));
        given(revealed < 255 && revealed + 1 == bits(word, 96, 8) && sum + weight < 1 << 24 && time < bits(word, 56, 32));
        Live next = Live.wrap(word).withReveal(weight, time);
        uint256 after_ = Live.unwrap(next);
        assert(bits(after_, 56, 32) == time && next.phase(time) == Phase.Closed);
        assert(bits(after_, 104, 8) == revealed + 1 && bits(after_, 112, 24) == sum + weight);
        assert(
            bits(after_, 0, 56) == bits(word, 0, 56) && bits(after_, 88, 16) == bits(word, 88, 16) && after_ >> 136 == word >> 136
        );
    }

    function check_leaderWeightGrowsAlone(uint256 word, uint16 weight) external pure {
        uint256 sum = bits(word, 136, 23);
        given(sum + weight < 1 << 23);
        uint256 next = Live.unwrap(Live.wrap(word).withLeaderWeight(weight));
        assert(sameBut(word, next, 136, 23));
        assert(bits(next, 136, 23) == sum + weight);
    }

    function check_newLeaderKeepsAllElse(uint256 word, bytes32 hash, bytes32 other, uint256 weight) external pure {
        given(weight < 1 << 23 && bits(word, 104, 8) != 0);
        Live next = Live.wrap(word).withLeader(hash, weight);
        assert(bits(Live.unwrap(next), 0, 136) == bits(word, 0, 136) && next.isQuiet() == Live.wrap(word).isQuiet());
        assert(next.leaderWeight() == weight);
        assert(next.leads(hash));
        // Only what has the same 12 bytes of a hash leads with it.
        assert(
            next.leads(other) == (keccak256(abi.encode(other, bytes32(0))) >> 160 == keccak256(abi.encode(hash, bytes32(0))) >> 160)
        );
    }

    function check_nobodyLeadsBeforeTheFirstReveal(uint256 word, bytes32 hash) external pure {
        given(bits(word, 104, 8) == 0);
        assert(!Live.wrap(word).leads(hash));
    }

    /// @dev The least weights that pass: two thirds of the revealed and the quorum of the roster's, each rounded up.
    function check_agreesFromTheExactFractionOn(uint256 word, uint24 rosterWeight, uint16 quorumBps) external pure {
        given(quorumBps >= 5_000 && quorumBps <= 10_000);
        (uint256 leader, uint256 revealed) = (bits(word, 136, 23), bits(word, 112, 24));
        bool isTwoThirds = leader >= revealed - revealed / 3;
        // quorum <=> not (leader <= a part of the roster's weight that is less than the quorum's)
        bool isQuorum = leader * 10_000 + 1 > uint256(rosterWeight) * quorumBps;
        assert(Live.wrap(word).agrees(rosterWeight, quorumBps) == (leader > 0 && isTwoThirds && isQuorum));
    }

    /// @dev Two hashes never both have what agreement needs, since together they have at most what was revealed.
    function check_twoHashesNeverBothAgree(uint256 one, uint256 other, uint24 rosterWeight, uint16 quorumBps) external pure {
        given(quorumBps >= 5_000 && quorumBps <= 10_000);
        given(bits(one, 112, 24) == bits(other, 112, 24));
        given(bits(one, 136, 23) + bits(other, 136, 23) <= bits(one, 112, 24));
        assert(!(Live.wrap(one).agrees(rosterWeight, quorumBps) && Live.wrap(other).agrees(rosterWeight, quorumBps)));
    }

    function check_phaseIsWhereTheTimeIs(uint256 word, uint256 time) external pure {
        (uint256 commitDeadline, uint256 revealDeadline) = (bits(word, 24, 32), bits(word, 56, 32));
        given(commitDeadline <= revealDeadline);
        Phase phase = Live.wrap(word).phase(time);
        assert((phase == Phase.Commit) == (time < commitDeadline));
        assert((phase == Phase.Reveal) == (commitDeadline <= time && time < revealDeadline));
        assert((phase == Phase.Closed) == (revealDeadline <= time));
    }

    /// @dev Nobody who could not go on has committed without revealing, or missed the round.
    function check_abortInTheRevealPhaseHoldsNothingAgainstAnyone(uint256 word, uint32 time) external pure {
        given(bits(word, 24, 32) <= time && time < bits(word, 56, 32));
        uint256 next = Live.unwrap(Live.wrap(word).aborted(time));
        uint256 revealed = bits(word, 104, 8);
        assert(bits(next, 88, 8) == revealed && bits(next, 96, 8) == revealed);
        assert(bits(next, 24, 32) == bits(word, 24, 32) && bits(next, 56, 32) == time);
        assert(bits(next, 0, 24) == bits(word, 0, 24) && next >> 104 == word >> 104);
    }

    function check_recordRoundTrips(uint256 word, uint32 openedAt, uint24 rosterWeight, bool idle, bool struck) external pure {
        Record record = Round.record(Live.wrap(word), openedAt, rosterWeight, idle, struck);
        assert(Live.unwrap(record.votes()) == bits(word, 0, 160));
        assert(record.openedAt() == openedAt && record.rosterWeight() == rosterWeight);
        assert(record.idle() == idle && record.struck() == struck && record.binds() == (!idle && !struck));
        assert(Record.unwrap(record) >> 218 == 0);
    }

    function check_strikeMarksTheRecordAlone(uint256 word) external pure {
        Record next = Record.wrap(word).withStrike();
        assert(next.struck() && !next.binds());
        assert(sameBut(word, Record.unwrap(next), 217, 1));
    }
}
