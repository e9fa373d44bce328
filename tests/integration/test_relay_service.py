"""A relay in front of a real chain: what it takes, what it refuses, what it sends. The nodes are keys of the test."""

import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.relay import Relay
from swarm_chain.chain.sender import Sender
from swarm_chain.protocol.commitment import commitment, genesis_hash
from swarm_chain.protocol.relaying import MESSAGE_BYTES, SignedCommit, SignedReveal, sign_commit, sign_reveal
from swarm_chain.relay import desk_server, service
from swarm_chain.relay.settings import RelaySettings
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Mixing, Phase, Reveal, Round, Rule, Scoring, Terms

COUNT = 3
STAKE = 10**18


@dataclass
class Swarm:
    """A group of ``COUNT`` nodes without coin, and what they sign."""

    contracts: Contracts
    group: GroupId
    nodes: list[LocalAccount]
    salts: dict[tuple[str, int], bytes]
    parent: bytes

    @property
    def relay(self) -> Address:
        return self.contracts.deployment.addresses[Relay.name]

    def opened(self, node: LocalAccount, round_: int) -> Reveal:
        salt = self.salts.setdefault((node.address, round_), secrets.token_bytes(32))
        return Reveal(salt, self.parent, b"\x07" * 32, 64, 900_000, 0b111)

    def commit(self, node: LocalAccount, round_: int = 1) -> SignedCommit:
        domain = self.contracts.domain(self.group)
        hash_ = commitment(domain, Round(round_), Address(node.address), self.opened(node, round_))
        return sign_commit(domain, self.relay, Round(round_), Digest(ZERO32), hash_, signing(node))

    def reveal(self, node: LocalAccount, round_: int = 1) -> SignedReveal:
        domain = self.contracts.domain(self.group)
        return sign_reveal(domain, self.relay, Round(round_), self.opened(node, round_), signing(node))

    def phase(self) -> tuple[int, Phase]:
        view = self.contracts.views.phase(self.group)
        return view.round, view.phase


def signing(node: LocalAccount) -> Callable[[bytes], bytes]:
    return lambda hash_: bytes(node.unsafe_sign_hash(hash_).signature)  # type: ignore[arg-type]  # 32 bytes


@pytest.fixture
def swarm(contracts: Contracts, treasury: Sender) -> Swarm:
    digest, root = Digest(secrets.token_bytes(32)), secrets.token_bytes(32)
    terms = Terms(
        dimension=1_000,
        fraction_bits=24,
        min_exponent=4,
        max_exponent=20,
        rule=Rule.TRIMMED_MEAN,
        mixing=Mixing.NONE,
        scoring=Scoring.EQUAL,
        capacity=5,
        min_updates=2,
        quorum_bps=5_000,
        by_invitation=False,
        commit_duration=600,
        reveal_duration=600,
        challenge_window=1,
        idle_timeout=86_400,
        max_missed=3,
        maturity=8,
        stake=STAKE,
        reward_per_round=1,
    )
    treasury.send(contracts.groups.create(terms, Digest(secrets.token_bytes(32)), digest, root))
    group = GroupId(contracts.groups.group_count())
    nodes = []
    for _ in range(COUNT):
        node, operator = Account.create(), Sender(contracts.web3, Account.create())
        contracts.web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [operator.address, hex(10**20)])
        treasury.send(contracts.token.transfer(operator.address, STAKE))
        operator.send(contracts.identities.register(node, operator.address))
        identity = contracts.identities.identity_of(Address(node.address))
        operator.send(contracts.token.approve(contracts.stakes.address, STAKE))
        operator.send(contracts.stakes.deposit(identity, STAKE))
        operator.send(contracts.rounds.join(group, Address(node.address)))
        nodes.append(node)
    return Swarm(contracts, group, nodes, {}, genesis_hash(contracts.domain(group), digest, root))


@dataclass
class Running:
    """A relay in a thread of its own."""

    url: str
    payer: LocalAccount

    def offer(self, message: SignedCommit | SignedReveal) -> tuple[int, str]:
        path = "commits" if isinstance(message, SignedCommit) else "reveals"
        return self.post(path, json.dumps(message.as_json()).encode())

    def post(self, path: str, body: bytes) -> tuple[int, str]:
        answer = httpx.post(f"{self.url}/{path}", content=body, timeout=30, trust_env=False)
        return answer.status_code, str(answer.json()["answer"])

    def status(self) -> dict[str, object]:
        return dict(httpx.get(self.url, timeout=30, trust_env=False).json())

    def messages(self) -> list[int]:
        """How many were in each batch that it says it has sent; it says so a moment after the chain has it."""
        return [batch["messages"] for batch in self.status()["sent"]]  # type: ignore[attr-defined]


