"""What a node tells those who measure it: where it stands, which blocks it sees, what it did and how long that took.

The node's own modules know observers alone; what becomes of it, metrics, health or traces, is theirs.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Round


class Work(StrEnum):
    """What a node does in a round, in this order."""

    TRAIN = "train"
    COMMIT = "commit"
    REVEAL = "reveal"
    COLLECT = "collect"
    AGGREGATE = "aggregate"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class Done:
    """A piece of work that came to its end.

    Attributes:
        begun: nanoseconds since the epoch, by the machine's clock: for people who look, nothing is decided by it.
        seconds: it took.
        failed: the kind of the error that ended it; empty where there was none.
    """

    work: Work
    round: Round
    begun: int
    seconds: float
    failed: str = ""


class Observer(Protocol):
    """Whom a node tells. Called from several threads; must neither fail nor take long."""

    def status(self, status: NodeStatus) -> None:
        """Something of where the node stands has changed."""

    def saw(self, number: int, time: int) -> None:
        """The chain answered: the node acts on its state at the block of this number and time, in seconds."""

    def did(self, done: Done) -> None:
        """A piece of work has ended."""


class Observers:
    """All who listen to one node; nobody at first."""

    def __init__(self) -> None:
        self._all: tuple[Observer, ...] = ()

    def add(self, observer: Observer) -> None:
        """Tells one more."""
        self._all = (*self._all, observer)

    def status(self, status: NodeStatus) -> None:
        """Passes on where the node stands."""
        for observer in self._all:
            observer.status(status)

    def saw(self, number: int, time: int) -> None:
        """Passes on that the chain answered."""
        for observer in self._all:
            observer.saw(number, time)

    def did(self, done: Done) -> None:
        """Passes on that work has ended."""
        for observer in self._all:
            observer.did(done)

    @contextmanager
    def doing(self, work: Work, round_: Round) -> Iterator[None]:
        """Around a piece of work: tells of it when it ends, however it ends."""
        begun, since, failed = time.time_ns(), time.monotonic(), ""
        try:
            yield
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            self.did(Done(work, round_, begun, time.monotonic() - since, failed))
