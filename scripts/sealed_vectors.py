"""Sealed updates for the vectors, and a wrapped key. Frames are built by hand, so that they depend on no compressor's version."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
from coincurve import PrivateKey, PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from swarm_chain.protocol.addresses import address_of
from swarm_chain.protocol.commitment import keccak
from swarm_chain.protocol.group_key import Recipient
from swarm_chain.protocol.update import UpdateHeader, encode_update
from swarm_chain.types import Round


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _uint(value: int) -> str:
    return _hex(value.to_bytes(32, "big"))


def sealed_vectors(header: UpdateHeader) -> dict[str, Any]:
    """An update that opens, and sealed bytes that do not."""
    dimension, bits = header.dimension, header.fraction_bits
    salt = keccak(b"salt")
    codes = (np.arange(dimension) % 255 - 127).astype(np.int8)
    plain = encode_update(header, codes)
    good = _frame(plain)
    sealed = _sealed(header, salt, good)
    other = replace(header, round=Round(header.round + 1))
    half = len(plain) // 2
    bombs = b"".join(_block(b"\0" * 131_072, run=True, last=False) for _ in range(40))

    outside = [
        (b"", "too few"),
        (sealed[:23], "too few"),
        (sealed + bytes(1100), "more than"),
        (b"X" + sealed[1:], "another format"),
        (sealed[:7] + b"\2" + sealed[8:], "another version"),
        (sealed[:-1], "does not open it"),
        (sealed + b"\0", "does not open it"),
        (sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:], "does not open it"),
        (_sealed(header, keccak(b"other salt"), good), "does not open it"),
        (_sealed(other, salt, _frame(encode_update(other, codes))), "does not open it"),
    ]
    frames = [
        (b"", "no zstandard frame"),
        (plain, "no zstandard frame"),
        (_SKIPPABLE + good, "no zstandard frame"),
        (good[:5], "header is broken"),
        (good[:4] + bytes([good[4] | 8]) + good[5:], "header is broken"),
        (_frame(plain, sized=False), "does not declare"),
        (_frame(plain, declared=len(plain) + 1), "does not declare"),
        (_frame(plain[:-1]), "does not declare"),
        (_frame(plain, window=1 << 24), "window above"),
        (_frame(plain, dictionary=9), "needs a dictionary"),
        (_frame(plain[:-1], declared=len(plain)), "broken"),
        (_frame(plain + b"\0", declared=len(plain)), "broken"),
        (_frame(b"", declared=len(plain), body=bombs + _block(b"")), "broken"),
        (_frame(plain, body=_block(plain, last=False)), "broken"),
        (good[:-1], "broken"),
        (good + b"\0", "behind it"),
        (good + _SKIPPABLE, "behind it"),
        (good + good, "behind it"),
        (_frame(plain[:half], declared=len(plain)) + _frame(plain[half:]), "broken"),
    ]
    fields = [
        (0, "magic"),
        (9, "version"),
        (10, "fraction bits"),
        (11, "codec"),
        (43, "chain"),
        (44, "round manager"),
        (67, "group"),
        (71, "round"),
        (91, "node"),
        (99, "dimension"),
        (127, "padding"),
    ]
    contents = [(plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :], f"another {field}") for at, field in fields]
    contents += [(plain[:-1] + b"\x80", "code of -128"), (plain[:128] + b"\x80" + plain[129:], "code of -128")]
    refused = [
        *outside,
        *((_sealed(header, salt, frame), reason) for frame, reason in frames),
        *((_sealed(header, salt, _frame(content)), reason) for content, reason in contents),
    ]
    return {
        "chainId": _uint(header.domain.chain_id),
        "roundManager": header.domain.round_manager,
        "group": header.domain.group,
        "round": header.round,
        "node": header.node,
        "dimension": dimension,
        "fractionBits": bits,
        "salt": _hex(salt),
        "codes": _hex(codes.tobytes()),
        "opens": _hex(sealed),
        "opensInTwoBlocks": _hex(_sealed(header, salt, _frame(plain, body=_block(plain[:half], last=False) + _block(plain[half:])))),
        "sealed": [_hex(data) for data, _ in refused],
        "reason": [reason for _, reason in refused],
    }


def members_vectors(header: UpdateHeader) -> dict[str, Any]:
    """A closed group's key, an update sealed with it, and sealed bytes that do not open with it; the key wrapped for a node."""
    salt, key, node_key, ephemeral = (keccak(name) for name in (b"salt", b"group key", b"node key", b"ephemeral key"))
    codes = (np.arange(header.dimension) % 255 - 127).astype(np.int8)
    frame = _frame(encode_update(header, codes))
    sealed = _sealed_for_members(header, salt, key, frame)
    refused = [
        (sealed[:7] + b"\x01" + sealed[8:], "without the key"),
        (_sealed(header, salt, frame), "without the key"),
        (sealed[:7] + b"\x03" + sealed[8:], "another version"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "does not open it"),
        (_sealed_for_members(header, keccak(b"other salt"), key, frame), "does not open it"),
        (_sealed_for_members(header, salt, keccak(b"other group key"), frame), "does not open it"),
        (_sealed(header, salt, frame)[:7] + b"\x02" + _sealed(header, salt, frame)[8:], "does not open it"),
        (_sealed_for_members(header, salt, key, b""), "no zstandard frame"),
    ]
    node = PrivateKey(node_key).public_key.format(compressed=False)[1:]
    recipient = Recipient(header.domain.chain_id, header.domain.round_manager, header.domain.group, address_of(node))
    wrapped = _wrapped(key, PrivateKey(node_key).public_key, PrivateKey(ephemeral), recipient)
    return {
        "chainId": _uint(header.domain.chain_id),
        "roundManager": header.domain.round_manager,
        "group": header.domain.group,
        "round": header.round,
        "node": header.node,
        "dimension": header.dimension,
        "fractionBits": header.fraction_bits,
        "salt": _hex(salt),
        "groupKey": _hex(key),
        "groupKeyCommitment": _hex(sha256(b"swarm-chain group key v1" + key).digest()),
        "codes": _hex(codes.tobytes()),
        "opens": _hex(sealed),
        "sealed": [_hex(data) for data, _ in refused],
        "reason": [reason for _, reason in refused],
        "nodeKey": _hex(node_key),
        "recipient": _hex(recipient.encode()),
        "wrapped": _hex(wrapped),
    }


