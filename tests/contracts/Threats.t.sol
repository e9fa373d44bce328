// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {Opened} from "../../contracts/libraries/Evidence.sol";
import {GroupId, Phase, Result, Reveal, RoundId, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

interface StateVm {
    function snapshotState() external returns (uint256);
    function revertToState(uint256 id) external returns (bool);
}

/// @title Attacks of docs/threats.md that no other test is about
contract ThreatsTest is Swarm {
    StateVm private constant state = StateVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant WATCHER = address(0xBEEF);

    // ------------------------------------------------------------------------------------------------ copying

    /// A commitment seen in the mempool is worth nothing to another: its preimage names the author.
    function test_a_copied_commitment_cannot_be_opened() public {
        swarmOf(3);
        RoundId id = RoundIds.make(group, 1);
        bytes24 seen = views.makeCommitment(group, 1, nodes[0], opening(0, 1, genesis));
        vm.prank(nodes[1]);
        rounds.commit(id, keccak256(abi.encode("sealed", uint256(0), uint32(1))), seen);
        commit(0, 1, genesis);
        commit(2, 1, genesis);
        reveal(0, 1, genesis);
        // Now the preimage is public, and still only the author's.
        Reveal memory copied = opening(0, 1, genesis);
        bytes24 own = views.makeCommitment(group, 1, nodes[1], copied);
        vm.prank(nodes[1]);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.CommitmentMismatch.selector, seen, own));
        rounds.reveal(id, copied);
        reveal(2, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        bytes32 one = hashOf(resultOf(1, genesis, 5));
        play(3, 2, one, 1);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 5));
        assertEq(distributor.creditOf(group, 1), 0, "the copycat earned");
        assertEq(views.seatAt(group, 1).forfeits, 1, "the copycat forfeits");
    }

    // ------------------------------------------------------------------------------------------------ order in a block

    /// However a block orders four commits, the round that opens is the same.
    function test_every_order_of_commits_opens_the_same_round() public {
        swarmOf(4);
        bytes32 expected = 0;
        uint256[] memory order = _first(4);
        for (uint256 count = 0; count < 24; ++count) {
            uint256 start = state.snapshotState();
            for (uint256 i = 0; i < 4; ++i) commit(order[i], 1, genesis);
            bytes32 came = _imprint(4, 1);
            state.revertToState(start);
            if (count == 0) expected = came;
            assertEq(came, expected, "the order of commits matters");
            _next(order);
        }
    }

    /// However a block orders five reveals, of which one is of another mind, the same is agreed on with the same weights.
    function test_every_order_of_reveals_agrees_on_the_same() public {
        swarmOf(5);
        play(5, 1, genesis, 10);
        bytes32 one = hashOf(resultOf(1, genesis, 31));
        for (uint256 i = 0; i < 5; ++i) commit(i, 2, i == 2 ? keccak256("dissent") : one);
        bytes32 expected = 0;
        uint256[] memory order = _first(5);
        for (uint256 count = 0; count < 120; ++count) {
            uint256 start = state.snapshotState();
            for (uint256 i = 0; i < 5; ++i) reveal(order[i], 2, order[i] == 2 ? keccak256("dissent") : one);
            (bool agreed, bytes32 parent) = views.agreedParent(group, 2);
            assertTrue(agreed && parent == one, "another order agrees on another result");
            bytes32 came = _imprint(5, 2);
            state.revertToState(start);
            if (count == 0) expected = came;
            assertEq(came, expected, "the order of reveals matters");
            _next(order);
        }
    }

    /// A wrong result at the end of its window: finalize, challenge, slash, leave and release in one block, in every order. It is
    /// final or struck, never both, and only a struck one's voters are slashed.
    function test_every_order_of_settling_a_wrong_result_is_one_or_the_other() public {
        swarmOf(5);
        play(5, 1, genesis, 10);
        Result memory wrong = resultOf(1, genesis, 31);
        wrong.choice = "no rule chooses";
        bytes32 hash = hashOf(wrong);
        play(5, 2, hash, 10);
        vm.warp(vm_now() + WINDOW);
        uint256[] memory order = _first(5);
        uint256 finals = 0;
        uint256 strikes = 0;
        for (uint256 count = 0; count < 120; ++count) {
            uint256 start = state.snapshotState();
            uint256 slashed = 0;
            for (uint256 i = 0; i < 5; ++i) {
                bool done = _settlingStep(order[i], wrong, hash);
                if (order[i] == 2 && done) slashed = 1;
            }
            (bytes32 head, , , uint32 struck) = views.head(group);
            bool isStruck = disputes.strikeOf(group, hash).struckAt != 0;
            assertTrue(isStruck != (head == hash), "neither or both");
            assertTrue((struck != 0) == isStruck, "rounds struck");
            (, uint256 locked) = vault.stakeOf(1);
            assertEq(locked, slashed == 1 ? STAKE / 2 : STAKE, "what is locked of the leaver's stake");
            assertTrue(slashed == 0 || isStruck, "slashed without a strike");
            if (isStruck) ++strikes;
            else ++finals;
            state.revertToState(start);
            _next(order);
        }
        assertEq(finals, 60, "finalize is before the challenge in half of the orders");
        assertEq(strikes, 60, "and after it in the other half");
    }

    function _settlingStep(uint256 step, Result memory wrong, bytes32 hash) private returns (bool done) {
        bytes memory call;
        address target = address(rounds);
        address sender = WATCHER;
        if (step == 0) call = abi.encodeCall(IRoundManager.finalize, (group, wrong));
        else if (step == 1) (target, call) = (address(disputes), abi.encodeCall(IDisputes.challengeTerms, (group, wrong)));
        else if (step == 2) {
            Opened memory opened = Opened({node: nodes[0], opened: opening(0, 2, hash)});
            (target, call) = (address(disputes), abi.encodeCall(IDisputes.slash, (group, hash, opened)));
        } else if (step == 3) (sender, call) = (nodes[0], abi.encodeCall(IRoundManager.leave, (group, nodes[0])));
        else call = abi.encodeCall(IRoundManager.release, (group, 0));
        vm.prank(sender);
        (done, ) = target.call(call);
    }

    // ------------------------------------------------------------------------------------------------ many identities

    /// Half a stake, or a hundredth, is no seat.
    function test_a_stake_split_over_1_to_100_identities_seats_one() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        createGroup(terms);
        for (uint256 parts = 2; parts <= 100; ++parts) {
            uint256 index = register();
            vault.deposit(uint64(index + 1), STAKE / parts);
            vm.prank(nodes[index]);
            vm.expectRevert(
                abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, uint64(index + 1), STAKE / parts, uint256(STAKE))
            );
            rounds.join(group, nodes[index], "");
        }
        stakeAndJoin(register());
        (uint8 seats, ) = views.roster(group);
        assertEq(seats, 1, "seats");
    }

    /// Whoever holds more seats, a whole stake each, earns no more a stake: the pot is one.
    function test_more_identities_earn_no_more_a_stake() public {
        uint256[5] memory sizes = [uint256(1), 2, 10, 50, 100];
        uint256 before = type(uint256).max;
        for (uint256 i = 0; i < 5; ++i) {
            uint256 start = state.snapshotState();
            uint256 earned = _earnedByEach(sizes[i]);
            state.revertToState(start);
            assertTrue(earned != 0 && earned <= before, "more identities earn more a stake");
            before = earned;
        }
    }

    /// @return what each of `count` seats of one owner earns in a round with four others
    function _earnedByEach(uint256 count) private returns (uint256) {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(count + 4, terms);
        play(count + 4, 1, genesis, 10);
        Result memory one = resultOf(1, genesis, (1 << (count + 4)) - 1);
        play(count + 4, 2, hashOf(one), 10);
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, one);
        return distributor.creditOf(group, 4);
    }

    // ------------------------------------------------------------------------------------------------ withholding

    /// A third that commits and never reveals neither stops a round nor goes free.
    function test_a_third_that_never_reveals_stops_nothing_and_pays() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 9;
        swarmOf(9, terms);
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 2; ++round) {
            for (uint256 i = 0; i < 9; ++i) commit(i, round, parent);
            for (uint256 i = 0; i < 6; ++i) reveal(i, round, parent);
            vm.warp(vm_now() + REVEAL);
            assertPhase(round, Phase.Closed);
            parent = hashOf(resultOf(1, genesis, 63));
        }
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, resultOf(1, genesis, 63));
        for (uint8 seat = 0; seat < 9; ++seat) {
            assertEq(views.seatAt(group, seat).forfeits, seat < 6 ? 0 : 1, "forfeits");
            assertTrue((distributor.creditOf(group, seat) != 0) == (seat < 6), "credit");
        }
    }

    // ------------------------------------------------------------------------------------------------ tokens

    /// A token that calls back into a withdrawal or a claim gets nothing twice.
    function test_a_token_with_hooks_cannot_take_twice() public {
        HookToken hooked = new HookToken();
        IStakeVault other = IStakeVault(deploy("StakeVault", abi.encode(hooked, identities, address(this))));
        IRewardDistributor pool = IRewardDistributor(deploy("RewardDistributor", abi.encode(hooked, address(this), address(this))));
        register();
        register();
        hooked.approve(address(other), type(uint256).max);
        other.deposit(1, 10e18);
        other.deposit(2, 10e18);
        // The operator is the token itself, so that it may withdraw and claim while it is called.
        hooked.transfer(address(pool), 30e18);
        pool.addBudget(GroupId.wrap(1), 30e18);
        pool.assign(GroupId.wrap(1), 0, address(hooked), nodes[0]);
        pool.assign(GroupId.wrap(1), 1, operators[1], nodes[1]);
        pool.pay(GroupId.wrap(1), IRewardDistributor.Payment(1, 20e18, 1, 1, 3, 0, 3, ""));
        (GroupId[] memory where, uint8[] memory seats) = (new GroupId[](1), new uint8[](1));
        where[0] = GroupId.wrap(1);
        hooked.hook(address(pool), abi.encodeCall(IRewardDistributor.claim, (where, seats)));
        hooked.act();
        assertEq(hooked.balanceOf(address(hooked)), 10e18, "claimed");
        assertTrue(hooked.wasRefused(), "the claim within the claim was not refused");
        assertEq(hooked.balanceOf(address(pool)), 20e18, "the others' credit and the budget");

        vm.prank(operators[0]);
        other.withdraw(1, 4e18, address(hooked));
        (uint256 free, ) = other.stakeOf(1);
        assertEq(free, 6e18, "free");
        assertEq(hooked.balanceOf(address(other)), 16e18, "the vault");
    }

    /// A token that returns false instead of failing gives nobody a stake.
    function test_a_token_that_returns_false_gives_no_stake() public {
        FalseToken lying = new FalseToken();
        IStakeVault other = IStakeVault(deploy("StakeVault", abi.encode(lying, identities, address(this))));
        register();
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying)));
        other.deposit(1, 10e18);
        (uint256 free, ) = other.stakeOf(1);
        assertEq(free, 0, "stake for nothing");
    }

    /// With a token that takes a fee the last to withdraw would be refused, but nobody could take more than the books say. The
    /// shipped token takes none, and no contract can be given another.
    function test_a_fee_token_cannot_be_drained_beyond_the_books_and_ours_takes_none() public {
        FeeToken costly = new FeeToken();
        IStakeVault other = IStakeVault(deploy("StakeVault", abi.encode(costly, identities, address(this))));
        register();
        register();
        costly.approve(address(other), type(uint256).max);
        other.deposit(1, 10e18);
        other.deposit(2, 10e18);
        vm.prank(operators[0]);
        other.withdraw(1, 10e18, operators[0]);
        vm.prank(operators[0]);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.InsufficientStake.selector, uint64(1), uint256(0), uint256(1)));
        other.withdraw(1, 1, operators[0]);

        uint256 before = token.balanceOf(address(vault));
        vault.deposit(1, STAKE);
        assertEq(token.balanceOf(address(vault)), before + STAKE, "a fee was taken");
        assertEq(address(vault.TOKEN()), address(token), "the vault's token");
    }

    /// Tokens sent straight to a contract are nobody's, and move no share.
    function test_donations_move_no_stake_budget_or_credit() public {
        swarmOf(3);
        play(3, 1, genesis, 10);
        Result memory one = resultOf(1, genesis, 7);
        play(3, 2, hashOf(one), 10);
        vm.warp(vm_now() + WINDOW);
        uint256 start = state.snapshotState();
        rounds.finalize(group, one);
        uint256 expected = distributor.creditOf(group, 0);
        state.revertToState(start);
        token.transfer(address(distributor), 1_000_000e18);
        token.transfer(address(vault), 1_000_000e18);
        token.transfer(address(disputes), 1_000_000e18);
        rounds.finalize(group, one);
        assertEq(distributor.creditOf(group, 0), expected, "a donation moved a share");
        (uint256 free, uint256 locked) = vault.stakeOf(1);
        assertEq(free + locked, STAKE, "a donation moved a stake");
    }

    // ------------------------------------------------------------------------------------------------ small things

    /// @dev What commits or reveals leave of a round, whoever was first.
    function _imprint(uint256 count, uint32 round) private view returns (bytes32 imprint) {
        imprint = keccak256(abi.encode(views.roundAt(group, round)));
        for (uint256 i = 0; i < count; ++i) {
            (bool committed, bool revealed, uint16 weight, bytes24 digest) = views.slot(group, nodes[i], round);
            imprint = keccak256(abi.encode(imprint, committed, revealed, weight, digest));
        }
    }

    function _first(uint256 count) private pure returns (uint256[] memory order) {
        order = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) order[i] = i;
    }

    /// @dev The next order by the dictionary; after the last one any.
    function _next(uint256[] memory order) private pure {
        uint256 i = order.length - 1;
        while (i != 0 && order[i - 1] >= order[i]) --i;
        if (i == 0) return;
        uint256 j = order.length - 1;
        while (order[j] <= order[i - 1]) --j;
        (order[i - 1], order[j]) = (order[j], order[i - 1]);
        for (j = order.length - 1; i < j; (++i, --j)) (order[i], order[j]) = (order[j], order[i]);
    }
}

/// @dev Calls back whenever it is transferred to itself.
contract HookToken is ERC20Burnable {
    address private _target;
    bytes private _call;
    bool private _isInside;
    bool public wasRefused;

    constructor() ERC20("Hooked", "HOOK") {
        _mint(msg.sender, 1_000e18);
    }

    function hook(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function act() external {
        (bool done, ) = _target.call(_call);
        require(done, "the claim itself");
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (to != address(this) || _isInside || _call.length == 0) return;
        _isInside = true;
        (bool done, ) = _target.call(_call);
        wasRefused = !done;
        _isInside = false;
    }
}

contract FalseToken {
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @dev A hundredth of every transfer is gone.
contract FeeToken is ERC20Burnable {
    constructor() ERC20("Costly", "FEE") {
        _mint(msg.sender, 1_000e18);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) _burn(to, amount / 100);
    }
}
