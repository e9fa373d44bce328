// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Number of a group; 0 is no group.
type GroupId is uint32;

/// @notice Where a round stands. `Closed` is also where a group is before its first round.
enum Phase {
    Closed,
    Commit,
    Reveal
}

/// @notice Coordinate rules, by which the codes of a round become one step.
enum Rule {
    Mean,
    TrimmedMean,
    Median
}

/// @notice How a round's reward is split: `Equal`, every included update the same.
enum Scoring {
    Equal
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
/// @param choiceRoot what a vector rule chose; zero for coordinate rules
/// @param metric of the parent, in millionths, higher is better
struct Result {
    uint32 round;
    bytes32 parent;
    bytes32 modelDigest;
    bytes32 modelRoot;
    bytes32 columnsRoot;
    uint256 included;
    bytes32 choiceRoot;
    int64 metric;
}

/// @notice What opens a commitment.
/// @param salt 32 fresh random bytes; also the key to the sealed update
/// @param parent hash of the result the update was trained on
/// @param updateRoot Merkle root of the update's codes; zero for an empty update
/// @param samples the update was trained on; @param metric of the parent on the node's held-out data, in millionths
/// @param available bitmap of the seats whose sealed updates this node holds and serves
/// @param scores the committee's reports on the round before, empty unless drawn
struct Reveal {
    bytes32 salt;
    bytes32 parent;
    bytes32 updateRoot;
    uint32 samples;
    int64 metric;
    uint256 available;
    bytes scores;
}
