"""One round of a group as the chain's events tell it, all of it as of one block, whether or not the chain still has the state of then.

The ring keeps eight rounds; logs are kept. They are looked through backwards, from the newest block to the one that opened the round, and
no further.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from swarm_chain.chain.connection import Block
from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import LOG_BLOCKS
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import (
    BudgetAdded,
    CommitForfeited,
    Committed,
    Event,
    ResultPresented,
    ResultStruck,
    Revealed,
    RevealStarted,
    RoundClosed,
    RoundFinal,
    RoundOpened,
    RoundPaid,
    RoundsStruck,
    RoundVoid,
    VoterSlashed,
    read_events,
    topic_of,
    topics,
)
from swarm_chain.chain.rosters import MEMBERSHIP, Sitter, roster_before
from swarm_chain.errors import ChainError, ChainUnreachableError, UnknownError
from swarm_chain.protocol.inclusion import bitmap_of
from swarm_chain.protocol.payment import FinalRound
from swarm_chain.protocol.phases import phase as phase_of
from swarm_chain.protocol.scores import decode_scores
from swarm_chain.types import Address, CommittedUpdate, GroupId, Phase, Result, Reveal, Round, Seat, Terms, round_id

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What the members of a round did in it.

    Attributes:
        members: who was on the round's roster, by seat.
        updates: what was committed, and revealed since, by seat. Weights are 0 where the chain no longer says them.
        weighed: whether it does.
    """

    members: dict[Seat, Sitter]
    updates: dict[Seat, CommittedUpdate]
    weighed: bool = False

    @property
    def revealed(self) -> list[Seat]:
        """Seats that opened their commitments."""
        return [seat for seat, update in self.updates.items() if update.reveal is not None]


