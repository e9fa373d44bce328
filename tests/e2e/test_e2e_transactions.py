"""Transactions of running nodes that are held back, a nonce that another wallet takes, a chain that stops: nobody has to do anything."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import books
import pytest
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from fault_proxy import FaultProxy
from hexbytes import HexBytes
from swarm_of_processes import PASSWORD, Swarm

from swarm_chain.chain.events import CommitForfeited, Committed, Revealed
from swarm_chain.chain.fees import GWEI
from swarm_chain.chain.local import LocalChain
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node.keys import NODE_KEY, key_path, load_key

LINEAR = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=8))
MINUTE = 60
LONG = 100_000
"""Chain seconds: no phase ends by its deadline."""
PATIENCE = 150.0


FIRST_COMMIT = 1
"""Nonce of a node's commit in the first round; it announces itself before."""


class HoldingProxy(FaultProxy):
    """Takes a node's first commit, says so, and keeps it to itself, with all that comes after, until it lets go."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.held: list[str] = []
        self._holds = True
        self._keeping = threading.Lock()

    def ask(self, request: Any) -> Any:
        raw = request["params"][0] if request["method"] == "eth_sendRawTransaction" else ""
        with self._keeping:
            if raw and self._holds and nonce_of(raw) >= FIRST_COMMIT:
                self.held.append(raw)
                return {"jsonrpc": "2.0", "id": request["id"], "result": "0x" + keccak(hexstr=raw).hex()}
        return super().ask(request)

    def let_go(self) -> None:
        """Sends what it kept, and keeps nothing more."""
        with self._keeping:
            self._holds = False
        for raw in self.held:
            super().ask({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]})


def nonce_of(raw: str) -> int:
    return int(TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["nonce"])


@pytest.fixture
def proxy(swarm: Swarm) -> Iterator[HoldingProxy]:
    with HoldingProxy(swarm.rpc_url) as proxy:
        yield proxy
        swarm.stop()  # before what it asks


def start(swarm: Swarm, proxy: HoldingProxy, rounds: int) -> None:
    swarm.create(LINEAR, commit_duration=LONG, reveal_duration=LONG).add_nodes(3)
    swarm.start(0, rpc_url=proxy.url, rounds=rounds)
    for index in (1, 2):
        swarm.start(index, rounds=rounds)


def check(swarm: Swarm, rounds: int) -> None:
    """Every round is final, every commit revealed, once, and the books are right."""
    assert [result.round for result in swarm.finals()] == list(range(1, rounds + 1))
    for kind in (Committed, Revealed):
        done = sorted((event.round, event.node) for event in swarm.events(kind))
        assert done == sorted((round_, node) for round_ in range(1, rounds + 2) for node in swarm.nodes), kind.__name__
    assert swarm.events(CommitForfeited) == []
    books.check(swarm.contracts)


@pytest.mark.slow
def test_a_transaction_held_back_for_a_minute_is_replaced_and_mined_once(swarm: Swarm, proxy: HoldingProxy) -> None:
    start(swarm, proxy, rounds=2)
    swarm.until("the others have committed", lambda: proxy.held and all(swarm.committed(index, 1) for index in (1, 2)), PATIENCE)
    time.sleep(MINUTE)  # so long it is held back
    assert not swarm.committed(0, 1)
    assert {nonce_of(raw) for raw in proxy.held} == {FIRST_COMMIT}
    assert len(set(proxy.held)) > 1, "it offers more where it is not mined"
    proxy.let_go()
    swarm.all_done(PATIENCE)
    check(swarm, 2)


@pytest.mark.slow
def test_a_nonce_that_another_wallet_takes_is_left_to_it(swarm: Swarm, proxy: HoldingProxy) -> None:
    start(swarm, proxy, rounds=2)
    swarm.until("its commit is held back", lambda: bool(proxy.held), PATIENCE)
    wallet: LocalAccount = load_key(key_path(swarm.home(0), NODE_KEY), PASSWORD)
    pays = {"to": swarm.nodes[1], "value": 1, "gas": 21_000, "nonce": FIRST_COMMIT, "chainId": swarm.contracts.deployment.chain_id}
    signed = wallet.sign_transaction({**pays, "maxFeePerGas": 90 * GWEI, "maxPriorityFeePerGas": 2 * GWEI})
    web3 = swarm.contracts.web3
    web3.eth.send_raw_transaction(signed.raw_transaction)
    assert web3.eth.wait_for_transaction_receipt(signed.hash, PATIENCE)["status"] == 1
    proxy.let_go()
    swarm.all_done(PATIENCE)
    assert f"took its nonce {FIRST_COMMIT}" in swarm.log(0).read_text()
    with closing(sqlite3.connect(swarm.home(0) / "outbox.db")) as outbox:
        assert outbox.execute("SELECT count(*) FROM steps WHERE state IN ('waiting', 'signed', 'sent')").fetchone() == (0,)
    check(swarm, 2)


@pytest.mark.slow
def test_a_chain_that_stops_for_a_minute_is_waited_for(own_chain: LocalChain, lone_swarm: Swarm) -> None:
    swarm = lone_swarm.create(LINEAR, commit_duration=LONG, reveal_duration=LONG).add_nodes(3)
    for index in range(3):
        swarm.start(index, rounds=3, rpc_timeout=5.0)
    swarm.until("round 2 is open", lambda: swarm.committed(0, 2), PATIENCE)
    assert own_chain.pid is not None
    os.kill(own_chain.pid, signal.SIGSTOP)
    try:
        time.sleep(MINUTE)  # so long it stands still
        for index in range(3):
            assert "does not answer in time" in swarm.log(index).read_text()
            assert swarm.processes[index].poll() is None
            assert "does not answer in time" in str(swarm.status(index)["message"])
    finally:
        os.kill(own_chain.pid, signal.SIGCONT)
    swarm.all_done(PATIENCE)
    check(swarm, 3)
