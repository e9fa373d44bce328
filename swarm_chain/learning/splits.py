"""How images are dealt out to nodes: by Dirichlet, or in shards; and which of its own a node measures with. The same on every machine."""

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError

Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


def dirichlet_split(labels: Labels, parts: int, alpha: float, seed: int) -> list[Indices]:
    """Deals ``labels`` out to ``parts`` nodes, every class in proportions of its own drawn from Dirichlet(``alpha``).

    The smaller ``alpha``, the more one-sided a node's data (Hsu, Qi, Brown 2019, arXiv:1909.06335). Each part gets at least two images: a
    part with fewer is given some of the largest one's.
    """
    _enough_for(len(labels), parts)
    random = np.random.Generator(np.random.PCG64(seed))
    dealt: list[list[Indices]] = [[] for _ in range(parts)]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        shares = random.dirichlet(np.full(parts, alpha))
        cuts = np.floor(np.cumsum(shares)[:-1] * len(members)).astype(np.int64)
        for part, piece in zip(dealt, np.split(members, cuts), strict=True):
            part.append(piece)
    split = [random.permutation(np.concatenate(pieces)) for pieces in dealt]
    for poor in range(parts):
        while len(split[poor]) < 2:
            rich = max(range(parts), key=lambda part: len(split[part]))
            split[poor], split[rich] = np.append(split[poor], split[rich][-1]), split[rich][:-1]
    return split


def shard_split(labels: Labels, parts: int, shards: int, seed: int) -> list[Indices]:
    """Sorts ``labels``, cuts them into ``parts * shards`` shards whose sizes differ by at most one, and deals each part ``shards`` of them.

    Most parts see about ``shards`` classes (McMahan et al. 2017, arXiv:1602.05629, section 3).
    """
    _enough_for(len(labels), parts)
    if len(labels) < parts * shards:
        raise DataError(
            f"{len(labels):,} images cannot be cut into {parts * shards:,} shards, {shards:,} for each of {parts} nodes.",
            do="Use more images, or fewer shards or parts.",
        )
    random = np.random.Generator(np.random.PCG64(seed))
    pieces = np.array_split(np.argsort(labels, kind="stable"), parts * shards)
    dealt = random.permutation(parts * shards).reshape(parts, shards)
    return [random.permutation(np.concatenate([pieces[shard] for shard in of_part])) for of_part in dealt]


def hold_out(count: int, one_in: int, seed: int) -> tuple[Indices, Indices]:
    """Of ``count`` images one in ``one_in``, at least one: (the others, those held out). Raises DataError for fewer than two images."""
    if count < 2:
        raise DataError("A node needs at least two images: one to train on and one to measure with.", do="Give the node more data.")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count)
    held = max(1, count // one_in)
    return order[held:], order[:held]


def _enough_for(count: int, parts: int) -> None:
    if count < 2 * parts:
        raise DataError(f"{count} images cannot be dealt out to {parts} nodes.", do="Use more images or fewer parts.")
