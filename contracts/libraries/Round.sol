// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {Phase} from "../types/Types.sol";

/// @notice A group's open (or last) round, all of it in one word of storage, so that a commit and a reveal each read and
/// write it once. From the low end:
///
///   round 24 · commitDeadline 32 · revealDeadline 32 · seats 8 · committed 8 · revealed 8 · revealedWeight 24 · leaderWeight 23
///   · quiet 1 · leaderTag 96
///
/// The tag is the first 12 bytes of the hash of what most of the revealed weight named. A reveal with the same tag needs no read
/// of the whole hash. To steal its vote one would have to be first with another hash of the same tag. It is a tag of the hash's
/// hash because a vote may name any 32 bytes, also the leader's own with another tail.
type Live is uint256;

/// @notice A closed round and the opening of the next, written once, when the next opens: the low 160 bits of `Live`, then
/// openedAt 32 · rosterWeight 24 · idle 1 · struck 1 of the next round.
type Record is uint256;

using Round for Live global;
using Round for Record global;

/// @title Phases and votes of one round
/// @dev Deadlines are 32-bit seconds (good until 2106), weights at most 255 * 10,000 < 2^23.
library Round {
    uint256 private constant COMMIT_DEADLINE = 24;
    uint256 private constant REVEAL_DEADLINE = 56;
    uint256 private constant SEATS = 88;
    uint256 private constant COMMITTED = 96;
    uint256 private constant REVEALED = 104;
    uint256 private constant REVEALED_WEIGHT = 112;
    uint256 private constant LEADER_WEIGHT = 136;
    uint256 private constant QUIET = 159;
    uint256 private constant TAG = 160;
    uint256 private constant OPENED_AT = 160;
    uint256 private constant ROSTER_WEIGHT = 192;
    uint256 private constant IDLE = 216;
    uint256 private constant STRUCK = 217;
    uint256 private constant WEIGHT_MASK = 0xFFFFFF;
    uint256 private constant LEADER_WEIGHT_MASK = 0x7FFFFF;

    // ------------------------------------------------------------------------------------------------ fields

    function round(Live live) internal pure returns (uint32) {
        return uint24(Live.unwrap(live));
    }

    function commitDeadline(Live live) internal pure returns (uint256) {
        return uint32(Live.unwrap(live) >> COMMIT_DEADLINE);
    }

    /// @dev Also when the round closed, once it has.
    function revealDeadline(Live live) internal pure returns (uint256) {
        return uint32(Live.unwrap(live) >> REVEAL_DEADLINE);
    }

    function seats(Live live) internal pure returns (uint8) {
        return uint8(Live.unwrap(live) >> SEATS);
    }

    function committed(Live live) internal pure returns (uint8) {
        return uint8(Live.unwrap(live) >> COMMITTED);
    }

    function revealed(Live live) internal pure returns (uint8) {
        return uint8(Live.unwrap(live) >> REVEALED);
    }

    function revealedWeight(Live live) internal pure returns (uint32) {
        return uint24(Live.unwrap(live) >> REVEALED_WEIGHT);
    }

    function leaderWeight(Live live) internal pure returns (uint32) {
        return uint24((Live.unwrap(live) >> LEADER_WEIGHT) & LEADER_WEIGHT_MASK);
    }

    /// @dev Whether no seat and no weight changed for as many rounds as a slot lasts: then a node's slot of that many rounds ago
    /// still says both.
    function isQuiet(Live live) internal pure returns (bool) {
        return (Live.unwrap(live) >> QUIET) & 1 == 1;
    }

    /// @dev Whether `hash` has the leader's tag; no hash has it before the first reveal.
    function leads(Live live, bytes32 hash) internal pure returns (bool) {
        return revealed(live) != 0 && Live.unwrap(live) >> TAG == _tag(hash);
    }

    function phase(Live live, uint256 time) internal pure returns (Phase) {
        if (time >= revealDeadline(live)) return Phase.Closed;
        return time < commitDeadline(live) ? Phase.Commit : Phase.Reveal;
    }

    function isRevealing(Live live, uint256 time) internal pure returns (bool) {
        return time >= commitDeadline(live) && time < revealDeadline(live);
    }

    /// @dev Whether every seat has committed.
    function isFull(Live live) internal pure returns (bool) {
        return seats(live) == committed(live);
    }

    /// @dev Whether every commit is revealed.
    function isOpened(Live live) internal pure returns (bool) {
        return committed(live) == revealed(live);
    }

    /// @dev 3 * leaderWeight >= 2 * revealedWeight, and the quorum of the roster's weight.
    function agrees(Live live, uint256 rosterWeight_, uint256 quorumBps) internal pure returns (bool) {
        uint256 weight = leaderWeight(live);
        return weight != 0 && 3 * weight >= 2 * uint256(revealedWeight(live)) && 10_000 * weight >= quorumBps * rosterWeight_;
    }

    // ------------------------------------------------------------------------------------------------ transitions

    function open(
        uint32 round_,
        uint256 commitDeadline_,
        uint256 revealDeadline_,
        uint8 seats_,
        bool quiet
    ) internal pure returns (Live) {
        return
            Live.wrap(
                uint256(round_) |
                    (commitDeadline_ << COMMIT_DEADLINE) |
                    (revealDeadline_ << REVEAL_DEADLINE) |
                    (uint256(seats_) << SEATS) |
                    (uint256(quiet ? 1 : 0) << QUIET)
            );
    }

    /// @dev One more commit; with the last seat's, both deadlines come nearer by what was left of the commit phase.
    function withCommit(Live live, uint256 time) internal pure returns (Live) {
        unchecked {
            uint256 word = Live.unwrap(live) + (1 << COMMITTED);
            if (isFull(Live.wrap(word))) {
                uint256 left = commitDeadline(live) - time;
                word -= (left << COMMIT_DEADLINE) + (left << REVEAL_DEADLINE);
            }
            return Live.wrap(word);
        }
    }

    /// @dev One more reveal; with the last commit's, the round closes.
    function withReveal(Live live, uint256 weight, uint256 time) internal pure returns (Live) {
        unchecked {
            uint256 word = Live.unwrap(live) + (1 << REVEALED) + (weight << REVEALED_WEIGHT);
            if (revealed(Live.wrap(word)) == committed(live)) word -= (revealDeadline(live) - time) << REVEAL_DEADLINE;
            return Live.wrap(word);
        }
    }

    function withLeaderWeight(Live live, uint256 added) internal pure returns (Live) {
        unchecked {
            return Live.wrap(Live.unwrap(live) + (added << LEADER_WEIGHT));
        }
    }

    function withLeader(Live live, bytes32 leader, uint256 weight) internal pure returns (Live) {
        uint256 rest = Live.unwrap(live) & (((1 << LEADER_WEIGHT) - 1) | (1 << QUIET));
        return Live.wrap(rest | (weight << LEADER_WEIGHT) | (_tag(leader) << TAG));
    }

    /// @dev Ends the round at `time`, in whichever phase it is.
    function closed(Live live, uint256 time) internal pure returns (Live) {
        uint256 word = Live.unwrap(live);
        if (time < commitDeadline(live)) word -= (commitDeadline(live) - time) << COMMIT_DEADLINE;
        if (time < revealDeadline(live)) word -= (revealDeadline(live) - time) << REVEAL_DEADLINE;
        return Live.wrap(word);
    }

    /// @notice Ends a round that builds on a struck result. Its counts of seats and commits become that of its reveals, so that
    /// nobody who could not go on forfeits or misses anything.
    function aborted(Live live, uint256 time) internal pure returns (Live) {
        uint256 count = revealed(live);
        uint256 word = Live.unwrap(closed(live, time)) & ~((0xFF << SEATS) | (0xFF << COMMITTED));
        return Live.wrap(word | (count << SEATS) | (count << COMMITTED));
    }

    /// @dev Of a hash of the hash: whoever votes may name any 32 bytes, also the leader's first twelve with another tail.
    function _tag(bytes32 hash) private pure returns (uint256) {
        return uint256(Hashes.efficientKeccak256(hash, 0)) >> TAG;
    }

    // ------------------------------------------------------------------------------------------------ records

    function record(Live last, uint256 openedAt_, uint256 rosterWeight_, bool idle_, bool struck_) internal pure returns (Record) {
        return
            Record.wrap(
                uint160(Live.unwrap(last)) |
                    (openedAt_ << OPENED_AT) |
                    (rosterWeight_ << ROSTER_WEIGHT) |
                    (uint256(idle_ ? 1 : 0) << IDLE) |
                    (uint256(struck_ ? 1 : 0) << STRUCK)
            );
    }

    function withStrike(Record record_) internal pure returns (Record) {
        return Record.wrap(Record.unwrap(record_) | (1 << STRUCK));
    }

    /// @dev The closed round, without its leader's tag.
    function votes(Record record_) internal pure returns (Live) {
        return Live.wrap(uint160(Record.unwrap(record_)));
    }

    function openedAt(Record record_) internal pure returns (uint256) {
        return uint32(Record.unwrap(record_) >> OPENED_AT);
    }

    function rosterWeight(Record record_) internal pure returns (uint32) {
        return uint32((Record.unwrap(record_) >> ROSTER_WEIGHT) & WEIGHT_MASK);
    }

    /// @dev Whether the next round opened only after this one's idle timeout.
    function idle(Record record_) internal pure returns (bool) {
        return (Record.unwrap(record_) >> IDLE) & 1 == 1;
    }

    /// @dev Whether this round, which the next one's votes judge, builds on a struck result.
    function struck(Record record_) internal pure returns (bool) {
        return (Record.unwrap(record_) >> STRUCK) & 1 == 1;
    }

    /// @dev Whether the next round's votes say what became of this one: not where it was void before they were cast.
    function binds(Record record_) internal pure returns (bool) {
        return (Record.unwrap(record_) >> IDLE) & 3 == 0;
    }
}
