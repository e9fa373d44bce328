"""What rounds paid, to whom and why, from the contracts' events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.types import Address, GroupId, Round, Seat

if TYPE_CHECKING:
    from swarm_chain.chain.contracts import Contracts


@dataclass(frozen=True, slots=True)
class Credit:
    """What a seat got for a round, in wei. ``halved``: it did not vote in the round after."""

    round: Round
    seat: Seat
    node: Address
    operator: Address
    amount: int
    score: int
    halved: bool

    @property
    def reason(self) -> str:
        """In words."""
        return f"round {self.round}, score {self.score:,}" + (", halved: no vote in the round after" if self.halved else "")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A group's budget and credits, in wei.

    Attributes:
        funded: all that sponsors put in.
        budget: what is left of it.
        credits: of every round, in order.
        unclaimed: by seat.
        claimed: by operator, over all its groups.
    """

    funded: int
    budget: int
    credits: tuple[Credit, ...]
    unclaimed: dict[Seat, int]
    claimed: dict[Address, int]

    @property
    def paid(self) -> int:
        """What left the budget, by the budget's own account."""
        return self.funded - self.budget

    @property
    def credited(self) -> int:
        """The sum of the credits; equal to what left the budget, to the wei."""
        return sum(credit.amount for credit in self.credits)


def read_ledger(contracts: "Contracts", group: GroupId) -> Ledger:
    """A group's ledger, all of it at one block."""
    from swarm_chain.chain.connection import block
    from swarm_chain.chain.events import BudgetAdded, Claimed, RoundPaid, SeatAssigned, read_events, topic_of, topics
    from swarm_chain.protocol.scores import decode_scores

    rewards = contracts.rewards
    first, last = contracts.deployment.blocks[rewards.name], block(contracts.web3).number
    kinds = topics(BudgetAdded, SeatAssigned, RoundPaid)
    events = read_events(rewards.logs([kinds, topic_of(group)], first, last))
    claims = read_events(rewards.logs([topics(Claimed)], first, last))
    holders: dict[Seat, SeatAssigned] = {}
    credits: list[Credit] = []
    for event in events:
        if isinstance(event, SeatAssigned):
            holders[event.seat] = event
        elif isinstance(event, RoundPaid):
            scores = decode_scores(event.scores, event.whole | event.half)
            credits += [
                Credit(event.round, seat, holders[seat].node, holders[seat].operator, amount, scores[seat], bool(event.half >> seat & 1))
                for seat, amount in event.credits().items()
            ]
    claimed: dict[Address, int] = {}
    for event in claims:
        if isinstance(event, Claimed):
            claimed[event.operator] = claimed.get(event.operator, 0) + event.amount
    return Ledger(
        funded=sum(event.amount for event in events if isinstance(event, BudgetAdded)),
        budget=rewards.budget_of(group, last),
        credits=tuple(credits),
        unclaimed={seat: rewards.credit_of(group, seat, last) for seat in holders},
        claimed=claimed,
    )
