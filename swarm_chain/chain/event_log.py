"""Events that are read on and on: each block is searched once, and those that a reorg replaced are searched again."""

from collections.abc import Callable

from swarm_chain.chain.connection import Block
from swarm_chain.chain.events import Event
from swarm_chain.chain.trail import KEPT, Trail


class EventLog:
    """Events of the chain up to the block that was read to last.

    Args:
        trail: of the chain.
        read: events of the blocks from one number to another, both included, in order.
        since: number of the first block that can have any.
    """

    def __init__(self, trail: Trail, read: Callable[[int, int], list[Event]], since: int) -> None:
        self._trail = trail
        self._read = read
        self._since = since
        self._heads: list[Block] = []  # that were read to, ascending
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        """What was read, in order."""
        return self._events

    def read_to(self, head: Block) -> list[Event]:
        """Reads on to a block, or back to it. Returns all events up to it.

        Raises:
            ChainError: the chain changed meanwhile; what was read before is kept.
        """
        if self._heads and self._heads[-1] == head:
            return self._events
        self._trail.follow(head)
        kept = [seen for seen in self._heads if self._trail.holds(seen, head)]
        first = kept[-1].number + 1 if kept else self._since
        found: list[Event] = []
        if first <= head.number:
            found = self._read(first, head.number)
            self._trail.confirm(head)
        self._events = [event for event in self._events if event.place.block < first] + found
        self._heads = [*kept[-KEPT:], head]
        return self._events

    def forget(self, is_over: Callable[[Event], bool]) -> None:
        """Lets go of events that nobody asks for any more, so that what is kept stays bounded."""
        self._events = [event for event in self._events if not is_over(event)]
