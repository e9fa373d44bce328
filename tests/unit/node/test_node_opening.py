"""What it takes to open updates for a round: each is read, hashed and opened once, and little more is held than their codes."""

import hashlib
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from swarm_chain.errors import IntegrityError
from swarm_chain.node.opening import open_update
from swarm_chain.protocol import merkle
from swarm_chain.protocol.group_key import fresh_key
from swarm_chain.protocol.sealing import seal
from swarm_chain.protocol.update import UpdateHeader, update_root
from swarm_chain.storage.cid import cut
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Address, CommittedUpdate, Domain, GroupId, Reveal, Round, Seat

DOMAIN = Domain(1, Address("0x" + "11" * 20), GroupId(1))
ROUND = Round(3)
DIMENSION = 1_000_000


class Hashed:
    """Counts the bytes that SHA-256 is given, wherever the node's code hashes."""

    def __init__(self, monkeypatch):
        self.bytes = 0
        self._real = hashlib.sha256
        monkeypatch.setattr(hashlib, "sha256", self)
        monkeypatch.setattr(merkle, "sha256", self)

    def __call__(self, data=b""):
        self.bytes += len(data)
        return self._real(data)


@pytest.fixture(params=[None, fresh_key()], ids=["open", "closed"])
def member(request, tmp_path):
    store = EmbeddedStore(tmp_path)
    yield SimpleNamespace(store=store, terms=SimpleNamespace(dimension=DIMENSION), header=header, group_key=request.param)
    store.close()


def header(round_, node):
    return UpdateHeader(DOMAIN, round_, node, DIMENSION, 20)


def committed(member, seat):
    """A revealed update whose sealed bytes are in the store."""
    node, salt = Address(f"0x{seat + 1:040x}"), bytes([seat]) * 32
    codes = np.clip(np.random.default_rng(seat).standard_normal(DIMENSION) * 32, -127, 127).astype(np.int8)
    digest = member.store.put(seal(header(ROUND, node), salt, codes, group_key=member.group_key)).digest
    return CommittedUpdate(Seat(seat), node, 1, digest, Reveal(salt, bytes(32), update_root(header(ROUND, node), codes), 1, 1, 1)), codes


def test_sealed_bytes_are_not_hashed_again_and_codes_once(member, monkeypatch):
    """What arrives is hashed as it arrives; what opens to the root that was revealed needs no more."""
    update, codes = committed(member, 0)
    tree = 65 * (DIMENSION / 1024 + 20) + 2 * (DIMENSION / 1024 + 2) + 1024
    hashed = Hashed(monkeypatch)
    assert (open_update(member, ROUND, update) == codes).all()
    assert DIMENSION <= hashed.bytes <= DIMENSION + tree


def test_opened_updates_take_little_more_than_their_codes(member):
    updates = [committed(member, seat)[0] for seat in range(16)]
    tracemalloc.start()
    try:
        opened = [open_update(member, ROUND, update) for update in updates]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(codes is not None for codes in opened)
    assert 16 * DIMENSION < peak < 1.1 * 16 * DIMENSION


@pytest.mark.parametrize("block", [0, -1], ids=["leaf", "root"])
@pytest.mark.parametrize(
    "rot", [lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: data[:-1], lambda data: b"", lambda data: data * 9]
)
def test_what_rotted_here_is_no_fault_of_the_update(member, block, rot):
    """Else this node alone would leave it out."""
    update, _ = committed(member, 0)
    cid, data = cut(member.store.get(update.sealed_digest, 2 * DIMENSION)).blocks[block]
    member.store._file(cid.digest).write_bytes(rot(bytes(data)))
    with pytest.raises(IntegrityError, match="no longer has the bytes"):
        open_update(member, ROUND, update)


def test_an_update_that_does_not_open_to_its_root_does_not_count(member):
    update, _ = committed(member, 0)
    other, _ = committed(member, 1)
    for salt, root in ((other.reveal.salt, update.reveal.update_root), (update.reveal.salt, other.reveal.update_root)):
        reveal = Reveal(salt, bytes(32), root, 1, 1, 1)
        assert open_update(member, ROUND, CommittedUpdate(Seat(0), update.node, 1, update.sealed_digest, reveal)) is None


def test_an_update_that_was_sealed_as_in_another_kind_of_group_does_not_count(member):
    update, codes = committed(member, 0)
    other = None if member.group_key else fresh_key()
    digest = member.store.put(seal(header(ROUND, update.node), update.reveal.salt, codes, group_key=other)).digest
    assert open_update(member, ROUND, CommittedUpdate(Seat(0), update.node, 1, digest, update.reveal)) is None
