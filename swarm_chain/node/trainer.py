"""Trains beside everything else a node does: looks up now and then, ends in time to commit, and trains ahead.

Training ahead: half a reveal phase is over and somebody has not revealed. What the round comes to without them is what the next most likely
builds on, so the node trains on that instead of waiting. Nothing is staked on it: a late reveal ends the expectation and the training.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import NumericError, OutOfMemoryError
from swarm_chain.node.member import Member
from swarm_chain.node.observing import Work
from swarm_chain.node.parents import Parents
from swarm_chain.node.status import Teller
from swarm_chain.node.train import Update, train_update
from swarm_chain.types import Round, RoundView

log = logging.getLogger(__name__)

TELL_SECONDS = 0.2
"""At most so often a status is told while training."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What training in a round on a parent came to; ``update`` is ``None`` where it came to nothing."""

    round: Round
    parent: bytes
    update: Update | None


class Trainer:
    """A node's training, one pass at a time. What it came to last is remembered: a transaction may fail, training did not.

    Args:
        member: the node.
        parents: models to train on.
        teller: is told the steps.
        glance: looks at the chain and does what cannot wait for the end of a pass; ``None`` where the chain did not answer.
        poll_interval: seconds between glances.
        stop: ends a pass when set.
    """

    def __init__(
        self,
        member: Member,
        parents: Parents,
        teller: Teller,
        glance: Callable[[], Snapshot | None],
        poll_interval: float,
        stop: threading.Event,
    ) -> None:
        self._member = member
        self._parents = parents
        self._teller = teller
        self._glance = glance
        self._poll_interval = poll_interval
        self._stop = stop
        self._last: Trained | None = None
        self._glanced = 0.0
        self._out_of_time = False
        self._expecting: RoundView | None = None
        self._mistaken = False

    def train(self, round_: Round, parent: bytes) -> Update | None:
        """An update on the parent; ``None``, so that the node votes nevertheless, where training fails."""
        if not self._has(round_, parent):
            self._teller.tell(message="training")
            self._last = self._pass(round_, parent)
        return self._last.update if self._last else None

    def train_ahead(self, parent: bytes, before: RoundView) -> None:
        """Trains on what an open round is expected to come to, for the round after it; given up where another member reveals.

        Args:
            parent: hash of the expected result.
            before: the open round, as it was expected from.
        """
        round_ = Round(before.round + 1)
        if self._has(round_, parent):
            return
        log.info("Round %d: trains ahead, on what round %d comes to if nobody else reveals.", round_, before.round)
        self._teller.tell(message="training ahead")
        self._expecting = before
        trained = self._pass(round_, parent)
        self._expecting = None
        if self._mistaken:
            log.info("Round %d: another revealed, so it comes to something else; what was trained ahead is let go.", before.round)
        elif not self._stop.is_set():
            self._last = trained

    def forget(self) -> None:
        """What was trained is committed."""
        self._last = None

    # ---------------------------------------------------------------------------------------------- a pass

    def _has(self, round_: Round, parent: bytes) -> bool:
        return self._last is not None and (self._last.round, self._last.parent) == (round_, parent)

    def _pass(self, round_: Round, parent: bytes) -> Trained:
        self._out_of_time = self._mistaken = False
        self._glanced = time.monotonic()  # whoever begins a pass has just looked
        self._teller.tell(step=0, steps=self._member.task.local.steps)

        def on_step(step: int, steps: int, loss: float) -> None:
            self._on_step(round_, step, steps, loss)

        try:
            with self._member.observers.doing(Work.TRAIN, round_):
                update = train_update(self._member, round_, self._parents.model(parent), on_step, self._must_end)
        except (NumericError, OutOfMemoryError) as error:
            log.error("Round %d: no update, the node casts a vote alone. %s", round_, error)
            self._teller.tell(message=error.what)
            update = None
        if update is not None:
            self._teller.tell(loss=update.loss)
        return Trained(round_, parent, update)

    def _on_step(self, round_: Round, step: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        if step == steps or now - self._teller.told > TELL_SECONDS:
            self._teller.tell(step=step, steps=steps, loss=loss)
        if now - self._glanced < self._poll_interval:
            return
        snapshot = self._glance()
        self._glanced = time.monotonic()
        if snapshot is None:
            return
        before = self._expecting
        if before is not None:
            seen = snapshot.rounds.get(before.round)
            self._mistaken = seen is None or seen.struck != before.struck or seen.revealed != before.revealed
        margin = max(self._member.terms.commit_duration // 10, 2)
        self._out_of_time = snapshot.phase.round == round_ and snapshot.block.time + margin >= snapshot.phase.commit_deadline

    def _must_end(self) -> bool:
        return self._stop.is_set() or self._out_of_time or self._mistaken