@dataclass(frozen=True, slots=True)
class Strike:
    """That a round is void because its agreed result, or one that it builds on, was proven wrong.

    Attributes:
        round: whose result was wrong.
        kind: what was, as ``IDisputes.Kind`` numbers it.
        slashed: what each node that named it has lost for it so far, in wei.
    """

    round: Round
    result_hash: bytes
    kind: int
    slashed: dict[Address, int]


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round that was opened.

    Attributes:
        at: the block as of which all is told.
        opened_at: in chain seconds, as all times.
        closes_at: its reveal deadline as it stands; when it closed, once it has.
        ballot: of the round.
        votes: of the round after, which say what it came to; None before that opened.
        idle: that did not open in time, so that its votes say nothing of this round.
        phase: where it stands; closed once it is settled.
        due: when it can be final, in chain seconds; 0 where it is settled, or not agreed on and presented so far.
        settled: in which block it was settled, None where it is not yet.
        forfeits: what seats that committed and did not reveal lost of their stakes, in wei; when the round is settled.
        result: what it came to, if it is final.
        facts: what its pay goes by, if it is final.
        paid: what the chain says of its pay; None if it paid nothing.
    """

    group: GroupId
    round: Round
    terms: Terms
    at: Block
    opened_at: int
    closes_at: int
    ballot: Ballot
    votes: Ballot | None
    idle: bool
    phase: Phase
    due: int
    settled: int | None
    strike: Strike | None
    forfeits: dict[Seat, int]
    result: Result | None
    facts: FinalRound | None
    paid: RoundPaid | None


def read_past_round(contracts: Contracts, group: GroupId, round_: Round, at: Block) -> PastRound:
    """Reads a round as of a block.

    Raises:
        UnknownError: no such group, or it has not had this round.
        ChainError: the chain was reorganised meanwhile, or does not hand out logs.
    """
    terms = contracts.groups.group(group, at.number).terms
    newest = contracts.views.phase(group, at.number).round
    if not 1 <= round_ <= newest:
        raise UnknownError(
            f"Group {group} has had no round {round_}" + (f": it is at round {newest}." if newest else ", nor any other yet."),
            do="`swarm-chain rounds` lists its rounds. Those of an earlier deployment are read with --deployment and that one's file.",
        )
    told = _Told(contracts, group, round_, at)
    now = contracts.views.seats(group, terms.capacity, at.number)
    opened = told.one(RoundOpened, round_)
    after = told.one(RoundOpened, Round(round_ + 1))
    assert opened is not None
    since = told.membership(opened.place.block)
    ballot = told.ballot(opened, roster_before(opened.place, now, since))
    votes = told.ballot(after, roster_before(after.place, now, since)) if after is not None else None
    final, void = told.one(RoundFinal, round_), told.one(RoundVoid, round_)
    settling = final or void
    opened_at, closes_at = block_of(contracts.web3, opened.place.block).time, told.close(opened, terms)
    result, facts, paid = None, None, None
    if final is not None:
        result = next(event.result for event in told.all(ResultPresented, round_) if event.result_hash == final.result_hash)
        budget, paid = told.pay(final)
        voted = bitmap_of(votes.revealed) if votes is not None else 0
        full = terms.commit_duration + terms.reveal_duration
        facts = FinalRound(
            terms.reward_per_round, budget, closes_at - opened_at, full, decode_scores(result.scores, result.included), voted
        )
    ends = closes_at + terms.idle_timeout
    idle = (at.time if after is None else block_of(contracts.web3, after.place.block).time) >= ends
    phase, due = Phase.CLOSED, 0
    if settling is None:
        phase = phase_of(contracts.views.round_at(group, round_, at.number), at.time)
        due = contracts.views.round_at(group, Round(round_ + 1), at.number).due if after is not None else 0
    past = PastRound(
        group=group,
        round=round_,
        terms=terms,
        at=at,
        opened_at=opened_at,
        closes_at=closes_at,
        ballot=_weigh(contracts, group, round_, ballot, [at.number, *([settling.place.block] if settling else [])]),
        votes=votes,
        idle=idle,
        phase=phase,
        due=due,
        settled=settling.place.block if settling else None,
        strike=told.strike(opened.place.block),
        forfeits={event.seat: event.burnt for event in told.all(CommitForfeited, round_)},
        result=result,
        facts=facts,
        paid=paid,
    )
    contracts.trail.confirm(at)
    return past


class _Told:
    """What the events of a round tell."""

    def __init__(self, contracts: Contracts, group: GroupId, round_: Round, at: Block) -> None:
        self._contracts, self._group, self._round, self._at = contracts, group, round_, at
        kinds = topics(RoundOpened, RevealStarted, RoundClosed, ResultPresented, RoundFinal, RoundVoid, CommitForfeited)
        rounds = [topic_of(round_), topic_of(round_ + 1)]
        self._events: list[Event] = []
        for first, last in _backwards(contracts.deployment.blocks[contracts.rounds.name], at.number):
            self._events = read_events(contracts.rounds.logs([kinds, topic_of(group), rounds], first, last)) + self._events
            if self.one(RoundOpened, round_) is not None:
                return
        raise ChainError(f"The chain hands out no log of the opening of round {round_}, which it has had.", do="Give another RPC URL.")

    def all(self, kind: type[Kind], round_: Round) -> list[Kind]:
        return [event for event in self._events if isinstance(event, kind) and getattr(event, "round", None) == round_]

    def one(self, kind: type[Kind], round_: Round) -> Kind | None:
        return next(iter(self.all(kind, round_)), None)

    def close(self, opened: RoundOpened, terms: Terms) -> int:
        """The reveal deadline, which is when the round closed."""
        closed, started = self.one(RoundClosed, self._round), self.one(RevealStarted, self._round)
        if closed is not None:
            return block_of(self._contracts.web3, closed.place.block).time
        return started.reveal_deadline if started is not None else opened.commit_deadline + terms.reveal_duration

    def membership(self, first: int) -> list[Event]:
        return self._contracts.rounds.events(self._group, MEMBERSHIP, first, self._at.number)

    def ballot(self, opened: RoundOpened, members: dict[Seat, Sitter]) -> Ballot:
        settled = self.one(RoundFinal, self._round) or self.one(RoundVoid, self._round)
        last = settled.place.block if settled is not None else self._at.number
        filters = [topics(Committed, Revealed), topic_of(round_id(self._group, opened.round))]
        events = read_events(self._contracts.rounds.logs(filters, opened.place.block, last))
        reveals = {event.node: _reveal_of(event) for event in events if isinstance(event, Revealed)}
        seats = {sitter.node: seat for seat, sitter in members.items()}
        updates = [
            CommittedUpdate(seats[event.node], event.node, 0, event.sealed_digest, reveals.get(event.node))
            for event in events
            if isinstance(event, Committed)
        ]
        return Ballot(members, {update.seat: update for update in updates})

    def pay(self, final: RoundFinal) -> tuple[int, RoundPaid | None]:
        """The budget before the round was paid, and what the chain says that it paid.

        What the budget is now, with all that left it since put back and all that came in since taken out.
        """
        rewards, number = self._contracts.rewards, self._at.number
        logs = rewards.logs([topics(RoundPaid, BudgetAdded), topic_of(self._group)], final.place.block, number)
        budget, paid = rewards.budget_of(self._group, number), None
        for event in read_events(logs):
            if (event.place.block, event.place.index) < (final.place.block, final.place.index):
                continue
            if isinstance(event, BudgetAdded):
                budget -= event.amount
            elif isinstance(event, RoundPaid):
                budget += event.paid
                paid = event if event.round == self._round else paid
        return budget, paid

    def strike(self, first: int) -> Strike | None:
        """The first one that voids the round; it can only come after the round opened."""
        struck = (
            event
            for event in self._contracts.rounds.events(self._group, [RoundsStruck], first, self._at.number)
            if isinstance(event, RoundsStruck) and event.round <= self._round <= event.last_round
        )
        event = next(struck, None)
        if event is None:
            return None
        group, hash_ = topic_of(self._group), "0x" + event.result_hash.hex()
        disputes, where = self._contracts.disputes, (event.place.block, self._at.number)
        said = read_events(disputes.logs([topics(ResultStruck), group, None, hash_], *where))
        slashed = read_events(disputes.logs([topics(VoterSlashed), group, hash_], *where))
        return Strike(
            event.round,
            event.result_hash,
            next((each.kind for each in said if isinstance(each, ResultStruck)), 0),
            {each.node: each.taken for each in slashed if isinstance(each, VoterSlashed)},
        )


def _backwards(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Ranges of blocks from the last to the first."""
    while last >= first:
        begin = max(first, last - LOG_BLOCKS + 1)
        yield begin, last
        last = begin - 1


def _weigh(contracts: Contracts, group: GroupId, round_: Round, ballot: Ballot, blocks: Iterable[int]) -> Ballot:
    """The ballot with its weights, from the first of the blocks at which the chain says them all."""
    for number in blocks:
        try:
            weights = {update.node: update.weight for update in contracts.rounds.commits(group, round_, number)}
        except ChainUnreachableError:
            raise
        except ChainError:  # the round is no longer in the ring, or the state no longer kept
            continue
        if all(update.node in weights for update in ballot.updates.values()):
            updates = {seat: replace(update, weight=weights[update.node]) for seat, update in ballot.updates.items()}
            return replace(ballot, updates=updates, weighed=True)
    return ballot


def _reveal_of(event: Revealed) -> Reveal:
    return Reveal(event.salt, event.parent, event.update_root, event.samples, event.metric, event.available)
