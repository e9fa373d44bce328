"""The relay's HTTP side: ``POST /commits``, ``POST /reveals`` and, for people, ``GET /``.

Whatever is sent is bounded before it is read: bytes, seconds, requests of one address, connections. Everything that is kept was signed by a
node that has a seat. No salt appears in an answer or in a log.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from swarm_chain.errors import ChainError
from swarm_chain.protocol.relaying import MESSAGE_BYTES, SignedCommit, SignedReveal
from swarm_chain.relay.desk import Answer, Desk
from swarm_chain.relay.limits import Limits
from swarm_chain.storage.serving import Server

log = logging.getLogger(__name__)

BODY_SECONDS = 5.0
BURST = 512
"""Requests at once from one address: twice a full group's, for nodes behind one."""
RATE = 50.0
"""Requests a second from one address."""

Status = Callable[[], dict[str, object]]


class DeskServer(Server):
    """Serves a desk.

    Args:
        desk: that takes the messages.
        trouble: why nothing is taken for now; empty where all is well.
        status: what ``GET /`` tells.
        host: address to listen on.
        port: TCP port; 0 for a free one.
    """

    def __init__(self, desk: Desk, trouble: Callable[[], str], status: Status, host: str, port: int) -> None:
        self._desk = desk
        self._trouble = trouble
        self._status = status
        self._limits = Limits(BURST, RATE)
        routes = [
            Route("/commits", self._commits, methods=["POST"]),
            Route("/reveals", self._reveals, methods=["POST"]),
            Route("/", self._tell, methods=["GET", "HEAD"]),
        ]
        super().__init__(Starlette(routes=routes), "relay", host, port)

    async def _commits(self, request: Request) -> Response:
        return await self._take(request, SignedCommit.from_json)

    async def _reveals(self, request: Request) -> Response:
        return await self._take(request, SignedReveal.from_json)

    async def _tell(self, request: Request) -> Response:
        if not self._may(request):
            return _too_many()
        return JSONResponse(self._status())

    async def _take(self, request: Request, read: Callable[[bytes], SignedCommit | SignedReveal]) -> Response:
        if not self._may(request):
            return _too_many()
        if why := self._trouble():
            return _answer(Answer(HTTPStatus.SERVICE_UNAVAILABLE, why))
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return _answer(Answer(HTTPStatus.REQUEST_TIMEOUT, "the message took too long"))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if body is None:
            return _answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a message has at most {MESSAGE_BYTES:,} bytes"))
        try:
            message = read(body)
        except ValueError as error:
            return _answer(Answer(HTTPStatus.BAD_REQUEST, str(error)))
        try:
            # Not on the event loop: it checks a signature and may ask the chain.
            return _answer(await run_in_threadpool(self._desk.offer, message))
        except ChainError as error:
            log.warning("%s", error)
            return _answer(Answer(HTTPStatus.SERVICE_UNAVAILABLE, "the chain does not answer"))

    def _may(self, request: Request) -> bool:
        return self._limits.allows(request.client.host if request.client else "")


async def _body(request: Request) -> bytes | None:
    """The request's body, or ``None`` where it is too long for a message."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MESSAGE_BYTES:
            return None
    return body


def _answer(answer: Answer) -> Response:
    return JSONResponse({"answer": answer.text}, answer.status)


def _too_many() -> Response:
    return _answer(Answer(HTTPStatus.TOO_MANY_REQUESTS, "too many requests from one address"))
