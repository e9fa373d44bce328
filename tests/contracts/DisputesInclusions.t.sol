// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {Opened} from "../../contracts/libraries/Evidence.sol";
import {Result, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";

/// @title Results that include what they must not, break the terms, or are never shown
contract DisputesInclusionsTest is DisputeSwarm {
    uint256 private constant ALL = type(uint256).max;

    // ------------------------------------------------------------------------------------------------ availability

    function test_what_a_third_and_more_did_not_hold_must_not_be_included() public {
        prepare();
        for (uint256 i = 0; i < 5; i += 4) revealed[1][i].available = ALL & ~uint256(1 << 2);
        playFirst();
        aggregateHonestly();
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Availability);
        challengeAvailability(2, 1 << 4);
        expectError(abi.encodeWithSelector(IDisputes.HeldIt.selector, 1));
        challengeAvailability(2, 0x1F);
        expectError(abi.encodeWithSelector(IDisputes.HeldIt.selector, 0));
        challengeAvailability(1, 0x11);
        challengeAvailability(2, 0x11);
        assertStruck(hash, IDisputes.Kind.Availability);
    }

    function test_a_seat_counts_once() public {
        prepare();
        revealed[1][3].available = ALL & ~uint256(1 << 2);
        revealed[1][4].available = ALL & ~uint256(1 << 2);
        playFirst();
        aggregateHonestly();
        claim();
        Result memory result = claimed;
        Opened[] memory twice = new Opened[](2);
        (twice[0], twice[1]) = (openedOf(1, 4), openedOf(1, 4));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotAscending.selector, 4, 4));
        disputes.challengeAvailability(group, result, 2, twice);
        twice[1] = openedOf(1, 3);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotAscending.selector, 4, 3));
        disputes.challengeAvailability(group, result, 2, twice);
        twice[0] = openedOf(2, 3);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadOpening.selector, 1, nodes[3]));
        disputes.challengeAvailability(group, result, 2, twice);
    }

    function test_two_thirds_suffice() public {
        prepare(3, defaultTerms(), 1);
        revealed[1][1].available = ALL & ~uint256(1 << 2);
        playFirst();
        aggregateHonestly();
        claim();
        expectNothingWrong(IDisputes.Kind.Availability);
        challengeAvailability(2, 1 << 1);
    }

    // ------------------------------------------------------------------------------------------------ absence

    function test_who_did_not_reveal_must_not_be_included() public {
        prepare();
        _playFirstWithout(4);
        aggregateHonestly();
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Absence);
        challengeAbsence(3);
        challengeAbsence(4);
        assertStruck(hash, IDisputes.Kind.Absence);
    }

    /// @dev A slot is used again eight rounds later; until then it says what its node did before.
    function test_who_revealed_in_an_earlier_round_alone_must_not_be_included() public {
        prepare();
        for (uint32 round = 1; round <= 8; ++round) {
            play(5, round, genesis, 1);
            if (round != 1) rounds.settleVoid(group);
        }
        play(4, 9, genesis, COMMIT);
        rounds.settleVoid(group);
        claimed = resultOf(9, genesis, 0x1F);
        bytes32 hash = hashOf(claimed);
        play(5, 10, hash, 1);
        (bool didCommit, bool didReveal, , ) = views.slot(group, nodes[4], 1);
        assertTrue(didCommit && didReveal, "the slot is of the first round");
        expectNothingWrong(IDisputes.Kind.Absence);
        challengeAbsence(3);
        challengeAbsence(4);
        assertEq(disputes.strikeOf(group, hash).struckAt, vm_now(), "struck");
    }

    function test_an_empty_seat_must_not_be_included() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included |= 1 << 255;
        bytes32 hash = claim();
        challengeAbsence(255);
        assertStruck(hash, IDisputes.Kind.Absence);
    }

    function test_who_joined_later_must_not_be_included() public {
        Terms memory given = defaultTerms();
        given.capacity = 6;
        prepare(5, given, 1);
        playFirst();
        aggregateHonestly();
        uint8 seat = stakeAndJoin(register());
        claimed.included |= 1 << seat;
        ++members;
        bytes32 hash = claim();
        challengeAbsence(seat);
        assertStruck(hash, IDisputes.Kind.Absence);
    }

    function test_who_left_since_was_there() public {
        prepare();
        playFirst();
        aggregateHonestly();
        vm.prank(nodes[4]);
        rounds.leave(group, nodes[4]);
        members = 4;
        claim();
        expectNothingWrong(IDisputes.Kind.Absence);
        challengeAbsence(4);
        expectNothingWrong(IDisputes.Kind.Column);
        challengeColumn(4);
    }

    /// @dev The seat's update and its row in the columns are the key's that it had then.
    function test_a_key_replaced_since_was_there() public {
        prepare();
        playFirst();
        aggregateHonestly();
        address before = nodes[1];
        (address fresh, bytes memory publicKey, bytes memory signature) = registration(77, operators[1], 0);
        vm.prank(operators[1]);
        identities.rotate(2, publicKey, signature);
        rounds.rekey(group, 1);
        nodes[1] = fresh;
        claim();
        nodes[1] = before;
        for (uint256 i = 0; i < 5; ++i) {
            expectNothingWrong(IDisputes.Kind.Absence);
            challengeAbsence(uint8(i));
            expectNothingWrong(IDisputes.Kind.Column);
            challengeColumn(i);
        }
    }

    function _playFirstWithout(uint256 absent) private {
        for (uint256 i = 0; i < members; ++i) revealed[1][i].updateRoot = updateRootOf(i);
        for (uint256 i = 0; i < members; ++i) {
            bytes24 commitment = views.makeCommitment(group, 1, nodes[i], revealed[1][i]);
            vm.prank(nodes[i]);
            rounds.commit(RoundIds.make(group, 1), keccak256(abi.encode("sealed", i)), commitment);
        }
        for (uint256 i = 0; i < members; ++i) {
            if (i == absent) continue;
            vm.prank(nodes[i]);
            rounds.reveal(RoundIds.make(group, 1), revealed[1][i]);
        }
        vm.warp(vm_now() + REVEAL);
    }

    // ------------------------------------------------------------------------------------------------ inclusion

    function test_who_named_another_parent_must_not_be_included() public {
        prepare();
        revealed[1][2].parent = keccak256("another");
        _wronglyIncluded();
    }

    function test_an_empty_update_must_not_be_included() public {
        prepare();
        revealed[1][2].updateRoot = 0;
        _wronglyIncluded();
    }

    function _wronglyIncluded() private {
        playFirst();
        aggregateHonestly();
        bytes32 hash = claim();
        expectNothingWrong(IDisputes.Kind.Inclusion);
        challengeInclusion(1);
        challengeInclusion(2);
        assertStruck(hash, IDisputes.Kind.Inclusion);
    }

    // ------------------------------------------------------------------------------------------------ terms

    function test_too_few_updates_break_the_terms() public {
        prepare();
        _claim(1 << 4, "", genesis);
        challengeTerms();
        assertStruck(hashOf(claimed), IDisputes.Kind.Terms);
    }

    function test_as_many_updates_as_are_asked_for_keep_the_terms() public {
        prepare();
        _claim(0x3, "", genesis);
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
    }

    function test_a_choice_breaks_the_terms() public {
        prepare();
        _claim(0x1F, hex"01", genesis);
        challengeTerms();
        assertStruck(hashOf(claimed), IDisputes.Kind.Terms);
    }

    function test_another_parent_than_the_head_breaks_the_terms() public {
        prepare();
        _claim(0x1F, "", keccak256("no parent"));
        challengeTerms();
        assertStruck(hashOf(claimed), IDisputes.Kind.Terms);
    }

    function test_a_parent_that_is_not_the_head_is_nobodys_fault_until_it_binds() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.parent = keccak256("no parent");
        bytes32 odd = conclude();
        vm.warp(vm_now() + 1);
        for (uint256 i = 0; i < 5; ++i) revealed[2][i] = opening(i, 2, i == 0 ? odd : genesis);
        playRevealed(2, 5);
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
    }

    /// @dev That of a round after the next to settle stands on no head yet.
    function test_an_honest_result_that_builds_on_an_honest_one_keeps_the_terms() public {
        bytes32 hash = honest();
        Result memory second = resultOf(2, hash, 0x1F);
        play(5, 3, hashOf(second), 1);
        claimed = second;
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
    }

    /// @dev Who built on a result that was struck later did nothing wrong, also when that round is the next to settle.
    function test_what_was_built_on_a_struck_result_is_not_struck_for_it() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 wrong = claim();
        Result memory built = resultOf(2, wrong, 0x1F);
        play(5, 3, hashOf(built), 1);
        challengeTerms();
        claimed = built;
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
        vm.warp(vm_now() + WINDOW);
        rounds.settleVoid(group);
        assertEq(settledRound(), 1, "the struck round is settled");
        expectNothingWrong(IDisputes.Kind.Terms);
        challengeTerms();
        expectNothingWrong(IDisputes.Kind.Unpresented);
        challengeUnpresented();
    }

    function _claim(uint256 included, bytes memory choice, bytes32 parent) private {
        playFirst();
        aggregateHonestly();
        (claimed.included, claimed.choice, claimed.parent) = (included, choice, parent);
        claim();
    }

    // ------------------------------------------------------------------------------------------------ never shown

    function test_what_nobody_presents_is_struck() public {
        bytes32 hash = honest();
        uint256 expiry = vm_now() + WINDOW + IDLE;
        vm.warp(expiry - 1);
        expectError(abi.encodeWithSelector(IDisputes.TooEarly.selector, expiry, expiry - 1));
        challengeUnpresented();
        vm.warp(expiry);
        challengeUnpresented();
        assertStruck(hash, IDisputes.Kind.Unpresented);
        slash(hash, 0);
    }

    function test_what_was_presented_is_not_struck_for_it() public {
        bytes32 hash = honest();
        rounds.present(group, claimed);
        vm.warp(vm_now() + WINDOW + IDLE);
        expectError(abi.encodeWithSelector(IDisputes.IsPresented.selector, hash));
        challengeUnpresented();
    }

    function test_nothing_is_missing_where_the_head_was_named() public {
        prepare();
        playFirst();
        expectError(abi.encodeWithSelector(IDisputes.VotesNotClosed.selector, group, 1));
        challengeUnpresented();
        vote(genesis);
        vm.warp(vm_now() + WINDOW + IDLE);
        expectNothingWrong(IDisputes.Kind.Unpresented);
        challengeUnpresented();
    }

    function test_nothing_is_missing_where_votes_do_not_agree() public {
        prepare();
        playFirst();
        for (uint256 i = 0; i < 5; ++i) revealed[2][i] = opening(i, 2, keccak256(abi.encode(i)));
        playRevealed(2, 5);
        vm.warp(vm_now() + WINDOW + IDLE);
        expectNothingWrong(IDisputes.Kind.Unpresented);
        challengeUnpresented();
    }

    function challengeUnpresented() private {
        asWatcher();
        disputes.challengeUnpresented(group);
    }
}