Start = Callable[..., Running]


@pytest.fixture
def start(
    anvil: LocalChain,
    web3: Web3,
    deployment: object,
    swarm: Swarm,
    tmp_path_factory: pytest.TempPathFactory,
    new_account: Callable[[], LocalAccount],
) -> Iterator[Start]:
    running: list[tuple[threading.Event, threading.Thread]] = []
    file = next(Path(tmp_path_factory.getbasetemp()).glob("deployment*/deployment.json"))

    def begin(payer: LocalAccount | None = None, **changed: object) -> Running:
        account = payer or new_account()
        settings = replace(
            RelaySettings(anvil.url, file, swarm.group, account, wait=0.5, poll_interval=0.2),
            **changed,  # type: ignore[arg-type]
        )
        stop, urls = threading.Event(), []
        thread = threading.Thread(target=service.run, args=(settings, stop, urls.append), daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not urls:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.02)
        running.append((stop, thread))
        return Running(urls[0], account)

    yield begin
    for stop, thread in running:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_round_is_relayed_in_two_transactions(swarm: Swarm, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "swarm_chain")
    relay = start(wait=60.0)
    begun = time.monotonic()
    for node in swarm.nodes:
        assert relay.offer(swarm.commit(node)) == (202, "kept")
    until(lambda: swarm.phase() == (1, Phase.REVEAL), "all seats are in, so nobody waits for a minute")
    for node in swarm.nodes:
        assert relay.offer(swarm.reveal(node)) == (202, "kept")
    until(lambda: swarm.phase() == (1, Phase.CLOSED), "revealed")
    assert time.monotonic() - begun < 45
    until(lambda: all(batch["accepted"] == COUNT for batch in relay.status()["sent"]), "counted")  # type: ignore[union-attr]
    until(lambda: relay.status()["round"] == 2, "it looks on")
    status = relay.status()
    assert [(batch["round"], batch["what"], batch["messages"]) for batch in status["sent"]] == [(1, "commits", 3), (1, "reveals", 3)]  # type: ignore[union-attr]
    assert (status["group"], status["account"], status["pending"], status["round"]) == (swarm.group, relay.payer.address, 0, 2)
    updates = swarm.contracts.rounds.commits(swarm.group, Round(1))
    assert {update.node for update in updates} == {node.address for node in swarm.nodes}
    assert all(update.reveal == swarm.opened(node, 1) for update in updates for node in swarm.nodes if node.address == update.node)
    assert not any(salt.hex() in caplog.text + json.dumps(status) for salt in swarm.salts.values())


