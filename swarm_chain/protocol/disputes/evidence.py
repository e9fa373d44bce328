"""What is brought before the contract: one dataclass a challenge, its fields in the order of ``contracts/interfaces/IDisputes.sol``."""

from dataclasses import dataclass
from enum import IntEnum

from swarm_chain.protocol import merkle
from swarm_chain.types import Address, Result, Reveal, Seat


class Fault(IntEnum):
    """What was wrong with a struck result."""

    NONE = 0
    COORDINATE = 1
    EXPONENT = 2
    COLUMN = 3
    UPDATE = 4
    AVAILABILITY = 5
    ABSENCE = 6
    INCLUSION = 7
    TERMS = 8
    UNPRESENTED = 9
    UNANSWERED = 10


class Tree(IntEnum):
    """Which of a result's trees."""

    MODEL = 0
    COLUMNS = 1

    @property
    def kind(self) -> merkle.Kind:
        """What its leaves hold."""
        return merkle.Kind.MODEL if self is Tree.MODEL else merkle.Kind.COLUMNS

    def root_of(self, result: Result) -> bytes:
        """The root that a result claims, 32 bytes."""
        return result.model_root if self is Tree.MODEL else result.columns_root


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf's bytes and its siblings, from the leaf up."""

    data: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a node revealed in a round, brought back."""

    node: Address
    reveal: Reveal


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One weight of the claimed model is not what the rule makes of the codes."""

    result: Result
    parent: Result
    block: int
    offset: int
    columns: Leaf
    before: Leaf
    claimed: Leaf


@dataclass(frozen=True, slots=True)
class Exponent:
    """The claimed model's exponent of a block is not what its codes make of the parent's."""

    result: Result
    parent: Result
    block: int
    columns: Leaf
    before: Leaf
    claimed: Leaf


@dataclass(frozen=True, slots=True)
class Column:
    """A block's columns are not an included update's codes."""

    result: Result
    block: int
    columns: Leaf
    opened: Opened
    update: Leaf


@dataclass(frozen=True, slots=True)
class Update:
    """An included update is not canonical."""

    result: Result
    opened: Opened
    index: int
    update: Leaf


@dataclass(frozen=True, slots=True)
class Availability:
    """Seats with more than a third of the revealed weight did not report an included update available."""

    result: Result
    seat: Seat
    without: tuple[Opened, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """An included seat did not reveal."""

    result: Result
    seat: Seat


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An included seat named another parent, or its update was empty."""

    result: Result
    opened: Opened


@dataclass(frozen=True, slots=True)
class Terms:
    """The result breaks the group's terms, or its parent is not the head that it must build on."""

    result: Result


Challenge = Coordinate | Exponent | Column | Update | Availability | Absence | Inclusion | Terms

FAULTS: dict[type, Fault] = {
    Coordinate: Fault.COORDINATE,
    Exponent: Fault.EXPONENT,
    Column: Fault.COLUMN,
    Update: Fault.UPDATE,
    Availability: Fault.AVAILABILITY,
    Absence: Fault.ABSENCE,
    Inclusion: Fault.INCLUSION,
    Terms: Fault.TERMS,
}
"""What each challenge says is wrong."""


def fault_of(challenge: Challenge) -> Fault:
    """What a challenge says is wrong."""
    return FAULTS[type(challenge)]
