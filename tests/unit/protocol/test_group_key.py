"""Keys of closed groups: a commitment that fits one key, and wrapped keys that open for one node, in one group, on one chain."""

import secrets
from dataclasses import replace
from hashlib import sha256

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol.addresses import address_of
from swarm_chain.protocol.group_key import WRAPPED_SIZE, Recipient, fresh_key, key_commitment, unwrap, wrap

NODE = PrivateKey()
PUBLIC = NODE.public_key.format(compressed=False)[1:]
RECIPIENT = Recipient(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7, address_of(PUBLIC))
KEY = fresh_key()
WRAPPED = wrap(KEY, PUBLIC, RECIPIENT)


def test_vectors(vectors):
    case = vectors("sealing_for_members")
    public = PrivateKey(case["nodeKey"]).public_key.format(compressed=False)[1:]
    recipient = Recipient(case["chainId"], case["roundManager"], case["group"], address_of(public))
    assert recipient.encode() == case["recipient"]
    assert unwrap(case["wrapped"], case["nodeKey"], recipient) == case["groupKey"]
    assert key_commitment(case["groupKey"]) == case["groupKeyCommitment"].hex()


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32))
def test_what_is_wrapped_opens_to_the_same_key(chain_id, group, seed):
    key, recipient = sha256(seed).digest(), replace(RECIPIENT, chain_id=chain_id, group=group)
    wrapped = wrap(key, PUBLIC, recipient)
    assert len(wrapped) == WRAPPED_SIZE == 82
    assert key not in wrapped
    assert unwrap(wrapped, NODE.secret, recipient) == key


def test_keys_are_fresh_and_wrapped_otherwise_each_time():
    keys = {fresh_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}
    assert len({wrap(KEY, PUBLIC, RECIPIENT)[1:34] for _ in range(100)}) == 100, "no ephemeral key is used twice"


def test_a_commitment_fits_one_key_and_is_no_plain_hash_of_it():
    assert key_commitment(KEY) == key_commitment(bytes(KEY)) != key_commitment(fresh_key())
    assert key_commitment(KEY) != sha256(KEY).hexdigest()
    assert len(key_commitment(KEY)) == 64


def test_another_node_does_not_open_it():
    other = PrivateKey()
    theirs = replace(RECIPIENT, node=address_of(other.public_key.format(compressed=False)[1:]))
    for recipient in (RECIPIENT, theirs):
        with pytest.raises(IntegrityError, match="another node"):
            unwrap(WRAPPED, other.secret, recipient)


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPIENT, chain_id=1),
        replace(RECIPIENT, group=8),
        replace(RECIPIENT, registry="0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        replace(RECIPIENT, node="0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    ],
    ids=["chain", "group", "registry", "node"],
)
def test_it_opens_nowhere_else(other):
    with pytest.raises(IntegrityError, match="another node, group or chain"):
        unwrap(WRAPPED, NODE.secret, other)


@given(st.integers(0, WRAPPED_SIZE - 1), st.integers(1, 255))
def test_any_change_is_refused(at, change):
    bent = bytearray(WRAPPED)
    bent[at] ^= change
    with pytest.raises(IntegrityError):
        unwrap(bytes(bent), NODE.secret, RECIPIENT)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    for wrapped in (data, WRAPPED + data[:1] + b"\0", b"\1" + data[:81].ljust(81, b"\2"), b"\1\2" + data[:80].ljust(80, b"\3")):
        with pytest.raises(IntegrityError):
            unwrap(wrapped, NODE.secret, RECIPIENT)


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32], ids=["zero", "above the order"])
def test_what_no_key_file_could_hold_is_no_key(key):
    """Whoever creates the group may wrap anything."""
    with pytest.raises(IntegrityError, match="no key"):
        unwrap(wrap(key, PUBLIC, RECIPIENT), NODE.secret, RECIPIENT)


def test_a_key_is_wrapped_for_the_recipients_public_key_alone():
    other = PrivateKey().public_key.format(compressed=False)[1:]
    for public_key in (other, PUBLIC[:63], b"\4" + PUBLIC):
        with pytest.raises(ValueError, match="public key of its recipient"):
            wrap(KEY, public_key, RECIPIENT)
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(secrets.token_bytes(31), PUBLIC, RECIPIENT)
    nowhere = bytes(63) + b"\1"
    with pytest.raises(ValueError, match=r"public key|parse"):
        wrap(KEY, nowhere, replace(RECIPIENT, node=address_of(nowhere)))


def test_no_message_shows_a_key():
    for problem in (replace(RECIPIENT, group=8), replace(RECIPIENT, chain_id=5)):
        with pytest.raises(IntegrityError) as refused:
            unwrap(WRAPPED, NODE.secret, problem)
        assert KEY.hex() not in str(refused.value)
        assert refused.value.__cause__ is None
