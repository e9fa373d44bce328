"""A read-only trustless gateway in front of a store: other nodes fetch blocks here, one a request.

Source: the IPFS trustless gateway specification. Raw blocks, which it asks of every such gateway, are all that is served; CAR, which it
leaves open, is not, and neither are paths, ranges or deserialised files. Only blocks that are here are served: nothing is fetched for
others, nothing is listed.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from swarm_chain.errors import IntegrityError, NotFoundError, StoreError
from swarm_chain.storage.cid import Cid
from swarm_chain.storage.serving import Server
from swarm_chain.storage.store import Blocks

_RAW_TYPE = "application/vnd.ipld.raw"
_EMPTY = "bafkqaaa"
"""The identity CID of no bytes, with which clients ask whether this is a gateway."""


class Gateway(Server):
    """Serves ``blocks`` over HTTP in a thread of its own, between :meth:`start` and :meth:`stop`.

    Args:
        blocks: what is served.
        host: address to listen on.
        port: TCP port; 0 for a free one.
    """

    def __init__(self, blocks: Blocks, host: str = "127.0.0.1", port: int = 0) -> None:
        self._blocks = blocks
        routes = [Route("/ipfs/{cid}", self._block, methods=["GET", "HEAD"]), Route("/health", _health, methods=["GET", "HEAD"])]
        super().__init__(Starlette(routes=routes), "gateway", host, port)

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
