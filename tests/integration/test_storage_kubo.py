"""KuboStore against a stand-in for Kubo's RPC.

The daemon itself is not packaged for these tests (real Kubo moves blocks in test_storage_kubo_process.py). The stand-in answers over real
HTTP in the shapes of the Kubo RPC reference and, for errors, in the words Kubo uses; it proves the client, not Kubo.
"""

import asyncio
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from swarm_chain.errors import (
    ConfigurationError,
    DiskFullError,
    IntegrityError,
    NotFoundError,
    StoreError,
    SwarmChainError,
    TooLargeError,
)
from swarm_chain.storage import unixfs
from swarm_chain.storage.cid import CHUNK, DAG_PB, RAW, Cid, blocks_of, cid_of, digest_of, sha256
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.storage.gateway import Gateway
from swarm_chain.storage.kubo import KuboStore
from swarm_chain.storage.store import Blocks, Store


class StandIn:
    """A stand-in for a Kubo daemon's RPC. ``peers`` are other stand-ins by multiaddr; ``broken`` replaces the answer of a method."""

    def __init__(self) -> None:
        self.blocks: dict[bytes, bytes] = {}
        self.pins: set[Cid] = set()
        self.peers: dict[str, StandIn] = {}
        self.connected: list[StandIn] = []
        self.broken: dict[str, Callable[[], Response]] = {}
        routes = [Route("/api/v0/{group}/{method}", self._answer, methods=["POST"])]
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _answer(self, request: Request) -> Response:
        method = f"{request.path_params['group']}/{request.path_params['method']}"
        if method in self.broken:
            return self.broken[method]()
        query = request.query_params
        if method == "block/put":
            block = only_part(request.headers["content-type"], await request.body())
            assert (query["mhtype"], query["pin"]) == ("sha2-256", "false")
            cid = Cid({"raw": RAW, "dag-pb": DAG_PB}[query["cid-codec"]], sha256(block))
            self.blocks[cid.digest] = block
            return JSONResponse({"Key": str(cid), "Size": len(block)})
        if method == "block/get":
            return await self._block(Cid.parse(query["arg"]), query.get("offline") == "true", query.get("timeout", "0s"))
        if method == "pin/ls":
            cid = Cid.parse(query["arg"])
            if cid not in self.pins:
                return error(f"path '{cid}' is not pinned")
            return JSONResponse({"Keys": {str(cid): {"Type": query["type"], "Name": ""}}})
        if method == "pin/add":
            cid = Cid.parse(query["arg"])
            unixfs.read(self.blocks[cid.digest], lambda digest: self.blocks[digest], 10**9)
            self.pins.add(cid)
            return JSONResponse({"Pins": [str(cid)]})
        if method == "pin/rm":
            cid = Cid.parse(query["arg"])
            if cid not in self.pins:
                return error("not pinned or pinned indirectly")
            self.pins.remove(cid)
            return JSONResponse({"Pins": [str(cid)]})
        if method == "repo/stat":
            return JSONResponse({"RepoSize": sum(map(len, self.blocks.values())), "StorageMax": 10_000_000_000})
        if method == "swarm/connect":
            if query["arg"] not in self.peers:
                return error("failed to dial")
            self.connected.append(self.peers[query["arg"]])
            return JSONResponse({"Strings": [f"connect {query['arg']} success"]})
        return Response("404 page not found", 404)

    async def _block(self, cid: Cid, offline: bool, timeout: str) -> Response:
        if cid.digest not in self.blocks and not offline:
            for peer in self.connected:
                if cid.digest in peer.blocks:
                    self.blocks[cid.digest] = peer.blocks[cid.digest]
        if cid.digest in self.blocks:
            return Response(self.blocks[cid.digest], media_type="text/plain")
        if offline:
            return error(f"block was not found locally (offline): ipld: could not find {cid}")
        await asyncio.sleep(float(timeout.removesuffix("s")))
        return error("context deadline exceeded")


def only_part(content_type: str, body: bytes) -> bytes:
    """The content of the one part of a multipart body."""
    boundary = b"--" + content_type.partition("boundary=")[2].encode()
    before, part, after = body.split(boundary)
    assert (before, after) == (b"", b"--\r\n")
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def error(message: str) -> Response:
    return JSONResponse({"Message": message, "Code": 0, "Type": "error"}, 500)


@pytest.fixture
def daemon() -> Iterator[StandIn]:
    running = StandIn()
    yield running
    running.stop()


@pytest.fixture
def store(daemon: StandIn) -> Iterator[KuboStore]:
    opened = KuboStore(daemon.url + "/", allow_private=True)
    yield opened
    opened.close()


def test_it_is_a_store(store: KuboStore) -> None:
    as_store: Store = store
    as_blocks: Blocks = store
    assert as_store is as_blocks


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
def test_what_is_put_is_pinned_got_and_removed(daemon: StandIn, store: KuboStore, size: int) -> None:
    data = os.urandom(size)
    cid = store.put(data)
    assert cid == cid_of(data) == store.put(data)
    assert daemon.pins == {cid}
    assert store.has(cid.digest)
    assert store.get(cid.digest, size) == data
    assert store.size() == sum(len(block) for _, block in blocks_of(data))
    if size > 1:
        with pytest.raises(TooLargeError):
            store.get(cid.digest, size - 1)
    store.remove(cid.digest)
    store.remove(cid.digest)
    assert daemon.pins == set()
    assert not store.has(cid.digest)
    with pytest.raises(NotFoundError):
        store.get(cid.digest, size)


