"""A node's dealings with relays that answer, refuse, lie, drip and are not there."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from eth_account import Account

from swarm_chain.chain.views import PhaseView
from swarm_chain.errors import ConfigurationError
from swarm_chain.node import relayed
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.relayed import RelayHand, is_late
from swarm_chain.protocol.relaying import SignedCommit, SignedReveal, signer
from swarm_chain.types import Address, Digest, Domain, GroupId, Mixing, Phase, Reveal, Round, Rule, Scoring, Terms

ACCOUNT = Account.from_key(b"\x06" * 32)
CONTRACT = Address("0x" + "52" * 20)
DOMAIN = Domain(31337, Address("0x" + "4d" * 20), GroupId(1))
TERMS = Terms(
    dimension=10,
    fraction_bits=24,
    min_exponent=4,
    max_exponent=20,
    rule=Rule.MEAN,
    mixing=Mixing.NONE,
    scoring=Scoring.EQUAL,
    capacity=5,
    min_updates=2,
    quorum_bps=5_000,
    by_invitation=False,
    commit_duration=600,
    reveal_duration=300,
    challenge_window=1,
    idle_timeout=900,
    max_missed=3,
    maturity=8,
    stake=1,
    reward_per_round=1,
)
COMMIT = JournaledCommit(Round(3), b"\x0b" * 24, b"\x0c" * 32, b"\x0d" * 32, b"\x0e" * 32, 64, 9, Digest(b"\x0a" * 32), residual=None)
OPENED = Reveal(COMMIT.salt, COMMIT.parent, COMMIT.update_root, 64, 9, 0b11)
OPEN = PhaseView(Round(3), Phase.COMMIT, 1_600, 1_900)


class Relay(ThreadingHTTPServer):
    """Answers every message with ``status``; keeps what it was asked. ``drip`` waits that long after each byte of its answer."""

    def __init__(self) -> None:
        self.status, self.drip, self.asked = 202, 0.0, list[tuple[str, bytes]]()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                relay.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                body = b'{"answer": "so"}'
                answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (relay.status, len(body)) + body
                for byte in answer:
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(relay.drip)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Clock:
    """The node's monotonic clock: it stands still but for what a test adds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(relayed, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may take long for an answer that comes at once."""
    monkeypatch.setattr(relayed, "ANSWER_SECONDS", 60.0)


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = Relay()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def hand(url: str) -> RelayHand:
    return RelayHand(url, DOMAIN, CONTRACT, TERMS, ACCOUNT)


@pytest.mark.parametrize(
    ("phase", "now", "late"),
    [
        (OPEN, 1_399, False),
        (OPEN, 1_400, True),
        (OPEN, 1_599, True),
        (PhaseView(Round(3), Phase.REVEAL, 1_600, 1_900), 1_799, False),
        (PhaseView(Round(3), Phase.REVEAL, 1_600, 1_900), 1_800, True),
        (PhaseView(Round(3), Phase.CLOSED, 1_600, 1_900), 9_999, False),
    ],
)
def test_two_thirds_of_a_phase_are_the_relays(phase: PhaseView, now: int, late: bool) -> None:
    assert is_late(phase, TERMS, now) is late


def test_what_is_handed_over_is_what_the_contract_takes(relay: Relay) -> None:
    mine = hand(relay.url + "/")
    assert mine.holds_commit(COMMIT, OPEN, 1_001)
    assert mine.holds_reveal(Round(3), OPENED, PhaseView(Round(3), Phase.REVEAL, 1_600, 1_900), 1_601)
    (first, commit), (second, reveal) = relay.asked
    assert (first, second) == ("/commits", "/reveals")
    read, opened = SignedCommit.from_json(commit), SignedReveal.from_json(reveal)
    assert (read.round, read.sealed_digest, read.commitment) == (3, COMMIT.sealed_digest, COMMIT.commitment)
    assert opened.opened == OPENED
    assert signer(read.hash(DOMAIN, CONTRACT), read.signature) == signer(opened.hash(DOMAIN, CONTRACT), opened.signature) == ACCOUNT.address


def test_no_salt_leaves_with_a_commit(relay: Relay) -> None:
    hand(relay.url).holds_commit(COMMIT, OPEN, 1_001)
    assert COMMIT.salt.hex().encode() not in relay.asked[0][1]


def test_it_asks_again_now_and_then(relay: Relay, clock: Clock) -> None:
    mine = hand(relay.url)
    for _ in range(3):
        assert mine.holds_commit(COMMIT, OPEN, 1_001)
    assert len(relay.asked) == 1
    clock.now += relayed.AGAIN_SECONDS
    assert mine.holds_commit(COMMIT, OPEN, 1_001)
    assert len(relay.asked) == 2
    assert relay.asked[0] == relay.asked[1]


def test_a_refusal_counts_at_once_and_until_it_is_taken(relay: Relay, clock: Clock) -> None:
    mine = hand(relay.url)
    for refusal in (403, 503, 301):
        relay.status = refusal
        assert not mine.holds_commit(COMMIT, OPEN, 1_001)
        assert not mine.holds_commit(COMMIT, OPEN, 1_001)
        clock.now += relayed.AGAIN_SECONDS
    relay.status = 202
    assert mine.holds_commit(COMMIT, OPEN, 1_001), "a node without coin has no other way"


def test_a_relay_that_only_thanks_is_left_when_it_is_late(relay: Relay) -> None:
    mine = hand(relay.url)
    assert mine.holds_commit(COMMIT, OPEN, 1_399)
    assert not mine.holds_commit(COMMIT, OPEN, 1_400)


def test_patience_ends_without_chain_time_too(relay: Relay, clock: Clock) -> None:
    """While no round is open no deadline runs, and blocks may be far between."""
    mine, closed = hand(relay.url), PhaseView(Round(2), Phase.CLOSED, 900, 1_000)
    assert mine.holds_commit(COMMIT, closed, 1_001)
    clock.now += relayed.OPENING_SECONDS
    assert not mine.holds_commit(COMMIT, closed, 1_001)


def test_a_dripping_relay_holds_nobody_up(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relayed, "ANSWER_SECONDS", 1.0)
    relay.drip = 1.0  # 54 seconds for all of it
    begun = time.monotonic()
    assert not hand(relay.url).holds_commit(COMMIT, OPEN, 1_001)
    assert time.monotonic() - begun < 30


def test_nobody_there() -> None:
    begun = time.monotonic()
    assert not hand("http://127.0.0.1:9").holds_commit(COMMIT, OPEN, 1_001)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("url", ["", "relay", "ftp://relay", "http://", "http://[", "file:///etc/passwd"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a relay's URL"):
        hand(url)


def test_no_salt_is_shown(relay: Relay, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "swarm_chain")
    mine = hand(relay.url)
    mine.holds_reveal(Round(3), OPENED, PhaseView(Round(3), Phase.REVEAL, 1_600, 1_900), 1_601)
    shown = repr(mine) + repr(mine._handed) + caplog.text
    assert OPENED.salt.hex() not in shown
    assert repr(OPENED.salt) not in shown
    assert json.loads(relay.asked[0][1])["salt"] == "0x" + OPENED.salt.hex(), "it is in the message alone"
