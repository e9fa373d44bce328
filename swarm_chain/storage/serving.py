"""An HTTP server in a thread of its own that strangers cannot wear out: connections are few and short, requests are whole in time."""

import asyncio
import socket
import threading
import time
from collections import Counter

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from swarm_chain.errors import ConfigurationError

CONNECTIONS = 256
CONNECTIONS_EACH = 64
"""From one address; those of this machine may take them all, for a proxy speaks for many."""
REQUEST_SECONDS = 10.0
"""A connection that has sent no whole request by then is closed."""
CONNECTION_SECONDS = 300.0
"""No connection lives longer; a client connects again."""
_HERE = ("127.0.0.1", "::1")


class Server:
    """Serves an application between :meth:`start` and :meth:`stop`.

    Args:
        application: that answers.
        what: it is, for messages: "gateway".
        host: address to listen on.
        port: TCP port; 0 for a free one.
    """

    def __init__(self, application: Starlette, what: str, host: str, port: int) -> None:
        self._application = application
        self._what = what
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, ``http://host:port``. With port 0 the port is known once it has started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> None:
        """Returns when requests are answered. ConfigurationError when the port is taken or the address is not this machine's."""
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._application,
            http=_bounded_connection(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=self._what, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise ConfigurationError(f"The {self._what} at {self.url} did not start.")
            time.sleep(0.01)

    def stop(self) -> None:
        """Closes the port and every connection; returns when the thread has ended."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = self._thread = None


def _bounded_connection() -> type[H11Protocol]:
    """Uvicorn's connection for one server: it ends when it says nothing, lives too long, or its address has too many."""
    by_address: Counter[str] = Counter()

    class Connection(H11Protocol):
        address = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself narrows it
            super().connection_made(transport)
            peer = transport.get_extra_info("peername")
            self.address = str(peer[0]) if peer else ""
            by_address[self.address] += 1
            if by_address[self.address] > CONNECTIONS_EACH and self.address not in _HERE:
                transport.abort()
                return
            self.loop.call_later(REQUEST_SECONDS, self._end_if_silent)
            self.loop.call_later(CONNECTION_SECONDS, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            by_address[self.address] -= 1
            if not by_address[self.address]:
                del by_address[self.address]

        def _end_if_silent(self) -> None:
            if self.cycle is None:
                self.transport.abort()

    return Connection


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}.", "Nothing was started.", "Choose another port, or stop what uses it."
        ) from error
    return listener
