// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Handler} from "./handlers/Handler.sol";

/// @title A swarm whose members, watchers and strangers do anything in any order
abstract contract Campaign {
    // solhint-disable-next-line const-name-snakecase
    bool public constant IS_TEST = true;
    Handler internal swarm;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        swarm = new Handler();
        swarm.build();
        swarm.populate();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(swarm);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = Handler.doCommit.selector;
        selectors[1] = Handler.doReveal.selector;
        selectors[2] = Handler.doRound.selector;
        selectors[3] = Handler.doRoundAndSettle.selector;
        selectors[4] = Handler.doRush.selector;
        selectors[5] = Handler.doSettle.selector;
        selectors[6] = Handler.doWait.selector;
        selectors[7] = Handler.doWatch.selector;
        selectors[8] = Handler.doPunish.selector;
        selectors[9] = Handler.doDemand.selector;
        selectors[10] = Handler.doJoin.selector;
        selectors[11] = Handler.doLeave.selector;
        selectors[12] = Handler.doEvictAndRelease.selector;
        selectors[13] = Handler.doRekey.selector;
        selectors[14] = Handler.doMoney.selector;
        selectors[15] = Handler.doMeddle.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(swarm), selectors);
    }
}

/// @title One campaign in which every property is checked after every call
contract InvariantCampaign is Campaign {
    function invariant_all() public {
        swarm.the_vault_holds_every_stake();
        swarm.the_distributor_holds_every_budget_and_credit();
        swarm.the_disputes_hold_every_pot_and_bond();
        swarm.no_token_appears_or_vanishes_but_by_burning();
        swarm.every_wallet_has_what_it_claimed_and_withdrew();
        swarm.donations_change_nothing();
        swarm.stakes_fall_by_the_rules_alone();
        swarm.no_credit_is_paid_twice_or_lost();
        swarm.budgets_rise_by_funding_and_fall_by_paying_alone();
        swarm.a_round_pays_at_most_its_reward();
        swarm.who_sits_where_is_what_the_rules_say();
        swarm.no_node_has_two_seats_of_a_group();
        swarm.a_freed_seat_holds_nothing();
        swarm.who_took_part_in_an_unsettled_round_is_slashable();
        swarm.reputations_move_by_the_rules_alone();
        swarm.the_roster_weighs_what_its_seats_do();
        swarm.newcomers_weigh_at_most_a_quarter();
        swarm.votes_weigh_at_most_what_was_committed();
        swarm.counts_are_those_of_the_slots();
        swarm.the_roster_of_an_open_round_is_frozen();
        swarm.deadlines_only_come_nearer();
        swarm.the_ring_keeps_every_unsettled_round();
        swarm.rounds_settle_in_order_and_the_head_moves_by_finality_alone();
        swarm.what_is_agreed_is_what_most_of_the_weight_named();
        swarm.a_struck_result_is_never_final();
        swarm.a_seat_is_slashed_once_for_a_result();
        swarm.a_group_nobody_acts_in_stays_as_it_was();
        swarm.who_committed_can_reveal();
    }

    /// @dev After each run: it moves the swarm on. The checks hold after that too.
    function afterInvariant() public {
        swarm.everything_moves_on_and_comes_free();
        invariant_all();
        swarm.report();
    }
}

/// @title Each property by its name
contract InvariantTest is Campaign {
    function invariant_the_vault_holds_every_stake() public {
        swarm.the_vault_holds_every_stake();
    }

    function invariant_the_distributor_holds_every_budget_and_credit() public {
        swarm.the_distributor_holds_every_budget_and_credit();
    }

    function invariant_the_disputes_hold_every_pot_and_bond() public {
        swarm.the_disputes_hold_every_pot_and_bond();
    }

    function invariant_no_token_appears_or_vanishes_but_by_burning() public {
        swarm.no_token_appears_or_vanishes_but_by_burning();
    }

    function invariant_every_wallet_has_what_it_claimed_and_withdrew() public {
        swarm.every_wallet_has_what_it_claimed_and_withdrew();
    }

    function invariant_donations_change_nothing() public {
        swarm.donations_change_nothing();
    }

    function invariant_stakes_fall_by_the_rules_alone() public {
        swarm.stakes_fall_by_the_rules_alone();
    }

    function invariant_no_credit_is_paid_twice_or_lost() public {
        swarm.no_credit_is_paid_twice_or_lost();
    }

    function invariant_budgets_rise_by_funding_and_fall_by_paying_alone() public {
        swarm.budgets_rise_by_funding_and_fall_by_paying_alone();
    }

    function invariant_a_round_pays_at_most_its_reward() public {
        swarm.a_round_pays_at_most_its_reward();
    }

    function invariant_who_sits_where_is_what_the_rules_say() public {
        swarm.who_sits_where_is_what_the_rules_say();
    }

    function invariant_no_node_has_two_seats_of_a_group() public {
        swarm.no_node_has_two_seats_of_a_group();
    }

    function invariant_a_freed_seat_holds_nothing() public {
        swarm.a_freed_seat_holds_nothing();
    }

    function invariant_who_took_part_in_an_unsettled_round_is_slashable() public {
        swarm.who_took_part_in_an_unsettled_round_is_slashable();
    }

    function invariant_reputations_move_by_the_rules_alone() public {
        swarm.reputations_move_by_the_rules_alone();
    }

    function invariant_the_roster_weighs_what_its_seats_do() public {
        swarm.the_roster_weighs_what_its_seats_do();
    }

    function invariant_newcomers_weigh_at_most_a_quarter() public {
        swarm.newcomers_weigh_at_most_a_quarter();
    }

    function invariant_votes_weigh_at_most_what_was_committed() public {
        swarm.votes_weigh_at_most_what_was_committed();
    }

    function invariant_counts_are_those_of_the_slots() public {
        swarm.counts_are_those_of_the_slots();
    }

    function invariant_the_roster_of_an_open_round_is_frozen() public {
        swarm.the_roster_of_an_open_round_is_frozen();
    }

    function invariant_deadlines_only_come_nearer() public {
        swarm.deadlines_only_come_nearer();
    }

    function invariant_the_ring_keeps_every_unsettled_round() public {
        swarm.the_ring_keeps_every_unsettled_round();
    }

    function invariant_rounds_settle_in_order_and_the_head_moves_by_finality_alone() public {
        swarm.rounds_settle_in_order_and_the_head_moves_by_finality_alone();
    }

    function invariant_what_is_agreed_is_what_most_of_the_weight_named() public {
        swarm.what_is_agreed_is_what_most_of_the_weight_named();
    }

    function invariant_a_struck_result_is_never_final() public {
        swarm.a_struck_result_is_never_final();
    }

    function invariant_a_seat_is_slashed_once_for_a_result() public {
        swarm.a_seat_is_slashed_once_for_a_result();
    }

    function invariant_a_group_nobody_acts_in_stays_as_it_was() public {
        swarm.a_group_nobody_acts_in_stays_as_it_was();
    }

    function invariant_who_committed_can_reveal() public {
        swarm.who_committed_can_reveal();
    }

    function afterInvariant() public {
        swarm.everything_moves_on_and_comes_free();
    }
}
