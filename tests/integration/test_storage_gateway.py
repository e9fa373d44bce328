"""Stores fetch from each other's gateways over HTTP, and from servers that lie, drip, flood and redirect."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from swarm_chain.errors import ConfigurationError, DiskFullError, IntegrityError, NotFoundError, TooLargeError
from swarm_chain.storage import retrieval, unixfs
from swarm_chain.storage import serving as serving_module
from swarm_chain.storage.cid import CHUNK, DAG_PB, LINKS, RAW, Cid, blocks_of, cid_of, digest_of, sha256
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.storage.gateway import Gateway

RAW_TYPE = "application/vnd.ipld.raw"


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "theirs")


@pytest.fixture
def mine(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "mine", allow_private=True)


@pytest.fixture
def gateway(store: EmbeddedStore) -> Iterator[Gateway]:
    served = Gateway(store)
    served.start()
    yield served
    served.stop()


class Server:
    """Answers each connection with ``answer(path)``: pieces to send, with waits in seconds between them. Counts what it was asked."""

    def __init__(self, answer: Callable[[str], list[bytes | float]]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                path = connection.recv(65_536).split()[1].decode()
                self.asked.append(path)
                for piece in self._answer(path):
                    if isinstance(piece, float):
                        time.sleep(piece)
                    else:
                        connection.sendall(piece)
            except OSError:
                return

    def close(self) -> None:
        # A blocked accept() ends only by shutdown.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def serving(blocks: dict[str, bytes]) -> Callable[[str], list[bytes | float]]:
    """Answers with whatever ``blocks`` says a CID's block is."""

    def answer(path: str) -> list[bytes | float]:
        block = blocks.get(path.removeprefix("/ipfs/").removesuffix("?format=raw"))
        return [b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" if block is None else ok(block)]

    return answer


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 12 * CHUNK + 3, LINKS * CHUNK + 1])
def test_a_file_comes_over_and_is_pinned(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway, size: int) -> None:
    data = os.urandom(size)
    digest = store.put(data).digest
    assert mine.fetch(digest, max(size, 1), [gateway.url + "/"], 60) == data
    assert mine.has(digest)
    gateway.stop()
    assert mine.fetch(digest, max(size, 1), [], 1) == data


def test_a_small_file_under_a_large_bound(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway) -> None:
    digest = store.put(b"small").digest
    assert mine.fetch(digest, 10**9, [gateway.url], 10) == b"small"


def test_a_large_file_under_a_small_bound(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway) -> None:
    digest = store.put(os.urandom(3 * CHUNK)).digest
    for bound in (1, CHUNK, 3 * CHUNK - 1):
        with pytest.raises(TooLargeError):
            mine.fetch(digest, bound, [gateway.url], 10)
    assert mine.size() == 0


def test_what_does_not_fit_here_is_a_full_disk(store: EmbeddedStore, tmp_path: Path, gateway: Gateway) -> None:
    small = EmbeddedStore(tmp_path / "small", capacity_bytes=CHUNK, allow_private=True)
    digest = store.put(os.urandom(2 * CHUNK)).digest
    with pytest.raises(DiskFullError):
        small.fetch(digest, 2 * CHUNK, [gateway.url], 10)
    assert small.size() == 0


def test_a_rotten_block_is_fetched_again(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway) -> None:
    data = os.urandom(2 * CHUNK)
    digest = store.put(data).digest
    mine.fetch(digest, len(data), [gateway.url], 10)
    mine._file(digest_of(data[:CHUNK])).write_bytes(b"rotten")
    assert mine.fetch(digest, len(data), [gateway.url], 10) == data
    assert mine.get(digest, len(data)) == data


def test_a_rotten_block_there_is_not_served(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway) -> None:
    digest = store.put(b"some data").digest
    store._file(digest).write_bytes(b"same data")
    with pytest.raises(NotFoundError):
        mine.fetch(digest, 100, [gateway.url], 10)


def test_nobody_has_it(mine: EmbeddedStore, gateway: Gateway) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for providers in (
        [],
        [gateway.url],
        [gateway.url, refused],
        ["ftp://example.org", "http://", "http://user@127.0.0.1", "http://[::1", "é"],
    ):
        with pytest.raises(NotFoundError):
            mine.fetch(digest_of(b"nowhere"), 100, providers, 10)


def test_blocks_come_from_whoever_has_them(store: EmbeddedStore, mine: EmbeddedStore, tmp_path: Path, gateway: Gateway) -> None:
    data = os.urandom(4 * CHUNK)
    *leaves, (root, _) = blocks_of(data)
    store.put(data)
    for cid, _ in leaves[:2]:
        store._file(cid.digest).unlink()
    other = EmbeddedStore(tmp_path / "other")
    for _, block in leaves[:2]:
        other.put(block)
    second = Gateway(other)
    second.start()
    try:
        assert mine.fetch(root.digest, len(data), [gateway.url, second.url], 10) == data
    finally:
        second.stop()


