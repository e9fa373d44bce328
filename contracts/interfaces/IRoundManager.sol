// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId, Phase, Result, Reveal} from "../types/Types.sol";

/// @title Seats and rounds
/// @notice Where nodes sit, what they committed and revealed, what was agreed and what became final.
///
/// Trust: nobody. Every function is bound to its sender's own seat or open to anyone. The roster of a round is frozen from
/// its first commit: joining, leaving and a finalize's new weights take effect at the next opening.
interface IRoundManager {
    // ------------------------------------------------------------------------------------------------ errors
    error UnexpectedPhase(GroupId group, uint32 round, Phase phase);
    /// @notice The call names a round that is not the group's open (or next) one.
    error UnexpectedRound(GroupId group, uint32 expected, uint32 given);
    /// @notice The ring slot still holds a round that is not settled.
    error RingFull(GroupId group, uint32 unsettled);
    error NotSeated(GroupId group, address node);
    error AlreadySeated(GroupId group, address node);
    error GroupFull(GroupId group, uint8 capacity);
    error NotNodeOrOperator(address node, address caller);
    error AlreadyCommitted(GroupId group, uint32 round, address node);
    error NotCommitted(GroupId group, uint32 round, address node);
    error CommitmentMismatch(bytes32 expected, bytes32 given);
    error ScoresTooLong(uint256 length);
    /// @notice `finalize` takes the first unsettled round.
    error NotNextToSettle(GroupId group, uint32 expected, uint32 given);
    error NotAgreed(GroupId group, uint32 round);
    error ResultMismatch(bytes32 agreed, bytes32 given);
    error ParentMismatch(bytes32 head, bytes32 given);
    error TooFewUpdates(uint256 included, uint8 minUpdates);
    error SeatNotRevealed(GroupId group, uint32 round, uint8 seat);
    error WindowOpen(uint256 until, uint256 time);
    error NothingToSettle(GroupId group, uint32 round);
    error SeatStillBound(GroupId group, uint8 seat, uint32 round);
    error NotEvictable(GroupId group, uint8 seat, uint8 missed);

    // ------------------------------------------------------------------------------------------------ events
    event SeatTaken(GroupId indexed group, uint8 indexed seat, address indexed node, uint64 identity, uint32 fromRound);
    event SeatLeft(GroupId indexed group, uint8 indexed seat, address indexed node, uint32 fromRound);
    event SeatFreed(GroupId indexed group, uint8 indexed seat, address indexed node);
    event SeatRekeyed(GroupId indexed group, uint8 indexed seat, address oldNode, address newNode);
    event RoundOpened(GroupId indexed group, uint32 indexed round, uint8 seats, uint256 commitDeadline);
    event Committed(GroupId indexed group, uint32 indexed round, address node, uint8 seat, bytes32 sealedDigest);
    event RevealStarted(GroupId indexed group, uint32 indexed round, uint256 revealDeadline);
    event Revealed(
        GroupId indexed group,
        uint32 indexed round,
        address node,
        bytes32 salt,
        bytes32 parent,
        bytes32 updateRoot,
        uint32 samples,
        int64 metric,
        uint256 available
    );
    /// @notice The committee's reports of a seat, in the same transaction as its reveal; none where it had none.
    event ScoresReported(GroupId indexed group, uint32 indexed round, address node, bytes scores);
    event RoundClosed(GroupId indexed group, uint32 indexed round);
    event RoundFinal(GroupId indexed group, uint32 indexed round, bytes32 resultHash, Result result);
    event RoundVoid(GroupId indexed group, uint32 indexed round);
    event CommitForfeited(GroupId indexed group, uint32 indexed round, uint8 seat, uint256 burnt);

    // ------------------------------------------------------------------------------------------------ seats
    /// @notice Seats a registered node, from the next opening. Called by the node or its operator. Locks the stake.
    function join(GroupId group, address node, bytes calldata invitation) external returns (uint8 seat);
    /// @notice Leaves from the next opening; the seat and its stake come free by `release`.
    function leave(GroupId group, address node) external;
    /// @notice Frees a seat that left, once every round it took part in is settled. Anyone.
    function release(GroupId group, uint8 seat) external;
    /// @notice Makes a seat leave that revealed in none of the last `maxMissed` settled rounds. Anyone.
    function evict(GroupId group, uint8 seat) external;
    /// @notice Hands a seat to its identity's new node key. The old key can still reveal what it committed. Anyone.
    function rekey(GroupId group, uint8 seat) external;

    // ------------------------------------------------------------------------------------------------ rounds
    /// @notice Commits the sender's sealed update. The first commit of a round opens it.
    /// @param sealedDigest sha2-256 digest of the sealed update's CID; zero for an empty update
    function commit(GroupId group, uint32 round, bytes32 sealedDigest, bytes32 commitment) external;
    /// @notice Opens the sender's commitment, and votes for `parent`.
    function reveal(GroupId group, uint32 round, Reveal calldata opened) external;
    /// @notice Settles the first unsettled round with its agreed result: pays, moves reputations. Anyone, after the window.
    function finalize(GroupId group, Result calldata result) external;
    /// @notice Settles the first unsettled round where it is void: not agreed, idle, or its result never presented. Anyone.
    function settleVoid(GroupId group) external;

    // ------------------------------------------------------------------------------------------------ views
    /// @notice Where a group stands now, all in one word of storage.
    /// @return round the open round, or the last one
    /// @return phase_ its phase at this block's time
    function phase(
        GroupId group
    ) external view returns (uint32 round, Phase phase_, uint256 commitDeadline, uint256 revealDeadline);

    struct RoundView {
        uint32 round;
        uint256 openedAt;
        uint256 commitDeadline;
        uint256 revealDeadline;
        uint8 seats;
        uint8 committed;
        uint8 revealed;
        uint32 rosterWeight;
        uint32 revealedWeight;
        bytes32 leader;
        uint32 leaderWeight;
        bool idle;
    }

    /// @notice A round still in the ring. `leader` is the parent most of its revealed weight named; `idle` says that the round
    /// before it was void because nobody opened this one within the idle timeout.
    function roundAt(GroupId group, uint32 round) external view returns (RoundView memory);
    /// @notice Whether a closed round's votes agreed on a parent, and on which.
    function agreedParent(GroupId group, uint32 round) external view returns (bool agreed, bytes32 parent);
    /// @notice The last final result and the last settled round.
    function head(GroupId group) external view returns (bytes32 resultHash, uint32 finalRound, uint32 settledRound);

    struct SeatView {
        uint8 seat;
        address node;
        uint64 identity;
        uint32 fromRound;
        uint32 untilRound;
        uint16 weight;
        uint16 reputation;
        uint8 age;
        uint8 missed;
    }

    function seat(GroupId group, address node) external view returns (SeatView memory);
    function seatAt(GroupId group, uint8 index) external view returns (SeatView memory);
    /// @notice A node's slot of a round: what it holds is the commitment until the reveal, then the digest of the reveal.
    function slot(
        GroupId group,
        address node,
        uint32 round
    ) external view returns (bool committed, bool revealed, uint16 weight, bytes24 digest);
    /// @notice Seats taken and the weight of the next opening's roster.
    function roster(GroupId group) external view returns (uint8 seats, uint32 weight);

    function makeCommitment(GroupId group, uint32 round, address node, Reveal calldata opened) external view returns (bytes32);
    function hashResult(GroupId group, Result calldata result) external view returns (bytes32);
}
