"""Fast passes over all codes of a round, bit for bit what :mod:`swarm_chain.protocol.aggregation` and ``grid`` say plainly.

Small rounds take the plain ones: they are done before numba is loaded.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import LearningError
from swarm_chain.protocol import aggregation, grid, merkle
from swarm_chain.protocol import choice as plain_choice
from swarm_chain.protocol.aggregation import UPDATES_MAX, cut_of
from swarm_chain.protocol.choice import Choice, Gram
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Codes, Exponents, Rows, block_count, shape_of
from swarm_chain.protocol.merkle import Digests, Hashes
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.outcome import Passes
from swarm_chain.protocol.rules import AggregationRule
from swarm_chain.types import Rule

if TYPE_CHECKING:
    import torch

COMPILED_FROM = 4_000_000
"""Codes of a round, or bytes of a tree, from which compiling pays."""
_T = TypeVar("_T")

PIECE = 1 << 18
"""Coordinates that one thread takes at a time: whole blocks, so that pieces share none."""


def aggregate(rule: Rule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round, int32[d]: :func:`swarm_chain.protocol.aggregation.aggregate`, faster."""
    return stepped(codes, model, rule)


def aggregate_by(rule: AggregationRule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round, int32[d]: :func:`swarm_chain.protocol.rules.aggregate_by`, faster."""
    return stepped(codes, model, rule.coordinates, rule.choose(gram_matrix(codes)) if rule.choose else None)


def stepped(codes: Rows, model: Model, rule: Rule, choice: Choice | None = None) -> NDArray[np.int32]:
    """The weights after a coordinate rule, over the updates or mixtures of them: :func:`swarm_chain.protocol.aggregation.stepped`, faster.

    ``codes`` as a C-ordered int8[n, d] are read where they lie; rows apart are put together piece by piece.
    """
    count, dimension = shape_of(codes)
    if count * dimension < COMPILED_FROM:
        return aggregation.stepped(codes, model, rule, choice)
    return _cut(codes, model, rule) if choice is None else _mixed(codes, model, rule, choice)


def gram_matrix(codes: Rows) -> Gram:
    """Inner products of every two updates, int64[n, n]: :func:`swarm_chain.protocol.choice.gram_matrix`, faster."""
    count, dimension = shape_of(codes)
    if count * dimension < COMPILED_FROM:
        return plain_choice.gram_matrix(codes)
    from swarm_chain.learning.compiled import add_products

    even = count + count % 2

    def multiply(here: slice) -> Gram:
        products = np.zeros((even, even), np.int64)
        add_products(_piece(codes, here), products)
        return products

    lower = np.tril(np.sum(_on_all_cores(multiply, dimension), axis=0))[:count, :count]
    products: Gram = lower + np.tril(lower, -1).T
    return products


def hashing(size: int) -> Digests:
    """How to hash what has so many bytes in all: :func:`swarm_chain.protocol.merkle.digests`, or what does the same faster."""
    return merkle.digests if size < COMPILED_FROM else _digests


def _digests(prefix: bytes, rows: NDArray[np.uint8]) -> Hashes:
    if rows.ndim != 2 or rows.dtype != np.uint8:
        raise ValueError("What is hashed is uint8[count, size].")
    from swarm_chain.learning.compiled_hashing import sha256_of_rows

    hashes = np.empty((len(rows), 32), np.uint8)
    sha256_of_rows(np.array(bytearray(prefix), np.uint8), np.ascontiguousarray(rows), hashes)
    # A vote for a wrong root costs stake, so a processor that numba compiles wrongly for must show before.
    if len(rows) and hashes[-1].tobytes() != sha256(prefix + rows[-1].tobytes()).digest():
        raise LearningError(
            "What was compiled for this processor hashes wrongly.",
            "It was not used.",
            "Report it with the processor's name; run the node elsewhere.",
        )
    return hashes


def _cut(codes: Rows, model: Model, rule: Rule) -> NDArray[np.int32]:
    """The step of the updates' own codes."""
    from swarm_chain.learning.compiled import add_steps

    cut = cut_of(rule, len(codes))
    comparators = comparators_for(len(codes), cut)
    return _in_pieces(codes, model, lambda piece, *here: add_steps(piece, comparators, cut, *here))


def _mixed(codes: Rows, model: Model, rule: Rule, chosen: Choice) -> NDArray[np.int32]:
    """The step of a choice's mixtures."""
    matrix = chosen.matrix
    if matrix.sum(axis=1).max() * CODE_MAX >= 1 << 24:
        return aggregation.stepped(codes, model, rule, chosen)
    from swarm_chain.learning.compiled import add_mixed_steps

    whole, cut = matrix.astype(np.float32), cut_of(rule, len(matrix))
    comparators = comparators_for(len(whole), cut)
    denominator = (len(whole) - 2 * cut) * chosen.divisor
    return _in_pieces(codes, model, lambda piece, *here: add_mixed_steps(piece, whole, comparators, cut, denominator, *here))


def _in_pieces(codes: Rows, model: Model, add: Callable[..., None]) -> NDArray[np.int32]:
    """The weights after ``add`` has written them piece by piece; it is given codes, weights, shifts and where to write.

    What is compiled checks no bounds, so all is checked here.
    """
    count, dimension = shape_of(codes)
    if count > UPDATES_MAX or dimension != model.dimension:
        raise ValueError(f"{count} updates of {dimension} coordinates do not fit a model of {model.dimension}.")
    shifts = model.fraction_bits - model.exponents.astype(np.int64)
    stepped = np.empty(dimension, np.int32)

    def step(here: slice) -> None:
        blocks = slice(here.start // BLOCK, block_count(here.stop))
        add(_piece(codes, here), model.weights[here], shifts[blocks], stepped[here])

    _on_all_cores(step, dimension)
    return stepped


def next_exponents(codes: Rows, exponents: Exponents, lo: int, hi: int) -> Exponents:
    """The grid of the next round: :func:`swarm_chain.protocol.grid.next_exponents`, faster."""
    count, dimension = shape_of(codes)
    if count * dimension < COMPILED_FROM:
        return grid.next_exponents(codes, exponents, lo, hi)
    from swarm_chain.learning.compiled import block_energies

    energies = np.empty((count, block_count(dimension)), np.int64)

    def measure(here: slice) -> None:
        block_energies(_piece(codes, here), energies[:, here.start // BLOCK : block_count(here.stop)])

    _on_all_cores(measure, dimension)
    return grid.moved(energies, dimension, exponents, lo, hi)


@lru_cache(maxsize=16)
def comparators_for(count: int, cut: int) -> NDArray[np.int64]:
    """The comparators ``(low, high)`` that bring the middle ``count - 2 * cut`` of ``count`` values into their sorted places, int64[c, 2].

    Batcher's odd-even merge sort (Batcher, 1968), without what no middle place depends on.
    """
    if not cut:
        return np.empty((0, 2), np.int64)
    wanted, kept = set(range(cut, count - cut)), []
    for low, high in reversed(list(_batcher(count))):
        if low in wanted or high in wanted:
            wanted |= {low, high}
            kept.append((low, high))
    return np.array(kept[::-1], np.int64).reshape(-1, 2)


def _batcher(count: int) -> Iterator[tuple[int, int]]:
    merged = 1
    while merged < count:
        apart = merged
        while apart:
            for start in range(apart % merged, count - apart, 2 * apart):
                for low in range(start, min(start + apart, count - apart)):
                    if low // (2 * merged) == (low + apart) // (2 * merged):
                        yield low, low + apart
            apart //= 2
        merged *= 2


def _piece(codes: Rows, here: slice) -> Codes:
    """int8[n, width] of some coordinates; of a matrix no copy."""
    if isinstance(codes, np.ndarray):
        return codes[:, here]
    return np.stack([row[here] for row in codes])


def _on_all_cores(work: Callable[[slice], _T], dimension: int) -> list[_T]:
    """What the work comes to on each piece of ``dimension`` coordinates, in their order."""
    pieces = [slice(start, min(start + PIECE, dimension)) for start in range(0, dimension, PIECE)]
    with ThreadPoolExecutor(min(len(pieces), os.cpu_count() or 1)) as threads:
        return list(threads.map(work, pieces))


PASSES = Passes(stepped, next_exponents, gram_matrix, hashing)


def passes_for(device: "torch.device | None") -> Passes:
    """What a node aggregates by that trains on a device: the GPU's passes where it is one of CUDA, else the processor's."""
    if device is None or device.type != "cuda":
        return PASSES
    from swarm_chain.learning.torch_passes import passes_on

    return passes_on(device)
