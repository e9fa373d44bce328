// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../contracts/interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {GroupId, Phase, Result, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";
import {TwoOfThree} from "./TwoOfThree.sol";

/// @title Contracts as operators and creators, invitations, and moving from group to group
contract MembershipTest is Swarm {
    uint256 private constant CREATOR = 90_001;
    uint256 private constant STRANGER = 90_002;
    uint256[3] private _owners = [uint256(91_001), 91_002, 91_003];

    // ------------------------------------------------------------------------------------------------ a multisig owns nodes

    function test_a_multisig_owns_nodes_from_registration_to_withdrawal() public {
        TwoOfThree creator = _wallet();
        TwoOfThree operator = _wallet();
        _act(creator, address(groups), abi.encodeCall(IGroupRegistry.create, (_closedTerms(), "m", "d", "r")));
        group = GroupId.wrap(groups.groupCount());
        genesis = Commitment.genesisHash(address(rounds), group, "d", "r");
        assertEq(groups.creatorOf(group), address(creator), "creator");
        fund(10 * uint256(REWARD));

        require(token.transfer(address(operator), 3 * uint256(STAKE)));
        _act(operator, address(token), abi.encodeCall(token.approve, (address(vault), 2 * uint256(STAKE))));
        for (uint64 identity = 1; identity <= 2; ++identity) {
            uint256 key = 1_000 + identity;
            (address node, bytes memory publicKey, bytes memory signature) = registration(key, address(operator), 0);
            _act(operator, address(identities), abi.encodeCall(IIdentityRegistry.register, (publicKey, signature)));
            _act(operator, address(vault), abi.encodeCall(IStakeVault.deposit, (identity, STAKE)));
            bytes memory invitation = _signedBy(creator, identity, uint64(vm_now()) + 5);
            _act(operator, address(rounds), abi.encodeCall(IRoundManager.join, (group, node, invitation)));
            nodes.push(node);
            operators.push(address(operator));
        }
        assertEq(token.balanceOf(address(operator)), STAKE, "what is left after two stakes");

        play(2, 1, genesis, REVEAL - 1);
        Result memory result = resultOf(1, genesis, 0x3);
        bytes32 parent = hashOf(result);
        play(2, 2, parent, 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, result);
        uint256 earned = distributor.creditOf(group, 0) + distributor.creditOf(group, 1);
        assertTrue(earned != 0, "earned");
        _act(operator, address(distributor), abi.encodeCall(IRewardDistributor.claim, (_twice(group), _seats01())));
        assertEq(token.balanceOf(address(operator)), STAKE + earned, "claimed to itself");

        uint256 newKey = 2_000;
        (address next, bytes memory newPublicKey, bytes memory newSignature) = registration(newKey, address(operator), 0);
        _act(operator, address(identities), abi.encodeCall(IIdentityRegistry.rotate, (1, newPublicKey, newSignature)));
        rounds.rekey(group, 0);
        assertEq(views.seat(group, next).reputation, 2_125, "reputation goes on under the new key");
        address former = nodes[0];
        nodes[0] = next;
        play(2, 3, hashOf(resultOf(2, parent, 0x3)), 1);

        _act(operator, address(rounds), abi.encodeCall(IRoundManager.leave, (group, nodes[0])));
        _act(operator, address(rounds), abi.encodeCall(IRoundManager.leave, (group, nodes[1])));
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(2, parent, 0x3));
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        for (uint8 seat = 0; seat < 2; ++seat) rounds.release(group, seat);
        for (uint64 identity = 1; identity <= 2; ++identity) {
            _act(operator, address(vault), abi.encodeCall(IStakeVault.withdraw, (identity, STAKE, address(operator))));
        }
        uint256 later = distributor.settledCreditOf(address(operator));
        assertTrue(later != 0, "the second round was paid");
        _act(operator, address(distributor), abi.encodeCall(IRewardDistributor.claim, (new GroupId[](0), new uint8[](0))));
        assertEq(token.balanceOf(address(operator)), 3 * uint256(STAKE) + earned + later, "all of it is back");
        assertEq(token.balanceOf(address(vault)), 0, "no stake is left");
        assertEq(identities.identityOf(former), 0, "the former key is nobody's");
    }

    function test_one_owner_of_a_multisig_is_not_enough() public {
        TwoOfThree creator = _wallet();
        _act(creator, address(groups), abi.encodeCall(IGroupRegistry.create, (_closedTerms(), "m", "d", "r")));
        group = GroupId.wrap(groups.groupCount());
        uint256 index = register();
        vault.deposit(1, STAKE);
        uint64 expiry = uint64(vm_now()) + 5;
        bytes32 digest = _digest(group, 1, expiry, "nonce");
        bytes memory one = _sign(_owners[0], digest);
        bytes[3] memory refused = [one, abi.encodePacked(one, one), abi.encodePacked(one, _sign(STRANGER, digest))];
        for (uint256 i = 0; i < refused.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadInvitationSignature.selector, group, address(creator)));
            vm.prank(nodes[index]);
            rounds.join(group, nodes[index], abi.encode(expiry, bytes32("nonce"), refused[i]));
        }
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], _signedBy(creator, 1, expiry));
    }

    function test_a_multisig_that_is_not_the_operator_moves_nothing() public {
        swarmOf(1);
        TwoOfThree other = _wallet();
        address node = nodes[0];
        (, bytes memory publicKey, bytes memory signature) = registration(5_000, address(other), 0);
        bytes memory refusal = abi.encodeWithSelector(IIdentityRegistry.NotOperator.selector, 1, address(other));
        _refused(other, address(identities), abi.encodeCall(IIdentityRegistry.rotate, (1, publicKey, signature)), refusal);
        _refused(other, address(vault), abi.encodeCall(IStakeVault.withdraw, (1, 0, address(other))), refusal);
        refusal = abi.encodeWithSelector(IRoundManager.NotNodeOrOperator.selector, node, address(other));
        _refused(other, address(rounds), abi.encodeCall(IRoundManager.leave, (group, node)), refusal);
        _refused(other, address(rounds), abi.encodeCall(IRoundManager.migrate, (group, group, node, "")), refusal);
    }

    // ------------------------------------------------------------------------------------------------ invitations

    function test_an_invitation_counts_for_its_group_identity_creator_and_registry_alone() public {
        address creator = vm.createWallet(CREATOR).addr;
        vm.prank(creator);
        createGroup(_closedTerms());
        GroupId first = group;
        vm.prank(creator);
        createGroup(_closedTerms());
        uint256 index = register();
        register();
        vault.deposit(1, STAKE);
        vault.deposit(2, STAKE);
        uint64 expiry = uint64(vm_now()) + 5;

        _isRefused(index, _invitation(first, 1, expiry, "n", CREATOR), creator);
        _isRefused(index, _invitation(group, 2, expiry, "n", CREATOR), creator);
        _isRefused(index, _invitation(group, 1, expiry, "n", STRANGER), creator);
        // Whoever is invited cannot make it last longer, nor use it twice under another nonce.
        (, , bytes memory signature) = abi.decode(_invitation(group, 1, expiry, "n", CREATOR), (uint64, bytes32, bytes));
        _isRefused(index, abi.encode(expiry + 1, bytes32("n"), signature), creator);
        _isRefused(index, abi.encode(expiry, bytes32("m"), signature), creator);
        // On another chain the same bytes are worth nothing.
        uint256 chain = block.chainid;
        vm.chainId(7);
        _isRefused(index, abi.encode(expiry, bytes32("n"), signature), creator);
        vm.chainId(chain);

        bytes32 digest = _digest(group, 1, expiry, "n");
        vm.expectEmit(address(groups));
        emit IGroupRegistry.InvitationAccepted(group, 1, digest);
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], abi.encode(expiry, bytes32("n"), signature));
        // A second one of the same words is the same one.
        bytes memory again = _invitation(group, 1, expiry, "n", CREATOR);
        vm.prank(nodes[index]);
        rounds.leave(group, nodes[index]);
        rounds.release(group, 0);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.InvitationUsed.selector, _digest(group, 1, expiry, "n")));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], again);
    }

    function test_an_invitation_lasts_to_the_second_it_says() public {
        createGroup(_closedTerms());
        address creator = vm.createWallet(CREATOR).addr;
        vm.prank(creator);
        createGroup(_closedTerms());
        uint256 index = register();
        vault.deposit(1, STAKE);
        uint64 expiry = uint64(vm_now()) + 5;
        bytes memory invitation = _invitation(group, 1, expiry, "n", CREATOR);
        vm.warp(expiry + 1);
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.InvitationExpired.selector, expiry, expiry + 1));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
        vm.warp(expiry);
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
    }

    function test_a_join_that_fails_uses_no_invitation_up() public {
        address creator = vm.createWallet(CREATOR).addr;
        vm.prank(creator);
        createGroup(_closedTerms());
        uint256 index = register();
        bytes memory invitation = _invitation(group, 1, uint64(vm_now()) + 5, "n", CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 1, 0, STAKE));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
        vault.deposit(1, STAKE);
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
    }

    // ------------------------------------------------------------------------------------------------ migrating

    function test_migrate_in_the_middle_of_a_round() public {
        swarmOf(2);
        (GroupId old, GroupId next) = _twoGroups();
        play(2, 1, genesis, REVEAL - 1);
        Result memory first = resultOf(1, genesis, 0x3);
        bytes32 parent = hashOf(first);
        play(2, 2, parent, REVEAL - 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(old, first);
        Result memory second = resultOf(2, parent, 0x3);
        parent = hashOf(second);
        commit(0, 3, parent);
        commit(1, 3, parent);

        vault.deposit(1, STAKE);
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatLeft(old, 0, nodes[0], 4);
        vm.expectEmit(address(rounds));
        emit IRoundManager.SeatTaken(next, 0, nodes[0], 1, 1);
        vm.prank(operators[0]);
        rounds.migrate(old, next, nodes[0], "");
        (uint256 free, uint256 locked) = vault.stakeOf(1);
        assertEq(free, 0, "free");
        assertEq(locked, 2 * uint256(STAKE), "both seats are backed");
        assertEq(views.seat(next, nodes[0]).reputation, 1_000, "reputation is a group's own");
        assertEq(views.seat(old, nodes[0]).reputation, 2_125, "and stays in the old one");

        // What it committed it can still reveal, and is paid for.
        reveal(0, 3, parent);
        reveal(1, 3, parent);
        assertPhase(3, Phase.Closed);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(old, second);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, old, 0, 3));
        rounds.release(old, 0);
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(old);
        uint256 earned = distributor.creditOf(old, 0);
        assertTrue(earned != 0, "earned");
        rounds.release(old, 0);
        (free, locked) = vault.stakeOf(1);
        assertEq(free, STAKE, "the old stake came free");
        assertEq(locked, STAKE, "the new one stays");
        assertEq(distributor.settledCreditOf(operators[0]), earned, "credits stay the operator's");
        // The seat in the other group is not touched by what happens in the old one.
        assertEq(views.seat(next, nodes[0]).fromRound, 1, "seated");
        (GroupId where, , , ) = distributor.rewards(nodes[0]);
        assertEq(GroupId.unwrap(where), GroupId.unwrap(next), "earns in the new group");
    }

    function test_a_seat_that_migrated_still_commits_in_no_later_round() public {
        swarmOf(3);
        (GroupId old, GroupId next) = _twoGroups();
        play(3, 1, genesis, 1);
        vault.deposit(1, STAKE);
        vm.prank(nodes[0]);
        rounds.migrate(old, next, nodes[0], "");
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotSeated.selector, old, nodes[0]));
        vm.prank(nodes[0]);
        rounds.commit(RoundIds.make(old, 2), 0, "c");
        commit(1, 2, genesis);
        assertEq(views.roundAt(old, 2).rosterWeight, 2_000, "two are left");
        group = next;
        commit(0, 1, genesis);
        assertEq(views.roundAt(next, 1).rosterWeight, 1_000, "one is here");
    }

    function test_migrate_is_all_or_nothing() public {
        swarmOf(2);
        (GroupId old, GroupId next) = _twoGroups();
        address node = nodes[0];
        // Its own group again: the seat is not free before its rounds are settled.
        vault.deposit(1, STAKE);
        _migrateReverts(old, old, abi.encodeWithSelector(IRoundManager.AlreadySeated.selector, old, node));
        vm.prank(operators[0]);
        vault.withdraw(1, STAKE, address(this));
        // Without a second stake.
        _migrateReverts(old, next, abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 1, 0, STAKE));
        _migrateReverts(old, GroupId.wrap(99), abi.encodeWithSelector(IGroupRegistry.UnknownGroup.selector, 99));
        _migrateReverts(next, old, abi.encodeWithSelector(IRoundManager.NotSeated.selector, next, node));
        // Into a full group.
        vault.deposit(1, STAKE);
        Terms memory terms = defaultTerms();
        terms.capacity = 2;
        GroupId full = groups.create(terms, "m", "d", "r");
        for (uint256 i = 2; i < 4; ++i) {
            register();
            vault.deposit(uint64(i + 1), STAKE);
            vm.prank(nodes[i]);
            rounds.join(full, nodes[i], "");
        }
        _migrateReverts(old, full, abi.encodeWithSelector(IRoundManager.GroupFull.selector, full, 2));
        // By a stranger.
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.NotNodeOrOperator.selector, node, operators[1]));
        vm.prank(operators[1]);
        rounds.migrate(old, next, node, "");
        assertEq(views.seat(old, node).untilRound, 0, "it never left");
        // Once it left, there is nothing to migrate from.
        vm.prank(operators[0]);
        rounds.leave(old, node);
        _migrateReverts(old, next, abi.encodeWithSelector(IRoundManager.NotSeated.selector, old, node));
    }

    function test_migrate_by_invitation() public {
        swarmOf(2);
        GroupId old = group;
        address creator = vm.createWallet(CREATOR).addr;
        vm.prank(creator);
        GroupId next = groups.create(_closedTerms(), "m", "d", "r");
        vault.deposit(1, STAKE);
        _migrateReverts(old, next, abi.encodeWithSelector(IGroupRegistry.InvitationNeeded.selector, next));
        bytes memory invitation = _invitation(next, 1, uint64(vm_now()) + 5, "n", CREATOR);
        vm.prank(nodes[0]);
        rounds.migrate(old, next, nodes[0], invitation);
        assertEq(views.seat(next, nodes[0]).identity, 1, "seated");
        assertEq(views.seat(old, nodes[0]).untilRound, 1, "left");
        // A stake of another seat does not back this one: back again needs a third.
        _migrateReverts(next, old, abi.encodeWithSelector(IRoundManager.AlreadySeated.selector, old, nodes[0]));
    }

    function test_migrate_after_a_rotation_follows_the_rekey() public {
        swarmOf(2);
        (GroupId old, GroupId next) = _twoGroups();
        vault.deposit(1, STAKE);
        address former = nodes[0];
        (address newNode, bytes memory publicKey, bytes memory signature) = registration(6_000, operators[0], 0);
        vm.prank(operators[0]);
        identities.rotate(1, publicKey, signature);
        _migrateReverts(old, next, abi.encodeWithSelector(IIdentityRegistry.UnknownNode.selector, former));
        rounds.rekey(old, 0);
        vm.prank(newNode);
        rounds.migrate(old, next, newNode, "");
        assertEq(views.seat(next, newNode).identity, 1, "seated under the new key");
    }

    // ------------------------------------------------------------------------------------------------ eviction

    function test_an_evicted_member_gets_its_stake_back_and_may_come_again() public {
        Terms memory terms = defaultTerms();
        terms.maxMissed = 2;
        swarmOf(3, terms);
        for (uint32 round = 1; round <= 3; ++round) {
            commit(0, round, genesis);
            commit(1, round, genesis);
            vm.warp(vm_now() + COMMIT);
            reveal(0, round, genesis);
            reveal(1, round, genesis);
            if (round > 1) rounds.settleVoid(group);
        }
        vm.prank(operators[0]);
        rounds.evict(group, 2);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.SeatStillBound.selector, group, 2, 3));
        rounds.release(group, 2);
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        rounds.release(group, 2);
        (uint256 free, uint256 locked) = vault.stakeOf(3);
        assertEq(free, STAKE, "missing costs a seat, not stake");
        assertEq(locked, 0, "locked");
        vm.prank(nodes[2]);
        assertEq(rounds.join(group, nodes[2], ""), 3, "a seat never taken");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _twoGroups() private returns (GroupId old, GroupId next) {
        old = group;
        next = groups.create(defaultTerms(), keccak256("manifest"), keccak256("genesis model"), keccak256("genesis root"));
    }

    function _migrateReverts(GroupId from, GroupId to, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(operators[0]);
        rounds.migrate(from, to, nodes[0], "");
    }

    function _isRefused(uint256 index, bytes memory invitation, address creator) private {
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadInvitationSignature.selector, group, creator));
        vm.prank(nodes[index]);
        rounds.join(group, nodes[index], invitation);
    }

    function _wallet() private returns (TwoOfThree) {
        address[3] memory accounts;
        for (uint256 i = 0; i < 3; ++i) accounts[i] = vm.createWallet(_owners[i]).addr;
        return new TwoOfThree(accounts);
    }

    function _act(TwoOfThree wallet, address to, bytes memory data) private {
        bytes memory signatures = _two(wallet.digestOf(wallet.nonce(), to, data));
        wallet.execute(to, data, signatures);
    }

    function _refused(TwoOfThree wallet, address to, bytes memory data, bytes memory refusal) private {
        bytes memory signatures = _two(wallet.digestOf(wallet.nonce(), to, data));
        vm.expectRevert(refusal);
        wallet.execute(to, data, signatures);
    }

    /// @dev The second and third owner's, by ascending address.
    function _two(bytes32 digest) private returns (bytes memory) {
        bytes memory a = _sign(_owners[1], digest);
        bytes memory b = _sign(_owners[2], digest);
        return
            vm.createWallet(_owners[1]).addr < vm.createWallet(_owners[2]).addr ? abi.encodePacked(a, b) : abi.encodePacked(b, a);
    }

    function _signedBy(TwoOfThree, uint64 identity, uint64 expiry) private returns (bytes memory) {
        return abi.encode(expiry, bytes32("nonce"), _two(_digest(group, identity, expiry, "nonce")));
    }

    function _invitation(
        GroupId to,
        uint64 identity,
        uint64 expiry,
        bytes32 nonce,
        uint256 key
    ) private view returns (bytes memory) {
        return abi.encode(expiry, nonce, _sign(key, _digest(to, identity, expiry, nonce)));
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _digest(GroupId to, uint64 identity, uint64 expiry, bytes32 nonce) private view returns (bytes32) {
        bytes32 typeHash = keccak256("Invitation(uint32 group,uint64 identity,uint64 expiry,bytes32 nonce)");
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("GroupRegistry"),
                keccak256("1"),
                block.chainid,
                address(groups)
            )
        );
        bytes32 content = keccak256(abi.encode(typeHash, to, identity, expiry, nonce));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    function _closedTerms() private pure returns (Terms memory terms) {
        terms = defaultTerms();
        terms.byInvitation = true;
    }

    function _twice(GroupId one) private pure returns (GroupId[] memory list) {
        list = new GroupId[](2);
        (list[0], list[1]) = (one, one);
    }

    function _seats01() private pure returns (uint8[] memory list) {
        list = new uint8[](2);
        list[1] = 1;
    }
}
