// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Number of a group; 0 is no group.
type GroupId is uint32;

/// @notice A round of a group: `group << 32 | round`.
type RoundId is uint64;

/// @notice What a node says of its update: `samples << 64 | metric`. Samples (32 bits) it was trained on; the metric (int64, two's
/// complement) of its parent on the node's held-out data, in millionths.
type Report is uint96;

using RoundIds for RoundId global;

/// @title Naming a round
library RoundIds {
    function make(GroupId group_, uint32 round_) internal pure returns (RoundId) {
        return RoundId.wrap((uint64(GroupId.unwrap(group_)) << 32) | round_);
    }

    function group(RoundId id) internal pure returns (GroupId) {
        return GroupId.wrap(uint32(RoundId.unwrap(id) >> 32));
    }

    function round(RoundId id) internal pure returns (uint32) {
        return uint32(RoundId.unwrap(id));
    }
}

/// @notice Where a round stands. `Closed` is also where a group is before its first round.
enum Phase {
    Closed,
    Commit,
    Reveal
}

/// @notice Coordinate rules, by which the values of a round become one step. A third: as many as the protocol bears, (n - 1) / 3, are
/// left out at each end.
enum Rule {
    Mean,
    TrimmedMean,
    Median,
    TrimmedThird
}

/// @notice How a rule that looks at whole updates mixes them before the coordinate rule sees them: `None`, each stays by itself.
enum Mixing {
    None,
    MultiKrum,
    NearestNeighbours,
    Clipped,
    ClippedNearestNeighbours,
    GeometricMedian,
    CenteredClipping,
    Aligned
}

/// @notice How a round's reward is split: `Equal`, every included update the same; `Novelty`, by the scores of its result.
enum Scoring {
    Equal,
    Novelty
}

/// @notice What a group's members agree on for its whole life. Durations in seconds.
/// @param dimension coordinates of the model, `d`
/// @param fractionBits `F`: a weight is its integer divided by 2^F
/// @param minExponent lowest and @param maxExponent highest exponent of the quantisation grid (a code's value is q / 2^e)
/// @param capacity seats, at most 255
/// @param minUpdates a round with fewer included updates has no result
/// @param quorumBps part of the roster's weight that must have named a result, in basis points, at least 5,000
/// @param byInvitation members need an invitation signed by the creator
/// @param commitDuration at most 30 days
/// @param revealDuration at most 30 days
/// @param challengeWindow from agreement to finality
/// @param idleTimeout a closed round with no successor for this long is void; longer than the challenge window
/// @param maxMissed a seat that reveals in none of this many settled rounds in a row can be evicted
/// @param maturity final rounds after which a seat no longer counts as a newcomer
/// @param stake a seat's stake, in wei of the token
/// @param rewardPerRound in wei of the token
struct Terms {
    uint64 dimension;
    uint8 fractionBits;
    int8 minExponent;
    int8 maxExponent;
    Rule rule;
    Mixing mixing;
    Scoring scoring;
    uint8 capacity;
    uint8 minUpdates;
    uint16 quorumBps;
    bool byInvitation;
    uint32 commitDuration;
    uint32 revealDuration;
    uint32 challengeWindow;
    uint32 idleTimeout;
    uint8 maxMissed;
    uint8 maturity;
    uint128 stake;
    uint128 rewardPerRound;
}

/// @notice What a round came to. Its hash is what nodes name as the parent of their next update.
/// @param round the round
/// @param parent hash of the result its included updates were trained on
/// @param modelDigest sha2-256 digest of the model's CID
/// @param modelRoot Merkle root of the model's blocks
/// @param columnsRoot Merkle root over the blocks' codes of every included update
/// @param included bitmap of seats
/// @param choice how the updates are mixed, as `Mixtures` reads it; empty where the terms mix none
/// @param scores two bytes an included seat, in ascending order of seats; empty where all score the same
/// @param metric of the parent, in millionths, higher is better
struct Result {
    uint32 round;
    bytes32 parent;
    bytes32 modelDigest;
    bytes32 modelRoot;
    bytes32 columnsRoot;
    uint256 included;
    bytes choice;
    bytes scores;
    int64 metric;
}

/// @notice What opens a commitment, and the vote.
/// @dev In this order `reveal`, the most frequent call, has a low selector: they are compared one by one, from the lowest.
/// @param parent hash of the result the update was trained on
/// @param updateRoot Merkle root of the update's codes; zero for an empty update
/// @param report samples and metric
/// @param available bitmap of the seats whose sealed updates this node holds and serves; not part of the commitment
/// @param salt 32 fresh random bytes; also the key to the sealed update
struct Reveal {
    bytes32 parent;
    bytes32 updateRoot;
    Report report;
    uint256 available;
    bytes32 salt;
}

/// @notice Who sits on a seat. In round r its key is `node` from `keyFrom` on, `previousNode` before.
/// @param untilRound first round it is not on the roster of; 0 while it has not left
/// @param forfeits hundredths of its stake that were taken, for commits not revealed and for struck results; at most 100
struct Seat {
    address node;
    uint24 fromRound;
    uint24 untilRound;
    uint24 keyFrom;
    uint8 forfeits;
    address previousNode;
    uint64 identity;
}

/// @notice The roster of the next opening, how far the group is settled, and the durations (copied: terms never change).
/// @param top highest seat ever taken, plus one
/// @param mature weight of the mature seats; @param young weight of the newcomers
/// @param changed the round from which the last change of seats holds; @param weighed the same of weights and keys
/// @param struckRound last round when a result was last struck: it and what it builds on since the struck one is void
struct Roster {
    uint8 seats;
    uint8 top;
    uint24 mature;
    uint24 young;
    uint24 settledRound;
    uint24 finalRound;
    uint24 changed;
    uint24 weighed;
    uint24 commitDuration;
    uint24 revealDuration;
    uint24 idleTimeout;
    uint24 struckRound;
}

/// @notice Those of a group's terms that settling needs, copied into one word.
struct Rules {
    uint96 stake;
    uint96 reward;
    uint24 challengeWindow;
    uint16 quorumBps;
    uint8 minUpdates;
    uint8 maxMissed;
    uint8 maturity;
}

/// @notice A relayed commit. r and vs: the node's EIP-2098 signature of `Commit(uint32 group,uint32 round,bytes32 sealedDigest,
/// bytes24 commitment)` under the relay's EIP-712 domain.
struct SignedCommit {
    bytes32 sealedDigest;
    bytes24 commitment;
    bytes32 r;
    bytes32 vs;
}

/// @notice A relayed reveal; its parent is the batch's. r and vs: the node's signature of `Reveal(uint32 group,uint32 round,
/// bytes32 salt,uint256 available)`. The salt says which commitment it opens, and that binds the rest.
struct SignedReveal {
    bytes32 salt;
    bytes32 updateRoot;
    Report report;
    uint256 available;
    bytes32 r;
    bytes32 vs;
}
