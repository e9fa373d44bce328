// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IRoundViews} from "./interfaces/IRoundViews.sol";
import {Commitment} from "./libraries/Commitment.sol";
import {Presented} from "./libraries/Presentation.sol";
import {Live, Record} from "./libraries/Round.sol";
import {Slot} from "./libraries/Slots.sol";
import {Standings} from "./libraries/Standings.sol";
import {GroupId, Phase, Result, Reveal, RoundIds, Roster, Seat} from "./types/Types.sol";

/// @title What the round manager's words say
contract RoundViews is IRoundViews {
    uint256 private constant RING = 8;

    IRoundManager public immutable ROUNDS;

    constructor(IRoundManager rounds) {
        ROUNDS = rounds;
    }

    // ------------------------------------------------------------------------------------------------ rounds

    /// @inheritdoc IRoundViews
    function phase(
        GroupId group
    ) external view returns (uint32 round, Phase phase_, uint256 commitDeadline, uint256 revealDeadline) {
        Live live = ROUNDS.liveOf(group);
        return (live.round(), live.phase(block.timestamp), live.commitDeadline(), live.revealDeadline());
    }

    /// @inheritdoc IRoundViews
    function roundAt(GroupId group, uint32 round) external view returns (RoundView memory) {
        Live live = ROUNDS.liveOf(group);
        Live votes = _votesOf(group, live, round);
        Record opening = ROUNDS.recordOf(group, (round - 1) % RING);
        bytes32 leader = votes.revealed() == 0 ? bytes32(0) : ROUNDS.leaderOf(group, round % RING);
        Presented presented = ROUNDS.presentedOf(group, (round - 1) % RING);
        bool isPresented = leader != 0 && presented.matches(round - 1, leader);
        uint256 due = 0;
        if (isPresented && _isClosed(live, round)) {
            due = votes.revealDeadline() + ROUNDS.rulesOf(group).challengeWindow;
            if (due < presented.dueFloor()) due = presented.dueFloor();
        }
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
                leader: leader,
                leaderWeight: votes.leaderWeight(),
                idle: opening.idle(),
                struck: opening.struck(),
                presented: isPresented,
                due: due
            });
    }

    /// @inheritdoc IRoundViews
    function agreedParent(GroupId group, uint32 round) external view returns (bool agreed, bytes32 parent) {
        Live live = ROUNDS.liveOf(group);
        Live votes = _votesOf(group, live, round);
        Record opening = ROUNDS.recordOf(group, (round - 1) % RING);
        agreed = _isClosed(live, round) && opening.binds() && votes.agrees(opening.rosterWeight(), ROUNDS.rulesOf(group).quorumBps);
        return (agreed, agreed ? ROUNDS.leaderOf(group, round % RING) : bytes32(0));
    }

    /// @inheritdoc IRoundViews
    function head(
        GroupId group
    ) external view returns (bytes32 resultHash, uint32 finalRound, uint32 settledRound, uint32 struckRound) {
        Roster memory roster_ = ROUNDS.rosterOf(group);
        return (ROUNDS.headOf(group), roster_.finalRound, roster_.settledRound, roster_.struckRound);
    }

    // ------------------------------------------------------------------------------------------------ seats

    /// @inheritdoc IRoundViews
    function seat(GroupId group, address node) external view returns (SeatView memory) {
        uint256 place = ROUNDS.placeOf(group, node);
        if (place == 0) revert NotSeated(group, node);
        return seatAt(group, uint8(place - 1));
    }

    /// @inheritdoc IRoundViews
    function seatAt(GroupId group, uint8 index) public view returns (SeatView memory) {
        Seat memory taken = ROUNDS.seatOf(group, index);
        Standings.Standing memory standing = ROUNDS.standingsOf(group, index / 8).read(index % 8);
        (, uint16 weight) = ROUNDS.weightsOf(group, index / 8).read(index % 8, type(uint32).max);
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
                missed: standing.missed,
                forfeits: taken.forfeits
            });
    }

    /// @inheritdoc IRoundViews
    function slot(
        GroupId group,
        address node,
        uint32 round
    ) external view returns (bool committed, bool revealed, uint16 weight, bytes24 digest) {
        Slot slot_ = ROUNDS.slotOf(group, node, round % RING);
        if (round == 0 || slot_.round() != round || slot_.isHandedOver()) return (false, false, 0, 0);
        return (true, slot_.isRevealed(), slot_.weight(), slot_.digest());
    }

    /// @inheritdoc IRoundViews
    function roster(GroupId group) external view returns (uint8 seats, uint32 weight) {
        Roster memory roster_ = ROUNDS.rosterOf(group);
        return (roster_.seats, uint32(roster_.mature) + roster_.young);
    }

    // ------------------------------------------------------------------------------------------------ hashes

    /// @inheritdoc IRoundViews
    function makeCommitment(GroupId group, uint32 round, address node, Reveal calldata opened) external view returns (bytes24) {
        return Commitment.commitment(address(ROUNDS), RoundIds.make(group, round), node, opened);
    }

    /// @inheritdoc IRoundViews
    function hashResult(GroupId group, Result calldata result) external view returns (bytes32) {
        return Commitment.resultHash(address(ROUNDS), group, result);
    }

    /// @dev A round's votes, if it is in the ring.
    function _votesOf(GroupId group, Live live, uint32 round) private view returns (Live) {
        uint32 last = live.round();
        if (round == 0 || round > last || round + RING <= last) revert RoundNotKept(group, last, round);
        return last == round ? live : ROUNDS.recordOf(group, round % RING).votes();
    }

    function _isClosed(Live live, uint32 round) private view returns (bool) {
        return round < live.round() || live.phase(block.timestamp) == Phase.Closed;
    }
}
