"""One RPC URL: JSON-RPC over HTTP, bounded in time and size, and how it has served so far.

All requests of the process run on one event loop, in a thread of its own: there one deadline bounds everything, from looking up the name
to the last byte, however slowly these come. Built on httpcore, whose log does not show URLs.
"""

import asyncio
import random
import ssl
import threading
import time
import weakref
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import httpcore
from web3 import Web3
from web3.types import RPCEndpoint, RPCError, RPCResponse

from swarm_chain.chain.urls import is_loopback, shown
from swarm_chain.errors import ChainUnreachableError
from swarm_chain.protocol.bounded_json import parse_shallow

RETRY = "Check that the node runs and that the RPC URL is right, then try again."
LARGEST_ANSWER = 32 << 20
"""Bytes. Ten thousand logs take a third of it."""
UNNAMED = -32_000
"""Code of an error that came without one (EIP-1474: invalid input, and whatever else)."""
DEPTH = 32
"""Of brackets in an answer; a block's logs take five."""
FIRST_REST = 0.5
LONGEST_REST = 60.0
"""Seconds that a URL which failed is left alone where others do."""
PROBATION = 32
"""Answers in a row that agree until a URL which failed is as good as any: one that lies about states agrees on blocks at every look."""

Request = tuple[RPCEndpoint, Any]
"""A method and its parameters."""


