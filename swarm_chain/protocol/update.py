"""The canonical update and its tree (specification, sections 3 and 4)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import merkle
from swarm_chain.protocol.grid import Codes
from swarm_chain.types import Address, Domain, Round

MAGIC = b"SCUPDATE"
VERSION = 1
DENSE = 0
LEAF = 1024
"""Codes a leaf."""

_HEADER = struct.Struct(">8sHBB32s20sII20sQ28x")
HEADER_SIZE = _HEADER.size
_FIELDS = (
    ("magic", 0, 8),
    ("version", 8, 10),
    ("fraction bits", 10, 11),
    ("codec", 11, 12),
    ("chain", 12, 44),
    ("round manager", 44, 64),
    ("group", 64, 68),
    ("round", 68, 72),
    ("node", 72, 92),
    ("dimension", 92, 100),
    ("padding", 100, 128),
)


@dataclass(frozen=True, slots=True)
class UpdateHeader:
    """Whose update it is and what for: known before its bytes are, so whoever opens it compares."""

    domain: Domain
    round: Round
    node: Address
    dimension: int
    fraction_bits: int

    def encode(self) -> bytes:
        """The header's 128 bytes."""
        return _HEADER.pack(
            MAGIC,
            VERSION,
            self.fraction_bits,
            DENSE,
            self.domain.chain_id.to_bytes(32, "big"),
            bytes.fromhex(self.domain.round_manager[2:]),
            self.domain.group,
            self.round,
            bytes.fromhex(self.node[2:]),
            self.dimension,
        )


def encode_update(header: UpdateHeader, codes: Codes) -> bytes:
    """The canonical update: header, then codes."""
    _check_codes(header, codes)
    return header.encode() + codes.tobytes()


def check_header(header: UpdateHeader, data: bytes | memoryview) -> None:
    """Refuses, with an IntegrityError, 128 bytes that are not ``header``'s; the message names the first field that differs."""
    expected = header.encode()
    if data != expected:
        wrong = next(name for name, start, end in _FIELDS if data[start:end] != expected[start:end])
        raise _refused(f"its header names another {wrong}")


def decode_update(header: UpdateHeader, data: bytes) -> Codes:
    """Opens a canonical update.

    Args:
        header: what the update must say of itself.
        data: its bytes.

    Returns:
        codes int8[d], read-only.

    Raises:
        IntegrityError: it does not open canonically; the message says why.
    """
    if len(data) != HEADER_SIZE + header.dimension:
        raise _refused(f"it has {len(data)} bytes, not {HEADER_SIZE + header.dimension}")
    check_header(header, data[:HEADER_SIZE])
    codes = np.frombuffer(data, np.int8, offset=HEADER_SIZE)
    if codes.min() == -128:
        raise _refused("it has a code of -128")
    return codes


def update_root(header: UpdateHeader, codes: Codes, digests: merkle.Digests = merkle.digests) -> bytes:
    """Merkle root of an update, 32 bytes."""
    _check_codes(header, codes)
    first, whole = merkle.leaf_hash(merkle.Kind.UPDATE, header.encode()), len(codes) // LEAF
    hashes = np.empty((1 + -(-len(codes) // LEAF), 32), np.uint8)
    hashes[0] = np.frombuffer(first, np.uint8)
    if whole:
        hashes[1 : 1 + whole] = merkle.leaf_hashes(merkle.Kind.UPDATE, codes[: whole * LEAF].view(np.uint8).reshape(whole, LEAF), digests)
    if len(codes) % LEAF:
        last = codes[whole * LEAF :].tobytes().ljust(LEAF, b"\0")
        hashes[-1] = np.frombuffer(merkle.leaf_hash(merkle.Kind.UPDATE, last), np.uint8)
    return merkle.root_over(hashes, digests)


def update_leaves(header: UpdateHeader, codes: Codes) -> Iterator[bytes]:
    """Leaf 0 is the header, leaf ``i`` the codes from ``1024 (i − 1)``, the last padded with zeros."""
    yield header.encode()
    for start in range(0, len(codes), LEAF):
        yield codes[start : start + LEAF].tobytes().ljust(LEAF, b"\0")


def _check_codes(header: UpdateHeader, codes: Codes) -> None:
    if codes.dtype != np.int8 or codes.shape != (header.dimension,) or codes.min() == -128:
        raise ValueError(f"Codes are int8[{header.dimension}], -127 to 127.")


def _refused(reason: str) -> IntegrityError:
    return IntegrityError(f"These bytes are not a canonical update: {reason}.", "Nothing of them was used.")
