"""Nodes that hand commits and reveals to a relay: an honest one, one that dies, one that lies."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from swarm_of_processes import Swarm
from web3.types import RPCEndpoint

from swarm_chain.chain.events import Committed, Revealed, RoundFinal
from swarm_chain.types import Round

OWN = ("commit", "reveal", "revealWith")


class Relay:
    """``swarm-chain relay`` in a process of its own."""

    def __init__(self, swarm: Swarm, *flags: str) -> None:
        self.home = swarm.folder / f"relay {time.monotonic_ns()}"
        self.log = swarm.folder / f"{self.home.name}.log"
        words = ["--home", self.home, "--rpc", swarm.rpc_url, "--deployment", swarm.deployment, "--group", swarm.group, *flags]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_CHAIN_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "swarm_chain.cli.main", "relay", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        until = time.monotonic() + 60
        while not (found := self._record()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)
        self.url = found

    def _record(self) -> str:
        path = self.home / "processes.json"
        with contextlib.suppress(OSError, ValueError, KeyError):
            return next((str(one["url"]) for one in json.loads(path.read_text())["processes"] if one["role"] == "relay"), "")
        return ""

    def status(self) -> dict[str, object]:
        answer = httpx.get(self.url, timeout=10, trust_env=False)
        assert answer.status_code == 200
        return dict(answer.json())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture
def liar() -> Iterator[tuple[str, list[str]]]:
    """A relay that thanks for everything and sends nothing; its URL, and the paths it was asked."""
    asked: list[str] = []

    class Thanks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"answer": "kept"}'
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Thanks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def own_calls(swarm: Swarm, since: int) -> list[tuple[str, str]]:
    """Commits and reveals that nodes of the swarm sent themselves: who, and what."""
    web3, rounds = swarm.contracts.web3, swarm.contracts.rounds
    selectors = {bytes(function_abi_to_4byte_selector(entry)): entry["name"] for entry in rounds.contract.abi if entry.get("name") in OWN}
    found = []
    for number in range(since, web3.eth.block_number + 1):
        for transaction in web3.eth.get_block(number, full_transactions=True)["transactions"]:
            name = selectors.get(bytes(transaction["input"])[:4])
            if transaction["from"] in swarm.nodes and name is not None:
                found.append((transaction["from"], name))
    return found


def last_block(swarm: Swarm) -> int:
    return int(swarm.contracts.web3.eth.block_number)


def counted(swarm: Swarm, round_: int) -> tuple[int, int]:
    view = swarm.contracts.views.round_at(swarm.group, Round(round_))
    return view.committed, view.revealed


def drain(swarm: Swarm, index: int) -> None:
    """Takes a node's coin away."""
    swarm.contracts.web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [swarm.nodes[index], "0x0"])


def test_rounds_become_final_and_nodes_send_no_commit_or_reveal(swarm: Swarm) -> None:
    swarm.create(reveal_duration=90).add_nodes(4)  # the relay has two thirds of it
    relay, began = Relay(swarm, "--wait", "3"), last_block(swarm)
    try:
        for index in range(4):
            swarm.start(index, rounds=3, relay_url=relay.url)
        poor = 3
        identity = swarm.contracts.views.seat(swarm.group, swarm.nodes[poor]).identity
        swarm.until("the poor node announced itself", lambda: swarm.contracts.identities.endpoint(identity) is not None)
        drain(swarm, poor)
        swarm.all_done(240)
        status = relay.status()
        assert own_calls(swarm, began) == []
        assert [event.round for event in swarm.events(RoundFinal)] == [1, 2, 3]
        for kind in (Committed, Revealed):
            by_node = [event for event in swarm.events(kind) if event.node == swarm.nodes[poor] and event.round <= 3]
            assert len(by_node) == 3, "the node without coin took part in every round"
        assert swarm.contracts.web3.eth.get_balance(swarm.nodes[poor]) == 0
        assert swarm.contracts.rewards.credit_of(swarm.group, swarm.seat(poor)) > 0
        sent = status["sent"]
        assert sum(batch["accepted"] for batch in sent) == sum(batch["messages"] for batch in sent) == 4 * 2 * 4
        for batch in sent:
            receipt = swarm.contracts.web3.eth.get_transaction_receipt(batch["transaction"])
            assert receipt["from"] == status["account"]
            assert receipt["gasUsed"] == batch["gas"]
        assert "salt" not in json.dumps(status)
    finally:
        relay.stop()


@pytest.mark.slow
def test_a_relay_that_is_killed_holds_nothing_back(swarm: Swarm) -> None:
    """It has three of four commits in hand, and waits for the fourth; then it is gone."""
    swarm.create(commit_duration=200).add_nodes(4)
    relay, began = Relay(swarm, "--wait", "600"), last_block(swarm)
    for index in range(3):
        swarm.start(index, rounds=1, relay_url=relay.url)
    try:
        swarm.until("three commits are in the relay's hands", lambda: relay.status()["pending"] == 3, 120)
        assert own_calls(swarm, began) == []
    finally:
        relay.kill()
    swarm.until("the three sent their own", lambda: [name for _, name in own_calls(swarm, began)] == ["commit"] * 3)
    swarm.start(3, rounds=1, relay_url=relay.url)
    swarm.all_done(180)
    assert counted(swarm, 1) == (4, 4)
    assert {node for node, name in own_calls(swarm, began) if name != "commit"} == set(swarm.nodes), "reveals too, before the deadline"
    assert [event.round for event in swarm.events(RoundFinal)] == [1]


@pytest.mark.slow
def test_a_relay_that_lies_is_found_out_in_time(swarm: Swarm, liar: tuple[str, list[str]]) -> None:
    url, asked = liar
    swarm.create(commit_duration=45, reveal_duration=36).add_nodes(3)
    began = last_block(swarm)
    for index in range(3):
        swarm.start(index, rounds=1, relay_url=url)
    swarm.all_done(300)
    assert {"/commits", "/reveals"} <= set(asked)
    assert counted(swarm, 1) == (3, 3)
    assert counted(swarm, 2) == (3, 3)
    assert [event.round for event in swarm.events(RoundFinal)] == [1]
    assert sorted({node for node, _ in own_calls(swarm, began)}) == sorted(swarm.nodes)


def test_a_relay_that_is_not_there_costs_nothing(swarm: Swarm) -> None:
    swarm.create(commit_duration=600).add_nodes(2)
    begun = time.monotonic()
    for index in range(2):
        swarm.start(index, rounds=1, relay_url="http://127.0.0.1:9")
    swarm.all_done(180)
    assert time.monotonic() - begun < 180, "nobody waited for two thirds of ten minutes"
    assert counted(swarm, 1) == (2, 2)


def test_what_is_no_url_is_refused(swarm: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    from swarm_chain.node.__main__ import main

    swarm.create().add_nodes(1)
    assert main(swarm.settings_file(0, relay_url="ftp://relay")) == 3
    assert "is not a relay's URL" in capsys.readouterr().err


def test_home_is_tidy(swarm: Swarm) -> None:
    """The relay forgets its own record when it ends, and its key file is for its owner alone."""
    swarm.create().add_nodes(1)
    relay = Relay(swarm)
    key = relay.home / "keys" / "relay" / "relay.json"
    assert key.stat().st_mode & 0o777 == 0o600
    relay.stop()
    assert json.loads((relay.home / "processes.json").read_text())["processes"] == []
