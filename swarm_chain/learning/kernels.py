"""Fast passes over all codes of a round, bit for bit what :mod:`swarm_chain.protocol.aggregation` and ``grid`` say plainly.

Small rounds take the plain ones: they are done before numba is loaded.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol import aggregation, grid
from swarm_chain.protocol.aggregation import UPDATES_MAX, cut_of
from swarm_chain.protocol.grid import BLOCK, Codes, Exponents, Rows, block_count, shape_of
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.outcome import Passes
from swarm_chain.types import Rule

COMPILED_FROM = 4_000_000
"""Codes of a round from which compiling pays."""
PIECE = 1 << 18
"""Coordinates that one thread takes at a time: whole blocks, so that pieces share none."""


def aggregate(rule: Rule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round, int32[d]: :func:`swarm_chain.protocol.aggregation.aggregate`, faster.

    ``codes`` as a C-ordered int8[n, d] are read where they lie; rows apart are put together piece by piece.
    """
    count, dimension = shape_of(codes)
    if count * dimension < COMPILED_FROM:
        return aggregation.aggregate(rule, codes, model)
    if count > UPDATES_MAX or dimension != model.dimension:
        raise ValueError(f"{count} updates of {dimension} coordinates do not fit a model of {model.dimension}.")
    from swarm_chain.learning.compiled import add_steps

    cut = cut_of(rule, count)
    comparators = comparators_for(count, cut)
    shifts = model.fraction_bits - model.exponents.astype(np.int64)
    stepped = np.empty(dimension, np.int32)

    def step(here: slice) -> None:
        blocks = slice(here.start // BLOCK, block_count(here.stop))
        add_steps(_piece(codes, here), comparators, cut, model.weights[here], shifts[blocks], stepped[here])

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


def _on_all_cores(work: Callable[[slice], None], dimension: int) -> None:
    """Does the work on pieces of ``dimension`` coordinates, whose results no order changes."""
    pieces = [slice(start, min(start + PIECE, dimension)) for start in range(0, dimension, PIECE)]
    with ThreadPoolExecutor(min(len(pieces), os.cpu_count() or 1)) as threads:
        for done in [threads.submit(work, piece) for piece in pieces]:
            done.result()


PASSES = Passes(aggregate, next_exponents)
