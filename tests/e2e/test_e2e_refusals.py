"""What is wrong from the start: a clear message, the exit code of the specification, and nothing lost."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from swarm_of_processes import TASK, Swarm

from swarm_chain.chain.outbox import OUTBOX
from swarm_chain.node.__main__ import main
from swarm_chain.node.keys import NODE_KEY, key_path
from swarm_chain.storage.cid import digest_of
from swarm_chain.storage.embedded import EmbeddedStore


@pytest.fixture
def member(swarm: Swarm) -> Swarm:
    """A group with one seated node, index 0."""
    return swarm.create().add_nodes(1)


@pytest.fixture
def liar(swarm: Swarm) -> Iterator[str]:
    """A gateway that answers everything with another manifest."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = swarm.task.encode().replace(b'"steps":12', b'"steps":99')
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.ipld.raw")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def exit_of(swarm: Swarm, capsys: pytest.CaptureFixture[str], **settings: object) -> tuple[int, str]:
    code = main(swarm.settings_file(0, **settings))
    return code, capsys.readouterr().err


def test_a_wrong_password(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    key = key_path(member.home(0), NODE_KEY)
    before = key.read_bytes()
    code, said = exit_of(member, capsys, password="wrong")
    assert code == 3
    assert "The password does not open" in said
    assert key.read_bytes() == before


def test_an_unknown_group(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = exit_of(member, capsys, group=member.group + 1)
    assert code == 5
    assert f"There is no group {member.group + 1}" in said


def test_a_group_without_a_seat_for_the_node(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    member.create()
    code, said = exit_of(member, capsys)
    assert code == 5
    assert "has no seat" in said


def test_an_rpc_that_is_down(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = exit_of(member, capsys, rpc_url="http://127.0.0.1:9")
    assert code == 4
    assert "cannot be reached" in said


def test_another_chain(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    deployment = json.loads(member.deployment.read_text())
    elsewhere = member.folder / "deployment.json"
    elsewhere.write_text(json.dumps(deployment | {"chain_id": 1}))
    code, said = exit_of(member, capsys, deployment=str(elsewhere))
    assert code == 4
    assert "has ID 31337, not 1" in said


def test_a_manifest_nobody_has(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    forget_manifest(member)
    code, _ = exit_of(member, capsys)
    assert code == 6


def test_a_manifest_that_does_not_hash_to_its_digest(member: Swarm, capsys: pytest.CaptureFixture[str], liar: str) -> None:
    forget_manifest(member)
    code, said = exit_of(member, capsys, providers=[liar])
    assert code == 6
    assert said
    store = EmbeddedStore(member.home(0) / "store")
    assert store.size() == 0
    store.close()


def test_data_that_is_not_there(swarm: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    swarm.create(replace(TASK, images=replace(TASK.images, source="fashion"))).add_nodes(1)
    code, said = exit_of(swarm, capsys, data_dir=str(swarm.folder))
    assert code == 7
    assert "No images of 'fashion'" in said
    with closing(sqlite3.connect(swarm.home(0) / OUTBOX)) as outbox:
        assert outbox.execute("SELECT name FROM steps").fetchall() == []  # nobody is told of a node that does not run


def test_a_gateway_on_every_address_that_nobody_was_told(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = exit_of(member, capsys, host="0.0.0.0")
    assert code == 3
    assert "--gateway-url" in said


def test_a_full_store(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = exit_of(member, capsys, store_capacity=10_000)
    assert code == 6
    assert said
    store = EmbeddedStore(member.home(0) / "store")
    assert store.has(digest_of(member.task.encode()))  # what was there is there
    store.close()


def test_a_second_process_on_one_home(member: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    member.start(0)
    member.until("the first one runs", lambda: bool(member.status(0)))
    code, said = exit_of(member, capsys)
    assert code == 3
    assert f"in use by process {member.processes[0].pid}" in said


def forget_manifest(swarm: Swarm) -> None:
    store = EmbeddedStore(swarm.home(0) / "store")
    store.remove(digest_of(swarm.task.encode()))
    store.close()