def test_a_file_that_is_a_root_node_is_refused(daemon: StandIn, store: KuboStore) -> None:
    *_, (_, root) = blocks_of(bytes(CHUNK + 1))
    with pytest.raises(IntegrityError, match="two files"):
        store.put(root)
    assert daemon.blocks == {}


def test_a_file_comes_from_a_gateway_and_is_pinned(daemon: StandIn, store: KuboStore, tmp_path: Path) -> None:
    data = os.urandom(2 * CHUNK)
    other = EmbeddedStore(tmp_path)
    digest = other.put(data).digest
    gateway = Gateway(other)
    gateway.start()
    try:
        assert store.fetch(digest, len(data), [gateway.url], 10) == data
    finally:
        gateway.stop()
    assert daemon.pins == {cid_of(data)}


def test_a_file_comes_from_a_peer_and_is_pinned(daemon: StandIn, store: KuboStore) -> None:
    data = os.urandom(2 * CHUNK)
    address = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
    peer = StandIn()
    try:
        peer.blocks = {cid.digest: block for cid, block in blocks_of(data)}
        daemon.peers[address] = peer
        assert store.fetch(digest_of(data), len(data), ["/ip4/127.0.0.1/tcp/9", address], 10) == data
        assert daemon.pins == {cid_of(data)}
    finally:
        peer.stop()


def test_an_absent_file_is_not_found_within_the_time(store: KuboStore) -> None:
    with pytest.raises(NotFoundError):
        store.fetch(digest_of(b"nowhere"), 100, [], 1.5)


def test_a_pinned_file_that_lost_a_block_is_not_found(daemon: StandIn, store: KuboStore) -> None:
    data = os.urandom(2 * CHUNK)
    digest = store.put(data).digest
    del daemon.blocks[sha256(data[:CHUNK])]
    with pytest.raises(NotFoundError):
        store.get(digest, len(data))


def test_bytes_of_another_digest_are_refused(daemon: StandIn, store: KuboStore) -> None:
    data = os.urandom(2 * CHUNK)
    digest = store.put(data).digest
    daemon.blocks[sha256(data[CHUNK:])] = os.urandom(CHUNK)
    with pytest.raises(IntegrityError):
        store.get(digest, len(data))


def test_another_cid_than_ours_is_refused_and_not_pinned(daemon: StandIn, store: KuboStore) -> None:
    other = str(Cid(RAW, sha256(b"other")))
    daemon.broken["block/put"] = lambda: JSONResponse({"Key": other, "Size": 5})
    with pytest.raises(IntegrityError):
        store.put(b"mine")
    assert daemon.pins == set()


def flood() -> Response:
    return StreamingResponse(iter(lambda: bytes(65_536), None))


def drip() -> Response:
    async def pieces() -> Any:
        for _ in range(1000):
            yield b"x"
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (flood, TooLargeError),
        (drip, NotFoundError),
        (lambda: Response(b"short"), IntegrityError),
        (lambda: Response("not JSON", 500), StoreError),
        (lambda: Response("[]", 403), StoreError),
        (lambda: Response("", 302, headers={"Location": "http://127.0.0.1:9/"}), StoreError),
    ],
)
def test_a_block_is_bounded_in_bytes_and_time(
    daemon: StandIn, store: KuboStore, answer: Callable[[], Response], expected: type[SwarmChainError]
) -> None:
    daemon.broken["block/get"] = answer
    seconds = 1.5 if expected is NotFoundError else 20.0
    with pytest.raises(expected):
        store.fetch(digest_of(b"wanted"), 10 * CHUNK, [], seconds)
    assert daemon.pins == set()


@pytest.mark.parametrize("answer", [flood, lambda: Response("not JSON"), lambda: JSONResponse([1])])
def test_answers_that_are_none_are_clear_errors(daemon: StandIn, store: KuboStore, answer: Callable[[], Response]) -> None:
    daemon.broken |= dict.fromkeys(["block/put", "repo/stat", "pin/ls"], answer)
    for call in (lambda: store.put(b"x"), store.size, lambda: store.has(digest_of(b"x"))):
        with pytest.raises(StoreError):
            call()


def test_a_full_disk_there_is_a_full_disk_here(daemon: StandIn, store: KuboStore) -> None:
    daemon.broken["block/put"] = lambda: error("write /blocks/put-1: no space left on device")
    with pytest.raises(DiskFullError):
        store.put(b"x")


def test_a_daemon_that_is_down_or_no_url_are_clear_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(StoreError, match="cannot be reached"):
        KuboStore(f"http://127.0.0.1:{port}").put(b"x")
    for url in ("127.0.0.1:5001", "/ip4/127.0.0.1/tcp/5001", "file:///etc/passwd", "http://"):
        with pytest.raises(ConfigurationError):
            KuboStore(url)


def test_the_stand_in_hashes_as_kubo_does(daemon: StandIn, store: KuboStore) -> None:
    # The stand-in must not believe the client: what it keeps a block under, it has hashed itself.
    store.put(b"some bytes")
    assert list(daemon.blocks) == [hashlib.sha256(b"some bytes").digest()]
