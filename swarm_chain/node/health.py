"""Whether a node is well: its loop lives and has seen the chain lately."""

from dataclasses import dataclass
from time import monotonic

from swarm_chain.node.observing import Done
from swarm_chain.node.status import NodeStatus

PATIENCE_SECONDS = 120.0
"""Without a look at the chain, besides three polls and timeouts. While training it is looked at between steps."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a node is. ``reason`` is empty where it is well."""

    reason: str
    seen_ago: float | None
    status: NodeStatus | None

    @property
    def well(self) -> bool:
        return not self.reason

    def as_json(self) -> dict[str, object]:
        """For whoever asks ``/health``."""
        seen = None if self.seen_ago is None else round(self.seen_ago, 1)
        said: dict[str, object] = {"status": "ok" if self.well else "unwell", "reason": self.reason, "chain_seen_seconds_ago": seen}
        if self.status is not None:
            said |= {"round": self.status.round, "phase": self.status.phase.name.lower(), "message": self.status.message}
        return said


class Health:
    """An :class:`~swarm_chain.node.observing.Observer` that remembers when the chain was seen.

    Time is the monotonic clock's: the machine's may be set, and the chain's stands still when the chain does.

    Args:
        patience: seconds without a look at the chain after which the node is not well.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._seen: float | None = None
        self._status: NodeStatus | None = None

    def verdict(self) -> Verdict:
        """How the node is now."""
        ago = None if self._seen is None else monotonic() - self._seen
        if ago is None:
            reason = "The chain has not been seen yet."
        elif ago > self._patience:
            reason = f"The chain was last seen {ago:.0f} s ago: it does not answer, or the node hangs."
        else:
            reason = ""
        return Verdict(reason, ago, self._status)

    def status(self, status: NodeStatus) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        self._status = status

    def saw(self, number: int, time: int) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        self._seen = monotonic()

    def did(self, done: Done) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`: that work was done says nothing of the chain."""
