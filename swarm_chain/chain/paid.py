"""What a round paid by the rule, held against what the chain says that it paid."""

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import BudgetAdded, Claimed, RoundPaid, read_events, topic_of, topics
from swarm_chain.chain.past_round import PastRound
from swarm_chain.errors import ChainError, ChainUnreachableError
from swarm_chain.protocol.inclusion import bitmap_of
from swarm_chain.protocol.payment import Payment, payment
from swarm_chain.types import Seat

REPORT = "Ask another RPC URL with --rpc; where two say the same, please report it."


def checked_payment(past: PastRound) -> Payment:
    """What a final round paid.

    Raises:
        ChainError: the rule comes to something else than the chain's own event says.
    """
    assert past.facts is not None
    by_rule, said = payment(past.facts), past.paid
    if said is None:
        differs = by_rule.paid != 0
    else:
        whole = bitmap_of(seat for seat, share in by_rule.shares.items() if past.facts.voted >> seat & 1)
        halves = bitmap_of(past.facts.scores) & ~whole
        differs = (by_rule.credits, by_rule.paid, whole, halves) != (said.credits(), said.paid, said.whole, said.half)
    if differs:
        raise ChainError(
            f"By the rule round {past.round} paid {_said(by_rule.credits, by_rule.paid)}; by the chain's event {_event(said)}.",
            "So what it paid, and why, is not known.",
            REPORT,
        )
    return by_rule


def is_credited(contracts: Contracts, past: PastRound, seat: Seat, amount: int) -> bool:
    """Whether the chain still shows that a seat's credit rose by an amount, in wei, in the block that settled a round.

    Returns:
        False where that cannot be seen any more: the state of then is gone, or other things moved the credit in that block.

    Raises:
        ChainError: it rose by another amount.
    """
    assert past.settled is not None
    rewards, block = contracts.rewards, past.settled
    events = read_events(rewards.logs([None, topic_of(past.group)], block, block))
    if any(not isinstance(event, BudgetAdded) and event != past.paid for event in events):
        return False
    if any(isinstance(event, Claimed) for event in read_events(rewards.logs([topics(Claimed)], block, block))):
        return False
    try:
        before, after = (rewards.credit_of(past.group, seat, number) for number in (block - 1, block))
    except ChainUnreachableError:
        raise
    except ChainError:
        return False
    if after - before != amount:
        raise ChainError(
            f"Round {past.round} gave seat {seat} {amount} wei by its event, and its credit rose by {after - before} wei.",
            "So what it earned is not known.",
            REPORT,
        )
    return True


def _event(said: RoundPaid | None) -> str:
    return "it paid nothing" if said is None else _said(said.credits(), said.paid)


def _said(credits: object, paid: int) -> str:
    return f"{paid} wei ({credits})"
