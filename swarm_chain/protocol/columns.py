"""The columns tree: a block's codes of every included update in one leaf (specification, section 3)."""

from collections.abc import Iterator

from swarm_chain.protocol import merkle
from swarm_chain.protocol.grid import BLOCK, Rows, windows


def columns_root(codes: Rows) -> bytes:
    """Merkle root over the columns, 32 bytes.

    Args:
        codes: int8[n, d], rows by ascending node address.
    """
    return merkle.root_of(merkle.Kind.COLUMNS, columns_leaves(codes))


def columns_leaves(codes: Rows) -> Iterator[bytes]:
    """Each block's leaf: 256 codes of the first update, 256 of the second, …, padded with zeros in the last block."""
    for _, window in windows(codes):
        for start in range(0, window.shape[1], BLOCK):
            block = window[:, start : start + BLOCK]
            yield b"".join(row.tobytes().ljust(BLOCK, b"\0") for row in block)
