"""What a node signs instead of sending: a commit or a reveal that anybody may bring to the chain (specification, section 10).

A signature (EIP-712, 64 bytes as in EIP-2098) is good for one kind of message, round, group, relay contract and chain, and a round takes
one commit and one reveal a node: there is nothing to replay. The relay contract knows the node by its signature. A reveal's salt says
which commitment it opens, and that binds its parent, update root and report.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coincurve import PublicKey
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from swarm_chain.protocol.bounded_json import parse
from swarm_chain.protocol.commitment import keccak
from swarm_chain.types import Address, Digest, Domain, Reveal, Round

MESSAGE_BYTES = 2_048
"""Most bytes of a message as JSON."""
SIGNATURE_BYTES = 64
_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_COMMIT = keccak(b"Commit(uint32 group,uint32 round,bytes32 sealedDigest,bytes24 commitment)")
_REVEAL = keccak(b"Reveal(uint32 group,uint32 round,bytes32 salt,uint256 available)")
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

Sign = Callable[[bytes], bytes]
"""Signs a 32-byte hash: 65 bytes, r, s and v (27 or 28)."""


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A commit as a node hands it to a relay. ``commitment`` is 24 bytes."""

    round: Round
    sealed_digest: Digest
    commitment: bytes
    signature: bytes

    def hash(self, domain: Domain, relay: Address) -> bytes:
        """What was signed."""
        return commit_hash(domain, relay, self.round, self.sealed_digest, self.commitment)

    def as_json(self) -> dict[str, object]:
        """The message as it travels."""
        return {
            "round": self.round,
            "sealed_digest": _hex(self.sealed_digest),
            "commitment": _hex(self.commitment),
            "signature": _hex(self.signature),
        }

    @classmethod
    def from_json(cls, data: bytes) -> "SignedCommit":
        """Reads a message. ValueError, in words, where it is none."""
        fields = _fields(data, "round", "sealed_digest", "commitment", "signature")
        return cls(
            Round(_integer(fields, "round", 0, 2**32 - 1)),
            Digest(_bytes(fields, "sealed_digest", 32)),
            _bytes(fields, "commitment", 24),
            _bytes(fields, "signature", SIGNATURE_BYTES),
        )


@dataclass(frozen=True, slots=True)
class SignedReveal:
    """A reveal as a node hands it to a relay. The salt is in no repr."""

    round: Round
    opened: Reveal = field(repr=False)
    signature: bytes

    def hash(self, domain: Domain, relay: Address) -> bytes:
        """What was signed."""
        return reveal_hash(domain, relay, self.round, self.opened.salt, self.opened.available)

    def as_json(self) -> dict[str, object]:
        """The message as it travels."""
        opened = self.opened
        return {
            "round": self.round,
            "salt": _hex(opened.salt),
            "parent": _hex(opened.parent),
            "update_root": _hex(opened.update_root),
            "samples": opened.samples,
            "metric": opened.metric,
            "available": _hex(opened.available.to_bytes(32, "big")),
            "signature": _hex(self.signature),
        }

    @classmethod
    def from_json(cls, data: bytes) -> "SignedReveal":
        """Reads a message. ValueError, in words, where it is none."""
        fields = _fields(data, "round", "salt", "parent", "update_root", "samples", "metric", "available", "signature")
        opened = Reveal(
            salt=_bytes(fields, "salt", 32),
            parent=_bytes(fields, "parent", 32),
            update_root=_bytes(fields, "update_root", 32),
            samples=_integer(fields, "samples", 0, 2**32 - 1),
            metric=_integer(fields, "metric", -(2**63), 2**63 - 1),
            available=int.from_bytes(_bytes(fields, "available", 32), "big"),
        )
        return cls(Round(_integer(fields, "round", 0, 2**32 - 1)), opened, _bytes(fields, "signature", SIGNATURE_BYTES))


# ---------------------------------------------------------------------------------------------- signing


def commit_hash(domain: Domain, relay: Address, round: Round, sealed_digest: Digest, commitment: bytes) -> bytes:
    """What a node signs to commit: the EIP-712 hash, 32 bytes. ``commitment`` is 24 bytes."""
    words = encode(["bytes32", "uint32", "uint32", "bytes32", "bytes24"], [_COMMIT, domain.group, round, sealed_digest, commitment])
    return _typed_hash(domain, relay, words)


def reveal_hash(domain: Domain, relay: Address, round: Round, salt: bytes, available: int) -> bytes:
    """What a node signs to reveal: the EIP-712 hash, 32 bytes."""
    words = encode(["bytes32", "uint32", "uint32", "bytes32", "uint256"], [_REVEAL, domain.group, round, salt, available])
    return _typed_hash(domain, relay, words)


def sign_commit(domain: Domain, relay: Address, round: Round, sealed_digest: Digest, commitment: bytes, sign: Sign) -> SignedCommit:
    """A commit for a relay. ``commitment`` is 24 bytes."""
    signed = sign(commit_hash(domain, relay, round, sealed_digest, commitment))
    return SignedCommit(round, sealed_digest, commitment, compact(signed))


def sign_reveal(domain: Domain, relay: Address, round: Round, opened: Reveal, sign: Sign) -> SignedReveal:
    """A reveal for a relay."""
    return SignedReveal(round, opened, compact(sign(reveal_hash(domain, relay, round, opened.salt, opened.available))))


def compact(signature: bytes) -> bytes:
    """A signature of 65 bytes (r, s, v) with v in the highest bit of s (EIP-2098)."""
    s = int.from_bytes(signature[32:64], "big")
    return signature[:32] + (s | (signature[64] - 27) << 255).to_bytes(32, "big")


def signer(hash: bytes, signature: bytes) -> Address | None:
    """Whose signature it is, as the relay contract judges; ``None`` where it is nobody's, or its s is in the upper half."""
    vs = int.from_bytes(signature[32:], "big")
    s = vs & ~(1 << 255)
    if len(signature) != SIGNATURE_BYTES or s > _HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:32] + s.to_bytes(32, "big") + bytes([vs >> 255]), hash, hasher=None)
    except ValueError:
        return None
    return Address(to_checksum_address(keccak(key.format(compressed=False)[1:])[12:]))


def _typed_hash(domain: Domain, relay: Address, words: bytes) -> bytes:
    separator = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"], [_DOMAIN, keccak(b"Relay"), keccak(b"1"), domain.chain_id, relay]
    )
    return keccak(b"\x19\x01" + keccak(separator) + keccak(words))


# ---------------------------------------------------------------------------------------------- JSON


def _fields(data: bytes, *names: str) -> dict[str, Any]:
    if len(data) > MESSAGE_BYTES:
        raise ValueError(f"the message has more than {MESSAGE_BYTES:,} bytes")
    try:
        fields = parse(data, brackets=1)
    except ValueError:
        raise ValueError("the message is no flat JSON object") from None
    if not isinstance(fields, dict) or set(fields) != set(names):
        raise ValueError(f"the message is no JSON object of {', '.join(names)}")
    return fields


def _integer(fields: dict[str, Any], name: str, low: int, high: int) -> int:
    value = fields[name]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} is no integer from {low} to {high}")
    return value


def _bytes(fields: dict[str, Any], name: str, length: int) -> bytes:
    value = fields[name]
    if isinstance(value, str) and len(value) == 2 + 2 * length and value.startswith("0x"):
        try:
            decoded = bytes.fromhex(value[2:])
        except ValueError:
            decoded = b""
        if len(decoded) == length:  # fromhex skips spaces
            return decoded
    raise ValueError(f"{name} is not 0x and {2 * length} hexadecimal digits")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
