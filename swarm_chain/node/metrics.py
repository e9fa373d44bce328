"""A node's figures as Prometheus reads them; ``docs/metrics.md`` names each."""

import math
from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector, Summary, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from swarm_chain import __version__
from swarm_chain.node.observing import Done, Work
from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Address, GroupId, Phase, Seat

OUTCOMES = ("done", "failed")


class Metrics:
    """An :class:`~swarm_chain.node.observing.Observer` that counts.

    Args:
        node, group, seat: whose figures they are.
        store_bytes: asks the store for its size, where it knows that.
        transactions: asks the outbox how many it has in each state; at every look at the chain, in the node's own thread.
    """

    def __init__(
        self,
        node: Address,
        group: GroupId,
        seat: Seat,
        store_bytes: Callable[[], int] | None = None,
        transactions: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each figure, when this process began to count it
        registry = self.registry = CollectorRegistry(auto_describe=True)
        info = Info("swarm_chain_node", "Which node this is, and its release.", registry=registry)
        info.info({"version": __version__, "node": node, "group": str(group), "seat": str(seat)})
        self._round = Gauge("swarm_chain_round", "The group's round.", registry=registry)
        self._phase = Gauge("swarm_chain_phase", "1 at the phase that the round is in, 0 at the others.", ["phase"], registry=registry)
        self._duties = Counter("swarm_chain_duties", "Work done, or tried in vain.", ["duty", "outcome"], registry=registry)
        self._seconds = Summary("swarm_chain_duty_seconds", "How long work took.", ["duty"], registry=registry)
        for phase in Phase:  # so that what never was is 0 and not absent
            self._phase.labels(phase.name.lower())
        for work in Work:
            self._seconds.labels(work)
            for outcome in OUTCOMES:
                self._duties.labels(work, outcome)
        self._transactions = Gauge("swarm_chain_transactions", "In the outbox, by how far they are.", ["state"], registry=registry)
        self._ask_transactions = transactions
        self._loss = Gauge("swarm_chain_loss", "Of the last step of training, then the mean of them all.", registry=registry)
        self._accuracy = Gauge("swarm_chain_accuracy", "Of the newest model on the node's held-out data, 0 to 1.", registry=registry)
        self._epsilon = Gauge("swarm_chain_privacy_epsilon", "Of differential privacy, spent by every update so far.", registry=registry)
        for unknown in (self._loss, self._accuracy, self._epsilon):
            unknown.set(math.nan)
        self._reputation = Gauge("swarm_chain_reputation", "Of the node's seat, 0 to 10,000.", registry=registry)
        self._credit = Gauge("swarm_chain_credit_base_units", "Earned and not yet claimed, in 1e-18 tokens.", registry=registry)
        self._block = Gauge("swarm_chain_block_number", "The newest block the node acts on.", registry=registry)
        self._block_time = Gauge("swarm_chain_block_time_seconds", "That block's timestamp: chain time.", registry=registry)
        self._seen = math.nan
        age = Gauge("swarm_chain_chain_seen_age_seconds", "Since the chain answered last, by a clock that nobody sets.", registry=registry)
        age.set_function(lambda: monotonic() - self._seen)
        if store_bytes is not None:
            registry.register(_StoreSize(store_bytes))
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self.registry)

    def status(self, status: NodeStatus) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        self._round.set(status.round)
        for phase in Phase:
            self._phase.labels(phase.name.lower()).set(phase is status.phase)
        if status.loss is not None:
            self._loss.set(status.loss)
        if status.accuracy is not None:
            self._accuracy.set(status.accuracy)
        if status.epsilon is not None:
            self._epsilon.set(status.epsilon)
        self._reputation.set(status.reputation)
        self._credit.set(status.credit)

    def saw(self, number: int, time: int) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        self._seen = monotonic()
        for state, count in self._ask_transactions().items():
            self._transactions.labels(state).set(count)
        self._block.set(number)
        self._block_time.set(time)

    def did(self, done: Done) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        self._duties.labels(done.work, "failed" if done.failed else "done").inc()
        self._seconds.labels(done.work).observe(done.seconds)


class _StoreSize(Collector):
    """Asked when somebody looks, and only then."""

    def __init__(self, store_bytes: Callable[[], int]) -> None:
        self._store_bytes = store_bytes

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily("swarm_chain_store_bytes", "Held by the node's store.", value=self._store_bytes())
