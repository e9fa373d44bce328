"""What the chain takes now, and from whom: all that a relay must know of it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import try_all
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.reverts import Revert
from swarm_chain.chain.views import PhaseView, Slot
from swarm_chain.protocol.phases import on_roster
from swarm_chain.types import Address, GroupId, Phase, Round, SeatView, Terms

SEATS_SECONDS = 10.0
"""Seats are read again after so long: a node that took one while no round was open can commit to the next."""
SOONEST = 0.2
"""Seconds between looks at the chain, whoever asks."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the chain takes.

    Attributes:
        round: of which commits or reveals are taken; the next one where none is open.
        phase: ``COMMIT`` or ``REVEAL``.
        owing: nodes that can still commit or reveal, with their commitments (24 bytes) where they reveal.
        seated: every node that has or had a seat since the relay started.
        urgent_from: when half of the phase is over, by the clock ``time.monotonic``; ``None`` while no round is open.
        looked: at the chain, by the same clock.
    """

    round: Round
    phase: Phase
    owing: Mapping[Address, bytes]
    seated: frozenset[Address]
    urgent_from: float | None
    looked: float


class Watch:
    """Looks at a group. Safe to share between threads.

    Args:
        contracts: of the deployment, over a connection of its own.
        group: to watch.
        terms: of the group.
    """

    def __init__(self, contracts: Contracts, group: GroupId, terms: Terms) -> None:
        self._contracts = contracts
        self._group = group
        self._terms = terms
        self._lock = threading.Lock()
        self._seats: list[SeatView] = []
        self._seated: frozenset[Address] = frozenset()
        self._seats_read = float("-inf")
        self._standing: Standing | None = None

    def look(self, since: float | None = None) -> Standing:
        """Where the group stands, by a look at the chain that began after ``since``, or by a new one; never more often than is fair.

        Raises:
            ChainError: the chain does not answer.
        """
        asked = time.monotonic() if since is None else since
        with self._lock:
            known = self._standing
            if known is not None:
                if known.looked > asked:
                    return known
                time.sleep(max(0.0, known.looked + SOONEST - time.monotonic()))
            self._standing = self._read()
            return self._standing

    def _read(self) -> Standing:
        looked = time.monotonic()
        views = self._contracts.views
        at = block_of(self._contracts.web3)
        phase = views.phase(self._group, at.number)
        closed = phase.phase is Phase.CLOSED
        round_ = Round(phase.round + 1) if closed else phase.round
        if looked >= self._seats_read + SEATS_SECONDS:
            self._seats = views.seats(self._group, self._terms.capacity, at.number)
            self._seated |= {seat.node for seat in self._seats}
            self._seats_read = looked
        return Standing(
            round=round_,
            phase=Phase.REVEAL if phase.phase is Phase.REVEAL else Phase.COMMIT,
            owing={seat.node: b"" for seat in self._seats if on_roster(seat, round_)} if closed else self._owing(phase, at.number),
            seated=self._seated,
            urgent_from=None if closed else looked + self._to_half(phase, at.time),
            looked=looked,
        )

    def _owing(self, phase: PhaseView, at: int) -> dict[Address, bytes]:
        """By the slots, those of keys that were replaced since among them: they can still reveal."""
        reveals = phase.phase is Phase.REVEAL
        on_it = {seat.node for seat in self._seats if on_roster(seat, phase.round)}
        nodes = sorted(self._seated if reveals else on_it)
        found = try_all(self._contracts.web3, [self._contracts.views.view("slot", self._group, node, phase.round) for node in nodes], at)
        slots = {node: Slot(*slot) for node, slot in zip(nodes, found, strict=True) if not isinstance(slot, Revert)}
        if reveals:
            return {node: slot.digest for node, slot in slots.items() if slot.committed and not slot.revealed}
        return {node: b"" for node, slot in slots.items() if not slot.committed}

    def _to_half(self, phase: PhaseView, now: int) -> float:
        """Seconds until half of the open phase is over."""
        if phase.phase is Phase.REVEAL:
            return phase.reveal_deadline - self._terms.reveal_duration / 2 - now
        return phase.commit_deadline - self._terms.commit_duration / 2 - now
