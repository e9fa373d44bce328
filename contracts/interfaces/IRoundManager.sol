// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Live, Record} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {StandingWord} from "../libraries/Standings.sol";
import {WeightWord} from "../libraries/Weights.sol";
import {Presented} from "../libraries/Presentation.sol";
import {GroupId, Phase, Report, Result, Reveal, RoundId, Roster, Rules, Seat} from "../types/Types.sol";

/// @title Seats and rounds
/// @notice Where nodes sit, what they committed and revealed, what was agreed and what became final. `RoundViews` reads it.
///
/// Trust: nobody. Every function is bound to its sender's own seat or open to anyone. Two contracts are let in by address: the
/// relay, which checks a node's signature instead of the sender, and the disputes, which check a proof before they strike. The
/// roster of a round is frozen from its first commit: joining, leaving and new weights take effect at the next opening.
interface IRoundManager {
    // ------------------------------------------------------------------------------------------------ errors
    error UnexpectedPhase(RoundId id, Phase phase);
    /// @notice The call names a round that is not the group's open (or next) one.
    error UnexpectedRound(GroupId group, uint32 expected, uint32 given);
    /// @notice The ring slot still holds a round that is not settled.
    error RingFull(GroupId group, uint32 unsettled);
    error NotSeated(GroupId group, address node);
    error AlreadySeated(GroupId group, address node);
    error GroupFull(GroupId group, uint8 capacity);
    error NotNodeOrOperator(address node, address caller);
    error AlreadyCommitted(RoundId id, address node);
    error NotCommitted(RoundId id, address node);
    error CommitmentMismatch(bytes24 expected, bytes24 given);
    /// @notice `finalize` takes the first unsettled round.
    error NotNextToSettle(GroupId group, uint32 expected, uint32 given);
    error NotAgreed(GroupId group, uint32 round);
    /// @notice What most of the votes named is another hash.
    error ResultMismatch(bytes32 named, bytes32 given);
    error ParentMismatch(bytes32 head, bytes32 given);
    error TooFewUpdates(uint256 included, uint8 minUpdates);
    error SeatNotRevealed(GroupId group, uint32 round, uint8 seat);
    /// @notice A result is presented before it is finalized, so that whoever wants to can check it for the whole window.
    error NotPresented(bytes32 hash);
    error WindowOpen(uint256 until, uint256 time);
    error NothingToSettle(GroupId group, uint32 round);
    error SeatStillBound(GroupId group, uint8 seat, uint32 round);
    error NotEvictable(GroupId group, uint8 seat, uint8 missed);
    error OnlyRelay(address caller);
    error OnlyDisputes(address caller);

    // ------------------------------------------------------------------------------------------------ events
    event SeatTaken(GroupId indexed group, uint8 indexed seat, address indexed node, uint64 identity, uint32 fromRound);
    event SeatLeft(GroupId indexed group, uint8 indexed seat, address indexed node, uint32 fromRound);
    event SeatFreed(GroupId indexed group, uint8 indexed seat, address indexed node);
    event SeatRekeyed(GroupId indexed group, uint8 indexed seat, address oldNode, address newNode);
    /// @notice A seat that named a struck result. @param taken of its stake, in wei
    event SeatSlashed(GroupId indexed group, uint8 indexed seat, uint256 taken);
    event RoundOpened(GroupId indexed group, uint32 indexed round, uint8 seats, uint256 commitDeadline);
    event Committed(RoundId indexed id, address node, bytes32 sealedDigest);
    event RevealStarted(GroupId indexed group, uint32 indexed round, uint256 revealDeadline);
    event Revealed(
        RoundId indexed id,
        address node,
        bytes32 salt,
        bytes32 parent,
        bytes32 updateRoot,
        Report report,
        uint256 available
    );
    /// @notice What `Committed` says, of a relayed batch. @param commits 52 bytes each: node 20 · sealedDigest 32
    event CommitsRelayed(RoundId indexed id, bytes commits);
    /// @notice What `Revealed` says, of a relayed batch. @param reveals 128 bytes each: node 20 · updateRoot 32 · report 12 ·
    /// available 32 · salt 32
    event RevealsRelayed(RoundId indexed id, bytes32 parent, bytes reveals);
    event RoundClosed(GroupId indexed group, uint32 indexed round);
    /// @notice What the leading votes name, in the open. @param dueFloor earliest time to finalize it
    event ResultPresented(GroupId indexed group, uint32 indexed round, bytes32 resultHash, Result result, uint256 dueFloor);
    event RoundFinal(GroupId indexed group, uint32 indexed round, bytes32 resultHash);
    event RoundVoid(GroupId indexed group, uint32 indexed round);
    /// @notice The agreed result of `round` is wrong. It and every round up to `lastRound` are void.
    event RoundsStruck(GroupId indexed group, uint32 indexed round, uint32 lastRound, bytes32 resultHash);
    event CommitForfeited(GroupId indexed group, uint32 indexed round, uint8 seat, uint256 burnt);

