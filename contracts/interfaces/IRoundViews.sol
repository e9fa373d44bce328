// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId, Phase, Result, Reveal} from "../types/Types.sol";

/// @title What the round manager's words say
/// @notice Holds nothing and may do nothing: it reads `RoundManager` and answers in the protocol's terms.
interface IRoundViews {
    /// @notice The round is not in the ring, or not open yet.
    error RoundNotKept(GroupId group, uint32 last, uint32 given);
    error NotSeated(GroupId group, address node);

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
        bool struck;
        bool presented;
        uint256 due;
    }

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
        uint8 forfeits;
    }

    /// @notice Where a group stands now, all in one word of storage.
    /// @return round the open round, or the last one
    /// @return phase_ its phase at this block's time
    function phase(
        GroupId group
    ) external view returns (uint32 round, Phase phase_, uint256 commitDeadline, uint256 revealDeadline);
    /// @notice A round still in the ring. `leader` is the parent most of its revealed weight named. `idle`: the round before it was
    /// void because nobody opened this one within the idle timeout; `struck`: it builds on a struck result. The votes of either
    /// bind nobody. `presented`: the leader's preimage is on chain; `due`: when it can be final, 0 while not presented or not closed.
    function roundAt(GroupId group, uint32 round) external view returns (RoundView memory);
    /// @notice Whether a closed round's votes agreed on a parent, and on which.
    function agreedParent(GroupId group, uint32 round) external view returns (bool agreed, bytes32 parent);
    /// @notice The last final result, the last final, settled and struck rounds.
    function head(
        GroupId group
    ) external view returns (bytes32 resultHash, uint32 finalRound, uint32 settledRound, uint32 struckRound);
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

    function makeCommitment(GroupId group, uint32 round, address node, Reveal calldata opened) external view returns (bytes24);
    function hashResult(GroupId group, Result calldata result) external view returns (bytes32);
}
