"""Which leaf of a withheld tree is wrong: each leaf that was shown tells by its siblings in which part of the tree to look on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swarm_chain.protocol import merkle
from swarm_chain.protocol.disputes.evidence import Leaf
from swarm_chain.types import ZERO32

_Place = tuple[int, int]
"""Of a node: its height above the leaves, and its number at that height."""


@dataclass(frozen=True, slots=True)
class Found:
    """A shown leaf that is not the right one."""

    index: int
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Ask:
    """The leaf to demand next."""

    index: int


def follow(kind: merkle.Kind, right: Sequence[bytes], claimed_root: bytes, shown: Mapping[int, Leaf]) -> Found | Ask | None:
    """The next step toward the wrong leaf.

    Args:
        kind: of the tree.
        right: hashes of the leaves that it should have.
        claimed_root: the root it has, another than theirs.
        shown: leaves that were shown under that root, by index; a proof of each was checked.

    Returns:
        ``None`` where no leaf but padding is wrong, of which none can be demanded.
    """
    levels, depth = merkle.levels(right), merkle.depth_of(len(right))
    empty = [ZERO32]
    for _ in range(depth):
        empty.append(merkle.node_hash(empty[-1], empty[-1]))
    claimed: dict[_Place, bytes] = {(depth, 0): claimed_root}
    for index, leaf in shown.items():
        claimed |= _path(kind, index, leaf)

    def is_wrong(place: _Place) -> bool:
        height, number = place
        level = levels[height]
        return claimed[place] != (level[number] if number < len(level) else empty[height])

    ask: Ask | None = None
    wrong: list[_Place] = [(depth, 0)]
    while wrong:
        height, number = wrong.pop()
        first = number << height
        if first >= len(right):
            continue
        if height == 0 and first in shown:
            return Found(first, shown[first])
        below = [(height - 1, 2 * number), (height - 1, 2 * number + 1)]
        if height and all(place in claimed for place in below):
            wrong += [place for place in below if is_wrong(place)]
        elif ask is None:
            ask = Ask(first)
    return ask


def _path(kind: merkle.Kind, index: int, leaf: Leaf) -> dict[_Place, bytes]:
    """Every node of the tree that a leaf and its siblings give away."""
    known, node = {}, merkle.leaf_hash(kind, leaf.data)
    for height, sibling in enumerate(leaf.proof):
        number = index >> height
        known[height, number], known[height, number ^ 1] = node, sibling
        node = merkle.node_hash(sibling, node) if number & 1 else merkle.node_hash(node, sibling)
    known[len(leaf.proof), 0] = node
    return known
