"""The key of a closed group: drawn once, committed to by the manifest, handed to each member wrapped for its node's key alone.

Wrapping is ECIES on secp256k1 (SEC 1 version 2.0, section 5.1) with HKDF-SHA256 (RFC 5869) and AES-256-GCM; see the specification,
section 4. The bytes of a wrapped key may be shown to anybody; those of a key to nobody.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256

from coincurve import PrivateKey, PublicKey
from coincurve.utils import validate_secret
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol.addresses import address_of
from swarm_chain.types import Address, GroupId

KEY_SIZE = 32
PUBLIC_KEY_SIZE = 64
WRAP_VERSION = 1

_COMMITMENT = b"swarm-chain group key v1"
_INFO = b"swarm-chain group key wrap v1"
_POINT_SIZE = 33
_TAG_SIZE = 16
WRAPPED_SIZE = 1 + _POINT_SIZE + KEY_SIZE + _TAG_SIZE
_NONCE = bytes(12)  # An ephemeral key is used once, so is the key that comes of it.


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a key is wrapped for, and for which group: a wrapped key opens in no other place.

    Attributes:
        chain_id: EIP-155.
        registry: address of the group registry.
        group: whose key it is.
        node: address of the member's node key.
    """

    chain_id: int
    registry: Address
    group: GroupId
    node: Address

    def encode(self) -> bytes:
        """What is authenticated with the key: 76 bytes."""
        registry, node = (bytes.fromhex(address.removeprefix("0x")) for address in (self.registry, self.node))
        return self.chain_id.to_bytes(32, "big") + registry + self.group.to_bytes(4, "big") + node


def fresh_key() -> bytes:
    """32 random bytes, a new one for every closed group. They are a private key of secp256k1 too, so that a key file can hold them."""
    while True:
        key = secrets.token_bytes(KEY_SIZE)
        if _is_key(key):
            return key


def key_commitment(key: bytes) -> str:
    """What a manifest says of its group's key: 64 hexadecimal digits, which tell nothing of it and fit no other."""
    return sha256(_COMMITMENT + key).hexdigest()


def wrap(key: bytes, public_key: bytes, recipient: Recipient) -> bytes:
    """A group's key, encrypted for one node.

    Args:
        key: of the group.
        public_key: of the node, 64 bytes, x and y, as the identity registry logs it.
        recipient: the node, and where the group is.

    Returns:
        82 bytes, others each time.

    Raises:
        ValueError: the public key is not the node's, or no point of the curve.
    """
    if len(key) != KEY_SIZE or len(public_key) != PUBLIC_KEY_SIZE or address_of(public_key) != recipient.node:
        raise ValueError("A key has 32 bytes, and is wrapped for the public key of its recipient.")
    ephemeral, theirs = PrivateKey(), PublicKey(b"\x04" + public_key)
    point = ephemeral.public_key.format()
    cipher = _cipher(ephemeral, theirs, point, theirs.format())
    return bytes((WRAP_VERSION,)) + point + cipher.encrypt(_NONCE, key, recipient.encode())


def unwrap(wrapped: bytes, node_key: bytes, recipient: Recipient) -> bytes:
    """Opens a wrapped key. Whether it is the group's, its commitment says.

    Args:
        wrapped: bytes from anybody.
        node_key: the node's private key.
        recipient: the node, and where the group is.

    Raises:
        IntegrityError: it is none, or for another node, group or chain.
    """
    if len(wrapped) != WRAPPED_SIZE or wrapped[0] != WRAP_VERSION:
        raise _refused("it is no wrapped key that this release knows")
    ours, point = PrivateKey(node_key), wrapped[1 : 1 + _POINT_SIZE]
    try:
        key = _cipher(ours, PublicKey(point), point, ours.public_key.format()).decrypt(
            _NONCE, wrapped[1 + _POINT_SIZE :], recipient.encode()
        )
    except (ValueError, InvalidTag):
        raise _refused("it is for another node, group or chain, or was changed") from None
    if not _is_key(key):
        raise _refused("what it holds is no key")
    return key


def _cipher(ours: PrivateKey, theirs: PublicKey, ephemeral: bytes, recipient: bytes) -> AESGCM:
    """Both sides come to the same; ``ephemeral`` and ``recipient`` are compressed points, of which one is ours and one theirs."""
    shared = ours.ecdh(theirs.format())  # libsecp256k1's: sha2-256 of the shared point, compressed
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=_INFO + ephemeral + recipient).derive(shared))


def _is_key(data: bytes) -> bool:
    try:
        validate_secret(data)
    except ValueError:
        return False
    return len(data) == KEY_SIZE


def _refused(reason: str) -> IntegrityError:
    return IntegrityError(f"This wrapped group key does not open: {reason}.", "Nothing of it was kept.")