_SKIPPABLE = b"\x50\x2a\x4d\x18\0\0\0\0"


def _sealed(header: UpdateHeader, salt: bytes, frame: bytes) -> bytes:
    key = HKDF(SHA256(), 32, salt=None, info=b"swarm-chain seal v1").derive(salt)
    return b"SCSEAL\x00\x01" + AESGCM(key).encrypt(bytes(12), frame, header.encode())


def _sealed_for_members(header: UpdateHeader, salt: bytes, group_key: bytes, frame: bytes) -> bytes:
    key = HKDF(SHA256(), 32, salt=group_key, info=b"swarm-chain seal for members v1").derive(salt)
    return b"SCSEAL\x00\x02" + AESGCM(key).encrypt(bytes(12), frame, header.encode())


def _wrapped(key: bytes, node: PublicKey, ephemeral: PrivateKey, recipient: Recipient) -> bytes:
    shared = sha256(node.multiply(ephemeral.secret).format()).digest()
    point = ephemeral.public_key.format()
    info = b"swarm-chain group key wrap v1" + point + node.format()
    cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(shared))
    return b"\x01" + point + cipher.encrypt(bytes(12), key, recipient.encode())


def _frame(
    content: bytes, *, declared: int | None = None, sized: bool = True, window: int = 0, dictionary: int = 0, body: bytes | None = None
) -> bytes:
    """A zstandard frame (RFC 8878, section 3.1.1) of one raw block, or of ``body``."""
    size = len(content) if declared is None else declared
    single = sized and not window
    window_byte = b"" if single else bytes([((window or 1 << 20).bit_length() - 11) << 3])
    flags = (0x80 if sized else 0) | (0x20 if single else 0) | (1 if dictionary else 0)
    fields = window_byte + (bytes([dictionary]) if dictionary else b"") + (size.to_bytes(4, "little") if sized else b"")
    return b"\x28\xb5\x2f\xfd" + bytes([flags]) + fields + (_block(content) if body is None else body)


def _block(content: bytes, *, run: bool = False, last: bool = True) -> bytes:
    """A raw block, or a run of one byte (RFC 8878, section 3.1.1.2)."""
    return (len(content) << 3 | run << 1 | last).to_bytes(3, "little") + (content[:1] if run else content)
