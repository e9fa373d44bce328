"""Which updates count: a function of chain data alone, before any byte is opened (specification, section 6, steps 1 and 2)."""

from collections.abc import Iterable, Sequence

from swarm_chain.types import ZERO32, CommittedUpdate, Seat


def candidates(commits: Sequence[CommittedUpdate], parent: bytes) -> list[CommittedUpdate]:
    """Updates that were revealed, name ``parent`` and are not empty."""
    return [commit for commit in commits if commit.reveal is not None and commit.reveal.parent == parent and commit.sealed_digest != ZERO32]


def available(commits: Sequence[CommittedUpdate], candidate: CommittedUpdate) -> bool:
    """Whether 2/3 of the weight revealed in the round says that it holds the candidate's bytes."""
    revealed = [(commit.weight, commit.reveal) for commit in commits if commit.reveal is not None]
    holders = sum(weight for weight, reveal in revealed if reveal.available >> candidate.seat & 1)
    return 3 * holders >= 2 * sum(weight for weight, _ in revealed)


def bitmap_of(seats: Iterable[Seat]) -> int:
    """Seats as a bitmap, seat 0 the lowest bit."""
    bitmap = 0
    for seat in seats:
        bitmap |= 1 << seat
    return bitmap


def seats_in(bitmap: int) -> list[Seat]:
    """The seats of a bitmap, ascending."""
    return [Seat(seat) for seat in range(bitmap.bit_length()) if bitmap >> seat & 1]
