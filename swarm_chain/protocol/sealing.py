"""Sealed updates: a wire form, compressed, then encrypted under a key that the reveal gives away (specification, section 4).

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
from swarm_chain.protocol.update import HEADER_SIZE, UpdateHeader, check_header

MAGIC = b"SCSEAL"
VERSION = 1
SALT_SIZE = 32
WINDOW_MAX = 1 << 23

_PREFIX_SIZE = len(MAGIC) + 2  # codec, version
_TAG_SIZE = 16
_NONCE = bytes(12)  # A salt is used once, so is its key.
_INFO = b"swarm-chain seal v1"
_LEVEL = 3
_FRAME_MAGIC = zstandard.FRAME_HEADER


def fresh_salt() -> bytes:
    """32 random bytes: a new one for every sealed update, never used twice."""
    return secrets.token_bytes(SALT_SIZE)


def max_sealed_size(dimension: int, codec: Codec = DENSE_INT8) -> int:
    """More bytes than this no update of ``dimension`` coordinates has that is sealed in this wire form."""
    size = codec.size(dimension)
    return HEADER_SIZE + size + 1024 + size // 64


def seal(header: UpdateHeader, salt: bytes, codes: Codes, codec: Codec = DENSE_INT8) -> bytes:
    """Compresses and encrypts an update. The header is not sent: it is authenticated, and known to whoever opens.

    Raises:
        ValueError: the codec cannot express the codes.
    """
    if codes.dtype != np.int8 or codes.shape != (header.dimension,):
        raise ValueError(f"Codes are int8[{header.dimension}].")
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    frame = compressor.compress(header.encode() + codec.pack(codes))
    return MAGIC + bytes((codec.number, VERSION)) + _cipher(salt).encrypt(_NONCE, frame, header.encode())


def unseal(header: UpdateHeader, salt: bytes, sealed: bytes) -> Codes:
    """Opens a sealed update, which says itself in which wire form it is.

    Args:
        header: what the update must say of itself.
        salt: from the reveal.
        sealed: bytes whose digest was already checked.

    Returns:
        codes int8[d], read-only.

    Raises:
        IntegrityError: it does not open canonically; the message says why.
    """
    codec = _codec(header, sealed)
    size = HEADER_SIZE + codec.size(header.dimension)
    frame = _frame(header, salt, sealed)
    del sealed  # nobody else may hold it, and it is large
    content = memoryview(_decompress(frame, size))
    check_header(header, content[:HEADER_SIZE])
    return codec.unpack(content[HEADER_SIZE:], header.dimension)


def contents(header: UpdateHeader, salt: bytes, sealed: bytes, sizes: Sequence[int]) -> bytes:
    """Header and codes that are sealed, canonical or not: for whoever must show what is wrong with them.

    Args:
        header: what the update must say of itself.
        salt: from the reveal.
        sealed: bytes whose digest was already checked.
        sizes: that header and codes may have, where they are sealed as they are.

    Raises:
        IntegrityError: the salt does not open it, or to none of these sizes, or to no wire form.
    """
    codec, frame = _codec(header, sealed), _frame(header, salt, sealed)
    if codec is not DENSE_INT8:
        content = _decompress(frame, HEADER_SIZE + codec.size(header.dimension))
        return content[:HEADER_SIZE] + codec.unpack(content[HEADER_SIZE:], header.dimension).tobytes()
    for size in sizes:
        try:
            return _decompress(frame, size)
        except IntegrityError as error:
            refused = error
    raise refused


def _codec(header: UpdateHeader, sealed: bytes) -> Codec:
    """The codec that sealed bytes name, after looking at all that needs no key."""
    largest = max(max_sealed_size(header.dimension, codec) for codec in BY_NUMBER.values())
    if len(sealed) > largest:
        raise _refused(f"{len(sealed)} bytes are more than the {largest} allowed")
    if len(sealed) < _PREFIX_SIZE + _TAG_SIZE:
        raise _refused(f"{len(sealed)} bytes are too few")
    if not sealed.startswith(MAGIC):
        raise _refused("it is of another format")
    if sealed[len(MAGIC) + 1] != VERSION:
        raise _refused("it is of another version")
    codec = BY_NUMBER.get(sealed[len(MAGIC)])
    if codec is None:
        raise _refused("its codec is not known")
    allowed = max_sealed_size(header.dimension, codec)
    if len(sealed) > allowed:
        raise _refused(f"{len(sealed)} bytes are more than the {allowed} allowed of {codec.name}")
    return codec


def _frame(header: UpdateHeader, salt: bytes, sealed: bytes) -> bytes:
    """The compressed update."""
    try:
        return _cipher(salt).decrypt(_NONCE, memoryview(sealed)[_PREFIX_SIZE:], header.encode())
    except InvalidTag:
        raise _refused("the salt or the header does not open it") from None


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


def _cipher(salt: bytes) -> AESGCM:
    if len(salt) != SALT_SIZE:
        raise ValueError(f"A salt has {SALT_SIZE} bytes.")
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=_INFO).derive(salt))


def _refused(reason: str) -> IntegrityError:
    return IntegrityError(f"This sealed update does not open: {reason}.", "Nothing of it was used.")
