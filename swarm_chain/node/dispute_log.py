"""What happened in a group's disputes, by the chain's events."""

from collections.abc import Iterable

from swarm_chain.chain.connection import Block
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.event_log import EventLog
from swarm_chain.chain.events import Answered, BondReturned, Demanded, Event, ResultStruck, VoterSlashed
from swarm_chain.protocol.disputes.evidence import Leaf, Tree
from swarm_chain.types import Address, GroupId, Seat

KINDS: tuple[type[Event], ...] = (ResultStruck, VoterSlashed, Demanded, Answered, BondReturned)


class DisputeLog:
    """Events so far."""

    def __init__(self, contracts: Contracts, group: GroupId) -> None:
        self._log = EventLog(
            contracts.trail,
            lambda first, last: contracts.disputes.events(group, KINDS, first, last),
            contracts.deployment.blocks[contracts.disputes.name],
        )

    def read(self, head: Block) -> None:
        """Reads on, up to a block."""
        self._log.read_to(head)

    def strikes(self) -> list[ResultStruck]:
        """Every result that was struck, the first first."""
        return [event for event in self._log.events if isinstance(event, ResultStruck)]

    def strike(self, hash_: bytes) -> ResultStruck | None:
        """How a result was struck."""
        return next((strike for strike in self.strikes() if strike.result_hash == hash_), None)

    def slashed(self, hash_: bytes) -> set[Seat]:
        """Seats that were slashed for naming a struck result."""
        return {event.seat for event in self._log.events if isinstance(event, VoterSlashed) and event.result_hash == hash_}

    def open_demands(self) -> list[Demanded]:
        """Demands that nobody answered, and whose bond did not go back."""
        still: dict[tuple[bytes, Address], Demanded] = {}
        for event in self._log.events:
            if isinstance(event, Demanded):
                still[event.result_hash, event.challenger] = event
            elif isinstance(event, Answered | BondReturned):
                still.pop((event.result_hash, event.challenger), None)
        return list(still.values())

    def shown(self, hash_: bytes, tree: Tree) -> dict[int, Leaf]:
        """Leaves of a result's tree that were shown on chain, by index; the contract checked each."""
        answers: Iterable[Answered] = (event for event in self._log.events if isinstance(event, Answered))
        return {event.index: Leaf(event.data, event.proof) for event in answers if event.result_hash == hash_ and event.tree == tree}
