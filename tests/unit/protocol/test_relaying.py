"""What nodes sign for a relay: bound to everything it says, readable only as it was written."""

import json
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol.relaying import (
    MESSAGE_BYTES,
    SignedCommit,
    SignedReveal,
    commit_hash,
    compact,
    reveal_hash,
    sign_commit,
    sign_reveal,
    signer,
)
from swarm_chain.types import Address, Digest, Domain, GroupId, Reveal, Round

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ACCOUNT = Account.from_key(b"\x05" * 32)
RELAY = Address("0x" + "52" * 20)
DOMAIN = Domain(31337, Address("0x" + "4d" * 20), GroupId(3))
OPENED = Reveal(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, 100, -500_000, 0b1011)
words = st.binary(min_size=32, max_size=32)


def sign(hash_: bytes) -> bytes:
    return bytes(ACCOUNT.unsafe_sign_hash(hash_).signature)  # type: ignore[arg-type]  # any 32 bytes


def commit() -> SignedCommit:
    return sign_commit(DOMAIN, RELAY, Round(7), Digest(b"\x0a" * 32), b"\x0b" * 24, sign)


def reveal() -> SignedReveal:
    return sign_reveal(DOMAIN, RELAY, Round(7), OPENED, sign)


def typed(kind: str, fields: list[tuple[str, str]], values: dict[str, object]) -> bytes:
    """The signature of another implementation of EIP-712."""
    domain = {"name": "Relay", "version": "1", "chainId": DOMAIN.chain_id, "verifyingContract": RELAY}
    types = {kind: [{"name": name, "type": type_} for type_, name in fields]}
    return compact(bytes(ACCOUNT.sign_typed_data(domain, types, values).signature))


def test_signatures_are_those_of_eip_712() -> None:
    both = [("uint32", "group"), ("uint32", "round")]
    fields = [*both, ("bytes32", "sealedDigest"), ("bytes24", "commitment")]
    values = {"group": 3, "round": 7, "sealedDigest": b"\x0a" * 32, "commitment": b"\x0b" * 24}
    assert commit().signature == typed("Commit", fields, values)
    fields = [*both, ("bytes32", "salt"), ("uint256", "available")]
    assert reveal().signature == typed("Reveal", fields, {"group": 3, "round": 7, "salt": OPENED.salt, "available": 0b1011})


@pytest.mark.parametrize("message", [commit(), reveal()])
def test_the_signer_is_found(message: SignedCommit | SignedReveal) -> None:
    assert signer(message.hash(DOMAIN, RELAY), message.signature) == ACCOUNT.address


@given(key=st.integers(1, ORDER - 1), hash_=words)
def test_the_signer_is_always_found(key: int, hash_: bytes) -> None:
    account = Account.from_key(key.to_bytes(32, "big"))
    assert signer(hash_, compact(bytes(account.unsafe_sign_hash(hash_).signature))) == account.address  # type: ignore[arg-type]


@pytest.mark.parametrize("message", [commit(), reveal()])
@pytest.mark.parametrize(
    "elsewhere",
    [
        (replace(DOMAIN, chain_id=1), RELAY),
        (replace(DOMAIN, group=GroupId(4)), RELAY),
        (DOMAIN, Address("0x" + "53" * 20)),
    ],
)
def test_a_signature_is_for_one_chain_group_and_contract(message: SignedCommit | SignedReveal, elsewhere: tuple[Domain, Address]) -> None:
    assert signer(message.hash(*elsewhere), message.signature) not in (None, ACCOUNT.address)


@given(round_=st.integers(0, 2**32 - 1), digest=words, commitment=st.binary(min_size=24, max_size=24))
def test_a_commit_says_all_of_it(round_: int, digest: bytes, commitment: bytes) -> None:
    message = commit()
    if (round_, digest, commitment) != (message.round, message.sealed_digest, message.commitment):
        other = commit_hash(DOMAIN, RELAY, Round(round_), Digest(digest), commitment)
        assert signer(other, message.signature) != ACCOUNT.address


@given(round_=st.integers(0, 2**32 - 1), salt=words, available=st.integers(0, 2**256 - 1))
def test_a_reveal_says_what_its_commitment_does_not(round_: int, salt: bytes, available: int) -> None:
    if (round_, salt, available) != (7, OPENED.salt, OPENED.available):
        assert signer(reveal_hash(DOMAIN, RELAY, Round(round_), salt, available), reveal().signature) != ACCOUNT.address


