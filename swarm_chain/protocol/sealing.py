"""Sealed updates: a wire form, compressed, then encrypted under a key that the reveal gives away (specification, section 4).

In a closed group the reveal gives it to members alone: the group's key is mixed in.
Sealed bytes come from peers, so everything is checked before memory is set aside: sizes, the tag, what the frame declares.
"""

import secrets
from collections.abc import Sequence

import numpy as np
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol.codecs import BY_NUMBER, DENSE_INT8, Codec
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.group_key import KEY_SIZE
from swarm_chain.protocol.update import HEADER_SIZE, UpdateHeader, check_header

MAGIC = b"SCSEAL"
VERSION = 1
MEMBERS_VERSION = 2
"""Of what is sealed with a group's key."""
SALT_SIZE = 32
WINDOW_MAX = 1 << 23

_PREFIX_SIZE = len(MAGIC) + 2  # codec, version
_TAG_SIZE = 16
_NONCE = bytes(12)  # A salt is used once, so is its key.
_INFO = b"swarm-chain seal v1"
_MEMBERS_INFO = b"swarm-chain seal for members v1"
_LEVEL = 3
_FRAME_MAGIC = zstandard.FRAME_HEADER


def fresh_salt() -> bytes:
    """32 random bytes: a new one for every sealed update, never used twice."""
    return secrets.token_bytes(SALT_SIZE)


def max_sealed_size(dimension: int, codec: Codec = DENSE_INT8) -> int:
    """More bytes than this no update of ``dimension`` coordinates has that is sealed in this wire form."""
    size = codec.size(dimension)
    return HEADER_SIZE + size + 1024 + size // 64


def seal(header: UpdateHeader, salt: bytes, codes: Codes, codec: Codec = DENSE_INT8, group_key: bytes | None = None) -> bytes:
    """Compresses and encrypts an update. The header is not sent: it is authenticated, and known to whoever opens.

    Args:
        header: what the update says of itself.
        salt: fresh, 32 bytes; secret until the reveal.
        codes: int8[d].
        codec: its wire form.
        group_key: of a closed group; then salt and key together open it.

    Raises:
        ValueError: the codec cannot express the codes.
    """
    if codes.dtype != np.int8 or codes.shape != (header.dimension,):
        raise ValueError(f"Codes are int8[{header.dimension}].")
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    frame = compressor.compress(header.encode() + codec.pack(codes))
    version = VERSION if group_key is None else MEMBERS_VERSION
    return MAGIC + bytes((codec.number, version)) + _cipher(salt, group_key).encrypt(_NONCE, frame, header.encode())


def unseal(header: UpdateHeader, salt: bytes, sealed: bytes, group_key: bytes | None = None) -> Codes:
    """Opens a sealed update, which says itself in which wire form it is.

    Args:
        header: what the update must say of itself.
        salt: from the reveal.
        sealed: bytes whose digest was already checked.
        group_key: of a closed group, in which nothing opens that was sealed without it.

    Returns:
        codes int8[d], read-only.

    Raises:
        IntegrityError: it does not open canonically; the message says why.
    """
    codec = _codec(header, sealed, group_key)
    size = HEADER_SIZE + codec.size(header.dimension)
    frame = _frame(header, salt, sealed, group_key)
    del sealed  # nobody else may hold it, and it is large
    content = memoryview(_decompress(frame, size))
    check_header(header, content[:HEADER_SIZE])
    return codec.unpack(content[HEADER_SIZE:], header.dimension)