LIES: dict[str, Callable[[str], list[bytes | float]]] = {
    "other bytes": lambda path: [ok(b"other bytes")],
    "nothing": lambda path: [ok(b"")],
    "more than allowed": lambda path: [ok(bytes(CHUNK + 1))],
    "a long claim": lambda path: [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + bytes(2 * CHUNK)],
    "cut off": lambda path: [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"some"],
    "no HTTP": lambda path: [b"220 mail.example.org ESMTP\r\n"],
    "hangs up": lambda path: [],
    "drips a body": lambda path: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[0.05, b"1\r\nx\r\n"] * 2000],
    "drips headers": lambda path: [b"HTTP/1.1 200 OK\r\n", *[0.05, b"X: y\r\n"] * 2000],
    "floods headers": lambda path: [b"HTTP/1.1 200 OK\r\n", *[b"X-Long: " + b"y" * 60_000 + b"\r\n"] * 100],
    "floods a body": lambda path: [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"10000\r\n" + bytes(65_536) + b"\r\n"] * 2000,
    ],
    "says nothing": lambda path: [100.0],
    "an error": lambda path: [b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"],
    "compressed": lambda path: [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_bad_provider_is_passed_over_for_the_next(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway, lie: str) -> None:
    data = os.urandom(2 * CHUNK)
    digest = store.put(data).digest
    with closing(Server(LIES[lie])) as server:
        # The bad one may use up its share of the time, not more.
        assert mine.fetch(digest, len(data), [server.url, gateway.url], 12) == data
        assert server.asked


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        ("other bytes", IntegrityError),
        ("more than allowed", TooLargeError),
        ("floods a body", TooLargeError),
        ("drips a body", NotFoundError),
        ("drips headers", NotFoundError),
        ("says nothing", NotFoundError),
        ("hangs up", NotFoundError),
    ],
)
def test_alone_it_is_an_error_within_the_time(mine: EmbeddedStore, lie: str, error: type[Exception]) -> None:
    seconds = 1.5 if error is NotFoundError else 20.0
    with closing(Server(LIES[lie])) as server, pytest.raises(error):
        mine.fetch(digest_of(b"wanted"), 10 * CHUNK, [server.url], seconds)
    assert mine.size() == 0
    assert mine.pinned() == []


def test_a_tree_of_another_shape_is_no_file(mine: EmbeddedStore) -> None:
    # Two leaves of 1 KiB: a tree that other importers make, and whose digest no file of this layout has.
    chunks = [os.urandom(1024), os.urandom(1024)]
    root = unixfs.encode([unixfs.Link(sha256(chunk), True, 1024, 1024) for chunk in chunks])
    blocks = {str(Cid(RAW, sha256(chunk))): chunk for chunk in chunks} | {str(Cid(DAG_PB, sha256(root))): root}
    with closing(Server(serving(blocks))) as server:
        # The digest then names the node's own bytes, as it does for every other node that fetches it.
        assert mine.fetch(sha256(root), 10 * CHUNK, [server.url], 5) == root


def test_a_node_that_lies_about_sizes_below_it(mine: EmbeddedStore) -> None:
    data = os.urandom((LINKS + 2) * CHUNK)
    found = list(blocks_of(data))
    blocks = {str(cid): block for cid, block in found}
    # In place of the root's second child, a well-hashed node with a leaf too few.
    short = unixfs.encode([unixfs.Link(sha256(data[-CHUNK:]), True, CHUNK, CHUNK)])
    _, (first, second) = unixfs.open_root(found[-1][1])
    root = unixfs.encode([first, unixfs.Link(sha256(short), False, second.file_size, second.dag_size)])
    blocks |= {str(Cid(DAG_PB, sha256(short))): short, str(Cid(DAG_PB, sha256(root))): root}
    with closing(Server(serving(blocks))) as server, pytest.raises(IntegrityError):
        mine.fetch(sha256(root), len(data), [server.url], 10)
    assert mine.size() == 0


def test_a_leaf_shorter_than_its_place(mine: EmbeddedStore) -> None:
    leaf = os.urandom(100)
    root = unixfs.encode([unixfs.Link(sha256(leaf), True, CHUNK, CHUNK), unixfs.Link(sha256(leaf), True, 100, 100)])
    blocks = {str(Cid(DAG_PB, sha256(root))): root, str(Cid(RAW, sha256(leaf))): leaf}
    with closing(Server(serving(blocks))) as server, pytest.raises(IntegrityError):
        mine.fetch(sha256(root), 2 * CHUNK, [server.url], 5)


