"""What ``RoundManager`` reports."""

from dataclasses import dataclass

from web3 import Web3

from swarm_chain.chain.events.event import Event
from swarm_chain.types import Address, Digest, GroupId, Result, Round, Seat, samples_and_metric


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
class CommitsRelayed(Event):
    """A relay's batch of commits, 52 bytes each: node 20, sealed digest 32."""

    group: GroupId
    round: Round
    commits: bytes

    def apart(self) -> list[Event]:
        """A ``Committed`` each."""
        return [
            Committed(place=self.place, group=self.group, round=self.round, node=_node(entry), sealed_digest=Digest(entry[20:]))
            for entry in _entries(self.commits, 52)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealsRelayed(Event):
    """A relay's batch of reveals, 128 bytes each: node 20, update root 32, report 12, available 32, salt 32."""

    group: GroupId
    round: Round
    parent: bytes
    reveals: bytes

    def apart(self) -> list[Event]:
        """A ``Revealed`` each."""
        return [self._revealed(entry) for entry in _entries(self.reveals, 128)]

    def _revealed(self, entry: bytes) -> "Revealed":
        samples, metric = samples_and_metric(int.from_bytes(entry[52:64], "big"))
        return Revealed(
            place=self.place,
            group=self.group,
            round=self.round,
            node=_node(entry),
            salt=entry[96:],
            parent=self.parent,
            update_root=entry[20:52],
            samples=samples,
            metric=metric,
            available=int.from_bytes(entry[64:96], "big"),
        )


def _entries(batch: bytes, size: int) -> list[bytes]:
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _node(entry: bytes) -> Address:
    return Address(str(Web3.to_checksum_address(entry[:20])))


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
    CommitsRelayed,
    RevealStarted,
    Revealed,
    RevealsRelayed,
    RoundClosed,
    ResultPresented,
    RoundFinal,
    RoundVoid,
    RoundsStruck,
    CommitForfeited,
)