def contents(header: UpdateHeader, salt: bytes, sealed: bytes, sizes: Sequence[int], group_key: bytes | None = None) -> bytes:
    """Header and codes that are sealed, canonical or not: for whoever must show what is wrong with them.

    Args:
        header: what the update must say of itself.
        salt: from the reveal.
        sealed: bytes whose digest was already checked.
        sizes: that header and codes may have, where they are sealed as they are.
        group_key: of a closed group.

    Raises:
        IntegrityError: the salt does not open it, or to none of these sizes, or to no wire form.
    """
    codec, frame = _codec(header, sealed, group_key), _frame(header, salt, sealed, group_key)
    if codec is not DENSE_INT8:
        content = _decompress(frame, HEADER_SIZE + codec.size(header.dimension))
        return content[:HEADER_SIZE] + codec.unpack(content[HEADER_SIZE:], header.dimension).tobytes()
    for size in sizes:
        try:
            return _decompress(frame, size)
        except IntegrityError as error:
            refused = error
    raise refused


def _codec(header: UpdateHeader, sealed: bytes, group_key: bytes | None) -> Codec:
    """The codec that sealed bytes name, after looking at all that needs no key."""
    largest = max(max_sealed_size(header.dimension, codec) for codec in BY_NUMBER.values())
    if len(sealed) > largest:
        raise _refused(f"{len(sealed)} bytes are more than the {largest} allowed")
    if len(sealed) < _PREFIX_SIZE + _TAG_SIZE:
        raise _refused(f"{len(sealed)} bytes are too few")
    if not sealed.startswith(MAGIC):
        raise _refused("it is of another format")
    version = sealed[len(MAGIC) + 1]
    if version == MEMBERS_VERSION and group_key is None:
        raise _refused("it is of another version, sealed for members of the group, and the group's key is not here")
    if version == VERSION and group_key is not None:
        raise _refused("it is of another version, sealed without the key of this closed group")
    if version not in (VERSION, MEMBERS_VERSION):
        raise _refused("it is of another version")
    codec = BY_NUMBER.get(sealed[len(MAGIC)])
    if codec is None:
        raise _refused("its codec is not known")
    allowed = max_sealed_size(header.dimension, codec)
    if len(sealed) > allowed:
        raise _refused(f"{len(sealed)} bytes are more than the {allowed} allowed of {codec.name}")
    return codec


def _frame(header: UpdateHeader, salt: bytes, sealed: bytes, group_key: bytes | None) -> bytes:
    """The compressed update."""
    try:
        return _cipher(salt, group_key).decrypt(_NONCE, memoryview(sealed)[_PREFIX_SIZE:], header.encode())
    except InvalidTag:
        what = "the salt or the header" if group_key is None else "the group's key, the salt or the header"
        raise _refused(f"{what} does not open it") from None


def _decompress(frame: bytes, size: int) -> bytes:
    """The content of exactly one frame that declares ``size`` bytes and holds them."""
    if not frame.startswith(_FRAME_MAGIC):
        raise _refused("there is no zstandard frame")
    try:
        declared = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError:
        raise _refused("its frame's header is broken") from None
    if declared.content_size != size:
        raise _refused(f"its frame does not declare {size} bytes")
    if declared.window_size > WINDOW_MAX:
        raise _refused(f"its frame needs a window above {WINDOW_MAX} bytes")
    if declared.dict_id:
        raise _refused("its frame needs a dictionary")
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
    try:
        content = decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        raise _refused("its frame is broken, or something is behind it") from None
    if len(content) != size:
        raise _refused(f"its frame holds {len(content)} bytes, not {size}")
    return content


def _cipher(salt: bytes, group_key: bytes | None = None) -> AESGCM:
    """Before the reveal the salt is the secret; after it a group's key is, as that of HKDF's first HMAC, which is a PRF of the salt."""
    if len(salt) != SALT_SIZE:
        raise ValueError(f"A salt has {SALT_SIZE} bytes.")
    if group_key is None:
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=_INFO).derive(salt))
    if len(group_key) != KEY_SIZE:
        raise ValueError(f"A group's key has {KEY_SIZE} bytes.")
    return AESGCM(HKDF(SHA256(), 32, salt=group_key, info=_MEMBERS_INFO).derive(salt))


def _refused(reason: str) -> IntegrityError:
    return IntegrityError(f"This sealed update does not open: {reason}.", "Nothing of it was used.")
