"""What every event has."""

from dataclasses import dataclass

from swarm_chain.types import Address


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: contract, block, transaction, and its number among the block's logs."""

    contract: Address
    block: int
    block_hash: bytes
    transaction: bytes
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Any event."""

    place: Place

    def apart(self) -> "list[Event]":
        """The events that it tells of: itself, or what a batch holds."""
        return [self]
