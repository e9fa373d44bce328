"""Traces of a node's rounds, sent to an OpenTelemetry collector by OTLP over HTTP. Needs the extra ``otel``.

A round is one trace: a root span from its first piece of work to its last, and below it a span each. They are made when the node has
settled the round, or has got some rounds further: times are given, and nothing has to be passed through the node's modules.
"""

import importlib.util
import threading

from swarm_chain import __version__
from swarm_chain.errors import ConfigurationError
from swarm_chain.node.observing import Done, Work
from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Address, GroupId, Round, Seat

NEEDED = "opentelemetry.exporter.otlp.proto.http"
OPEN_ROUNDS = 4
"""So many rounds can be under way; what is known of the oldest is sent for another."""
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
        self._rounds: dict[Round, list[Done]] = {}

    def close(self) -> None:
        """Ends the rounds under way, and sends what was not sent yet."""
        with self._lock:
            for round_ in list(self._rounds):
                self._send(round_)
        self._provider.shutdown()

    def status(self, status: NodeStatus) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`: spans tell of work alone."""

    def saw(self, number: int, time: int) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`: spans tell of work alone."""

    def did(self, done: Done) -> None:
        """As :class:`~swarm_chain.node.observing.Observer`."""
        with self._lock:
            self._rounds.setdefault(done.round, []).append(done)
            if done.work is Work.SETTLE and not done.failed:
                self._send(done.round)
            while len(self._rounds) > OPEN_ROUNDS:
                self._send(min(self._rounds))

    def _send(self, round_: Round) -> None:
        """Makes a round's spans, the root first, for its start cannot be changed."""
        from opentelemetry.trace import StatusCode, set_span_in_context

        parts, attributes = self._rounds.pop(round_), self._attributes | {"swarm_chain.round": round_}
        root = self._tracer.start_span("round", start_time=min(done.begun for done in parts), attributes=attributes)
        for done in parts:
            span = self._tracer.start_span(done.work, set_span_in_context(root), start_time=done.begun, attributes=attributes)
            if done.failed:
                span.set_status(StatusCode.ERROR, done.failed)
            span.end(_ended(done))
        root.end(max(map(_ended, parts)))


def _ended(done: Done) -> int:
    return done.begun + round(done.seconds * 1e9)


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(NEEDED) is not None
    except ModuleNotFoundError:  # not even what it is part of
        return False