def test_a_reveal_before_its_phase_is_refused_and_not_kept(swarm: Swarm, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    relay = start(wait=60.0)
    assert relay.offer(swarm.reveal(swarm.nodes[0])) == (409, "commits of round 1 are taken now")
    assert relay.offer(swarm.commit(swarm.nodes[0])) == (202, "kept")
    assert relay.offer(swarm.reveal(swarm.nodes[0])) == (409, "commits of round 1 are taken now")
    assert relay.status()["pending"] == 1
    assert swarm.opened(swarm.nodes[0], 1).salt.hex() not in caplog.text


def test_one_message_a_node_and_round(swarm: Swarm, start: Start) -> None:
    relay = start(wait=60.0)
    node = swarm.nodes[0]
    first = swarm.commit(node)
    assert relay.offer(first) == (202, "kept")
    assert relay.offer(first) == (200, "kept already")
    swarm.salts.clear()
    assert relay.offer(swarm.commit(node)) == (409, "another one of this node is kept already")
    assert relay.status()["pending"] == 1


def test_strangers_and_signatures_for_elsewhere_are_refused(swarm: Swarm, start: Start) -> None:
    relay = start()
    node, domain = swarm.nodes[0], swarm.contracts.domain(swarm.group)
    stranger = "whoever signed this, for this relay, group and round, has no seat"
    assert relay.offer(swarm.commit(Account.create())) == (403, stranger)
    mine = swarm.commit(node)
    elsewhere = [
        (replace(domain, chain_id=1), swarm.relay),
        (replace(domain, group=GroupId(swarm.group + 1)), swarm.relay),
        (domain, swarm.contracts.rounds.address),
    ]
    for other, contract in elsewhere:
        assert relay.offer(sign_commit(other, contract, mine.round, mine.sealed_digest, mine.commitment, signing(node))) == (403, stranger)
    assert relay.offer(replace(mine, round=Round(2))) == (403, stranger)
    assert relay.offer(swarm.commit(node, 2)) == (409, "commits of round 1 are taken now")
    assert relay.offer(replace(mine, signature=bytes(64))) == (400, "the signature is none")
    assert relay.status()["pending"] == 0


def test_a_reveal_must_open_what_was_committed(swarm: Swarm, start: Start) -> None:
    relay = start()
    for node in swarm.nodes:
        relay.offer(swarm.commit(node))
    until(lambda: swarm.phase() == (1, Phase.REVEAL), "committed")
    good = swarm.reveal(swarm.nodes[0])
    for altered in (replace(good.opened, samples=65), replace(good.opened, parent=b"\x09" * 32), replace(good.opened, update_root=ZERO32)):
        assert relay.offer(replace(good, opened=altered)) == (409, "it does not open what this node committed")
    assert relay.offer(replace(good, opened=replace(good.opened, available=0)))[0] == 403, "that is signed"
    assert relay.offer(good) == (202, "kept")


def test_who_sent_its_own_needs_no_relay(swarm: Swarm, start: Start, web3: Web3) -> None:
    relay = start(wait=60.0)
    own = swarm.nodes[0]
    web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [own.address, hex(10**20)])
    assert relay.offer(swarm.commit(own)) == (202, "kept")
    message = swarm.commit(own)
    Sender(web3, own).send(swarm.contracts.rounds.commit(swarm.group, Round(1), message.sealed_digest, message.commitment))
    until(lambda: relay.status()["pending"] == 0, "it is let go")
    assert relay.offer(message) == (200, "on chain already")
    for node in swarm.nodes[1:]:
        assert relay.offer(swarm.commit(node)) == (202, "kept")
    until(lambda: swarm.phase() == (1, Phase.REVEAL), "the other two were not kept waiting for the first")
    until(lambda: relay.messages() == [2], "both are told of")


def test_batches_are_no_larger_than_asked(swarm: Swarm, start: Start) -> None:
    relay = start(batch=2, wait=60.0)
    for node in swarm.nodes[:2]:
        relay.offer(swarm.commit(node))
    until(lambda: swarm.phase() == (1, Phase.COMMIT), "a full batch leaves at once")
    relay.offer(swarm.commit(swarm.nodes[2]))
    until(lambda: swarm.phase() == (1, Phase.REVEAL), "and so does the last seat's")
    until(lambda: relay.messages() == [2, 1], "both are told of")


def test_a_payer_without_coin_takes_nothing(swarm: Swarm, start: Start, web3: Web3) -> None:
    payer = Account.create()
    relay = start(payer)
    status, why = relay.offer(swarm.commit(swarm.nodes[0]))
    assert (status, why) == (503, "The account does not hold enough of the chain's coin to pay for a batch.")
    assert relay.status()["trouble"] == why
    web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [payer.address, hex(10**20)])
    until(lambda: relay.offer(swarm.commit(swarm.nodes[0]))[0] in (200, 202), "it is taken once there is coin")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b"[" * 400, 400), (b"\xff", 400), (b"{" + b" " * MESSAGE_BYTES + b"}", 413), (b"x" * 1_000_000, 413)],
)
def test_what_is_no_message_is_refused(start: Start, body: bytes, status: int) -> None:
    relay = start()
    for path in ("commits", "reveals"):
        assert relay.post(path, body)[0] == status
    assert httpx.get(f"{relay.url}/commits", trust_env=False).status_code == 405
    assert httpx.get(f"{relay.url}/reveals/1", trust_env=False).status_code == 404


def test_a_dripping_message_is_cut_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_server, "BODY_SECONDS", 0.5)
    relay = start()
    host, _, port = relay.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /commits HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        assert b" 408 " in connection.recv(1_000)
        assert time.monotonic() - begun < 5


def test_one_address_cannot_ask_without_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_server, "BURST", 5)
    monkeypatch.setattr(desk_server, "RATE", 0.001)
    relay = start()
    assert [relay.post("commits", b"{}")[0] for _ in range(7)] == [400] * 5 + [429] * 2
