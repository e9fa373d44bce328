"""When a batch does not fit into the device's memory: half of it at a time, then, and so on down to one image."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from swarm_chain.errors import OutOfMemoryError

log = logging.getLogger(__name__)

Value = TypeVar("Value")

REFUSALS = ("can't allocate memory", "out of memory", "bad_alloc", "could not create a memory", "could not create a primitive")
"""What torch, which has a type for CUDA's alone, says on the CPU, on MPS, and what oneDNN says."""


class Portions:
    """How many images are worked on at once.

    Args:
        size: to begin with.
        what: is done with them, for the log: "training".
    """

    def __init__(self, size: int, what: str) -> None:
        self.size = size
        self._what = what

    def of(self, count: int) -> Iterator[slice]:
        """Cuts ``count`` images into portions."""
        return (slice(start, min(start + self.size, count)) for start in range(0, count, self.size))

    def fitting(self, work: Callable[[], Value]) -> Value:
        """Does the work, again from its beginning with half the portion where memory does not hold one.

        Raises:
            OutOfMemoryError: not even a single image fits.
        """
        while True:
            with _noticed() as refused:
                return work()
            # Not within the handler: the error refers to all that the failed try allocated.
            if self.size == 1:
                raise _too_little(self._what, refused)
            self.size = (self.size + 1) // 2
            log.warning("Out of memory while %s: goes on with %d images at a time. %s", self._what, self.size, "".join(refused))


@contextmanager
def enough(what: str) -> Iterator[None]:
    """Turns a refusal of memory that smaller portions do not help against into an :class:`OutOfMemoryError`."""
    with _noticed() as refused:
        yield
    if refused:
        raise _too_little(what, refused)


@contextmanager
def _noticed() -> Iterator[list[str]]:
    """Holds back an error that says that there is no memory; what it says is in the list then."""
    refused: list[str] = []
    try:
        yield refused
    except (MemoryError, RuntimeError) as error:
        said = str(error) or type(error).__name__
        if not isinstance(error, MemoryError) and not any(words in said for words in REFUSALS):
            raise
        refused.append(said.splitlines()[0][:200])


def _too_little(what: str, refused: list[str]) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"There is too little memory for {what}: {''.join(refused)}",
        "The weights before it were kept.",
        "Give the process more memory, end what else uses it, or choose another --device.",
    )
