// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../../contracts/interfaces/IRoundManager.sol";
import {Live} from "../../../contracts/libraries/Round.sol";
import {Slot} from "../../../contracts/libraries/Slots.sol";
import {Standings} from "../../../contracts/libraries/Standings.sol";
import {WeightWord} from "../../../contracts/libraries/Weights.sol";
import {Phase, Reveal, RoundId, RoundIds, Roster, Seat} from "../../../contracts/types/Types.sol";
import {Challenges} from "./Challenges.sol";
import {Book, Member, Played, Struck} from "./Model.sol";

/// @title What must hold after every call: the contracts against the second set of books
abstract contract Checks is Challenges {
    // ------------------------------------------------------------------------------------------------ tokens

    function the_vault_holds_every_stake() public view {
        assertEq(token.balanceOf(address(vault)), _stakes() + donated[0], "the vault's tokens are not the stakes");
    }

    function the_distributor_holds_every_budget_and_credit() public view {
        assertEq(token.balanceOf(address(distributor)), _owed() + donated[1], "the distributor's tokens are not what it owes");
    }

    function the_disputes_hold_every_pot_and_bond() public view {
        assertEq(token.balanceOf(address(disputes)), _escrow() + donated[2], "the disputes' tokens are not pots and bonds");
    }

    function no_token_appears_or_vanishes_but_by_burning() public view {
        assertEq(token.totalSupply(), SUPPLY - burnt, "supply");
        uint256 held = _stakes() + _owed() + _escrow() + watcherWallet + ownWallet;
        for (uint256 i = 0; i < 4; ++i) held += donated[i];
        for (uint256 i = 0; i < ACTORS; ++i) held += wallets[i];
        assertEq(held + burnt, SUPPLY, "deposits are not budgets, credits, stakes, claims, escrow and what was burnt");
    }

    function every_wallet_has_what_it_claimed_and_withdrew() public view {
        for (uint256 i = 0; i < ACTORS; ++i) assertEq(token.balanceOf(operators[i]), wallets[i], "an operator's wallet");
        assertEq(token.balanceOf(WATCHER), watcherWallet, "the watcher's wallet");
        assertEq(token.balanceOf(address(this)), ownWallet, "the funder's wallet");
    }

    function donations_change_nothing() public view {
        assertEq(token.balanceOf(address(rounds)), donated[3], "tokens sent to the round manager moved");
        assertEq(token.balanceOf(address(relay)) + token.balanceOf(address(groups)), 0, "tokens where none belong");
    }

    function stakes_fall_by_the_rules_alone() public view {
        for (uint256 i = 0; i < ACTORS; ++i) {
            (uint256 free, uint256 locked) = vault.stakeOf(uint64(i + 1));
            assertEq(free, freeStake[i], "a free stake");
            assertEq(locked, lockedStake[i], "a locked stake");
        }
    }

    function no_credit_is_paid_twice_or_lost() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                assertEq(distributor.creditOf(arena[g], uint8(seat)), credits[g][seat], "a seat's credit");
            }
        }
        for (uint256 i = 0; i < ACTORS; ++i) assertEq(distributor.settledCreditOf(operators[i]), earned[i], "earlier credit");
    }

    function budgets_rise_by_funding_and_fall_by_paying_alone() public view {
        for (uint256 g = 0; g < ARENAS; ++g) assertEq(distributor.budgetOf(arena[g]), books[g].budget, "a group's budget");
    }

    function a_round_pays_at_most_its_reward() public view {
        require(bytes(broken).length == 0, broken);
    }

    // ------------------------------------------------------------------------------------------------ seats

    function who_sits_where_is_what_the_rules_say() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                Member storage member = members[g][seat];
                Seat memory taken = rounds.seatOf(arena[g], uint8(seat));
                assertEq(taken.identity, member.actor, "a seat's identity");
                if (member.actor == 0) continue;
                assertEq(taken.node, member.node, "a seat's key");
                assertEq(taken.fromRound, member.from, "from");
                assertEq(taken.untilRound, member.until, "until");
                assertEq(taken.forfeits, member.forfeits, "forfeits");
                assertTrue(taken.forfeits <= 100, "more than the stake was taken");
            }
        }
    }

    function no_node_has_two_seats_of_a_group() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                address node = rounds.seatOf(arena[g], uint8(seat)).node;
                if (node != address(0)) assertEq(rounds.placeOf(arena[g], node), seat + 1, "a node sits in another seat too");
            }
        }
    }

    function a_freed_seat_holds_nothing() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                if (members[g][seat].actor != 0) continue;
                Seat memory taken = rounds.seatOf(arena[g], uint8(seat));
                assertEq(taken.node, address(0), "a free seat has a node");
                assertEq(distributor.creditOf(arena[g], uint8(seat)), 0, "a free seat has credit");
                assertTrue(rounds.standingsOf(arena[g], 0).isEmpty(seat), "a free seat has a standing");
            }
        }
    }

    /// @dev What is left of its stake is locked, as long as a seat is not released: and that is after its last round.
    function who_took_part_in_an_unsettled_round_is_slashable() public view {
        uint256[ACTORS] memory bound;
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                Member storage member = members[g][seat];
                if (member.actor != 0) bound[member.actor - 1] += (STAKE / 100) * (100 - member.forfeits);
            }
            for (uint32 round = books[g].settled + 1; round <= books[g].last; ++round) {
                uint256 took = played[g][round].committed;
                for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                    if ((took >> seat) & 1 == 0) continue;
                    assertEq(_keyIn(g, seat, round), votes[g][round][seat].node, "a seat of an unsettled round is another's");
                    Slot slot = rounds.slotOf(arena[g], votes[g][round][seat].node, round % 8);
                    assertEq(slot.round(), round, "an unsettled round's slot is gone");
                    assertEq(slot.seat(), seat, "a slot of another seat");
                    assertTrue(slot.isRevealed() == ((played[g][round].revealed >> seat) & 1 == 1), "revealed");
                }
            }
        }
        for (uint256 i = 0; i < ACTORS; ++i) {
            (, uint256 locked) = vault.stakeOf(uint64(i + 1));
            assertTrue(locked >= bound[i], "a seat's stake is not locked");
        }
    }

    // ------------------------------------------------------------------------------------------------ weights

    function reputations_move_by_the_rules_alone() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                Member storage member = members[g][seat];
                Standings.Standing memory standing = rounds.standingsOf(arena[g], 0).read(seat);
                assertEq(standing.reputation, member.reputation, "a reputation");
                assertEq(standing.age, member.age, "an age");
                assertEq(standing.missed, member.missed, "missed rounds");
                assertTrue(standing.seated == (member.actor != 0 && member.until == 0), "seated");
                assertTrue(member.actor == 0 || standing.reputation != 0, "a reputation of nothing");
            }
        }
    }

    function the_roster_weighs_what_its_seats_do() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            Roster memory roster = rounds.rosterOf(arena[g]);
            WeightWord word = rounds.weightsOf(arena[g], 0);
            (uint256 sum, uint256 count) = (0, 0);
            for (uint256 seat = 0; seat < 8; ++seat) {
                (bool isMember, uint256 weight) = word.read(seat, type(uint32).max);
                if (isMember) (sum, count) = (sum + weight, count + 1);
            }
            assertEq(uint256(roster.mature) + roster.young, sum, "the roster's weight");
            assertEq(roster.seats, count, "the roster's seats");
            assertEq(_popcount(_seatsOf(g, books[g].last + 1)), count, "who is on the next roster");
        }
    }

    function newcomers_weigh_at_most_a_quarter() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            (uint256 mature, uint256 young) = (0, 0);
            WeightWord word = rounds.weightsOf(arena[g], 0);
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                Member storage member = members[g][seat];
                if (member.actor == 0 || member.until != 0) continue;
                (, uint256 weight) = word.read(seat, type(uint32).max);
                if (member.age >= MATURITY) {
                    mature += weight;
                    assertEq(weight, member.reputation, "a mature seat weighs its reputation");
                } else {
                    young += weight;
                    assertTrue(weight <= member.reputation || member.reputation == 1, "a newcomer weighs more than its reputation");
                }
            }
            assertTrue(mature == 0 || 3 * young <= mature, "newcomers weigh more than a quarter");
        }
    }

    function votes_weigh_at_most_what_was_committed() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            uint32 round = books[g].last;
            if (round == 0) continue;
            Live live = rounds.liveOf(arena[g]);
            Played storage p = played[g][round];
            (uint256 committed, uint256 revealed) = (0, 0);
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                uint256 weight = _weightIn(p.weights, seat);
                if ((p.committed >> seat) & 1 == 1) committed += weight;
                if ((p.revealed >> seat) & 1 == 1) revealed += weight;
            }
            assertTrue(live.leaderWeight() <= live.revealedWeight(), "the leader outweighs all votes");
            assertEq(live.revealedWeight(), revealed, "revealed weight");
            assertTrue(revealed <= committed && committed <= p.rosterWeight, "committed weight");
            assertEq(rounds.recordOf(arena[g], (round - 1) % 8).rosterWeight(), p.rosterWeight, "the roster's weight at opening");
        }
    }

    function counts_are_those_of_the_slots() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            uint32 round = books[g].last;
            if (round == 0) continue;
            Live live = rounds.liveOf(arena[g]);
            Played storage p = played[g][round];
            assertEq(live.round(), round, "round");
            assertEq(live.revealed(), _popcount(p.revealed), "reveals");
            assertEq(live.committed(), _popcount(p.aborted ? p.revealed : p.committed), "commits");
            assertEq(live.seats(), _popcount(p.aborted ? p.revealed : p.members), "seats");
        }
    }

    // ------------------------------------------------------------------------------------------------ rounds

    function the_roster_of_an_open_round_is_frozen() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            uint32 round = books[g].last;
            (, Phase phase) = _phase(g);
            if (phase == Phase.Closed) continue;
            WeightWord word = rounds.weightsOf(arena[g], 0);
            Played storage p = played[g][round];
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                (bool isMember, uint256 weight) = word.read(seat, round);
                assertTrue(isMember == ((p.members >> seat) & 1 == 1), "the open round's roster changed");
                assertEq(weight, _weightIn(p.weights, seat), "a weight of the open round changed");
            }
        }
    }

    function deadlines_only_come_nearer() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            uint32 round = books[g].last;
            if (round == 0) continue;
            Live live = rounds.liveOf(arena[g]);
            assertEq(live.revealDeadline(), played[g][round].revealDeadline, "the reveal deadline");
            assertEq(live.commitDeadline(), played[g][round].commitDeadline, "the commit deadline");
            assertTrue(live.revealDeadline() <= played[g][round].openedAt + COMMIT + REVEAL, "a deadline moved away");
        }
    }

    function the_ring_keeps_every_unsettled_round() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            Book storage book = books[g];
            assertTrue(book.last <= book.settled + 8, "more rounds are open than the ring keeps");
            for (uint32 round = book.settled + 1; round < book.last; ++round) {
                Live kept = rounds.recordOf(arena[g], round % 8).votes();
                assertEq(kept.round(), round, "an unsettled round was overwritten");
                assertEq(kept.revealed(), _popcount(played[g][round].revealed), "its reveals");
                assertEq(kept.revealDeadline(), played[g][round].revealDeadline, "its close");
                assertTrue(rounds.recordOf(arena[g], round % 8).struck() == played[g][round].struck, "whether it is struck");
            }
        }
    }

    /// @dev Settled and final rounds, the head and the struck round are what the books came to, which only ever rise.
    function rounds_settle_in_order_and_the_head_moves_by_finality_alone() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            Roster memory roster = rounds.rosterOf(arena[g]);
            Book storage book = books[g];
            assertEq(roster.settledRound, book.settled, "the settled round");
            assertEq(roster.finalRound, book.finalized, "the final round");
            assertEq(roster.struckRound, book.struckRound, "the struck round");
            assertEq(rounds.headOf(arena[g]), book.head, "the head");
            assertTrue(book.finalized <= book.settled && book.settled <= book.last, "order");
        }
    }

    /// @dev Counted anew from the votes one by one.
    function what_is_agreed_is_what_most_of_the_weight_named() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint32 round = books[g].settled + 2; round <= books[g].last; ++round) {
                if (vm_now() < played[g][round].revealDeadline) continue;
                (bool agreed, bytes32 hash) = views.agreedParent(arena[g], round);
                (bool expected, bytes32 counted) = _agreedByBooks(g, round);
                assertTrue(agreed == expected, "whether the votes agree");
                if (agreed) assertEq(hash, counted, "what the votes agree on");
            }
        }
    }

    function a_struck_result_is_never_final() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 i = 0; i < finals[g].length; ++i) {
                assertEq(disputes.strikeOf(arena[g], finals[g][i]).struckAt, 0, "a final result is struck");
            }
        }
    }

    function a_seat_is_slashed_once_for_a_result() public view {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 i = 0; i < strikes[g].length; ++i) {
                Struck storage entry = strikes[g][i];
                assertEq(disputes.strikeOf(arena[g], entry.hash).slashed, entry.slashed, "who was slashed");
                assertEq(disputes.strikeOf(arena[g], entry.hash).pot, entry.pot, "a pot");
            }
        }
    }

    /// @dev Whoever committed and has not revealed can, in the reveal phase. What a check does is undone after it.
    function who_committed_can_reveal() public {
        for (uint256 g = 0; g < ARENAS; ++g) {
            (uint32 round, Phase phase) = _phase(g);
            if (phase != Phase.Reveal) continue;
            uint256 waiting = _unopened(g, round);
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                if ((waiting >> seat) & 1 == 0) continue;
                RoundId id = RoundIds.make(arena[g], round);
                Reveal memory opened = _openingOf(g, round, votes[g][round][seat]);
                bool done = _try(votes[g][round][seat].node, address(rounds), abi.encodeCall(IRoundManager.reveal, (id, opened)));
                assertTrue(done, "a commit cannot be revealed");
            }
        }
    }

    function a_group_nobody_acts_in_stays_as_it_was() public view {
        assertEq(_imprint(2), untouched, "another group changed");
    }

    // ------------------------------------------------------------------------------------------------ sums

    function _stakes() private view returns (uint256 sum) {
        for (uint256 i = 0; i < ACTORS + 2; ++i) sum += freeStake[i] + lockedStake[i];
    }

    function _owed() private view returns (uint256 sum) {
        for (uint256 g = 0; g < 3; ++g) {
            sum += books[g].budget;
            for (uint256 seat = 0; seat < capacity[g]; ++seat) sum += credits[g][seat];
        }
        for (uint256 i = 0; i < ACTORS; ++i) sum += earned[i];
    }

    function _escrow() private view returns (uint256 sum) {
        for (uint256 g = 0; g < ARENAS; ++g) {
            for (uint256 i = 0; i < strikes[g].length; ++i) sum += strikes[g][i].pot;
            for (uint256 i = 0; i < bonds[g].length; ++i) sum += bonds[g][i].bond;
        }
    }
}