class Endpoint:
    """A JSON-RPC server at one URL.

    Args:
        url: ``http://`` or ``https://``. Only its scheme, host and port are ever shown.
        what: is there, for messages.
        largest: most bytes of an answer.
    """

    def __init__(self, url: str, what: str = "The chain", largest: int = LARGEST_ANSWER) -> None:
        self.shown = shown(url)
        self._what = what
        self._largest = largest
        self._url, self._headers = _target(url)
        self._loop = _loop()
        self._pool = _pool(url)
        self._ids = count()
        self._failures = 0
        self._agreed = 0
        self._rests_until = 0.0
        weakref.finalize(self, _close, self._loop, self._pool).atexit = False

    def __repr__(self) -> str:
        return f"Endpoint({self.shown})"

    def ask(self, requests: Sequence[Request], seconds: float) -> "Future[list[RPCResponse]]":
        """Starts to ask. The result has one response for each request, or is a ``ChainUnreachableError``; cancelling it ends it.

        Args:
            requests: sent in one HTTP request where there are several and the server knows batches, else one after the other.
            seconds: for all of it.
        """
        return asyncio.run_coroutine_threadsafe(self._ask(requests, seconds), self._loop)

    # -------------------------------------------------------------------------------------------- how it has served
    @property
    def rests(self) -> bool:
        """Whether it failed lately, and is left alone where others answer."""
        return time.monotonic() < self._rests_until

    @property
    def rests_until(self) -> float:
        """Of the machine's monotonic clock."""
        return self._rests_until

    def failed(self) -> bool:
        """Lets it rest: twice as long after every failure, by chance up to half less. Returns whether it was well before."""
        rest = min(FIRST_REST * 2 ** min(self._failures, 16), LONGEST_REST)
        self._failures += 1
        self._agreed = 0
        self._rests_until = time.monotonic() + rest * random.uniform(0.5, 1)
        return self._failures == 1

    def served(self) -> bool:
        """Notes that it said what the others did. Returns whether it is well again now, and was not."""
        if not self._failures:
            return False
        self._agreed += 1
        if self._agreed < PROBATION:
            return False
        self._failures, self._rests_until = 0, 0.0
        return True

    # -------------------------------------------------------------------------------------------- on the event loop
    async def _ask(self, requests: Sequence[Request], seconds: float) -> list[RPCResponse]:
        try:
            async with asyncio.timeout(seconds):
                if len(requests) > 1:
                    answers = await self._batch(requests)
                    if answers is not None:
                        return answers
                return [await self._single(request) for request in requests]
        except (TimeoutError, httpcore.TimeoutException):
            raise self._unreachable("does not answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol, OSError) as problem:
            # The exception's own text may hold the whole URL.
            raise self._unreachable(f"cannot be reached ({type(problem).__name__})") from None

    async def _single(self, request: Request) -> RPCResponse:
        number = next(self._ids)
        answer = await self._post(_encoded(number, request))
        if not _is_response(answer):
            raise self._unreachable("answered a request with something else than a JSON-RPC response")
        if answer.get("error") is None and answer.get("id") != number:
            raise self._unreachable("answered another request than was made")
        return _clean(answer)

    async def _batch(self, requests: Sequence[Request]) -> list[RPCResponse] | None:
        """The responses in the order of the requests; None from services that know no batches."""
        numbers = [next(self._ids) for _ in requests]
        body = b"[" + b",".join(_encoded(number, request) for number, request in zip(numbers, requests, strict=True)) + b"]"
        answer = await self._post(body)
        if not isinstance(answer, list):
            return None
        by_number = {part["id"]: part for part in answer if _is_response(part) and isinstance(part.get("id"), int)}
        if len(answer) != len(requests) or by_number.keys() != set(numbers):
            raise self._unreachable("answered a batch of requests incompletely")
        return [_clean(by_number[number]) for number in numbers]

    async def _post(self, body: bytes) -> Any:
        headers = [*self._headers.items(), ("Content-Length", str(len(body)))]
        received = bytearray()
        async with self._pool.stream("POST", self._url, headers=headers, content=body) as response:
            async for part in response.aiter_stream():
                received += part
                if len(received) > self._largest:
                    raise self._unreachable(f"answered with more than {self._largest >> 20} MiB")
            status = response.status
        # Refusals of a JSON-RPC server may come with status 4xx or 5xx, and a JSON-RPC body all the same.
        try:
            return parse_shallow(bytes(received), DEPTH)
        except ValueError:
            pass
        name = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
        raise self._unreachable(f"answered without JSON-RPC, HTTP {status} ({name})")

    def _unreachable(self, what: str) -> ChainUnreachableError:
        return ChainUnreachableError(f"{self._what} at {self.shown} {what}.", do=RETRY)


def _is_response(answer: Any) -> bool:
    return isinstance(answer, dict) and ("result" in answer or "error" in answer)


def _clean(answer: dict[str, Any]) -> RPCResponse:
    """A response of nothing but a result or an error, the error of the types that JSON-RPC gives it."""
    error = answer.get("error")
    if error is None and "result" in answer:
        return {"jsonrpc": "2.0", "id": 0, "result": answer["result"]}
    found: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    code, data = found.get("code"), found.get("data")
    if isinstance(data, dict):  # some servers wrap what a contract reverted with
        data = data.get("data", data.get("result"))
    clean = RPCError(code=code if isinstance(code, int) else UNNAMED, message=str(found.get("message", error)))
    if isinstance(data, str):
        clean["data"] = data
    return {"jsonrpc": "2.0", "id": 0, "error": clean}


def _encoded(number: int, request: Request) -> bytes:
    method, parameters = request
    return Web3.to_json({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters or []}).encode()


def _target(url: str) -> tuple[httpcore.URL, dict[str, str]]:
    """Where to send requests, and their headers: a name and password in the URL become a header."""
    parts = urlsplit(url)
    host = str(parts.hostname).encode("idna").decode()
    query = f"?{parts.query}" if parts.query else ""
    target = quote(f"{parts.path or '/'}{query}", safe="/?&=%:@+,;~!$'()*[]")
    headers = {
        "Host": f"[{host}]" if ":" in host else host,
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "swarm-chain",
    }
    if parts.port:
        headers["Host"] += f":{parts.port}"
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + b64encode(login.encode()).decode()
    return httpcore.URL(scheme=parts.scheme.encode(), host=host.encode(), port=parts.port, target=target.encode()), headers


def _pool(url: str) -> httpcore.AsyncConnectionPool:
    parts = urlsplit(url)
    proxy = None
    # A proxy from the environment can't reach our own machine; with it, a local chain would look down.
    if not is_loopback(url) and not proxy_bypass(str(parts.hostname)):
        proxy = getproxies().get(parts.scheme)
    tls = None
    if parts.scheme == "https":
        tls = ssl.create_default_context()
        tls.load_verify_locations(certifi.where())
    return httpcore.AsyncConnectionPool(ssl_context=tls, proxy=httpcore.Proxy(proxy) if proxy else None, keepalive_expiry=30.0)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="rpc", daemon=True).start()
    return loop


def _close(loop: asyncio.AbstractEventLoop, pool: httpcore.AsyncConnectionPool) -> None:
    asyncio.run_coroutine_threadsafe(pool.aclose(), loop)
