"""Binary SHA-256 trees with separated domains (specification, section 3; after RFC 6962's 0x00 and 0x01 prefixes)."""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from swarm_chain.types import ZERO32

Hashes = NDArray[np.uint8]
"""Hashes of leaves or nodes in their order, uint8[count, 32]."""
Digests = Callable[[bytes, NDArray[np.uint8]], Hashes]
"""SHA-256 of a prefix and a row, for each row of a C-ordered uint8[count, size]."""

_TOGETHER = 1 << 20
"""Bytes that are prefixed at once: they stay in the processor's cache."""


class Kind(IntEnum):
    """What a leaf holds; part of its hash, so that a leaf of one tree is none of another."""

    UPDATE = 1
    MODEL = 2
    COLUMNS = 3
    CHOICE = 4


def leaf_hash(kind: Kind, data: bytes) -> bytes:
    """Hash of a leaf, 32 bytes."""
    return sha256(bytes((0, kind)) + data).digest()


def digests(prefix: bytes, rows: NDArray[np.uint8]) -> Hashes:
    """As :data:`Digests` says, plainly."""
    count, size = len(rows), len(prefix) + rows.shape[1]
    hashes, together = np.empty((count, 32), np.uint8), max(_TOGETHER // size, 1)
    for start in range(0, count, together):
        some = rows[start : start + together]
        prefixed = np.empty((len(some), size), np.uint8)
        prefixed[:, : len(prefix)], prefixed[:, len(prefix) :] = np.frombuffer(prefix, np.uint8), some
        flat = prefixed.reshape(-1).data
        joined = b"".join([sha256(flat[at : at + size]).digest() for at in range(0, len(flat), size)])
        hashes[start : start + together] = np.frombuffer(joined, np.uint8).reshape(-1, 32)
    return hashes


def leaf_hashes(kind: Kind, leaves: NDArray[np.uint8], digests: Digests = digests) -> Hashes:
    """Hashes of leaves of one size, uint8[count, size], each as :func:`leaf_hash`."""
    return digests(bytes((0, kind)), leaves)


def root_over(hashes: Hashes, digests: Digests = digests) -> bytes:
    """As :func:`root`, over the leaf hashes of a large tree."""
    level, empty = hashes, ZERO32
    for _ in range(depth_of(len(hashes))):
        if len(level) % 2:
            level = np.concatenate((level, np.frombuffer(empty, np.uint8).reshape(1, 32)))
        level = digests(b"\x01", level.reshape(-1, 64))
        empty = node_hash(empty, empty)
    top: bytes = level[0].tobytes()
    return top


def depth_of(count: int) -> int:
    """Length of a proof in a tree of ``count`` leaves."""
    if count < 1:
        raise ValueError("A tree has at least one leaf.")
    return (count - 1).bit_length()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; missing leaves on the right are 32 zero bytes."""
    return levels(leaves)[-1][0]


def root_of(kind: Kind, datas: Iterable[bytes]) -> bytes:
    """Root over the data of leaves."""
    return root([leaf_hash(kind, data) for data in datas])


def prove(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Siblings of leaf ``index``, from the leaf up."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"There is no leaf {index} in a tree of {len(leaves)}.")
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels(leaves)[:-1])]


def verify(expected: bytes, leaf: bytes, index: int, depth: int, proof: Sequence[bytes]) -> bool:
    """Whether ``leaf`` (its hash) is at ``index`` of the tree with root ``expected`` and that depth."""
    if len(proof) != depth or not 0 <= index < 1 << depth:
        return False
    node = leaf
    for height, sibling in enumerate(proof):
        node = node_hash(sibling, node) if index >> height & 1 else node_hash(node, sibling)
    return node == expected


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Every level, leaves first, each filled up to an even length (but the root's)."""
    level, empty, below = list(leaves), ZERO32, []
    for _ in range(depth_of(len(leaves))):
        if len(level) % 2:
            level.append(empty)
        below.append(level)
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
        empty = node_hash(empty, empty)
    return [*below, level]
