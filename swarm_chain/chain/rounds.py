"""Seats and rounds: where the swarm stands, and what each node committed and revealed."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.connection import Block
from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import DeployedContract, View, read_all, try_all
from swarm_chain.chain.events import Committed, Event, Revealed, RoundFinal, ScoresReported, address_of, read_events, topic, topic_of
from swarm_chain.chain.reverts import UNKNOWN, Revert
from swarm_chain.types import Address, CommittedUpdate, Digest, GroupId, Phase, Result, Reveal, Round, RoundView, Seat, SeatView

RING = 8
"""Rounds a group keeps on chain."""
REORG_BLOCKS = 64
"""Blocks looked at again, in case the chain replaced them."""


class PhaseView(NamedTuple):
    """Where a group stands: its open round or the last one (0 before the first), and its deadlines in chain seconds."""

    round: Round
    phase: Phase
    commit_deadline: int
    reveal_deadline: int


class Head(NamedTuple):
    """The last final result, its round, and the last settled round."""

    result_hash: bytes
    final_round: Round
    settled_round: Round


class Slot(NamedTuple):
    """A node's part in a round. ``digest`` holds 24 bytes: of the commitment, after the reveal of what was revealed."""

    committed: bool
    revealed: bool
    weight: int
    digest: bytes


class Roster(NamedTuple):
    """Seats taken, and the weight of the next opening's roster."""

    seats: int
    weight: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All a node needs to know its duty, read at one block.

    ``rounds`` holds every round that isn't settled, up to the current one, and the last settled one while the ring has it. ``slot`` is
    the node's part in the current round. ``seat`` is None for a node without one.
    """

    block: Block
    phase: PhaseView
    head: Head
    roster: Roster
    seat: SeatView | None
    slot: Slot | None
    rounds: dict[Round, RoundView]


class Rounds(DeployedContract):
    """``RoundManager``.

    Args:
        web3: the connection.
        address: of the contract.
        since: block of its deployment; no log is older.
    """

    name = "RoundManager"

    def __init__(self, web3: Web3, address: Address, since: int = 0) -> None:
        super().__init__(web3, address)
        self._since = since
        self._opened: dict[int, int] = {}  # first block at or after a time, by that time

    # -------------------------------------------------------------------------------------------- views
    def snapshot(self, group: GroupId, node: Address, block: BlockIdentifier = "latest") -> Snapshot:
        """Reads where a group and one of its nodes stand, all at one block. Costs three requests."""
        at = block_of(self.web3, block)
        phase, head, roster, seat = self._try(
            [self.view("phase", group), self.view("head", group), self.view("roster", group), self.view("seat", group, node)], at.number
        )
        phase_view, head_view = _phase(phase), Head(*head)
        current = phase_view.round
        first = max(head_view.settled_round, current - RING + 1, 1)
        numbers = [Round(number) for number in range(first, current + 1)]
        slot, *views = self._try(
            [self.view("slot", group, node, current), *(self.view("roundAt", group, number) for number in numbers)], at.number
        )
        return Snapshot(
            block=at,
            phase=phase_view,
            head=head_view,
            roster=Roster(*roster),
            seat=_seated(seat),
            slot=None if isinstance(slot, Revert) else Slot(*slot),
            rounds={number: _round(view) for number, view in zip(numbers, views, strict=True) if not isinstance(view, Revert)},
        )

    def phase(self, group: GroupId, block: BlockIdentifier = "latest") -> PhaseView:
        """Where a group stands at a block's time."""
        return _phase(self.read("phase", group, block=block))

    def round_at(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> RoundView:
        """A round still in the ring."""
        return _round(self.read("roundAt", group, round_, block=block))

    def agreed_parent(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> bytes | None:
        """The parent that a closed round's votes agreed on, or None."""
        agreed, parent = self.read("agreedParent", group, round_, block=block)
        return bytes(parent) if agreed else None

    def head(self, group: GroupId, block: BlockIdentifier = "latest") -> Head:
        """The last final result and the last settled round."""
        return Head(*self.read("head", group, block=block))

    def seat(self, group: GroupId, node: Address, block: BlockIdentifier = "latest") -> SeatView | None:
        """A node's seat, or None."""
        return _seated(try_all(self.web3, [self.view("seat", group, node)], block)[0])

    def seats(self, group: GroupId, capacity: int, block: BlockIdentifier = "latest") -> list[SeatView]:
        """Every seat that is taken, by number. ``capacity`` is that of the group's terms."""
        found = self._try([self.view("seatAt", group, index) for index in range(capacity)], block)
        return [seat for seat in map(_seated, found) if seat is not None]

    def slot(self, group: GroupId, node: Address, round_: Round, block: BlockIdentifier = "latest") -> Slot:
        """A node's part in a round that is still in the ring."""
        return Slot(*self.read("slot", group, node, round_, block=block))

    def roster(self, group: GroupId, block: BlockIdentifier = "latest") -> Roster:
        """Seats taken and their weight."""
        return Roster(*self.read("roster", group, block=block))

    def make_commitment(self, group: GroupId, round_: Round, node: Address, opened: Reveal) -> bytes:
        """The commitment as the contract computes it."""
        return bytes(self.read("makeCommitment", group, round_, node, astuple(opened)))

    def hash_result(self, group: GroupId, result: Result) -> bytes:
        """A result's hash as the contract computes it."""
        return bytes(self.read("hashResult", group, astuple(result)))

    # -------------------------------------------------------------------------------------------- from logs
    def commits(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> list[CommittedUpdate]:
        """What each node committed and revealed in a round, by ascending node address.

        The round is one still in the ring, whose weights the chain still has; an archive node also answers for older ones when ``block``
        is one at which they were in it. An empty update has the zero digest.
        """
        at = block_of(self.web3, block)
        opened_at = self.round_at(group, round_, at.number).opened_at
        if opened_at == 0:
            return []
        kinds = [topic(Committed), topic(Revealed), topic(ScoresReported)]
        first = self._first_block_since(opened_at, at)
        events = read_events(self.logs([kinds, topic_of(group), topic_of(round_)], first, at.number))
        committed = sorted((event for event in events if isinstance(event, Committed)), key=lambda event: int(event.node, 16))
        slots = read_all(self.web3, [self.view("slot", group, event.node, round_) for event in committed], at.number)
        reveals = _reveals(events)
        return [
            CommittedUpdate(event.seat, event.node, Slot(*slot).weight, event.sealed_digest, reveals.get(event.node))
            for event, slot in zip(committed, slots, strict=True)
        ]

    def final_result(self, group: GroupId, block: BlockIdentifier = "latest") -> Result | None:
        """The last final result; None before the first."""
        at = block_of(self.web3, block)
        final_round = self.head(group, at.number).final_round
        if final_round == 0:
            return None
        view = try_all(self.web3, [self.view("roundAt", group, final_round)], at.number)[0]
        opened_at = 0 if isinstance(view, Revert) else _round(view).opened_at
        first = self._first_block_since(opened_at, at) if opened_at else self._since
        logs = self.logs([topic(RoundFinal), topic_of(group), topic_of(final_round)], first, at.number)
        return next((event.result for event in read_events(logs) if isinstance(event, RoundFinal)), None)

    def events(self, group: GroupId, kinds: Iterable[type[Event]], first: int, last: int) -> list[Event]:
        """A group's events of some kinds in the blocks ``first`` to ``last``, in order."""
        return read_events(self.logs([[topic(kind) for kind in kinds], topic_of(group)], first, last))

    def _first_block_since(self, time: int, head: Block) -> int:
        """Number of the first block at or after a time. Times don't fall from block to block, so it is searched by halves."""
        known = self._opened.get(time)
        if known is not None:
            return max(known - REORG_BLOCKS, self._since)  # the chain may have replaced it by one a little earlier
        low, high = min(self._since, head.number), head.number
        while low < high:
            middle = (low + high) // 2
            if block_of(self.web3, middle).time < time:
                low = middle + 1
            else:
                high = middle
        self._opened[time] = low
        return low

    # -------------------------------------------------------------------------------------------- to send
    def join(self, group: GroupId, node: Address, invitation: bytes = b"") -> ContractFunction:
        """Seats a registered node from the next opening; the node's or its operator's call."""
        return self.function("join", group, node, invitation)

    def leave(self, group: GroupId, node: Address) -> ContractFunction:
        """Leaves from the next opening; the node's or its operator's call."""
        return self.function("leave", group, node)

    def release(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Frees a seat that left, once its rounds are settled. Anyone's call."""
        return self.function("release", group, seat)

    def evict(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Makes a seat leave that missed too many final rounds in a row. Anyone's call."""
        return self.function("evict", group, seat)

    def rekey(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Hands a seat to its identity's new node key. Anyone's call."""
        return self.function("rekey", group, seat)

    def commit(self, group: GroupId, round_: Round, sealed_digest: Digest, commitment: bytes) -> ContractFunction:
        """Commits the sending node's sealed update."""
        return self.function("commit", group, round_, sealed_digest, commitment)

    def reveal(self, group: GroupId, round_: Round, opened: Reveal) -> ContractFunction:
        """Opens the sending node's commitment."""
        return self.function("reveal", group, round_, astuple(opened))

    def finalize(self, group: GroupId, result: Result) -> ContractFunction:
        """Settles the first unsettled round with its agreed result. Anyone's call, after the challenge window."""
        return self.function("finalize", group, astuple(result))

    def settle_void(self, group: GroupId) -> ContractFunction:
        """Settles the first unsettled round where it is void. Anyone's call."""
        return self.function("settleVoid", group)

    def _try(self, views: list[View], block: BlockIdentifier) -> list[Any]:
        """Reads views; what a node's missing seat or a round not in the ring reverts with stays among the values."""
        values = try_all(self.web3, views, block)
        for view, value in zip(views, values, strict=True):
            if isinstance(value, Revert) and view.name in ("phase", "head", "roster"):
                raise value.as_error(f"{self.name} has no answer to {view.name}")
        return values


def _reveals(events: Iterable[Event]) -> dict[Address, Reveal]:
    scores = {event.node: event.scores for event in events if isinstance(event, ScoresReported)}
    return {
        event.node: Reveal(
            event.salt, event.parent, event.update_root, event.samples, event.metric, event.available, scores.get(event.node, b"")
        )
        for event in events
        if isinstance(event, Revealed)
    }


def _phase(values: tuple[Any, ...]) -> PhaseView:
    round_, phase, commit_deadline, reveal_deadline = values
    return PhaseView(Round(round_), Phase(phase), commit_deadline, reveal_deadline)


def _round(values: tuple[Any, ...]) -> RoundView:
    return RoundView(*values)


def _seated(values: tuple[Any, ...] | Revert) -> SeatView | None:
    if isinstance(values, Revert):
        if values.error in UNKNOWN:
            return None
        raise values.as_error("RoundManager has no answer to seat")
    seat, node, *rest = values
    return SeatView(Seat(seat), address_of(node), *rest) if int(node, 16) else None
