"""Included updates whose sealed bytes open, but not canonically: the leaf that shows it."""

import numpy as np

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import merkle
from swarm_chain.protocol.disputes.evidence import Leaf, Opened, Update
from swarm_chain.protocol.sealing import contents
from swarm_chain.protocol.update import HEADER_SIZE, LEAF, UpdateHeader
from swarm_chain.types import Result

_NO_CODE = -128


def find(result: Result, opened: Opened, header: UpdateHeader, sealed: bytes, group_key: bytes | None = None) -> Update | None:
    """The smallest leaf that no canonical update has.

    Args:
        result: that includes it.
        opened: what its node revealed.
        header: what the update must say of itself.
        sealed: its bytes, whose digest was checked.
        group_key: of a closed group.

    Returns:
        ``None`` where the bytes do not give the root that was revealed: what is under it, only its node knows.
    """
    padded = -(-header.dimension // LEAF) * LEAF
    sizes = sorted({HEADER_SIZE + header.dimension, HEADER_SIZE + padded})
    try:
        data = contents(header, opened.reveal.salt, sealed, sizes, group_key)
    except IntegrityError:
        return None
    leaves = [data[:HEADER_SIZE]]
    leaves += [data[start : start + LEAF].ljust(LEAF, b"\0") for start in range(HEADER_SIZE, len(data), LEAF)]
    hashes = [merkle.leaf_hash(merkle.Kind.UPDATE, leaf) for leaf in leaves]
    if merkle.root(hashes) != opened.reveal.update_root:
        return None
    for index, leaf in enumerate(leaves):
        if leaf != header.encode() if index == 0 else not _is_canonical(leaf, header.dimension - (index - 1) * LEAF):
            return Update(result, opened, index, Leaf(leaf, tuple(merkle.prove(hashes, index))))
    return None


def _is_canonical(leaf: bytes, left: int) -> bool:
    """Whether a leaf of codes, of which ``left`` are real or more than it holds, is as a canonical update has it."""
    codes = np.frombuffer(leaf, np.int8)
    return not (codes == _NO_CODE).any() and not codes[left:].any()
