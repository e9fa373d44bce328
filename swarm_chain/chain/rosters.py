"""Who sat where when a round opened: who sits there now, with all that changed since undone. So no older state is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from swarm_chain.chain.events import Event, Place, SeatFreed, SeatLeft, SeatRekeyed, SeatTaken
from swarm_chain.types import Address, Seat, SeatView

MEMBERSHIP: tuple[type[Event], ...] = (SeatTaken, SeatLeft, SeatRekeyed, SeatFreed)
"""What changes who sits where."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """Who held a seat.

    Attributes:
        node: its key at that time.
        later: keys that it has had since, the newest first.
        has_left: it was on no roster any more, and its seat not free yet.
    """

    node: Address
    later: tuple[Address, ...] = ()
    has_left: bool = False

    def goes_by(self, node: Address) -> bool:
        """Whether that was a key of its, or is."""
        return node == self.node or node in self.later


def roster_before(place: Place, now: Sequence[SeatView], since: Iterable[Event]) -> dict[Seat, Sitter]:
    """Who was a member just before a place in the chain's log, by seat. Who had left, and whose seat was not free yet, was not.

    Args:
        place: that of the event that opened a round.
        now: the seats that are taken at a later block.
        since: membership's events of the group up to that block, all from ``place`` on at least.
    """
    held = {seat.seat: Sitter(seat.node, has_left=seat.until_round != 0) for seat in now}
    for event in sorted(since, key=_position, reverse=True):
        if _position(event) < (place.block, place.index):
            break
        if isinstance(event, SeatTaken):
            del held[event.seat]
        elif isinstance(event, SeatFreed):
            held[event.seat] = Sitter(event.node, has_left=True)
        elif isinstance(event, SeatLeft):
            held[event.seat] = replace(held[event.seat], has_left=False)
        elif isinstance(event, SeatRekeyed):
            sitter = held[event.seat]
            held[event.seat] = replace(sitter, node=event.old_node, later=(*sitter.later, sitter.node))
    return {seat: sitter for seat, sitter in held.items() if not sitter.has_left}


def _position(event: Event) -> tuple[int, int]:
    return event.place.block, event.place.index
