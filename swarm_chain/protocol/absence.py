"""Why an update does not count, as far as chain data alone can say: which step of the specification's section 6 it did not pass."""

from collections.abc import Collection
from enum import Enum, auto

from swarm_chain.protocol.inclusion import available
from swarm_chain.types import ZERO32, CommittedUpdate, Result, Seat


class Absence(Enum):
    """What kept a member's update out of a round's result."""

    NOT_COMMITTED = auto()
    NOT_REVEALED = auto()
    EMPTY = auto()
    """The node said itself that it has none, by a sealed digest of zero."""
    OTHER_PARENT = auto()
    """It was trained on another model than the round builds on."""
    NOT_AVAILABLE = auto()
    """Less than 2/3 of the weight that revealed held its bytes."""
    NOT_CANONICAL = auto()
    """Nothing that the chain knows of: what is left is that its bytes did not open as they must."""
    NOT_AVAILABLE_OR_NOT_CANONICAL = auto()
    """One of the two: the weights of then are not known."""


def absence(seat: Seat, updates: Collection[CommittedUpdate], result: Result | None, *, weighed: bool = True) -> Absence | None:
    """Why a member's update is not in a round's result; None where it is, or where nothing speaks against it and there is no result.

    Args:
        seat: of the member.
        updates: all that was committed in the round.
        result: the round's; None if it has none, or not yet.
        weighed: whether the updates' weights are those of the round.
    """
    update = next((update for update in updates if update.seat == seat), None)
    if update is None:
        return Absence.NOT_COMMITTED
    if update.reveal is None:
        return Absence.NOT_REVEALED
    if update.sealed_digest == ZERO32:
        return Absence.EMPTY
    if result is None or result.included >> seat & 1:
        return None
    if update.reveal.parent != result.parent:
        return Absence.OTHER_PARENT
    if not weighed:
        return Absence.NOT_AVAILABLE_OR_NOT_CANONICAL
    return Absence.NOT_CANONICAL if available(list(updates), update) else Absence.NOT_AVAILABLE


def holders(seat: Seat, updates: Collection[CommittedUpdate]) -> tuple[int, int]:
    """How many seats that revealed held a member's bytes, and how many revealed."""
    reveals = [update.reveal for update in updates if update.reveal is not None]
    return sum(reveal.available >> seat & 1 for reveal in reveals), len(reveals)
