"""What ``RoundManager`` reports."""

from dataclasses import dataclass

from swarm_chain.chain.events.event import Event
from swarm_chain.types import Address, Digest, GroupId, Result, Round, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatTaken(Event):
    """A node sits, from a round on."""

    group: GroupId
    seat: Seat
    node: Address
    identity: int
    from_round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatLeft(Event):
    """A node leaves, from a round on."""

    group: GroupId
    seat: Seat
    node: Address
    from_round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatFreed(Event):
    """A seat is free again."""

    group: GroupId
    seat: Seat
    node: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRekeyed(Event):
    """A seat follows its identity's new node key."""

    group: GroupId
    seat: Seat
    old_node: Address
    new_node: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatSlashed(Event):
    """A seat named a result that was struck, and lost ``taken`` of its stake, in wei."""

    group: GroupId
    seat: Seat
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """A round's first commit opened it."""

    group: GroupId
    round: Round
    seats: int
    commit_deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Event):
    """A node committed a sealed update."""

    group: GroupId
    round: Round
    node: Address
    sealed_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealStarted(Event):
    """Every seat committed, or the commit deadline is over."""

    group: GroupId
    round: Round
    reveal_deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed(Event):
    """A node opened its commitment, and voted for ``parent``."""

    group: GroupId
    round: Round
    node: Address
    salt: bytes
    parent: bytes
    update_root: bytes
    samples: int
    metric: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresReported(Event):
    """The committee's reports of a node, in the transaction of its reveal."""

    group: GroupId
    round: Round
    node: Address
    scores: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundClosed(Event):
    """Every commit of a round was revealed."""

    group: GroupId
    round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPresented(Event):
    """The preimage of what a round's successor names lies open; it can be final from ``due_floor`` on, in chain seconds."""

    group: GroupId
    round: Round
    result_hash: bytes
    result: Result
    due_floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFinal(Event):
    """A round's agreed result is final. Its preimage is in ``ResultPresented``."""

    group: GroupId
    round: Round
    result_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundVoid(Event):
    """A round was settled without a result."""

    group: GroupId
    round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsStruck(Event):
    """A round's agreed result is wrong: that round and every later one, up to ``last_round``, are void."""

    group: GroupId
    round: Round
    last_round: Round
    result_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitForfeited(Event):
    """A seat committed, did not reveal, and lost stake."""

    group: GroupId
    round: Round
    seat: Seat
    burnt: int


KINDS: tuple[type[Event], ...] = (
    SeatTaken,
    SeatLeft,
    SeatFreed,
    SeatRekeyed,
    SeatSlashed,
    RoundOpened,
    Committed,
    RevealStarted,
    Revealed,
    ScoresReported,
    RoundClosed,
    ResultPresented,
    RoundFinal,
    RoundVoid,
    RoundsStruck,
    CommitForfeited,
)
