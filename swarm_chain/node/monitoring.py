"""How a node is watched from outside: ``/metrics`` and ``/health`` on a port, traces to a collector. All off unless asked for."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from swarm_chain.chain.urls import is_loopback
from swarm_chain.node.health import PATIENCE_SECONDS, Health
from swarm_chain.node.member import Member
from swarm_chain.node.metrics import Metrics
from swarm_chain.node.settings import NodeSettings
from swarm_chain.node.tracing import Tracing
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.storage.serving import Server

log = logging.getLogger(__name__)

NO_CACHE: Mapping[str, str] = {"Cache-Control": "no-store"}


class HereAlone:
    """Refuses requests for any host but an address or ``localhost``: a web page's name can be made to lead to this machine (DNS rebinding),
    and its visitor's browser would read for it what only this machine may."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        answer: ASGIApp = self._app if _is_here(Headers(scope=scope).get("host", "")) else PlainTextResponse("Not here.", 421)
        await answer(scope, receive, send)


def _is_here(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False


class MonitoringServer(Server):
    """Answers ``GET /metrics`` and ``GET /health`` in a thread of its own.

    Whoever reaches it learns what the node does, never a secret; so it listens on this machine alone unless told otherwise.

    Args:
        metrics: what it counts.
        health: how it is: 200 where it is well, 503 and the reason where not.
        host: address to listen on.
        port: TCP port; 0 for a free one.
    """

    def __init__(self, metrics: Metrics, health: Health, host: str, port: int) -> None:
        self._metrics = metrics
        self._health = health
        routes = [Route("/metrics", self._tell_metrics), Route("/health", self._tell_health)]
        here = [Middleware(HereAlone)] if is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}") else []
        super().__init__(Starlette(routes=routes, middleware=here), "metrics server", host, port)

    def _tell_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), headers=NO_CACHE, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _tell_health(self, request: Request) -> Response:
        verdict = self._health.verdict()
        return JSONResponse(verdict.as_json(), 200 if verdict.well else 503, headers=NO_CACHE)


@contextmanager
def monitored(settings: NodeSettings, member: Member) -> Iterator[None]:
    """Within, the node is observed as its settings ask for.

    Raises:
        ConfigurationError: the port is taken, or traces are asked for and OpenTelemetry is not installed.
    """
    who = member.node, member.group, member.seat
    with ExitStack() as ending:
        if settings.metrics_port is not None:
            size = member.store.size if isinstance(member.store, EmbeddedStore) else None
            metrics = Metrics(*who, size, member.outbox.counts)
            health = Health(PATIENCE_SECONDS + 3 * (settings.poll_interval + settings.rpc_timeout))
            for observer in (metrics, health):
                member.observers.add(observer)
            server = MonitoringServer(metrics, health, settings.metrics_host, settings.metrics_port)
            server.start()
            ending.callback(server.stop)
            log.info("Metrics at %s/metrics, health at %s/health.", server.url, server.url)
        if settings.otlp_endpoint:
            tracing = Tracing(settings.otlp_endpoint, *who)
            member.observers.add(tracing)
            ending.callback(tracing.close)
        yield
