"""Where the swarm stands: what ``RoundManager``'s words of storage say, by ``RoundViews``."""

from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from web3.types import BlockIdentifier

from swarm_chain.chain.connection import Block, provider_name
from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import DeployedContract, View, try_all
from swarm_chain.chain.events import address_of
from swarm_chain.chain.reverts import UNKNOWN, Revert
from swarm_chain.errors import ChainError
from swarm_chain.types import Address, GroupId, Phase, Result, Reveal, Round, RoundView, Seat, SeatView, report_of

RING = 8
"""Rounds a group keeps on chain."""

READINGS = 5
"""How often a snapshot is begun anew before the chain is said to contradict itself."""


class PhaseView(NamedTuple):
    """Where a group stands: its open round or the last one (0 before the first), and its deadlines in chain seconds."""

    round: Round
    phase: Phase
    commit_deadline: int
    reveal_deadline: int


class Head(NamedTuple):
    """The last final result and its round, the last settled round, and the last round when a result was last struck (0 if never)."""

    result_hash: bytes
    final_round: Round
    settled_round: Round
    struck_round: Round


class Slot(NamedTuple):
    """A node's part in a round. ``digest`` holds 24 bytes: the commitment, after the reveal the digest of the reveal."""

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


class Views(DeployedContract):
    """``RoundViews``."""

    name = "RoundViews"

    def snapshot(self, group: GroupId, node: Address, block: BlockIdentifier = "latest") -> Snapshot:
        """Reads where a group and one of its nodes stand, all at one block. Costs three requests.

        Raises:
            ChainError: the chain kept answering differently for the same block.
        """
        for _ in range(READINGS):
            snapshot = self._snapshot(group, node, block_of(self.web3, block))
            if snapshot is not None:
                return snapshot
        raise ChainError(
            f"The chain at {provider_name(self.web3)} answered differently for the same block, {READINGS} times in a row.",
            "Nothing was made of it.",
            "Wait a little; if it stays so, use another RPC URL.",
        )

    def _snapshot(self, group: GroupId, node: Address, at: Block) -> Snapshot | None:
        """A snapshot at a block. ``None`` where what was read first reads otherwise in the end: some servers (Anvil is one) answer for
        their last block from the state of the one they are making, and half a snapshot of each would be of a round that never was."""
        standing = [self.view("phase", group), self.view("head", group), self.view("roster", group), self.view("seat", group, node)]
        phase, head, roster, seat = before = self._try(standing, at.hash)
        phase_view, head_view = _phase(phase), Head(*head)
        current = phase_view.round
        first = max(head_view.settled_round, current - RING + 1, 1)
        numbers = [Round(number) for number in range(first, current + 1)]
        slot, *rest = self._try(
            [self.view("slot", group, node, current), *(self.view("roundAt", group, number) for number in numbers), *standing], at.hash
        )
        views, after = rest[: len(numbers)], rest[len(numbers) :]
        if after != before:
            return None
        return Snapshot(
            block=at,
            phase=phase_view,
            head=head_view,
            roster=Roster(*roster),
            seat=_seated(seat),
            slot=None if isinstance(slot, Revert) else Slot(*slot),
            rounds={number: RoundView(*view) for number, view in zip(numbers, views, strict=True) if not isinstance(view, Revert)},
        )

    def phase(self, group: GroupId, block: BlockIdentifier = "latest") -> PhaseView:
        """Where a group stands at a block's time."""
        return _phase(self.read("phase", group, block=block))

    def round_at(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> RoundView:
        """A round still in the ring."""
        return RoundView(*self.read("roundAt", group, round_, block=block))

    def opened_at(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> int:
        """When a round was opened, in chain seconds; 0 where it was not, or is no longer in the ring."""
        view = try_all(self.web3, [self.view("roundAt", group, round_)], block)[0]
        return 0 if isinstance(view, Revert) else RoundView(*view).opened_at

    def agreed_parent(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> bytes | None:
        """The parent that a closed round's votes agreed on, or None."""
        agreed, parent = self.read("agreedParent", group, round_, block=block)
        return bytes(parent) if agreed else None

    def head(self, group: GroupId, block: BlockIdentifier = "latest") -> Head:
        """The last final result, and the last final, settled and struck rounds."""
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
        """The commitment as the contract computes it, 24 bytes."""
        return bytes(self.read("makeCommitment", group, round_, node, as_struct(opened)))

    def hash_result(self, group: GroupId, result: Result) -> bytes:
        """A result's hash as the contract computes it."""
        return bytes(self.read("hashResult", group, astuple(result)))

    def _try(self, views: list[View], block: BlockIdentifier) -> list[Any]:
        """Reads views; what a node's missing seat or a round not in the ring reverts with stays among the values."""
        values = try_all(self.web3, views, block)
        for view, value in zip(views, values, strict=True):
            if isinstance(value, Revert) and view.name in ("phase", "head", "roster"):
                raise value.as_error(f"{self.name} has no answer to {view.name}")
        return values


def as_struct(opened: Reveal) -> tuple[bytes, bytes, int, int, bytes]:
    """A reveal as the contracts take it."""
    return opened.parent, opened.update_root, report_of(opened.samples, opened.metric), opened.available, opened.salt


def _phase(values: tuple[Any, ...]) -> PhaseView:
    round_, phase, commit_deadline, reveal_deadline = values
    return PhaseView(Round(round_), Phase(phase), commit_deadline, reveal_deadline)


def _seated(values: tuple[Any, ...] | Revert) -> SeatView | None:
    if isinstance(values, Revert):
        if values.error in UNKNOWN:
            return None
        raise values.as_error("RoundViews has no answer to seat")
    seat, node, *rest = values
    return SeatView(Seat(seat), address_of(node), *rest) if int(node, 16) else None
