"""What a node tells those who watch it: its status, and a line of figures for every round."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from swarm_chain.types import Address, Phase, Result, Round, Seat

log = logging.getLogger(__name__)

STATUS_VERSION = 1
NO_ROUND = Round(0)


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Where a node stands.

    Attributes:
        step, steps: of the local pass; both 0 when it is not training.
        loss: of the last step, ``None`` before the first.
        accuracy: of the newest model on the node's held-out data, 0 to 1.
        reputation: 0 to 10,000.
        credit: not yet claimed, in wei.
        message: what it is doing, for people.
        epsilon: of differential privacy, spent so far; ``None`` in a group without.
    """

    node: Address
    seat: Seat | None = None
    round: Round = NO_ROUND
    phase: Phase = Phase.CLOSED
    step: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    reputation: int = 0
    credit: int = 0
    message: str = ""
    epsilon: float | None = None

    def as_json(self) -> dict[str, object]:
        """Fields by name; the phase by its name, the credit as text (it exceeds what JSON readers keep exactly)."""
        return asdict(self) | {"version": STATUS_VERSION, "phase": self.phase.name.lower(), "credit": str(self.credit)}


Report = Callable[[NodeStatus], None]


class Teller:
    """Tells whoever listens when something of a node's status changes.

    Args:
        status: to begin with.
        reports: who listens.
    """

    def __init__(self, status: NodeStatus, reports: Sequence[Report]) -> None:
        self._reports = reports
        self.status = status
        self.told = 0.0
        """When something changed last, by the monotonic clock."""

    def tell(self, **changes: Any) -> None:
        """Changes fields of the status."""
        changed = replace(self.status, **changes)
        if changed != self.status:
            self.status, self.told = changed, time.monotonic()
            for report in self._reports:
                report(changed)


class StatusFile:
    """Keeps ``status.json`` in a node's home, replaced whole so that a reader never sees half of it."""

    def __init__(self, home: Path) -> None:
        self._path = home / "status.json"

    def __call__(self, status: NodeStatus) -> None:
        partial = self._path.with_suffix(".partial")
        with not_worth_stopping_for(self._path):
            partial.write_text(json.dumps(status.as_json() | {"process": os.getpid(), "written_at": time.time()}))
            partial.replace(self._path)


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """What a round came to, as this node computed it; ``result_hash`` and ``result`` are ``None`` where it came to nothing.

    Attributes:
        loss, accuracy: of the result's model on the node's held-out data.
    """

    round: Round
    parent: bytes
    result_hash: bytes | None
    result: Result | None
    loss: float | None
    accuracy: float | None

    def as_json(self) -> dict[str, object]:
        result = self.result
        return {
            "version": STATUS_VERSION,
            "round": self.round,
            "parent": _hex(self.parent),
            "result_hash": _hex(self.result_hash),
            "model_digest": _hex(result.model_digest if result else None),
            "model_root": _hex(result.model_root if result else None),
            "included": [seat for seat in range(256) if result and result.included >> seat & 1],
            "loss": self.loss,
            "accuracy": self.accuracy,
        }


class RoundsFile:
    """Appends a line to ``rounds.jsonl`` in a node's home for every round."""

    def __init__(self, home: Path) -> None:
        self._path = home / "rounds.jsonl"

    def append(self, figures: RoundFigures) -> None:
        with not_worth_stopping_for(self._path), self._path.open("a") as file:
            file.write(json.dumps(figures.as_json()) + "\n")


@contextmanager
def not_worth_stopping_for(path: Path) -> Iterator[None]:
    """A node goes on when it cannot write what is only for people; journal and store are stricter."""
    try:
        yield
    except OSError as error:
        log.warning("%s cannot be written: %s.", path, error.strerror)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
