"""What updates are worth: how far what is new in each goes the way of what is new in the others (docs/rules.md).

An update's *fresh part* is what is left of it when all that was known before it was sent is projected out: the model's last steps, and
every update of the last rounds. Nothing of it can be had by sending again what others sent. An honest node's fresh part is what it learnt
from its own data, and where nodes learn one thing those parts point one way, which noise does not.

All that this needs to know are inner products, so it is computed from the Gram matrix of codes alone, in integers, alike everywhere.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.choice import Gram
from swarm_chain.protocol.grid import Codes, Exponents, dequantise, quantise
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.scores import FULL

ONE = 2**30
"""A cosine of one; products of two fit into 63 bits."""
ROUNDS = 2
"""Results whose updates and steps are known."""
REACH = 4
"""Rounds that they are looked for in: the chain tells the commits of the last eight alone."""
_DEPENDENT = 2**20
"""A row is known already whose square's new part is below this part of ``ONE``: 3 % of its length."""
_NEARLY_EQUAL = 10
"""Two fresh parts are nearly equal whose squared distance, at length one, is below this part of the median one."""

_TWO_DEVIATIONS = 628
"""Two standard deviations of the median of m cosines of vectors that have nothing in common, squared, times 100 d m: 200 π."""

Cosines = NDArray[np.int64]
"""int64[n, n], in parts of ``ONE``."""


def on_grid(codes: Codes, grid: Exponents, to: Exponents) -> Codes:
    """Codes of an earlier round on another grid, rounded to even and cut, as who sends them again must."""
    return codes if np.array_equal(grid, to) else quantise(dequantise(codes, grid), to)[0]


def step(before: Model, after: Model, to: Exponents) -> Codes:
    """The step from one model to the next as codes of a grid, rounded to even and cut."""
    moved = after.weights.astype(np.float64) - before.weights
    return quantise(np.ldexp(moved, -after.fraction_bits), to)[0]


def known_rows(sent: Sequence[tuple[Exponents, Sequence[Codes]]], models: Sequence[Model]) -> list[Codes]:
    """The rows that are known before a round's updates, on its grid; what is nought there is left out.

    Args:
        sent: the updates included in the last rounds, with each round's grid.
        models: the parents of those rounds and of this one, in order.
    """
    now = models[-1]
    rows = [on_grid(codes, grid, now.exponents) for grid, updates in sent for codes in updates]
    steps = [step(before, after, now.exponents) for before, after in pairwise(models)]
    return [row for row in [*rows, *steps] if row.any()]


def scores(gram: Gram, known: int, dimension: int) -> list[int]:
    """What each update scores, 0 to 10,000; the best scores the most.

    An update's worth is the length of its fresh part, cut to the median one, times the median of that part's cosines with the others',
    less two standard deviations of what that median is between vectors that have nothing in common. It is worth nothing where that is
    negative, where the update as a whole points away from half of the others, and where its fresh part nearly equals another's: what is
    sealed cannot be copied, so one trainer made both.

    Args:
        gram: of the known rows, then the updates, on one grid.
        known: how many rows are known.
        dimension: codes a row.
    """
    count = len(gram) - known
    if count == 1:
        return [FULL]
    whole = cosines(gram)
    fresh = without(whole, known)
    squares = [int(square) for square in np.diagonal(gram)[known:]]
    lengths = [isqrt(square * max(int(part), 0)) for square, part in zip(squares, np.diagonal(fresh), strict=True)]  # rounding
    alike = cosines(fresh)
    apart = ONE - alike
    between = np.sort(apart[np.triu_indices(count, 1)])
    is_near = np.eye(count, dtype=np.bool_) | (apart * _NEARLY_EQUAL < between[(len(between) - 1) // 2])
    longest = _median(lengths)
    by_chance = isqrt(_TWO_DEVIATIONS * ONE * ONE // (100 * dimension * (count - 1)))
    others = ~np.eye(count, dtype=np.bool_)
    worth = []
    for index, other in enumerate(others):
        adds = _median(alike[index, other]) - by_chance
        is_own_work = is_near[index].sum() == 1 and _median(whole[known:, known:][index, other]) > 0
        worth.append(min(lengths[index], longest) * adds if is_own_work and adds > 0 else 0)
    best = max(worth)
    return [FULL * each // best if best else 0 for each in worth]


def _median(values: Sequence[int] | NDArray[np.int64]) -> int:
    """The lower one where there are two."""
    return int(sorted(values)[(len(values) - 1) // 2])


def cosines(products: NDArray[np.int64]) -> Cosines:
    """Of every two rows, by their inner products; nought for what has no length."""
    squares = [max(int(square), 0) for square in np.diagonal(products)]
    found = np.zeros(products.shape, np.int64)
    for index, square in enumerate(squares):
        for other in range(index + 1):
            length = isqrt(square * squares[other] * ONE * ONE)
            if length:
                found[index, other] = found[other, index] = min(max(int(products[index, other]) * ONE * ONE // length, -ONE), ONE)
    return found


def without(cosines: Cosines, known: int) -> Cosines:
    """Inner products of what is left of the rows behind the first ``known``, in parts of ``ONE`` times both rows' whole lengths.

    Each known row in turn is projected out of all others (Gaussian elimination, one Schur complement a row).
    """
    rest = cosines.copy()
    for row in range(known):
        pivot = int(rest[row, row])
        if pivot >= _DEPENDENT:
            rest = _bounded(rest - rest[:, row, None] * rest[None, row] // pivot)
    left: Cosines = rest[known:, known:]
    return left


def _bounded(products: Cosines) -> Cosines:
    """Rounding must not carry them beyond what inner products of parts can be."""
    return np.clip(products, -ONE, ONE)
