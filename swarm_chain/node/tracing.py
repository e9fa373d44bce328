"""Traces of a node's rounds, sent to an OpenTelemetry collector by OTLP over HTTP. Needs the extra ``otel``.

A round is one trace. Its root span begins with the first piece of work and ends with the last before the round is settled; below it is
a span a piece of work. All are made when the work has ended: times are given, and nothing has to be passed through the node's modules.
"""

import importlib.util
import threading
from typing import TYPE_CHECKING

from swarm_chain import __version__
from swarm_chain.errors import ConfigurationError
from swarm_chain.node.observing import Done, Work
from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Address, GroupId, Round, Seat

if TYPE_CHECKING:
    from opentelemetry.trace import Span

NEEDED = "opentelemetry.exporter.otlp.proto.http"
OPEN_ROUNDS = 4
"""So many rounds can be under way; the oldest is ended for another."""
EXPORT_SECONDS = 5.0
"""Patience with the collector, for each batch and at the end."""


class Tracing:
    """An :class:`~swarm_chain.node.observing.Observer` that makes spans. Call :meth:`close` at the end.

    Args:
        endpoint: URL of the collector, ``http://127.0.0.1:4318``; spans go to ``/v1/traces`` below it.
        node, group, seat: whose rounds they are.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: str, node: Address, group: GroupId, seat: Seat) -> None:
        if not _is_installed():
            raise ConfigurationError(
                "Traces need OpenTelemetry, which is not installed.",
                "Nothing was sent.",
                "pip install 'swarm-chain[otel]', or unset otlp_endpoint.",
            )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource({"service.name": "swarm-chain", "service.version": __version__, "service.instance.id": node})
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(__name__, __version__)
        self._attributes = {"swarm_chain.group": group, "swarm_chain.seat": seat}
        self._lock = threading.Lock()
        self._rounds: dict[Round, Span] = {}
        self._last: dict[Round, int] = {}

    def close(self) -> None:
        """Ends the rounds under way, and sends what was not sent yet."""
        with self._lock:
            for round_ in list(self._rounds):
                self._end(round_)
        self._provider.shutdown()

    def status(self, status: NodeStatus) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`: spans tell of work alone."""

    def saw(self, number: int, time: int) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`: spans tell of work alone."""

    def did(self, done: Done) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        from opentelemetry.trace import StatusCode, set_span_in_context

        ended = done.begun + round(done.seconds * 1e9)
        with self._lock:
            root = self._root(done)
            span = self._tracer.start_span(done.work, set_span_in_context(root), start_time=done.begun, attributes=self._of(done.round))
            if done.failed:
                span.set_status(StatusCode.ERROR, done.failed)
            span.end(ended)
            self._last[done.round] = max(ended, self._last.get(done.round, 0))
            if done.work is Work.SETTLE and not done.failed:
                self._end(done.round)

    def _root(self, done: Done) -> "Span":
        if done.round not in self._rounds:
            while len(self._rounds) >= OPEN_ROUNDS:
                self._end(min(self._rounds))
            self._rounds[done.round] = self._tracer.start_span("round", start_time=done.begun, attributes=self._of(done.round))
        return self._rounds[done.round]

    def _end(self, round_: Round) -> None:
        self._rounds.pop(round_).end(self._last.pop(round_))

    def _of(self, round_: Round) -> dict[str, int]:
        return self._attributes | {"swarm_chain.round": round_}


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(NEEDED) is not None
    except ModuleNotFoundError:  # not even what it is part of
        return False