def test_what_arrives_is_hashed_once_on_its_way_to_the_disk(mine: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(5 * CHUNK + 3)
    found = list(blocks_of(data))
    real, hashed = hashlib.sha256, []

    class Counted:
        def __init__(self, given: bytes = b"") -> None:
            self._hash = real()
            self.update(given)

        def update(self, given: bytes) -> None:
            hashed.append(len(given))
            self._hash.update(given)

        def digest(self) -> bytes:
            return self._hash.digest()

    with closing(Server(serving({str(cid): bytes(block) for cid, block in found}))) as server:
        monkeypatch.setattr(hashlib, "sha256", Counted)
        mine.fetch(found[-1][0].digest, len(data), [server.url], 10)
        monkeypatch.undo()
    assert sum(hashed) == sum(len(block) for _, block in found)
    assert mine.get(found[-1][0].digest, len(data)) == data


def test_redirects_are_not_followed(store: EmbeddedStore, mine: EmbeddedStore, gateway: Gateway) -> None:
    cid = store.put(b"elsewhere")
    location = f"Location: {gateway.url}/ipfs/{cid}?format=raw\r\n".encode()
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + location + b"\r\n"
    with closing(Server(lambda path: [answer])) as server, pytest.raises(NotFoundError, match="302"):
        mine.fetch(cid.digest, 100, [server.url], 5)


def test_private_addresses_are_refused_unless_allowed(store: EmbeddedStore, tmp_path: Path) -> None:
    digest = store.put(b"inside").digest
    careful = EmbeddedStore(tmp_path / "careful")
    with closing(Server(LIES["nothing"])) as server:
        port = server.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433"):
            with pytest.raises(NotFoundError):
                careful.fetch(digest, 100, [f"http://{host}:{port}"], 5)
        assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert retrieval.is_public(address) == public


def test_the_gateway_answers_as_the_specification_says(store: EmbeddedStore, gateway: Gateway) -> None:
    data = os.urandom(2 * CHUNK)
    root = store.put(data)
    for cid, block in blocks_of(data):
        url = f"{gateway.url}/ipfs/{cid}"
        answer = httpx.get(url, params={"format": "raw"})
        assert (answer.status_code, answer.content) == (200, block)
        assert answer.headers["Content-Type"] == RAW_TYPE
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Ipfs-Path"] == f"/ipfs/{cid}"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        head = httpx.head(url, headers={"Accept": f"text/html, {RAW_TYPE};q=0.9"})
        assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(block)))
        assert httpx.get(url + "?format=raw", headers={"If-None-Match": answer.headers["Etag"]}).status_code == 304
    url = f"{gateway.url}/ipfs/{root}"
    assert httpx.get(url).status_code == 406
    assert httpx.get(url + "?format=car").status_code == 400
    assert httpx.get(url, headers={"Accept": "application/vnd.ipld.car"}).status_code == 406
    assert httpx.get(url + "/path?format=raw").status_code == 404
    assert httpx.post(url + "?format=raw").status_code == 405
    assert httpx.get(f"{gateway.url}/ipfs/{cid_of(b'absent')}?format=raw").status_code == 404
    for bad in ("x", "bafy", str(root).upper(), str(root) + "a", "..%2f..%2fpins.sqlite", "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"):
        assert httpx.get(f"{gateway.url}/ipfs/{bad}?format=raw").status_code in (400, 404)
    empty = httpx.get(f"{gateway.url}/ipfs/bafkqaaa?format=raw")
    assert (empty.status_code, empty.content) == (200, b"")
    for nothing in ("/", "/ipfs", "/ipfs/", "/ipns/example.org", "/docs", "/openapi.json"):
        assert httpx.get(gateway.url + nothing).status_code == 404
    assert httpx.get(gateway.url + "/health").json() == {"status": "ok"}


def test_the_gateway_says_when_its_port_is_taken(store: EmbeddedStore, gateway: Gateway) -> None:
    port = int(gateway.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=str(port)):
        Gateway(store, port=port).start()


def test_the_gateway_starts_and_stops_again(store: EmbeddedStore) -> None:
    served = Gateway(store)
    served.stop()
    served.start()
    url = served.url
    served.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/health")
    served.start()
    assert served.url == url
    assert httpx.get(url + "/health").status_code == 200
    served.stop()


def test_idle_connections_do_not_keep_others_out(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "CONNECTIONS", 5)
    monkeypatch.setattr(serving_module, "REQUEST_SECONDS", 0.5)
    served = Gateway(store)
    served.start()
    port = int(served.url.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    try:
        idle[0].sendall(b"GET /health HTTP/1.1\r\nHost: ")
        for connection in idle:
            connection.settimeout(30)
            assert connection.recv(1000) == b""
        assert httpx.get(served.url + "/health").status_code == 200
    except ConnectionResetError:
        assert httpx.get(served.url + "/health").status_code == 200
    finally:
        for connection in idle:
            connection.close()
        served.stop()
