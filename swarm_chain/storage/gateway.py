"""A read-only trustless gateway in front of a store: other nodes fetch blocks here, one a request.

Source: the IPFS trustless gateway specification. Raw blocks, which it asks of every such gateway, are all that is served; CAR, which it
leaves open, is not, and neither are paths, ranges or deserialised files. Only blocks that are here are served: nothing is fetched for
others, nothing is listed.
"""

import asyncio
import socket
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from swarm_chain.errors import ConfigurationError, IntegrityError, NotFoundError, StoreError
from swarm_chain.storage.cid import Cid
from swarm_chain.storage.store import Blocks

CONNECTIONS = 256
REQUEST_SECONDS = 10.0
"""A connection that has sent no whole request by then is closed."""
CONNECTION_SECONDS = 300.0
"""No connection lives longer; a fetcher connects again."""
_RAW_TYPE = "application/vnd.ipld.raw"
_EMPTY = "bafkqaaa"
"""The identity CID of no bytes, with which clients ask whether this is a gateway."""


class Gateway:
    """Serves ``blocks`` over HTTP in a thread of its own, between :meth:`start` and :meth:`stop`.

    Args:
        blocks: what is served.
        host: address to listen on.
        port: TCP port; 0 for a free one.
    """

    def __init__(self, blocks: Blocks, host: str = "127.0.0.1", port: int = 0) -> None:
        self._blocks = blocks
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
            self._application(),
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="gateway", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise ConfigurationError(f"The gateway at {self.url} did not start.")
            time.sleep(0.01)

    def stop(self) -> None:
        """Closes the port and every connection; returns when the thread has ended."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = self._thread = None

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/ipfs/{cid}", self._block, methods=["GET", "HEAD"]),
                Route("/health", _health, methods=["GET", "HEAD"]),
            ]
        )

    def _block(self, request: Request) -> Response:
        # Not a coroutine: it reads the disk, so it runs on a thread of the server's pool.
        refused = _refuse_format(request)
        if refused is not None:
            return refused
        text = request.path_params["cid"]
        if text == _EMPTY:
            return Response(b"", media_type=_RAW_TYPE)
        try:
            cid = Cid.parse(text)
        except IntegrityError as error:
            return PlainTextResponse(f"{error}\n", 400)
        etag = f'"{cid}.raw"'
        headers = {
            "Etag": etag,
            "Cache-Control": "public, max-age=29030400, immutable",
            "X-Ipfs-Path": f"/ipfs/{cid}",
            "X-Ipfs-Roots": str(cid),
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'attachment; filename="{cid}.bin"',
            "Vary": "Accept",
        }
        try:
            block = self._blocks.block(cid.digest)
        except NotFoundError:
            return PlainTextResponse("This gateway does not hold that block.\n", 404)
        except IntegrityError:
            # It rotted and was set aside: it is not held any more.
            return PlainTextResponse("This gateway does not hold that block any more.\n", 404)
        except StoreError:
            return PlainTextResponse("The store cannot be read.\n", 500)
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(block, media_type=_RAW_TYPE, headers=headers)


def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _refuse_format(request: Request) -> Response | None:
    """What to answer unless a raw block is asked for. ``format`` counts before ``Accept``, as the specification says."""
    wanted = request.query_params.get("format")
    if wanted is None:
        accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
        if _RAW_TYPE in accepted:
            return None
        return PlainTextResponse(f"Only raw blocks are served: ask with ?format=raw or Accept: {_RAW_TYPE}.\n", 406)
    if wanted == "raw":
        return None
    return PlainTextResponse("Only format=raw is served.\n", 400)


class _Connection(H11Protocol):
    """Uvicorn's connection, which ends when it says nothing or lives too long: idle ones must not keep others out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself narrows it
        super().connection_made(transport)
        self.loop.call_later(REQUEST_SECONDS, self._end_if_silent)
        self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def _end_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()


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
