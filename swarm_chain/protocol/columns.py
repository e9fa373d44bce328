"""The columns tree: a block's codes of every included update in one leaf (specification, section 3)."""

from collections.abc import Iterator

import numpy as np

from swarm_chain.protocol import merkle
from swarm_chain.protocol.grid import BLOCK, Rows, block_count, shape_of, windows

_TOGETHER = 1 << 20
"""Codes whose leaves are made at once."""


def columns_root(codes: Rows, digests: merkle.Digests = merkle.digests) -> bytes:
    """Merkle root over the columns, 32 bytes.

    Args:
        codes: int8[n, d], rows by ascending node address.
        digests: hashes leaves.
    """
    count, dimension = shape_of(codes)
    hashes, together = np.empty((block_count(dimension), 32), np.uint8), max(_TOGETHER // (count * BLOCK), 1)
    leaves = np.zeros((together, count, BLOCK), np.int8)
    for start in range(0, dimension, together * BLOCK):
        for row, place in zip(codes, leaves.swapaxes(0, 1), strict=True):
            some = row[start : start + together * BLOCK]
            whole = len(some) // BLOCK
            place[:whole] = some[: whole * BLOCK].reshape(whole, BLOCK)
            if len(some) % BLOCK:
                place[whole] = 0
                place[whole, : len(some) % BLOCK] = some[whole * BLOCK :]
        made = leaves[: block_count(len(some))]
        hashes[start // BLOCK : start // BLOCK + len(made)] = merkle.leaf_hashes(
            merkle.Kind.COLUMNS, made.reshape(len(made), -1).view(np.uint8), digests
        )
    return merkle.root_over(hashes, digests)


def columns_leaves(codes: Rows) -> Iterator[bytes]:
    """Each block's leaf: 256 codes of the first update, 256 of the second, …, padded with zeros in the last block."""
    for _, window in windows(codes):
        for start in range(0, window.shape[1], BLOCK):
            block = window[:, start : start + BLOCK]
            yield b"".join(row.tobytes().ljust(BLOCK, b"\0") for row in block)
