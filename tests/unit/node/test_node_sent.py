"""A step is taken with one transaction, whatever crashes happen."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError, TransactionError
from swarm_chain.node.sent import SentBook, Steps


class Chain:
    """A sender whose transactions are known by their bytes."""

    def __init__(self) -> None:
        self.signed, self.mined, self.dies = 0, [], False
        self.refuses: set[bytes] = set()

    def send(self, function: Any, before: Any) -> Any:
        self.signed += 1
        raw = f"{function} {self.signed}".encode()
        before(SimpleNamespace(raw=raw))
        if self.dies:
            raise KeyboardInterrupt
        return self.wait(self.broadcast(raw, ""), "")

    def broadcast(self, raw: bytes, what: str) -> bytes:
        if raw in self.refuses:
            raise TransactionError("Its nonce is gone.")
        if raw not in self.mined:
            self.mined.append(raw)
        return raw

    def wait(self, raw: bytes, what: str) -> Any:
        return {"transactionHash": raw}


def steps(chain: Chain, book: SentBook) -> Steps:
    return Steps(cast(Sender, chain), book)


def test_a_crash_before_the_broadcast_sends_the_same_transaction_later(tmp_path: Path) -> None:
    chain, book = Chain(), SentBook(tmp_path / "sent.db", b"one")
    chain.dies = True
    with pytest.raises(KeyboardInterrupt):
        steps(chain, book).take("strike", cast(Any, "f"))
    book.close()
    assert chain.mined == []

    chain.dies, book = False, SentBook(tmp_path / "sent.db", b"one")
    receipt = steps(chain, book).take("strike", cast(Any, "f"))
    assert receipt is not None
    assert (chain.signed, chain.mined) == (1, [b"f 1"])
    steps(chain, book).take("strike", cast(Any, "f"))
    assert chain.mined == [b"f 1"]
    book.close()


def test_what_cannot_arrive_any_more_is_signed_again(tmp_path: Path) -> None:
    chain, book = Chain(), SentBook(tmp_path / "sent.db", b"one")
    book.record("strike", b"old")
    chain.refuses.add(b"old")
    assert steps(chain, book).take("strike", cast(Any, "f")) is not None
    assert chain.mined == [b"f 1"]
    assert book.transaction("strike") == b"f 1"
    book.close()


def test_a_refused_step_is_forgotten_and_may_be_tried_again(tmp_path: Path) -> None:
    chain, book = Chain(), SentBook(tmp_path / "sent.db", b"one")
    chain.refuses.add(b"f 1")
    assert steps(chain, book).take("strike", cast(Any, "f")) is None
    assert book.transaction("strike") is None
    assert steps(chain, book).take("strike", cast(Any, "f")) is not None
    book.close()


def test_a_book_keeps_chains_apart_and_must_be_one(tmp_path: Path) -> None:
    one, two = SentBook(tmp_path / "sent.db", b"one"), SentBook(tmp_path / "sent.db", b"two")
    one.record("strike", b"raw")
    assert two.transaction("strike") is None
    one.close()
    two.close()
    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        SentBook(tmp_path / "other", b"one")
