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
def proxies(swarm: Swarm) -> Iterator[tuple[HoldingProxy, HoldingProxy]]:
    with HoldingProxy(swarm.rpc_url) as first, HoldingProxy(swarm.rpc_url) as second:
        yield first, second
        swarm.stop()  # before what it asks


def check(swarm: Swarm, rounds: int) -> None:
    """Every round is final, every commit revealed, once, and the books are right."""
    assert [result.round for result in swarm.finals()] == list(range(1, rounds + 1))
    for kind in (Committed, Revealed):
        done = sorted((event.round, event.node) for event in swarm.events(kind))
        assert done == sorted((round_, node) for round_ in range(1, rounds + 2) for node in swarm.nodes), kind.__name__
    assert swarm.events(CommitForfeited) == []
    books.check(swarm.contracts)


@pytest.mark.slow
def test_a_transaction_held_back_for_a_minute_and_a_nonce_that_another_wallet_takes(
    swarm: Swarm, proxies: tuple[HoldingProxy, HoldingProxy]
) -> None:
    """Of one node the first commit is held back, of another its nonce is used by somebody with the same key meanwhile."""
    held, overtaken = proxies
    swarm.create(LINEAR, commit_duration=LONG, reveal_duration=LONG).add_nodes(3)
    for index, url in enumerate((held.url, overtaken.url, swarm.rpc_url)):
        swarm.start(index, rpc_url=url, rounds=2)
    swarm.until("both are held back", lambda: held.held and overtaken.held and swarm.committed(2, 1), PATIENCE)
    since = time.monotonic()
    take_nonce(swarm, 1)
    overtaken.let_go()
    swarm.until("the second has committed", lambda: swarm.committed(1, 1), PATIENCE)
    assert f"took its nonce {FIRST_COMMIT}" in swarm.log(1).read_text()

    time.sleep(max(since + MINUTE - time.monotonic(), 0))  # so long it is held back
    assert not swarm.committed(0, 1)
    assert {nonce_of(raw) for raw in held.held} == {FIRST_COMMIT}
    assert len(set(held.held)) > 1, "it offers more where it is not mined"
    held.let_go()
    swarm.all_done(PATIENCE)
    for index in range(3):
        with closing(sqlite3.connect(swarm.home(index) / "outbox.db")) as outbox:
            assert outbox.execute("SELECT count(*) FROM steps WHERE state IN ('waiting', 'signed', 'sent')").fetchone() == (0,)
    check(swarm, 2)


def take_nonce(swarm: Swarm, index: int) -> None:
    """Sends a coin with a node's key, on the nonce of its first commit, and waits until that is mined."""
    wallet: LocalAccount = load_key(key_path(swarm.home(index), NODE_KEY), PASSWORD)
    pays = {"to": swarm.nodes[0], "value": 1, "gas": 21_000, "nonce": FIRST_COMMIT, "chainId": swarm.contracts.deployment.chain_id}
    signed = wallet.sign_transaction({**pays, "maxFeePerGas": 90 * GWEI, "maxPriorityFeePerGas": 2 * GWEI})
    web3 = swarm.contracts.web3
    web3.eth.send_raw_transaction(signed.raw_transaction)
    assert web3.eth.wait_for_transaction_receipt(signed.hash, PATIENCE)["status"] == 1


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
