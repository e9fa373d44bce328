// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {GroupId, Phase, Result, Reveal, RoundId, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Phases, commits, reveals and votes
contract RoundsTest is Swarm {
    bytes32 private constant OTHER = keccak256("another result");
    bytes32 private constant THIRD = keccak256("a third result");

    function test_phases_end_early_when_all_have_acted() public {
        swarmOf(3);
        assertPhase(0, Phase.Closed);
        commit(0, 1, genesis);
        assertPhase(1, Phase.Commit);
        (, , uint256 commitDeadline, uint256 revealDeadline) = views.phase(group);
        assertEq(commitDeadline, START + COMMIT, "commit deadline");
        assertEq(revealDeadline, START + COMMIT + REVEAL, "reveal deadline");
        commit(1, 1, genesis);
        vm.warp(START + 7);
        commit(2, 1, genesis);
        assertPhase(1, Phase.Reveal);
        (, , commitDeadline, revealDeadline) = views.phase(group);
        assertEq(commitDeadline, START + 7, "commit phase ends with the last commit");
        assertEq(revealDeadline, START + 7 + REVEAL, "reveal deadline follows");
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        vm.warp(START + 9);
        reveal(2, 1, genesis);
        assertPhase(1, Phase.Closed);
        IRoundViews.RoundView memory round = views.roundAt(group, 1);
        assertEq(round.openedAt, START, "opened");
        assertEq(round.revealDeadline, START + 9, "closes with the last reveal");
        assertEq(round.seats, 3, "seats");
        assertEq(round.committed, 3, "committed");
        assertEq(round.revealed, 3, "revealed");
        assertEq(round.rosterWeight, 3_000, "roster weight");
        assertEq(round.revealedWeight, 3_000, "revealed weight");
        assertEq(round.leaderWeight, 3_000, "leader weight");
        assertEq(round.leader, genesis, "leader");
    }

    function test_phases_end_at_their_deadlines() public {
        swarmOf(3);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.warp(START + COMMIT - 1);
        assertPhase(1, Phase.Commit);
        vm.warp(START + COMMIT);
        assertPhase(1, Phase.Reveal);
        reveal(0, 1, genesis);
        vm.warp(START + COMMIT + REVEAL - 1);
        assertPhase(1, Phase.Reveal);
        vm.warp(START + COMMIT + REVEAL);
        assertPhase(1, Phase.Closed);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, RoundIds.make(group, 1), Phase.Closed));
        reveal(1, 1, genesis);
    }

    function test_reveals_close_the_round_when_only_some_committed() public {
        swarmOf(3);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.warp(START + COMMIT + 1);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        assertPhase(1, Phase.Closed);
    }

    function test_commit_reverts() public {
        swarmOf(2);
        uint256 stranger = register();
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 1, 2));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, 2), 0, "c");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, group, nodes[stranger]));
        vm.prank(nodes[stranger]);
        rounds.commit(RoundIds.make(group, 1), 0, "c");
        commit(0, 1, genesis);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.AlreadyCommitted.selector, RoundIds.make(group, 1), nodes[0]));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, 1), 0, "c");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 1, 2));
        vm.prank(nodes[1]);
        rounds.commit(RoundIds.make(group, 2), 0, "c");
        vm.warp(START + COMMIT);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, RoundIds.make(group, 1), Phase.Reveal));
        vm.prank(nodes[1]);
        rounds.commit(RoundIds.make(group, 1), 0, "c");
    }

    function test_no_commit_to_a_group_that_does_not_exist() public {
        swarmOf(1);
        GroupId unknown = GroupId.wrap(7);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, unknown, nodes[0]));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(unknown, 1), 0, "c");
    }

    function test_reveal_reverts() public {
        swarmOf(3);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, RoundIds.make(group, 1), Phase.Commit));
        vm.prank(nodes[0]);
        rounds.reveal(RoundIds.make(group, 1), opening(0, 1, genesis));
        vm.warp(START + COMMIT);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 1, 2));
        vm.prank(nodes[0]);
        rounds.reveal(RoundIds.make(group, 2), opening(0, 2, genesis));
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotCommitted.selector, RoundIds.make(group, 1), nodes[2]));
        vm.prank(nodes[2]);
        rounds.reveal(RoundIds.make(group, 1), opening(2, 1, genesis));
        reveal(0, 1, genesis);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotCommitted.selector, RoundIds.make(group, 1), nodes[0]));
        vm.prank(nodes[0]);
        rounds.reveal(RoundIds.make(group, 1), opening(0, 1, genesis));
    }

    function test_a_reveal_must_open_the_commitment_in_every_field() public {
        swarmOf(2);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        (, , , bytes24 digest) = views.slot(group, nodes[0], 1);
        Result memory none;
        for (uint256 field = 0; field < 5; ++field) {
            Reveal memory wrong = opening(0, 1, genesis);
            if (field == 0) wrong.salt = "x";
            if (field == 1) wrong.parent = OTHER;
            if (field == 2) wrong.updateRoot = "x";
            if (field == 3) wrong.report = reportOf(101, 500_000);
            if (field == 4) wrong.report = reportOf(100, -1);
            bytes24 given = views.makeCommitment(group, 1, nodes[0], wrong);
            vm.expectRevert(abi.encodeWithSelector(IRoundManager.CommitmentMismatch.selector, digest, given));
            vm.prank(nodes[0]);
            rounds.revealWith(RoundIds.make(group, 1), wrong, none);
        }
        // A copied commitment is bound to its author.
        bytes24 copied = views.makeCommitment(group, 1, nodes[1], opening(0, 1, genesis));
        (, , , digest) = views.slot(group, nodes[1], 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.CommitmentMismatch.selector, digest, copied));
        vm.prank(nodes[1]);
        rounds.reveal(RoundIds.make(group, 1), opening(0, 1, genesis));
    }

    function test_slot_keeps_commitment_then_reveal_digest() public {
        swarmOf(2);
        (bool committed, bool revealed, uint16 weight, bytes24 digest) = views.slot(group, nodes[0], 1);
        assertTrue(!committed && !revealed && weight == 0 && digest == 0, "empty slot");
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        Reveal memory opened = opening(0, 1, genesis);
        (committed, revealed, weight, digest) = views.slot(group, nodes[0], 1);
        assertTrue(committed && !revealed && weight == 1_000, "committed slot");
        assertTrue(digest == views.makeCommitment(group, 1, nodes[0], opened), "commitment");
        reveal(0, 1, genesis);
        (committed, revealed, weight, digest) = views.slot(group, nodes[0], 1);
        assertTrue(committed && revealed && weight == 1_000, "revealed slot");
        bytes24 commitment = views.makeCommitment(group, 1, nodes[0], opened);
        bytes32 expected = keccak256(abi.encode(commitment, opened.available));
        assertTrue(digest == bytes24(expected), "reveal digest");
    }

    function test_events_of_a_round() public {
        swarmOf(1);
        bytes24 commitment = views.makeCommitment(group, 1, nodes[0], opening(0, 1, genesis));
        RoundId id = RoundIds.make(group, 1);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundOpened(group, 1, 1, START + COMMIT);
        vm.expectEmit(address(rounds));
        emit IRoundManager.Committed(id, nodes[0], "sealed");
        vm.expectEmit(address(rounds));
        emit IRoundManager.RevealStarted(group, 1, START + REVEAL);
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, 1), "sealed", commitment);
        Reveal memory r = opening(0, 1, genesis);
        vm.expectEmit(address(rounds));
        emit IRoundManager.Revealed(id, nodes[0], r.salt, r.parent, r.updateRoot, r.report, r.available);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundClosed(group, 1);
        reveal(0, 1, genesis);
    }

    function test_a_majority_leads_in_whatever_order_it_votes() public {
        swarmOf(5);
        bytes32[5] memory votes = [OTHER, THIRD, genesis, genesis, genesis];
        for (uint256 i = 0; i < 5; ++i) commit(i, 1, votes[i]);
        reveal(0, 1, OTHER);
        _expectLeader(OTHER, 1_000);
        reveal(1, 1, THIRD);
        _expectLeader(OTHER, 1_000);
        reveal(2, 1, genesis);
        _expectLeader(OTHER, 1_000);
        reveal(3, 1, genesis);
        _expectLeader(genesis, 2_000);
        reveal(4, 1, genesis);
        _expectLeader(genesis, 3_000);
        (bool agreed, ) = views.agreedParent(group, 1);
        assertTrue(!agreed, "three of five are less than two thirds");
    }

    function test_leaders_can_change_places_twice() public {
        swarmOf(5);
        bytes32[5] memory votes = [OTHER, genesis, genesis, OTHER, OTHER];
        for (uint256 i = 0; i < 5; ++i) commit(i, 1, votes[i]);
        for (uint256 i = 0; i < 5; ++i) reveal(i, 1, votes[i]);
        _expectLeader(OTHER, 3_000);
    }

    function test_agreement_needs_two_thirds_and_the_quorum() public {
        swarmOf(5);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.warp(START + COMMIT);
        reveal(0, 1, genesis);
        (bool agreed, bytes32 parent) = views.agreedParent(group, 1);
        assertTrue(!agreed, "open");
        reveal(1, 1, genesis);
        (agreed, ) = views.agreedParent(group, 1);
        assertTrue(!agreed, "two of five are below the quorum");
        for (uint256 i = 0; i < 3; ++i) commit(i, 2, genesis);
        vm.warp(vm_now() + COMMIT);
        for (uint256 i = 0; i < 3; ++i) reveal(i, 2, genesis);
        (agreed, parent) = views.agreedParent(group, 2);
        assertTrue(agreed && parent == genesis, "three of five are the quorum");
    }

    function test_votes_come_to_an_agreement_when_the_round_is_closed() public {
        swarmOf(4);
        for (uint256 i = 0; i < 4; ++i) commit(i, 1, genesis);
        for (uint256 i = 0; i < 3; ++i) reveal(i, 1, genesis);
        (bool agreed, bytes32 parent) = views.agreedParent(group, 1);
        assertTrue(!agreed && parent == 0, "three of four agree, and the fourth can still vote");
        reveal(3, 1, genesis);
        (agreed, parent) = views.agreedParent(group, 1);
        assertTrue(agreed && parent == genesis, "closed");
    }

    function test_exactly_the_quorum_is_enough() public {
        Terms memory terms = defaultTerms();
        terms.quorumBps = 5_000;
        swarmOf(4, terms);
        commit(0, 1, genesis);
        commit(1, 1, genesis);
        vm.warp(START + COMMIT);
        reveal(0, 1, genesis);
        reveal(1, 1, genesis);
        (bool agreed, ) = views.agreedParent(group, 1);
        assertTrue(agreed, "two of four");
    }

    function test_one_seat_alone_goes_round() public {
        Terms memory terms = defaultTerms();
        terms.minUpdates = 1;
        swarmOf(1, terms);
        bytes32 head = genesis;
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 20; ++round) {
            play(1, round, parent, 1);
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                Result memory result = resultOf(round - 1, head, 1);
                rounds.finalize(group, result);
                head = hashOf(result);
            }
            parent = hashOf(resultOf(round, parent, 1));
        }
        assertEq(settledRound(), 19, "settled");
    }

    function test_the_ring_is_full_until_a_round_is_settled() public {
        swarmOf(2);
        for (uint32 round = 1; round <= 8; ++round) play(2, round, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.RingFull.selector, group, 1));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, 9), 0, "c");
        rounds.settleVoid(group);
        play(2, 9, genesis, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundViews.RoundNotKept.selector, group, 9, 1));
        views.roundAt(group, 1);
        assertEq(views.roundAt(group, 2).revealed, 2, "round 2 is kept");
        vm.expectRevert(abi.encodeWithSelector(IRoundViews.RoundNotKept.selector, group, 9, 10));
        views.roundAt(group, 10);
        vm.expectRevert(abi.encodeWithSelector(IRoundViews.RoundNotKept.selector, group, 9, 0));
        views.agreedParent(group, 0);
    }

    /// @dev A round's number has 24 bits, and the ring's length is left of them. So many rounds are written, not played.
    function test_the_last_round_is_2_to_the_24_less_9() public {
        swarmOf(2);
        uint32 last = type(uint24).max - 8;
        bytes32 state = keccak256(abi.encode(group, 0));
        bytes32 roster = bytes32(uint256(state) + 1);
        vm.store(address(rounds), state, bytes32(uint256(last - 1)));
        vm.store(address(rounds), roster, vm.load(address(rounds), roster) | bytes32(uint256(last - 1) << 64));
        assertPhase(last - 1, Phase.Closed);
        assertEq(settledRound(), last - 1, "settled");
        play(2, last, genesis, 1);
        assertPhase(last, Phase.Closed);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, last + 1, last + 1));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(group, last + 1), 0, "c");
    }

    /// A slot of the ring was last used two turns ago; weights moved since, and then stood still for a turn.
    function test_who_missed_a_turn_of_the_ring_weighs_what_it_does_now() public {
        Terms memory terms = defaultTerms();
        terms.maxMissed = 100;
        swarmOf(3, terms);
        bytes32 parent = genesis;
        Result memory result;
        for (uint32 round = 1; round <= 8; ++round) {
            play(3, round, parent, 1);
            vm.warp(vm_now() + WINDOW + 1);
            if (round > 1) rounds.finalize(group, result);
            result = resultOf(round, parent, 7);
            parent = hashOf(result);
        }
        (, , uint16 before, ) = views.slot(group, nodes[2], 1);
        // Nothing is agreed on in these rounds, so no weight moves; the third node is away.
        for (uint32 round = 9; round <= 16; ++round) {
            commit(0, round, OTHER);
            commit(1, round, THIRD);
            vm.warp(vm_now() + COMMIT);
            reveal(0, round, OTHER);
            reveal(1, round, THIRD);
            rounds.settleVoid(group);
        }
        assertEq(settledRound(), 15, "settled");
        uint16 weight = views.seat(group, nodes[2]).weight;
        assertTrue(weight > before, "it has moved since");
        for (uint256 i = 0; i < 3; ++i) commit(i, 17, OTHER);
        assertTrue(rounds.liveOf(group).isQuiet(), "nothing has changed for a turn");
        (, , uint16 counts, ) = views.slot(group, nodes[2], 17);
        assertEq(counts, weight, "its weight of now");
        (, , counts, ) = views.slot(group, nodes[0], 17);
        assertEq(counts, views.seat(group, nodes[0]).weight, "and that of who was there");
    }

    function test_two_groups_do_not_touch_each_other() public {
        swarmOf(2);
        GroupId first = group;
        commit(0, 1, genesis);
        createGroup(defaultTerms());
        stakeAndJoin(0);
        assertPhase(0, Phase.Closed);
        commit(0, 1, genesis);
        assertPhase(1, Phase.Reveal);
        group = first;
        assertPhase(1, Phase.Commit);
    }

    function _expectLeader(bytes32 leader, uint256 weight) private view {
        IRoundViews.RoundView memory round = views.roundAt(group, 1);
        assertEq(round.leader, leader, "leader");
        assertEq(round.leaderWeight, weight, "leader weight");
    }
}
