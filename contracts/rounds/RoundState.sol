// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {Live, Record} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {Standings, StandingWord} from "../libraries/Standings.sol";
import {WeightWord} from "../libraries/Weights.sol";
import {GroupId, Phase, Result, Reveal} from "../types/Types.sol";

/// @title What the round manager keeps, and its views
abstract contract RoundState is IRoundManager {
    /// @notice Who sits where. In round r the seat's key is `node` from `keyFrom` on, `previousNode` before.
    /// @param untilRound first round it is not on the roster of; 0 while it has not left
    /// @param forfeits commits it did not reveal, each at a hundredth of its stake; at most 100
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
        uint32 idleTimeout;
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

    /// @dev Rounds a group and a seat keep.
    uint256 internal constant RING = 8;

    IIdentityRegistry public immutable IDENTITIES;
    IStakeVault public immutable VAULT;
    IGroupRegistry public immutable GROUPS;
    IRewardDistributor public immutable DISTRIBUTOR;

    mapping(GroupId group => Live) internal _lives;
    mapping(GroupId group => mapping(address node => mapping(uint256 index => Slot))) internal _slots;
    mapping(GroupId group => mapping(uint256 index => WeightWord)) internal _weights;
    mapping(GroupId group => mapping(uint256 index => StandingWord)) internal _standings;
    mapping(GroupId group => Roster) internal _rosters;
    mapping(GroupId group => Rules) internal _rules;
    mapping(GroupId group => bytes32) internal _heads;
    /// @dev `records[r % RING]` closes round r and opens round r + 1.
    mapping(GroupId group => mapping(uint256 index => Record)) internal _records;
    mapping(GroupId group => mapping(uint256 index => bytes32)) internal _leaders;
    /// @dev Revealed weight of hashes that do not lead.
    mapping(GroupId group => mapping(uint32 round => mapping(bytes32 hash => uint256))) internal _dissent;
    mapping(GroupId group => mapping(uint8 seat => Seat)) internal _seats;
    /// @dev Seat plus one.
    mapping(GroupId group => mapping(address node => uint256)) internal _seatOf;

    constructor(IIdentityRegistry identities, IStakeVault vault, IGroupRegistry groups, IRewardDistributor distributor) {
        IDENTITIES = identities;
        VAULT = vault;
        GROUPS = groups;
        DISTRIBUTOR = distributor;
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IRoundManager
    function phase(
        GroupId group
    ) external view returns (uint32 round, Phase phase_, uint256 commitDeadline, uint256 revealDeadline) {
        Live live = _lives[group];
        return (live.round(), live.phase(block.timestamp), live.commitDeadline(), live.revealDeadline());
    }

    /// @inheritdoc IRoundManager
    function roundAt(GroupId group, uint32 round) external view returns (RoundView memory) {
        Live live = _lives[group];
        _requireKept(group, live, round);
        Live votes = _votesOf(group, live, round);
        Record opening = _openingOf(group, round);
        return
            RoundView({
                round: round,
                openedAt: opening.openedAt(),
                commitDeadline: votes.commitDeadline(),
                revealDeadline: votes.revealDeadline(),
                seats: votes.seats(),
                committed: votes.committed(),
                revealed: votes.revealed(),
                rosterWeight: opening.rosterWeight(),
                revealedWeight: votes.revealedWeight(),
                leader: votes.revealed() == 0 ? bytes32(0) : _leaders[group][round % RING],
                leaderWeight: votes.leaderWeight(),
                idle: opening.idle()
            });
    }

    /// @inheritdoc IRoundManager
    function agreedParent(GroupId group, uint32 round) external view returns (bool agreed, bytes32 parent) {
        Live live = _lives[group];
        _requireKept(group, live, round);
        if (!_isClosed(live, round) || !_agrees(group, live, round)) return (false, bytes32(0));
        return (true, _leaders[group][round % RING]);
    }

    /// @inheritdoc IRoundManager
    function head(GroupId group) external view returns (bytes32 resultHash, uint32 finalRound, uint32 settledRound) {
        Roster storage roster_ = _rosters[group];
        return (_headOf(group), roster_.finalRound, roster_.settledRound);
    }

    /// @inheritdoc IRoundManager
    function seat(GroupId group, address node) external view returns (SeatView memory) {
        return seatAt(group, _requireSeat(group, node));
    }

    /// @inheritdoc IRoundManager
    function seatAt(GroupId group, uint8 index) public view returns (SeatView memory) {
        Seat storage taken = _seats[group][index];
        Standings.Standing memory standing = _standings[group][index / 8].read(index % 8);
        (, uint16 weight) = _weights[group][index / 8].read(index % 8, type(uint32).max);
        return
            SeatView({
                seat: index,
                node: taken.node,
                identity: taken.identity,
                fromRound: taken.fromRound,
                untilRound: taken.untilRound,
                weight: weight,
                reputation: standing.reputation,
                age: standing.age,
                missed: standing.missed
            });
    }

    /// @inheritdoc IRoundManager
    function slot(
        GroupId group,
        address node,
        uint32 round
    ) external view returns (bool committed, bool revealed, uint16 weight, bytes24 digest) {
        Slot slot_ = _slots[group][node][round % RING];
        if (round == 0 || slot_.round() != round || slot_.isHandedOver()) return (false, false, 0, 0);
        return (true, slot_.isRevealed(), slot_.weight(), slot_.digest());
    }

    /// @inheritdoc IRoundManager
    function roster(GroupId group) external view returns (uint8 seats, uint32 weight) {
        Roster storage roster_ = _rosters[group];
        return (roster_.seats, uint32(roster_.mature) + roster_.young);
    }

    /// @inheritdoc IRoundManager
    function makeCommitment(GroupId group, uint32 round, address node, Reveal calldata opened) external view returns (bytes32) {
        return Commitment.commitment(address(this), group, round, node, opened, keccak256(opened.scores));
    }

    /// @inheritdoc IRoundManager
    function hashResult(GroupId group, Result calldata result) external view returns (bytes32) {
        return Commitment.resultHash(address(this), group, result);
    }

    // ------------------------------------------------------------------------------------------------ reading rounds

    /// @dev The open round's word, or the closed one's as the opening after it left it. No tag in the latter.
    function _votesOf(GroupId group, Live live, uint32 round) internal view returns (Live) {
        return live.round() == round ? live : _records[group][round % RING].votes();
    }

    /// @dev Only openedAt, rosterWeight and idle of the record are the round's.
    function _openingOf(GroupId group, uint32 round) internal view returns (Record) {
        return _records[group][(round - 1) % RING];
    }

    function _isClosed(Live live, uint32 round) internal view returns (bool) {
        return round < live.round() || (round == live.round() && live.phase(block.timestamp) == Phase.Closed);
    }

    function _agrees(GroupId group, Live live, uint32 round) internal view returns (bool) {
        return _votesOf(group, live, round).agrees(_openingOf(group, round).rosterWeight(), _rules[group].quorumBps);
    }

    function _requireKept(GroupId group, Live live, uint32 round) private pure {
        if (round == 0 || round > live.round() || round + RING <= live.round()) revert UnexpectedRound(group, live.round(), round);
    }

    function _headOf(GroupId group) internal view returns (bytes32 hash) {
        hash = _heads[group];
        if (hash == 0) {
            (bytes32 modelDigest, bytes32 modelRoot) = GROUPS.genesisOf(group);
            hash = Commitment.genesisHash(address(this), group, modelDigest, modelRoot);
        }
    }

    // ------------------------------------------------------------------------------------------------ reading seats

    function _requireSeat(GroupId group, address node) internal view returns (uint8) {
        uint256 place = _seatOf[group][node];
        if (place == 0) revert NotSeated(group, node);
        return uint8(place - 1);
    }

    function _requireTaken(GroupId group, uint8 index) internal view returns (Seat storage taken) {
        taken = _seats[group][index];
        if (taken.node == address(0)) revert NotSeated(group, address(0));
    }

    /// @dev The slot of whichever key a seat had in a round.
    function _slotOf(GroupId group, Seat storage taken, uint32 round) internal view returns (Slot) {
        return _slots[group][round < taken.keyFrom ? taken.previousNode : taken.node][round % RING];
    }

    // ------------------------------------------------------------------------------------------------ weights

    /// @dev The weights that hold from round `from` on: reputations, the newcomers' within their part.
    function _shareWeights(GroupId group, Roster memory roster_, uint256 maturity, uint256 from) internal {
        unchecked {
            uint256 words = (uint256(roster_.top) + 7) / 8;
            StandingWord[] memory standings = new StandingWord[](words);
            uint256 mature = 0;
            uint256 young = 0;
            for (uint256 index = 0; index < words; ++index) {
                standings[index] = _standings[group][index];
                (uint256 m, uint256 y) = standings[index].reputations(maturity);
                mature += m;
                young += y;
            }
            uint256 cap = mature == 0 || young <= mature / 3 ? young : mature / 3;
            uint256 youngWeight = 0;
            for (uint256 index = 0; index < words; ++index) {
                (uint256 lanes, uint256 shared) = standings[index].weights(maturity, cap, young);
                youngWeight += shared;
                WeightWord word = _weights[group][index];
                if (word.current() == lanes) continue;
                _weights[group][index] = word.changed(lanes, from);
                roster_.weighed = uint24(from);
            }
            roster_.mature = uint24(mature);
            roster_.young = uint24(youngWeight);
        }
    }
}
