// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {Leaf} from "../../contracts/libraries/Evidence.sol";
import {Result} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";

/// @title Leaves that nobody shows
contract DisputesDemandsTest is DisputeSwarm {
    uint256 private constant BOND = STAKE / 100;
    address private constant HELPER = address(0xCAFE);
    IDisputes.Tree private constant MODEL = IDisputes.Tree.Model;
    IDisputes.Tree private constant COLUMNS = IDisputes.Tree.Columns;

    bytes32 private hash;

    function setUp() public override {
        super.setUp();
        fundWatcher();
    }

    modifier withPresented() {
        hash = honest();
        rounds.present(group, claimed);
        _;
    }

    // ------------------------------------------------------------------------------------------------ asked and answered

    function test_an_answer_shows_the_leaf_and_earns_the_bond() public withPresented {
        uint256 supply = token.totalSupply();
        for (uint256 i = 0; i < 2; ++i) {
            IDisputes.Tree tree = i == 0 ? MODEL : COLUMNS;
            uint256 until = vm_now() + WINDOW;
            vm.expectEmit(address(disputes));
            emit IDisputes.Demanded(group, 1, hash, WATCHER, tree, 1, BOND, until);
            demand(tree, 1);
            assertEq(token.balanceOf(address(disputes)), BOND, "held");
            IDisputes.Demand memory entry = disputes.demandOf(group, hash, WATCHER);
            assertEq(entry.until, until, "deadline");
            Leaf memory shown = blockLeaves()[i == 0 ? 2 : 0];
            vm.expectEmit(address(disputes));
            emit IDisputes.Answered(group, 1, hash, WATCHER, HELPER, tree, 1, shown.data, shown.proof);
            answerWith(shown);
            assertEq(token.balanceOf(HELPER), ((i + 1) * BOND) / 2, "half of the bond");
            assertEq(token.totalSupply(), supply - ((i + 1) * BOND) / 2, "the other half is burnt");
            assertEq(token.balanceOf(address(disputes)), 0, "paid out");
        }
        expectError(abi.encodeWithSelector(IDisputes.NoDemand.selector, hash));
        answer(HELPER, MODEL);
    }

    function test_an_answer_must_be_the_leaf() public withPresented {
        demand(COLUMNS, 1);
        expectError(abi.encodeWithSelector(IDisputes.BadLeafLength.selector, 1_025, 5 * 256));
        answer(HELPER, MODEL);
        columnsData[0] = ~columnsData[0];
        expectError(abi.encodeWithSelector(IDisputes.BadProof.selector, claimed.columnsRoot, 1));
        answer(HELPER, COLUMNS);
        columnsData[0] = ~columnsData[0];
        answer(HELPER, COLUMNS);
        demand(COLUMNS, 2);
        expectError(abi.encodeWithSelector(IDisputes.BadProof.selector, claimed.columnsRoot, 2));
        answer(HELPER, COLUMNS);
    }

    function test_an_answer_comes_within_the_window() public withPresented {
        demand(MODEL, 1);
        uint256 until = vm_now() + WINDOW;
        vm.warp(until);
        expectError(abi.encodeWithSelector(IDisputes.TooLate.selector, until, until));
        answer(HELPER, MODEL);
        vm.warp(until - 1);
        answer(HELPER, MODEL);
    }

    function test_a_demand_holds_the_result() public withPresented {
        vm.warp(vm_now() + WINDOW - 1);
        demand(MODEL, 1);
        uint256 due = vm_now() + 2 * WINDOW;
        answer(HELPER, MODEL);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.WindowOpen.selector, due, due - 1));
        rounds.finalize(group, claimed);
        vm.warp(due);
        rounds.finalize(group, claimed);
        assertEq(settledRound(), 1, "final");
    }

    // ------------------------------------------------------------------------------------------------ what may be demanded

    /// @dev However many demands others have made and answered themselves, one's own is open to one, until the time for all is over.
    function test_nobody_uses_up_the_demands_of_others() public withPresented {
        uint256 due = vm_now() + WINDOW;
        Result memory result = claimed;
        token.transfer(HELPER, 100 * BOND);
        vm.prank(HELPER);
        token.approve(address(disputes), type(uint256).max);
        for (uint256 i = 0; i < 40; ++i) {
            vm.prank(HELPER);
            disputes.demand(group, result, MODEL, 1);
            vm.prank(HELPER);
            disputes.answer(group, result, HELPER, blockLeaves()[2]);
        }
        vm.prank(HELPER);
        disputes.demand(group, result, MODEL, 1);
        demand(COLUMNS, 1);
        expectError(abi.encodeWithSelector(IDisputes.DemandOpen.selector, hash));
        demand(COLUMNS, 2);
        answer(HELPER, COLUMNS);
        // Demands keep it from being due for 64 windows, and no longer.
        while (vm_now() + 2 * WINDOW <= due + 64 * WINDOW) {
            vm.warp(vm_now() + WINDOW);
            demand(MODEL, 1);
            answer(HELPER, MODEL);
        }
        vm.warp(due + 63 * WINDOW + 1);
        expectError(abi.encodeWithSelector(IDisputes.TooLate.selector, due + 63 * WINDOW, vm_now()));
        demand(MODEL, 1);
        vm.warp(due + 65 * WINDOW);
        rounds.finalize(group, claimed);
        assertEq(settledRound(), 1, "final");
    }

    /// @dev The window counts from the close: who shows a result early takes no time away.
    function test_a_demand_may_come_a_window_after_the_close() public {
        prepare();
        playFirst();
        aggregateHonestly();
        hash = conclude();
        for (uint256 i = 0; i < 5; ++i) commit(i, 2, hash);
        reveal(0, 2, hash);
        vm.warp(vm_now() + WINDOW + 5);
        for (uint256 i = 1; i < 5; ++i) reveal(i, 2, hash);
        vm.warp(vm_now() + WINDOW - 1);
        demand(MODEL, 1);
        assertEq(disputes.demandOf(group, hash, WATCHER).until, vm_now() + WINDOW, "asked");
    }

    function test_a_demand_comes_before_the_result_is_due() public withPresented {
        uint256 due = vm_now() + WINDOW;
        vm.warp(due);
        expectError(abi.encodeWithSelector(IDisputes.TooLate.selector, due, due));
        demand(MODEL, 1);
        vm.warp(due + 3);
        expectError(abi.encodeWithSelector(IDisputes.TooLate.selector, due, due + 3));
        demand(MODEL, 1);
        expectError(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 4, 4));
        vm.warp(due - 1);
        demand(MODEL, 4);
        expectError(abi.encodeWithSelector(IDisputes.IndexOutOfRange.selector, 7, 4));
        demand(MODEL, 7);
        demand(MODEL, 3);
    }

    function test_only_presented_results_owe_leaves() public {
        hash = honest();
        expectError(abi.encodeWithSelector(IDisputes.NotPresented.selector, hash));
        demand(MODEL, 1);
    }

    function test_only_agreed_results_owe_leaves() public {
        prepare();
        playFirst();
        aggregateHonestly();
        bytes32 right = conclude();
        claimed.metric = 1;
        bytes32 other = conclude();
        for (uint256 i = 0; i < 5; ++i) revealed[2][i] = opening(i, 2, i == 0 ? other : right);
        vm.warp(vm_now() + 1);
        playRevealed(2, 5);
        expectError(abi.encodeWithSelector(IDisputes.NotAgreed.selector, group, 1, other));
        demand(MODEL, 1);
    }

    function test_a_struck_result_owes_nothing() public {
        _breakTerms();
        challengeTerms();
        expectError(abi.encodeWithSelector(IDisputes.AlreadyStruck.selector, hash));
        demand(MODEL, 1);
    }

    // ------------------------------------------------------------------------------------------------ unanswered

    function test_an_unanswered_demand_strikes() public withPresented {
        uint256 before = token.balanceOf(WATCHER);
        demand(COLUMNS, 3);
        uint256 until = vm_now() + WINDOW;
        vm.warp(until - 1);
        expectError(abi.encodeWithSelector(IDisputes.TooEarly.selector, until, until - 1));
        challengeUnanswered();
        vm.warp(until);
        // Who demanded is the challenger, whoever ends it.
        Result memory result = claimed;
        vm.prank(HELPER);
        disputes.challengeUnanswered(group, result, WATCHER);
        assertStruck(hash, IDisputes.Kind.Unanswered);
        assertEq(token.balanceOf(WATCHER), before, "the bond is back");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NoDemand.selector, hash));
        disputes.reclaim(group, hash, WATCHER);
    }

    function test_without_a_demand_nothing_is_unanswered() public withPresented {
        expectError(abi.encodeWithSelector(IDisputes.NoDemand.selector, hash));
        challengeUnanswered();
        demand(MODEL, 1);
        answer(HELPER, MODEL);
        vm.warp(vm_now() + WINDOW);
        expectError(abi.encodeWithSelector(IDisputes.NoDemand.selector, hash));
        challengeUnanswered();
    }

    // ------------------------------------------------------------------------------------------------ bonds come back

    function test_the_bond_comes_back_where_the_result_is_struck_otherwise() public {
        _breakTerms();
        uint256 before = token.balanceOf(WATCHER);
        demand(MODEL, 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DemandOpen.selector, hash));
        disputes.reclaim(group, hash, WATCHER);
        challengeTerms();
        expectError(abi.encodeWithSelector(IDisputes.AlreadyStruck.selector, hash));
        answer(HELPER, MODEL);
        vm.expectEmit(address(disputes));
        emit IDisputes.BondReturned(group, hash, WATCHER, BOND);
        disputes.reclaim(group, hash, WATCHER);
        assertEq(token.balanceOf(WATCHER), before, "the bond is back");
        assertEq(token.balanceOf(address(disputes)), 0, "nothing stays");
    }

    function test_the_bond_comes_back_where_the_round_was_settled_first() public withPresented {
        uint256 before = token.balanceOf(WATCHER);
        demand(MODEL, 1);
        vm.warp(vm_now() + 2 * WINDOW);
        rounds.finalize(group, claimed);
        expectError(abi.encodeWithSelector(IDisputes.RoundSettled.selector, group, 1));
        challengeUnanswered();
        disputes.reclaim(group, hash, WATCHER);
        assertEq(token.balanceOf(WATCHER), before, "the bond is back");
    }

    /// @dev A strike of the round before takes what this one is built on: nobody owes an answer any more.
    function test_what_is_void_already_is_not_struck_for_silence() public {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.included = 0x1;
        bytes32 wrong = claim();
        Result memory bad = claimed;
        Result memory built = resultOf(2, wrong, 0x1F);
        hash = hashOf(built);
        for (uint256 i = 0; i < 5; ++i) revealed[3][i] = opening(i, 3, hash);
        playRevealed(3, 5);
        rounds.present(group, built);
        claimed = built;
        uint256 before = token.balanceOf(WATCHER);
        demand(MODEL, 1);
        claimed = bad;
        challengeTerms();
        vm.warp(vm_now() + WINDOW);
        claimed = built;
        expectError(abi.encodeWithSelector(IDisputes.NotAgreed.selector, group, 2, hash));
        challengeUnanswered();
        rounds.settleVoid(group);
        rounds.settleVoid(group);
        disputes.reclaim(group, hash, WATCHER);
        assertEq(token.balanceOf(WATCHER), before, "the bond is back");
    }

    // ------------------------------------------------------------------------------------------------ steps

    function answerWith(Leaf memory leaf) private {
        Result memory result = claimed;
        vm.prank(HELPER);
        disputes.answer(group, result, WATCHER, leaf);
    }

    /// @dev A group whose agreed and presented result breaks the terms.
    function _breakTerms() private {
        prepare();
        playFirst();
        aggregateHonestly();
        claimed.choice = hex"01";
        hash = claim();
        rounds.present(group, claimed);
    }

    function fundWatcher() private {
        token.transfer(WATCHER, 100 * BOND);
        vm.prank(WATCHER);
        token.approve(address(disputes), type(uint256).max);
    }
}
