"""What ``Disputes`` reports. ``kind`` and ``tree`` are numbers of the contract's enums (``contracts/interfaces/IDisputes.sol``)."""

from dataclasses import dataclass

from swarm_chain.chain.events.event import Event
from swarm_chain.types import Address, GroupId, Round, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStruck(Event):
    """A named result was proven wrong. ``RoundsStruck`` in the same transaction says whether it voids rounds."""

    group: GroupId
    round: Round
    result_hash: bytes
    challenger: Address
    kind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VoterSlashed(Event):
    """A seat that named a struck result lost ``taken`` wei, a tenth of it to the challenger's pot."""

    group: GroupId
    result_hash: bytes
    seat: Seat
    node: Address
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected(Event):
    """A struck result's pot went to its challenger (``paid``) or was ``burnt``, in wei."""

    group: GroupId
    result_hash: bytes
    challenger: Address
    paid: int
    burnt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded(Event):
    """A leaf of a presented result is asked for; whoever shows it before ``until`` (chain seconds) earns the bond, in wei."""

    group: GroupId
    round: Round
    result_hash: bytes
    challenger: Address
    tree: int
    index: int
    bond: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Event):
    """A demanded leaf lies open. ``data`` and ``proof`` were checked by the contract."""

    group: GroupId
    round: Round
    result_hash: bytes
    challenger: Address
    from_: Address
    tree: int
    index: int
    data: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BondReturned(Event):
    """A demand's bond went back to whom had paid it."""

    group: GroupId
    result_hash: bytes
    challenger: Address
    bond: int


KINDS: tuple[type[Event], ...] = (ResultStruck, VoterSlashed, Collected, Demanded, Answered, BondReturned)
