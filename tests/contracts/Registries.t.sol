// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../contracts/interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {GroupId, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Identities, groups, stakes and rewards on their own
contract RegistriesTest is Swarm {
    function test_token_has_a_fixed_supply_and_burns() public {
        assertEq(token.totalSupply(), 1_000_000_000e18, "supply");
        assertEq(token.balanceOf(address(this)), token.totalSupply(), "treasury");
        token.burn(1);
        assertEq(token.totalSupply(), 1_000_000_000e18 - 1, "burnt");
    }

    // ------------------------------------------------------------------------------------------------ identities

    function test_register_and_rotate() public {
        uint256 index = register();
        assertEq(identities.identityOf(nodes[index]), 1, "identity");
        assertEq(identities.operatorOf(1), operators[index], "operator");
        assertEq(identities.nodeOf(1), nodes[index], "node");
        (address next, bytes memory publicKey, bytes memory signature) = registration(5, operators[index], 0);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.NotOperator.selector, 1, address(this)));
        identities.rotate(1, publicKey, signature);
        vm.expectEmit(address(identities));
        emit IIdentityRegistry.NodeKeyRotated(1, nodes[index], next, publicKey);
        vm.prank(operators[index]);
        identities.rotate(1, publicKey, signature);
        assertEq(identities.identityOf(nodes[index]), 0, "the old key is nobody's");
        assertEq(identities.identityOf(next), 1, "the new key");
        assertEq(identities.nonceOf(1), 1, "nonce");
        // Keys of the past stay taken.
        (, publicKey, signature) = registration(keys[index], address(this), 0);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.NodeKeyTaken.selector, nodes[index], 1));
        identities.register(publicKey, signature);
        // The next key signs the next nonce.
        (next, publicKey, signature) = registration(6, operators[index], 0);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.BadNodeSignature.selector, next, operators[index]));
        vm.prank(operators[index]);
        identities.rotate(1, publicKey, signature);
    }

    function test_register_reverts() public {
        (address node, bytes memory publicKey, bytes memory signature) = registration(5, address(this), 0);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.PublicKeyLength.selector, 63));
        identities.register(new bytes(63), signature);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.BadNodeSignature.selector, node, address(9)));
        vm.prank(address(9));
        identities.register(publicKey, signature);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.BadNodeSignature.selector, node, address(this)));
        identities.register(publicKey, hex"00");
        (, , bytes memory other) = registration(6, address(this), 0);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.BadNodeSignature.selector, node, address(this)));
        identities.register(publicKey, other);
        vm.expectEmit(address(identities));
        emit IIdentityRegistry.NodeRegistered(1, address(this), node, publicKey);
        identities.register(publicKey, signature);
    }

    function test_announce() public {
        uint256 index = register();
        string memory endpoint = "http://node.example:8080";
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.UnknownNode.selector, address(this)));
        identities.announce(endpoint);
        vm.expectEmit(address(identities));
        emit IIdentityRegistry.EndpointAnnounced(1, nodes[index], endpoint);
        vm.prank(nodes[index]);
        identities.announce(endpoint);
        vm.expectRevert(abi.encodeWithSelector(IIdentityRegistry.EndpointLength.selector, 513));
        vm.prank(nodes[index]);
        identities.announce(string(new bytes(513)));
        string memory longest = string(new bytes(512));
        vm.expectEmit(address(identities));
        emit IIdentityRegistry.EndpointAnnounced(1, nodes[index], longest);
        vm.prank(nodes[index]);
        identities.announce(longest);
    }

    // ------------------------------------------------------------------------------------------------ groups

    function test_create() public {
        Terms memory terms = defaultTerms();
        vm.expectEmit(address(groups));
        emit IGroupRegistry.GroupCreated(GroupId.wrap(1), address(this), "m", "d", "r", terms);
        group = groups.create(terms, "m", "d", "r");
        assertEq(groups.groupCount(), 1, "count");
        assertEq(groups.creatorOf(group), address(this), "creator");
        assertEq(groups.manifestOf(group), "m", "manifest");
        (bytes32 digest, bytes32 root) = groups.genesisOf(group);
        assertTrue(digest == "d" && root == "r", "genesis");
        assertEq(keccak256(abi.encode(groups.terms(group))), keccak256(abi.encode(terms)), "terms");
        (bytes32 head, uint32 finalRound, uint32 settled, ) = views.head(group);
        createGroup(terms);
        assertTrue(head != 0 && finalRound == 0 && settled == 0, "head before the first join");
        (head, , , ) = views.head(group);
        assertEq(head, genesis, "head is the genesis hash");
    }

    function test_bad_terms_are_named() public {
        for (uint256 i = 0; i < 24; ++i) {
            Terms memory t = defaultTerms();
            string memory term;
            if (i == 0) (t.dimension, term) = (0, "dimension");
            if (i == 1) (t.dimension, term) = (2 ** 31 + 1, "dimension");
            if (i == 2) (t.fractionBits, term) = (0, "fractionBits");
            if (i == 3) (t.fractionBits, term) = (31, "fractionBits");
            if (i == 4) (t.minExponent, term) = (-17, "minExponent");
            if (i == 5) (t.minExponent, term) = (21, "minExponent");
            if (i == 6) (t.maxExponent, term) = (25, "maxExponent");
            if (i == 7) (t.capacity, term) = (0, "capacity");
            if (i == 8) (t.minUpdates, term) = (0, "minUpdates");
            if (i == 9) (t.minUpdates, term) = (6, "minUpdates");
            if (i == 10) (t.quorumBps, term) = (4_999, "quorumBps");
            if (i == 11) (t.quorumBps, term) = (10_001, "quorumBps");
            if (i == 12) (t.commitDuration, term) = (0, "commitDuration");
            if (i == 13) (t.commitDuration, term) = (30 days + 1, "commitDuration");
            if (i == 14) (t.revealDuration, term) = (0, "revealDuration");
            if (i == 15) (t.revealDuration, term) = (30 days + 1, "revealDuration");
            if (i == 16) (t.challengeWindow, term) = (30 days + 1, "challengeWindow");
            if (i == 17) (t.idleTimeout, term) = (0, "idleTimeout");
            if (i == 18) (t.idleTimeout, term) = (365 days + 1, "idleTimeout");
            if (i == 19) (t.maxMissed, term) = (0, "maxMissed");
            if (i == 20) (t.maturity, term) = (0, "maturity");
            if (i == 21) (t.stake, term) = (1_000_000_000e18 + 1, "stake");
            if (i == 22) (t.rewardPerRound, term) = (1_000_000_000e18 + 1, "rewardPerRound");
            if (i == 23) (t.maxExponent, t.fractionBits, term) = (2, 1, "maxExponent");
            vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, term));
            groups.create(t, "m", "d", "r");
        }
    }

    /// @dev The last value that is taken, and the first that is not.
    function test_terms_at_their_bounds() public {
        uint256 supply = token.totalSupply();
        for (uint256 i = 0; i < 2 * 21; ++i) {
            Terms memory t = defaultTerms();
            uint256 over = i % 2;
            string memory term;
            if (i / 2 == 0) (t.dimension, term) = (uint64(2 ** 31 + over), "dimension");
            if (i / 2 == 1) (t.dimension, term) = (uint64(1 - over), "dimension");
            if (i / 2 == 2) (t.fractionBits, term) = (uint8(30 + over), "fractionBits");
            if (i / 2 == 3) (t.fractionBits, t.maxExponent, term) = (uint8(1 - over), 0, "fractionBits");
            if (i / 2 == 4) (t.minExponent, term) = (int8(-16 - int256(over)), "minExponent");
            if (i / 2 == 5) (t.minExponent, term) = (int8(20 + int256(over)), "minExponent");
            if (i / 2 == 6) (t.maxExponent, term) = (int8(24 + int256(over)), "maxExponent");
            if (i / 2 == 7) (t.capacity, t.minUpdates, term) = (uint8(1 - over), 1, over == 1 ? "capacity" : "");
            if (i / 2 == 8) (t.minUpdates, term) = (uint8(5 + over), "minUpdates");
            if (i / 2 == 9) (t.minUpdates, term) = (uint8(1 - over), "minUpdates");
            if (i / 2 == 10) (t.quorumBps, term) = (uint16(5_000 - over), "quorumBps");
            if (i / 2 == 11) (t.quorumBps, term) = (uint16(10_000 + over), "quorumBps");
            if (i / 2 == 12) (t.commitDuration, term) = (uint32(30 days + over), "commitDuration");
            if (i / 2 == 13) (t.revealDuration, term) = (uint32(30 days + over), "revealDuration");
            if (i / 2 == 14) (t.challengeWindow, t.idleTimeout, term) = (uint32(30 days + over), 180 days, "challengeWindow");
            if (i / 2 == 15) (t.challengeWindow, term) = (uint32(1 - over), "challengeWindow");
            if (i / 2 == 16) (t.idleTimeout, term) = (uint32(180 days + over), "idleTimeout");
            if (i / 2 == 17) (t.idleTimeout, term) = (uint32(WINDOW + 1 - over), "idleTimeout");
            if (i / 2 == 18) (t.maturity, t.maxMissed, term) = (1, uint8(1 - over), "maxMissed");
            if (i / 2 == 19) (t.stake, term) = (uint128(supply + over), "stake");
            if (i / 2 == 20) (t.rewardPerRound, term) = (uint128(supply + over), "rewardPerRound");
            if (over == 1) vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, term));
            groups.create(t, "m", "d", "r");
        }
        for (uint32 one = 0; one < 2; ++one) {
            Terms memory t = defaultTerms();
            t.commitDuration = one;
            if (one == 0) vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, "commitDuration"));
            groups.create(t, "m", "d", "r");
            t = defaultTerms();
            t.revealDuration = one;
            if (one == 0) vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, "revealDuration"));
            groups.create(t, "m", "d", "r");
            t = defaultTerms();
            t.maturity = uint8(one);
            if (one == 0) vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.BadTerm.selector, "maturity"));
            groups.create(t, "m", "d", "r");
        }
    }

    function test_an_unknown_group_is_said_so() public {
        bytes memory unknown = abi.encodeWithSelector(IGroupRegistry.UnknownGroup.selector, GroupId.wrap(3));
        vm.expectRevert(unknown);
        groups.terms(GroupId.wrap(3));
        vm.expectRevert(unknown);
        groups.fund(GroupId.wrap(3), 1);
        vm.expectRevert(unknown);
        views.head(GroupId.wrap(3));
        uint256 index = register();
        vm.expectRevert(unknown);
        vm.prank(nodes[index]);
        rounds.join(GroupId.wrap(3), nodes[index], "");
        vm.expectRevert(abi.encodeWithSelector(IGroupRegistry.OnlyRoundManager.selector, address(this)));
        groups.admit(GroupId.wrap(3), 1, "");
    }

    // ------------------------------------------------------------------------------------------------ stakes

    function test_deposit_and_withdraw() public {
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOperator.selector, 1, address(this)));
        vault.deposit(1, 5);
        register();
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeDeposited(1, address(this), 5);
        vault.deposit(1, 5);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOperator.selector, 1, address(this)));
        vault.withdraw(1, 5, address(this));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 1, 5, 6));
        vm.prank(operators[0]);
        vault.withdraw(1, 6, address(this));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 1, 5, type(uint256).max));
        vm.prank(operators[0]);
        vault.withdraw(1, type(uint256).max, address(this));
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeWithdrawn(1, address(0xB0B), 2);
        vm.prank(operators[0]);
        vault.withdraw(1, 2, address(0xB0B));
        assertEq(token.balanceOf(address(0xB0B)), 2, "withdrawn");
        (uint256 free, ) = vault.stakeOf(1);
        assertEq(free, 3, "free");
    }

    function test_locked_stake_cannot_be_withdrawn() public {
        swarmOf(1);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, 1, 0, 1));
        vm.prank(operators[0]);
        vault.withdraw(1, 1, operators[0]);
    }

    function test_only_the_round_manager_moves_stakes_and_credits() public {
        IRewardDistributor.Payment memory payment;
        bytes memory refused = abi.encodeWithSelector(IStakeVault.OnlyRoundManager.selector, address(this));
        vm.expectRevert(refused);
        vault.lock(1, 1);
        vm.expectRevert(refused);
        vault.unlock(1, 1);
        vm.expectRevert(refused);
        vault.slash(1, 1, address(0), 0);
        vm.expectRevert(refused);
        distributor.assign(group, 0, address(this), address(this));
        vm.expectRevert(refused);
        distributor.pay(group, payment);
        vm.expectRevert(abi.encodeWithSelector(IRewardDistributor.OnlyGroupRegistry.selector, address(this)));
        distributor.addBudget(group, 1);
    }

    function test_slash_can_pay_a_challenger_and_burns_the_rest() public {
        swarmOf(1);
        uint256 supply = token.totalSupply();
        vm.prank(address(rounds));
        uint256 taken = vault.slash(1, 50e18, address(0xC), 5e18);
        assertEq(taken, 50e18, "taken");
        assertEq(token.balanceOf(address(0xC)), 5e18, "challenger");
        assertEq(token.totalSupply(), supply - 45e18, "burnt");
        vm.prank(address(rounds));
        assertEq(vault.slash(1, type(uint256).max, address(0), 0), 50e18, "no more than there is");
    }

    // ------------------------------------------------------------------------------------------------ rewards

    function test_pay_rounds_to_units_and_stops_at_the_budget() public {
        swarmOf(4);
        IRewardDistributor.Payment memory payment = IRewardDistributor.Payment({
            round: 1,
            reward: 10e9 + 7,
            elapsed: 1,
            duration: 1,
            whole: 0x3,
            half: 0x4,
            taken: 0xF,
            scores: ""
        });
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        // 10 units by three are 3 and a third; half of 3 is 1 and a half.
        assertEq(distributor.creditOf(group, 0), 3e9, "share");
        assertEq(distributor.creditOf(group, 2), 1e9, "half");
        assertEq(distributor.creditOf(group, 3), 0, "none");
        assertEq(distributor.budgetOf(group), 10 * uint256(REWARD) - 7e9, "what rounding leaves stays");
        payment.reward = type(uint128).max;
        payment.half = 0;
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        uint256 left = (10 * uint256(REWARD) - 7e9) % 2e9;
        assertEq(distributor.budgetOf(group), left, "budget is exhausted");
        uint256 credit = distributor.creditOf(group, 0);
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        assertEq(distributor.creditOf(group, 0), credit, "nothing more to pay");
        payment.whole = 0;
        fund(1e18);
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        assertEq(distributor.budgetOf(group), left + 1e18, "nobody to pay");
    }

    /// @dev A share of one unit is paid; of less than one, nothing is told.
    function test_the_smallest_share_is_a_unit() public {
        swarmOf(2);
        IRewardDistributor.Payment memory payment = IRewardDistributor.Payment({
            round: 1,
            reward: 2e9,
            elapsed: 1,
            duration: 1,
            whole: 0x3,
            half: 0,
            taken: 0x3,
            scores: ""
        });
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.RoundPaid(group, 1, 2e9, 1e9, 0, 0x3, 0, "");
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        assertEq(distributor.creditOf(group, 1), 1e9, "a unit each");
        (payment.reward, payment.whole) = (1e9, 0x2);
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        assertEq(distributor.creditOf(group, 0), 1e9, "no part in what the other earned");
        assertEq(distributor.creditOf(group, 1), 2e9, "another unit");
        (payment.reward, payment.whole) = (2e9 - 1, 0x3);
        vm.recordLogs();
        vm.prank(address(rounds));
        distributor.pay(group, payment);
        assertEq(vm.getRecordedLogs().length, 0, "nothing is told of nothing");
    }

    function test_a_budget_is_told() public {
        createGroup(defaultTerms());
        vm.expectEmit(address(groups));
        emit IGroupRegistry.GroupFunded(group, address(this), 7);
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.BudgetAdded(group, 7);
        fund(7);
    }

    /// @dev Four seats share a word of what they missed: the fifth claims, the sixth keeps, the first four missed all.
    function test_a_claim_of_the_fifth_seat_is_of_that_seat_alone() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 6;
        swarmOf(6, terms);
        vm.prank(address(rounds));
        distributor.pay(group, IRewardDistributor.Payment(1, 20e9, 1, 1, 0x30, 0, 0x3F, ""));
        GroupId[] memory inGroups = new GroupId[](1);
        uint8[] memory seats = new uint8[](1);
        (inGroups[0], seats[0]) = (group, 4);
        vm.prank(operators[4]);
        distributor.claim(inGroups, seats);
        for (uint8 seat = 0; seat < 6; ++seat) assertEq(distributor.creditOf(group, seat), seat == 5 ? 10e9 : 0, "credit");
    }

    function test_claim() public {
        swarmOf(2);
        GroupId[] memory inGroups = new GroupId[](1);
        uint8[] memory seats = new uint8[](1);
        inGroups[0] = group;
        vm.expectRevert(abi.encodeWithSelector(IRewardDistributor.NothingToClaim.selector, operators[0]));
        vm.prank(operators[0]);
        distributor.claim(inGroups, seats);
        vm.prank(address(rounds));
        distributor.pay(group, IRewardDistributor.Payment(1, 10e9, 1, 1, 0x3, 0, 0x3, ""));
        vm.expectRevert(abi.encodeWithSelector(IRewardDistributor.NotSeatOperator.selector, group, 0, operators[1]));
        vm.prank(operators[1]);
        distributor.claim(inGroups, seats);
        vm.expectRevert(abi.encodeWithSelector(IRewardDistributor.LengthMismatch.selector, 1, 0));
        distributor.claim(inGroups, new uint8[](0));
        (GroupId at, uint8 seat, address operator, uint256 unclaimed) = distributor.rewards(nodes[0]);
        assertTrue(GroupId.unwrap(at) == 1 && seat == 0 && operator == operators[0] && unclaimed == 5e9, "rewards");
        vm.expectEmit(address(distributor));
        emit IRewardDistributor.Claimed(operators[0], 5e9);
        vm.prank(operators[0]);
        distributor.claim(inGroups, seats);
        assertEq(token.balanceOf(operators[0]), 5e9, "claimed");
        assertEq(distributor.creditOf(group, 0), 0, "collected");
        assertEq(distributor.creditOf(group, 1), 5e9, "the neighbour's lane is untouched");
        // What a seat earned before it changed hands stays with the earlier operator.
        vm.prank(nodes[1]);
        rounds.leave(group, nodes[1]);
        rounds.release(group, 1);
        (at, seat, operator, unclaimed) = distributor.rewards(nodes[1]);
        assertTrue(GroupId.unwrap(at) == 0 && seat == 0 && operator == address(0) && unclaimed == 0, "no seat");
        stakeAndJoin(register());
        assertEq(distributor.creditOf(group, 2), 0, "a newcomer starts with nothing");
        vm.prank(operators[1]);
        distributor.claim(new GroupId[](0), new uint8[](0));
        assertEq(token.balanceOf(operators[1]), 5e9, "claimed without the seat");
    }
}
