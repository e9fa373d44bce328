"""What each included update scores (specification, section 8)."""

from swarm_chain.protocol.inclusion import seats_in
from swarm_chain.types import Seat

FULL = 10_000
"""The highest score."""


def equal(included: int) -> dict[Seat, int]:
    """Every included update the same, by seat; ``included`` is a bitmap."""
    return dict.fromkeys(seats_in(included), FULL)