def test_a_commit_is_no_reveal() -> None:
    """The same words under the other type."""
    word = b"\x0b" * 24 + bytes(8)
    message = sign_commit(DOMAIN, RELAY, Round(7), Digest(OPENED.salt), word[:24], sign)
    assert signer(reveal_hash(DOMAIN, RELAY, Round(7), OPENED.salt, int.from_bytes(word, "big")), message.signature) != ACCOUNT.address


@given(s=st.integers(ORDER // 2 + 1, 2**255 - 1), odd=st.booleans())
def test_the_upper_half_of_s_is_nobodys(s: int, odd: bool) -> None:
    message = commit()
    vs = (s | odd << 255).to_bytes(32, "big")
    assert signer(message.hash(DOMAIN, RELAY), message.signature[:32] + vs) is None


def test_the_mirrored_signature_is_not_the_nodes() -> None:
    message = commit()
    vs = int.from_bytes(message.signature[32:], "big")
    mirrored = ORDER - (vs & ~(1 << 255)) | (vs >> 255 ^ 1) << 255
    assert signer(message.hash(DOMAIN, RELAY), message.signature[:32] + mirrored.to_bytes(32, "big")) != ACCOUNT.address


@pytest.mark.parametrize(
    "signature", [bytes(64), b"\xff" * 64, b"", bytes(63), bytes(65), b"\x01" * 32 + bytes(32), bytes(32) + b"\x01" * 32]
)
def test_what_is_no_signature_is_nobodys(signature: bytes) -> None:
    assert signer(b"\x09" * 32, signature) is None


# ---------------------------------------------------------------------------------------------- JSON


def body(message: SignedCommit | SignedReveal, **changed: Any) -> bytes:
    fields = message.as_json() | changed
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def test_a_message_reads_as_it_was_written() -> None:
    assert SignedCommit.from_json(body(commit())) == commit()
    assert SignedReveal.from_json(body(reveal())) == reveal()


@given(samples=st.integers(0, 2**32 - 1), metric=st.integers(-(2**63), 2**63 - 1), available=st.integers(0, 2**256 - 1))
def test_every_reveal_reads_as_it_was_written(samples: int, metric: int, available: int) -> None:
    message = replace(reveal(), opened=replace(OPENED, samples=samples, metric=metric, available=available))
    assert SignedReveal.from_json(body(message)) == message


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"round": -1}, "round"),
        ({"round": 2**32}, "round"),
        ({"round": True}, "round"),
        ({"round": "7"}, "round"),
        ({"round": 7.0}, "round"),
        ({"round": ...}, "no JSON object of"),
        ({"more": 1}, "no JSON object of"),
        ({"salt": "0x" + "01" * 31}, "salt"),
        ({"salt": "0x" + "01" * 33}, "salt"),
        ({"salt": "01" * 33}, "salt"),
        ({"salt": "0x" + "0g" * 32}, "salt"),
        ({"salt": "0x" + "01 " * 21 + "0"}, "salt"),
        ({"salt": 7}, "salt"),
        ({"salt": None}, "salt"),
        ({"samples": 2**32}, "samples"),
        ({"metric": 2**63}, "metric"),
        ({"metric": -(2**63) - 1}, "metric"),
        ({"available": 11}, "available"),
        ({"signature": "0x" + "01" * 65}, "signature"),
        ({"parent": ["0x"]}, "flat"),
        ({"parent": {}}, "flat"),
    ],
)
def test_what_is_no_reveal_is_refused_in_words(changed: dict[str, Any], about: str) -> None:
    with pytest.raises(ValueError, match=about):
        SignedReveal.from_json(body(reveal(), **changed))


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b'"{"', b"\xff{}", b"{" * 500, b"null", b'{"round": 1e400}'])
def test_what_is_no_message_at_all_is_refused(data: bytes) -> None:
    for read in (SignedCommit.from_json, SignedReveal.from_json):
        with pytest.raises(ValueError, match="JSON object"):
            read(data)


def test_a_long_message_is_not_parsed() -> None:
    with pytest.raises(ValueError, match="more than"):
        SignedCommit.from_json(b"{" + b" " * MESSAGE_BYTES + b"}")
    assert len(body(reveal())) < MESSAGE_BYTES // 2


def test_no_salt_is_shown() -> None:
    assert OPENED.salt.hex() not in repr(reveal())
    assert repr(OPENED.salt)[2:-1] not in repr(reveal())
