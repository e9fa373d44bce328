"""What each included update scores, as a result says it (specification, section 8)."""

from collections.abc import Mapping

from swarm_chain.protocol.inclusion import seats_in
from swarm_chain.types import Seat

FULL = 10_000
"""The highest score."""
_SIZE = 2


def encode_scores(scores: Mapping[Seat, int]) -> bytes:
    """Two bytes a seat, ascending by seat."""
    return b"".join(scores[seat].to_bytes(_SIZE, "big") for seat in sorted(scores))


def decode_scores(data: bytes, included: int) -> dict[Seat, int]:
    """The score of each seat of a bitmap. Bytes of another length than theirs say nothing, as on chain: all score the same."""
    seats = seats_in(included)
    if len(data) != _SIZE * len(seats):
        return dict.fromkeys(seats, FULL)
    return {seat: int.from_bytes(data[_SIZE * rank : _SIZE * (rank + 1)], "big") for rank, seat in enumerate(seats)}