    // ------------------------------------------------------------------------------------------------ seats
    /// @notice Seats a registered node, from the next opening. Called by the node or its operator. Locks the stake.
    function join(GroupId group, address node, bytes calldata invitation) external returns (uint8 seat);
    /// @notice Leaves from the next opening; the seat and its stake come free by `release`.
    function leave(GroupId group, address node) external;
    /// @notice Leaves one group and joins another. The stake of the first stays locked until its rounds are settled.
    function migrate(GroupId from, GroupId to, address node, bytes calldata invitation) external returns (uint8 seat);
    /// @notice Frees a seat that left, once every round it took part in is settled. Anyone.
    function release(GroupId group, uint8 seat) external;
    /// @notice Makes a seat leave that revealed in none of the last `maxMissed` settled rounds. Anyone.
    function evict(GroupId group, uint8 seat) external;
    /// @notice Hands a seat to its identity's new node key. The old key can still reveal what it committed. Anyone.
    function rekey(GroupId group, uint8 seat) external;

    // ------------------------------------------------------------------------------------------------ rounds
    /// @notice Commits the sender's sealed update. The first commit of a round opens it.
    /// @param sealedDigest sha2-256 digest of the sealed update's CID; zero for an empty update
    /// @param commitment first 24 bytes of the commitment
    function commit(RoundId id, bytes32 sealedDigest, bytes24 commitment) external;
    /// @notice Opens the sender's commitment, and votes for `parent`.
    function reveal(RoundId id, Reveal calldata opened) external;
    /// @notice The same with the preimage of what is voted for.
    function revealWith(RoundId id, Reveal calldata opened, Result calldata result) external;
    /// @notice Presents the preimage of what most of the votes name, once; its window starts. Anyone.
    function present(GroupId group, Result calldata result) external;
    /// @notice Settles the first unsettled round with its agreed result: pays, moves reputations. Anyone, after the window.
    function finalize(GroupId group, Result calldata result) external;
    /// @notice Settles the first unsettled round where it is void: not agreed, idle, or struck a window ago. Anyone.
    function settleVoid(GroupId group) external;

    // ------------------------------------------------------------------------------------------------ the relay's
    struct CommitOf {
        address node;
        bytes32 sealedDigest;
        bytes24 commitment;
    }

    struct RevealOf {
        address node;
        Reveal opened;
    }

    /// @notice Commits of nodes whose signatures the relay has checked. What does not fit the round is left out.
    /// @return accepted how many were taken
    function commitFor(RoundId id, CommitOf[] calldata commits) external returns (uint256 accepted);
    /// @notice The same for reveals that all vote for one parent.
    function revealFor(RoundId id, RevealOf[] calldata reveals) external returns (uint256 accepted);

    // ------------------------------------------------------------------------------------------------ the disputes'
    /// @notice Voids a round whose named result was proven wrong, and every later one, if the votes agreed on that result.
    /// The open round closes at once, without penalty. Settled a window later, in which its seats are slashed.
    /// @return voids false where the votes did not agree on it: then nothing changes
    function strike(GroupId group, uint32 round, bytes32 resultHash) external returns (bool voids);
    /// @notice Takes half of a seat's stake and its reputation.
    /// @return taken of the stake, in wei; a tenth of it went to the caller, the rest is burnt
    function slash(GroupId group, uint8 seat) external returns (uint256 taken);
    /// @notice Keeps a presented result from being finalized before a time.
    function hold(GroupId group, uint32 round, uint256 until) external;

    // ------------------------------------------------------------------------------------------------ words, as they are kept
    /// @notice The contracts it calls or is called by; they never change.
    function contracts()
        external
        view
        returns (address identities, address vault, address groups, address distributor, address disputes, address relay);
    function liveOf(GroupId group) external view returns (Live);
    /// @param index round mod 8: the record that closes the round and opens the next
    function recordOf(GroupId group, uint256 index) external view returns (Record);
    /// @param index of the round whose votes named it, mod 8
    function leaderOf(GroupId group, uint256 index) external view returns (bytes32);
    /// @notice Revealed weight of a hash that does not lead in a round.
    function dissentOf(GroupId group, uint32 round, bytes32 hash) external view returns (uint256);
    /// @param index of the round it is the result of, mod 8
    function presentedOf(GroupId group, uint256 index) external view returns (Presented);
    function slotOf(GroupId group, address node, uint256 index) external view returns (Slot);
    function seatOf(GroupId group, uint8 seat) external view returns (Seat memory);
    function rosterOf(GroupId group) external view returns (Roster memory);
    function rulesOf(GroupId group) external view returns (Rules memory);
    /// @notice Hash of the last final result, or of the genesis.
    function headOf(GroupId group) external view returns (bytes32);
    /// @notice Seat of a node plus one, 0 if it has none.
    function placeOf(GroupId group, address node) external view returns (uint256);
    /// @param index seat / 8
    function weightsOf(GroupId group, uint256 index) external view returns (WeightWord);
    function standingsOf(GroupId group, uint256 index) external view returns (StandingWord);
    /// @notice When a result of the group was last struck.
    function struckAt(GroupId group) external view returns (uint256);
}
