// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {Leaf, Opened} from "../../contracts/libraries/Evidence.sol";
import {Phase, Result, Rule, Terms} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";

/// @title Wrong numbers, and when a result may be challenged at all
contract DisputesTest is DisputeSwarm {
    // ------------------------------------------------------------------------------------------------ coordinates

    function test_a_wrong_weight_is_struck() public {
        prepare();
        playFirst();
        aggregateHonestly();
        setClaimedWeight(17, 12_345);
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(18);
        challengeCoordinate(17);
        assertStruck(hash, IDisputes.Kind.Coordinate);
    }

    function test_an_honest_result_stands() public {
        prepare(5, defaultTerms(), 3);
        playFirst();
        aggregateHonestly();
        claim();
        for (uint256 offset = 0; offset < 256; offset += 5) {
            expectNothingWrong(IDisputes.Kind.Coordinate);
            challengeCoordinate(offset);
        }
        expectNothingWrong(IDisputes.Kind.Exponent);
        challengeExponent();
        for (uint256 i = 0; i < 5; ++i) {
            expectNothingWrong(IDisputes.Kind.Column);
            challengeColumn(i);
            expectNothingWrong(IDisputes.Kind.Update);
            challengeUpdate(i, 0);
            expectNothingWrong(IDisputes.Kind.Update);
            challengeUpdate(i, 1);
            expectNothingWrong(IDisputes.Kind.Absence);
            challengeAbsence(uint8(i));
            expectNothingWrong(IDisputes.Kind.Inclusion);
            challengeInclusion(i);
        }
        expectNothingWrong(IDisputes.Kind.Availability);
        challengeAvailability(0, 0);
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
    }

    /// forge-config: default.fuzz.runs = 24
    function test_every_rule_is_recomputed(uint256 seed) public {
        Terms memory given = defaultTerms();
        given.rule = Rule(seed % 4);
        given.capacity = 6;
        prepare(1 + ((seed >> 8) % 6), given, 3);
        playFirst();
        aggregateHonestly();
        uint256 offset = (seed >> 16) % 232;
        bytes memory data = claimedData;
        uint256 low = 4 + 4 * offset;
        data[low] = bytes1(uint8(data[low]) ^ uint8(1 + ((seed >> 32) % 255)));
        claimedData = data;
        claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate((offset + 1) % 232);
        challengeCoordinate(offset);
    }

    function test_what_is_behind_the_last_coordinate_must_be_zero() public {
        prepare(5, defaultTerms(), 3);
        playFirst();
        aggregateHonestly();
        setClaimedWeight(232, 1);
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(233);
        challengeCoordinate(232);
        assertStruck(hash, IDisputes.Kind.Coordinate);
    }

    /// @dev Whatever the parent has there.
    function test_the_place_behind_the_last_coordinate_follows_no_rule() public {
        prepare(5, defaultTerms(), 3);
        playFirst();
        aggregateHonestly();
        claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(231);
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(232);
    }

    function test_columns_behind_the_last_coordinate_must_be_zero() public {
        uint256 rows = 1;
        for (uint256 row = 0; row < rows; ++row) {
            restart();
            prepare(5, defaultTerms(), 3);
            playFirst();
            aggregateHonestly();
            rows = columnsData.length / 256;
            columnsData[row * 256 + 255] = 0x01;
            bytes32 hash = claim();
            expectNothingWrong(IDisputes.Kind.Coordinate);
            challengeCoordinate(254);
            challengeCoordinate(255);
            assertStruck(hash, IDisputes.Kind.Coordinate);
        }
        assertTrue(rows > 2, "updates");
    }

    function test_leaves_of_a_wrong_length_are_wrong() public {
        for (uint256 i = 0; i < 4; ++i) {
            restart();
            prepare();
            playFirst();
            aggregateHonestly();
            if (i < 2) columnsData.push(0x00);
            else claimedData.pop();
            bytes32 hash = claim();
            if (i % 2 == 0) challengeCoordinate(0);
            else challengeExponent();
            assertStruck(hash, i % 2 == 0 ? IDisputes.Kind.Coordinate : IDisputes.Kind.Exponent);
        }
    }

    // ------------------------------------------------------------------------------------------------ exponents

    function test_a_wrong_exponent_is_struck() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimedData[0] = bytes1(uint8(claimedData[0]) + 1);
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(0);
        challengeExponent();
        assertStruck(hash, IDisputes.Kind.Exponent);
    }

    // ------------------------------------------------------------------------------------------------ columns and updates

    function test_a_column_that_is_not_the_updates_is_struck() public {
        for (uint256 node = 0; node < 5; ++node) {
            restart();
            prepare();
            playFirst();
            aggregateHonestly();
            uint256[] memory order = byAddress();
            uint256 row = 0;
            while (order[row] != node) ++row;
            uint256 at = row * 256 + 51 * node;
            columnsData[at] = bytes1(uint8(columnsData[at]) ^ 1);
            bytes32 hash = claim();
            expectNothingWrong(IDisputes.Kind.Column);
            challengeColumn((node + 1) % 5);
            challengeColumn(node);
            assertStruck(hash, IDisputes.Kind.Column);
        }
    }

    /// @dev An update's leaf holds four blocks: of a later block another leaf is asked for.
    function test_a_column_of_a_later_block_is_under_a_later_leaf() public {
        Terms memory given = defaultTerms();
        given.dimension = 2_000;
        prepare(5, given, 6);
        playFirst();
        aggregateHonestly();
        columnsData[0] = bytes1(uint8(columnsData[0]) ^ 1);
        bytes32 hash = claim();
        challengeColumn(byAddress()[0]);
        assertStruck(hash, IDisputes.Kind.Column);
    }

    function test_columns_are_those_under_the_result_s_root() public {
        bytes32 hash = honest();
        columnsData[0] ^= 0x01;
        expectError(abi.encodeWithSelector(IDisputes.BadProof.selector, claimed.columnsRoot, 1));
        challengeColumn(byAddress()[0]);
        assertEq(disputes.strikeOf(group, hash).struckAt, 0, "not struck");
    }

    function test_columns_are_held_against_what_is_under_the_updates_root() public {
        bytes32 hash = honest();
        uint256 node = byAddress()[0];
        bytes memory other = codes[node];
        other[0] ^= 0x01;
        codes[node] = other;
        expectError(abi.encodeWithSelector(IDisputes.BadProof.selector, revealed[1][node].updateRoot, 1));
        challengeColumn(node);
        assertEq(disputes.strikeOf(group, hash).struckAt, 0, "not struck");
    }

    /// @dev The finest grid: a code is as much as an integer of the model.
    function test_a_block_of_the_finest_grid_can_be_held_against_its_codes() public {
        Terms memory given = defaultTerms();
        (given.fractionBits, given.minExponent, given.maxExponent) = (4, -8, 4);
        prepare(5, given, 1);
        playFirst();
        aggregateHonestly();
        claim();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(0);
    }

    function test_a_parent_s_block_of_the_least_exponent_can_be_read() public {
        beforeData = modelLeaf(-16, 1);
        honest();
        expectNothingWrong(IDisputes.Kind.Coordinate);
        challengeCoordinate(0);
    }

    function test_a_strike_is_told() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        vm.expectEmit(address(disputes));
        emit IDisputes.ResultStruck(group, 1, hash, WATCHER, IDisputes.Kind.Terms);
        challengeTerms();
    }

    function test_columns_of_a_wrong_length_are_struck_by_an_update() public {
        prepare();
        playFirst();
        aggregateHonestly();
        columnsData.pop();
        bytes32 hash = claim();
        challengeColumn(3);
        assertStruck(hash, IDisputes.Kind.Column);
    }

    function test_an_update_with_a_code_of_minus_128_must_not_be_included() public {
        prepare();
        codes[2][700] = 0x80;
        _wrongUpdate(2, 1);
    }

    function test_an_update_whose_first_code_is_minus_128_must_not_be_included() public {
        prepare();
        codes[2][0] = 0x80;
        _wrongUpdate(2, 1);
    }

    function test_an_update_with_codes_behind_its_end_must_not_be_included() public {
        prepare();
        codes[2][1_000] = 0x01;
        _wrongUpdate(2, 1);
    }

    function test_an_update_with_a_short_leaf_must_not_be_included() public {
        prepare();
        codes[2].pop();
        playFirst();
        codes[2].push(0x00);
        aggregateHonestly();
        codes[2].pop();
        bytes32 hash = claim();
        challengeUpdate(2, 1);
        assertStruck(hash, IDisputes.Kind.Update);
    }

    /// @dev Whichever of its bytes is another.
    function test_an_update_with_another_header_must_not_be_included() public {
        for (uint256 at = 0; at < 128; ++at) this.withAnotherByteOfTheHeader(at);
    }

    /// @dev By a call of its own, which gives its memory back.
    function withAnotherByteOfTheHeader(uint256 at) external {
        restart();
        prepare();
        header[2][at] = ~header[2][at];
        _wrongUpdate(2, 0);
    }

    function test_an_update_with_anothers_header_must_not_be_included() public {
        prepare();
        header[2] = header[3];
        _wrongUpdate(2, 0);
    }

    function test_an_update_with_a_longer_header_must_not_be_included() public {
        prepare();
        header[2].push(0x00);
        _wrongUpdate(2, 0);
    }

    function _wrongUpdate(uint256 node, uint256 leafIndex) private {
        playFirst();
        aggregateHonestly();
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Update);
        challengeUpdate(node, 1 - leafIndex);
        expectNothingWrong(IDisputes.Kind.Update);
        challengeUpdate(1, leafIndex);
        challengeUpdate(node, leafIndex);
        assertStruck(hash, IDisputes.Kind.Update);
    }

    // ------------------------------------------------------------------------------------------------ evidence

    function test_evidence_must_lie_under_the_roots() public {
        honest();
        Result memory result = claimed;
        Result memory parent = first;
        Leaf[3] memory good = blockLeaves();
        bytes32[3] memory roots = [result.columnsRoot, parent.modelRoot, result.modelRoot];
        for (uint256 i = 0; i < 3; ++i) {
            Leaf[3] memory bad = blockLeaves();
            bad[i].data[9] = ~bad[i].data[9];
            _expectBadProof(roots[i]);
            disputes.challengeCoordinate(group, result, parent, 1, 0, bad[0], bad[1], bad[2]);
            bad = blockLeaves();
            bad[i].proof[1] = ~bad[i].proof[1];
            _expectBadProof(roots[i]);
            disputes.challengeExponent(group, result, parent, 1, bad[0], bad[1], bad[2]);
            bad = blockLeaves();
            bad[i].proof = siblings(3);
            _expectBadProof(roots[i]);
            disputes.challengeExponent(group, result, parent, 1, bad[0], bad[1], bad[2]);
        }
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadProof.selector, result.columnsRoot, 2));
        disputes.challengeCoordinate(group, result, parent, 2, 0, good[0], good[1], good[2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 5, 4));
        disputes.challengeCoordinate(group, result, parent, 5, 0, good[0], good[1], good[2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 4, 4));
        disputes.challengeCoordinate(group, result, parent, 4, 0, good[0], good[1], good[2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 256, 256));
        disputes.challengeCoordinate(group, result, parent, 1, 256, good[0], good[1], good[2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 257, 256));
        disputes.challengeCoordinate(group, result, parent, 1, 257, good[0], good[1], good[2]);
        parent.metric = 1;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongParent.selector, genesis, hashOf(parent)));
        disputes.challengeCoordinate(group, result, parent, 1, 0, good[0], good[1], good[2]);
    }

    /// @dev What is no part of the update says nothing against it, however wrong it looks.
    function test_an_update_s_evidence_must_lie_under_its_root() public {
        honest();
        Result memory result = claimed;
        Opened memory opened = openedOf(1, 2);
        for (uint256 leafIndex = 0; leafIndex < 2; ++leafIndex) {
            Leaf memory bad = leafIndex == 0 ? headerLeafOf(2) : updateLeafOf(2);
            bad.data[9] = 0x80;
            vm.expectRevert(abi.encodeWithSelector(IDisputes.BadProof.selector, opened.opened.updateRoot, leafIndex));
            disputes.challengeUpdate(group, result, opened, leafIndex, bad);
        }
    }

    function _expectBadProof(bytes32 root) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadProof.selector, root, 1));
    }

    function test_what_was_revealed_must_be_what_the_slot_keeps() public {
        honest();
        Result memory result = claimed;
        for (uint256 i = 0; i < 7; ++i) {
            Opened memory opened = openedOf(1, 2);
            if (i == 0) opened.node = nodes[3];
            else if (i == 1) opened.opened.salt = ~opened.opened.salt;
            else if (i == 2) opened.opened.parent = 0;
            else if (i == 3) opened.opened.updateRoot = 0;
            else if (i == 4) opened.opened.report = reportOf(1, 2);
            else if (i == 5) opened.opened.available = 0;
            else opened = openedOf(2, 2);
            vm.expectRevert(abi.encodeWithSelector(IDisputes.BadOpening.selector, 1, opened.node));
            disputes.challengeInclusion(group, result, opened);
        }
    }

    function test_the_parents_leaf_must_be_readable() public {
        for (uint256 i = 0; i < 3; ++i) {
            restart();
            beforeData = modelLeaf(
                i == 0
                    ? int8(4)
                    : i == 1
                        ? int8(25)
                        : int8(-17),
                1
            );
            if (i == 0) beforeData.pop();
            prepare();
            playFirst();
            claimed = resultOf(1, genesis, 0x1F);
            columnsData = new bytes(5 * 256);
            claimedData = modelLeaf(4, 1);
            claim();
            if (i == 0) expectError(abi.encodeWithSelector(IDisputes.BadLeafLength.selector, 1_024, 1_025));
            else expectError(abi.encodeWithSelector(IDisputes.BadExponent.selector, i == 1 ? int8(25) : int8(-17)));
            challengeCoordinate(0);
        }
    }

    function test_who_is_not_included_proves_nothing() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0xF;
        claim();
        expectError(abi.encodeWithSelector(IDisputes.NotIncluded.selector, 4));
        challengeInclusion(4);
        expectError(abi.encodeWithSelector(IDisputes.NotIncluded.selector, 4));
        challengeUpdate(4, 0);
        expectError(abi.encodeWithSelector(IDisputes.NotIncluded.selector, 4));
        challengeColumn(4);
        expectError(abi.encodeWithSelector(IDisputes.NotIncluded.selector, 4));
        challengeAbsence(4);
        expectError(abi.encodeWithSelector(IDisputes.NotIncluded.selector, 4));
        challengeAvailability(4, 0);
    }

    // ------------------------------------------------------------------------------------------------ when

    function test_votes_must_have_closed() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = conclude();
        expectError(abi.encodeWithSelector(IDisputes.VotesNotClosed.selector, group, 1));
        challengeTerms();
        for (uint256 i = 0; i < 5; ++i) commit(i, 2, hash);
        for (uint256 i = 0; i < 4; ++i) reveal(i, 2, hash);
        expectError(abi.encodeWithSelector(IDisputes.VotesNotClosed.selector, group, 1));
        challengeTerms();
        reveal(4, 2, hash);
        challengeTerms();
        assertStruck(hash, IDisputes.Kind.Terms);
    }

    function test_what_nobody_named_cannot_be_struck() public {
        honest();
        claimed.included = 0x1;
        bytes32 hash = hashOf(claimed);
        expectError(abi.encodeWithSelector(IDisputes.NotNamed.selector, group, 1, hash));
        challengeTerms();
    }

    function test_a_settled_round_is_out_of_reach() public {
        prepare();
        playFirst();
        aggregateHonestly();
        setClaimedWeight(17, 12_345);
        claim();
        Result memory result = claimed;
        rounds.present(group, result);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        expectError(abi.encodeWithSelector(IDisputes.RoundSettled.selector, group, 1));
        challengeCoordinate(17);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.RoundSettled.selector, group, 0));
        disputes.challengeTerms(group, first);
    }

    function test_a_result_is_struck_once() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        challengeTerms();
        expectError(abi.encodeWithSelector(IDisputes.AlreadyStruck.selector, hash));
        challengeTerms();
    }

    function test_rounds_beyond_any_are_refused() public {
        honest();
        claimed.round = type(uint32).max;
        expectError(abi.encodeWithSelector(IDisputes.VotesNotClosed.selector, group, type(uint32).max));
        challengeTerms();
    }

    /// @dev A minority named a wrong result: it can be slashed, and nothing is void.
    function test_what_was_not_agreed_on_is_struck_and_voids_nothing() public {
        prepare();
        playFirst();
        aggregateHonestly();
        bytes32 right = conclude();
        Result memory good = claimed;
        claimed.included = 0x1;
        bytes32 wrong = conclude();
        vm.warp(vm_now() + 1);
        for (uint256 i = 0; i < 5; ++i) revealed[2][i] = opening(i, 2, i == 3 ? wrong : right);
        playRevealed(2, 5);
        challengeTerms();
        assertEq(disputes.strikeOf(group, wrong).struckAt, vm_now(), "struck");
        (, , , uint32 struckRound) = views.head(group);
        assertEq(struckRound, 0, "nothing is void");
        slash(wrong, 3);
        expectError(abi.encodeWithSelector(IDisputes.NamedAnother.selector, wrong, right));
        slash(wrong, 2);
        rounds.present(group, good);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, good);
        assertEq(settledRound(), 1, "the right one is final");
    }

    function test_a_strike_closes_the_open_round_and_the_group_moves_on() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 hash = claim();
        commit(0, 3, hash);
        challengeTerms();
        assertPhase(3, Phase.Closed);
        (, , , uint32 struckRound) = views.head(group);
        assertEq(struckRound, 3, "every later round");
        _assertBindsNobodyOnceFollowed(3);
        vm.warp(vm_now() + WINDOW);
        for (uint256 i = 0; i < 3; ++i) rounds.settleVoid(group);
        (bytes32 head, , , ) = views.head(group);
        assertEq(head, genesis, "back at the genesis");
        play(5, 4, genesis, 1);
        (uint32 round, , , ) = views.phase(group);
        assertEq(round, 4, "the next round");
    }

    /// @dev Opens the next round and goes back.
    function _assertBindsNobodyOnceFollowed(uint32 round) private {
        uint256 before = vm.snapshotState();
        play(5, round + 1, genesis, 1);
        assertTrue(!rounds.recordOf(group, round % 8).binds(), "votes on a round that was void before they were cast");
        vm.revertToState(before);
    }
}
