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

FORGOTTEN_AFTER = 16
"""Rounds."""


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
        self._begun: dict[tuple[Work, Round], tuple[int, float]] = {}

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

    def begin(self, work: Work, round_: Round) -> None:
        """Notes when work began that takes several looks at the chain; the first time counts. For the node's own thread, as ``end``."""
        self._begun.setdefault((work, round_), (time.time_ns(), time.monotonic()))
        # What others did instead never ends here.
        self._begun = {key: begun for key, begun in self._begun.items() if key[1] > round_ - FORGOTTEN_AFTER}

    def end(self, work: Work, round_: Round) -> None:
        """Tells of work that came to its end, if it began."""
        begun = self._begun.pop((work, round_), None)
        if begun is not None:
            self.did(Done(work, round_, begun[0], time.monotonic() - begun[1]))
