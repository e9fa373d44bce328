"""What happened in a group's disputes, by the chain's events."""

from collections.abc import Iterable

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import Answered, BondReturned, Demanded, Event, ResultStruck, VoterSlashed
from swarm_chain.chain.identity import REORG_BLOCKS
from swarm_chain.protocol.disputes.evidence import Leaf, Tree
from swarm_chain.types import Address, GroupId, Seat

KINDS: tuple[type[Event], ...] = (ResultStruck, VoterSlashed, Demanded, Answered, BondReturned)


class DisputeLog:
    """Events so far; each block is searched once, those that the chain may still replace again."""

    def __init__(self, contracts: Contracts, group: GroupId) -> None:
        self._contracts = contracts
        self._group = group
        self._events: list[Event] = []
        self._searched_to = -1

    def read(self, last: int) -> None:
        """Reads on, up to a block."""
        since = self._contracts.deployment.blocks[self._contracts.disputes.name]
        first = max(since, self._searched_to + 1 - REORG_BLOCKS)
        kept = [event for event in self._events if event.place.block < first]
        self._events = [*kept, *self._contracts.disputes.events(self._group, KINDS, first, last)]
        self._searched_to = last

    def strikes(self) -> list[ResultStruck]:
        """Every result that was struck, the first first."""
        return [event for event in self._events if isinstance(event, ResultStruck)]

    def strike(self, hash_: bytes) -> ResultStruck | None:
        """How a result was struck."""
        return next((strike for strike in self.strikes() if strike.result_hash == hash_), None)

    def slashed(self, hash_: bytes) -> set[Seat]:
        """Seats that were slashed for naming a struck result."""
        return {event.seat for event in self._events if isinstance(event, VoterSlashed) and event.result_hash == hash_}

    def open_demands(self) -> list[Demanded]:
        """Demands that nobody answered, and whose bond did not go back."""
        still: dict[tuple[bytes, Address], Demanded] = {}
        for event in self._events:
            if isinstance(event, Demanded):
                still[event.result_hash, event.challenger] = event
            elif isinstance(event, Answered | BondReturned):
                still.pop((event.result_hash, event.challenger), None)
        return list(still.values())

    def shown(self, hash_: bytes, tree: Tree) -> dict[int, Leaf]:
        """Leaves of a result's tree that were shown on chain, by index; the contract checked each."""
        answers: Iterable[Answered] = (event for event in self._events if isinstance(event, Answered))
        return {event.index: Leaf(event.data, event.proof) for event in answers if event.result_hash == hash_ and event.tree == tree}
