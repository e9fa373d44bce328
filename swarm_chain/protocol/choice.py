"""Choices of rules that look at whole updates: how updates are mixed before a coordinate rule sees them (docs/rules.md).

All that such a rule needs to know of the updates are their inner products, the Gram matrix. Everything is integers, so that every machine
chooses alike; updates come in the order of their nodes' addresses, and of two that are equally near the first is taken.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.grid import Rows, shape_of, windows

ONE = 256
"""A factor of one."""
FACTOR_MAX = 2**16 - 1
_SHARE = 2**32
"""What the shares of the updates in a centre come to."""
_NEARLY_EQUAL = 20
"""Two updates are nearly equal whose squared distance is below this part of the median one."""
_COSINE = 2**32
"""A cosine of one."""
_ALIGNED = 5
"""An update is left out that is aligned at most this part as well as the median one,"""
_APART = 4
"""and whose cosine is lower by one part in so many: late in training honest updates are aligned by chance alone, about 0.1 to and fro."""
_ALIGNMENTS = 4

Gram = NDArray[np.int64]
"""int64[n, n]: inner products of every two updates' codes."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Mixtures of updates: row ``i`` is the sum of ``factors[j] · q_j`` over the updates it takes, divided by ``divisor``.

    Attributes:
        factors: int64[n], 0 to 65,535.
        takes: bool[m, n], which updates a row takes.
        divisor: 1 to 65,536.
    """

    factors: NDArray[np.int64]
    takes: NDArray[np.bool_]
    divisor: int

    @property
    def matrix(self) -> NDArray[np.int64]:
        """int64[m, n]: rows times codes are the mixtures' numerators, below 255 · 65,535 · 127 < 2^31."""
        return self.takes * self.factors


def gram_matrix(codes: Rows) -> Gram:
    """Inner products of every two updates, int64[n, n]; they stay below 2^63 for all ``d`` below 2^49."""
    count, _ = shape_of(codes)
    products = np.zeros((count, count), np.int64)
    for _, window in windows(codes):
        wide = window.astype(np.float64)  # a window's sums are integers below 2^53: exact, whatever the order
        products += (wide @ wide.T).astype(np.int64)
    return products


def tolerated(count: int) -> int:
    """How many of ``count`` updates may be an attacker's: fewer than a third of a quorum's weight is what the protocol bears."""
    return max((count - 1) // 3, 0)


def distances(gram: Gram) -> NDArray[np.int64]:
    """Squared distances of every two updates, int64[n, n]."""
    squares = np.diagonal(gram)
    result: NDArray[np.int64] = squares[:, None] + squares[None, :] - 2 * gram
    return result


def nearest(apart: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which ``count`` updates are nearest to each, itself among them, bool[n, n]."""
    order = np.argsort(apart, axis=1, kind="stable")
    takes = np.zeros(apart.shape, np.bool_)
    np.put_along_axis(takes, order[:, :count], values=True, axis=1)
    return takes


def multi_krum(gram: Gram) -> Choice:
    """The mean of the ``n − f`` updates whose ``n − f − 2`` nearest others are nearest (Blanchard et al., NeurIPS 2017)."""
    count = len(gram)
    bad = tolerated(count)
    others = max(count - bad - 2, 1)
    # Itself is at distance zero: among the nearest it adds nothing.
    totals = np.sort(distances(gram), axis=1)[:, : others + 1].sum(axis=1)
    kept = np.argsort(totals, kind="stable")[: count - bad]
    takes = np.zeros((1, count), np.bool_)
    takes[0, kept] = True
    return Choice(np.ones(count, np.int64), takes, count - bad)


def nearest_neighbours(gram: Gram) -> Choice:
    """Every update becomes the mean of the ``n − f`` nearest to it (Allouah et al., AISTATS 2023)."""
    kept = len(gram) - tolerated(len(gram))
    return Choice(np.ones(len(gram), np.int64), nearest(distances(gram), kept), kept)


def clipped(gram: Gram) -> Choice:
    """The longest ``⌊2 f (n − f) / n⌋`` updates are cut to the length of the next (ARC: Allouah et al., ICLR 2025)."""
    return Choice(_clipping_factors(gram), np.eye(len(gram), dtype=np.bool_), ONE)


def clipped_nearest_neighbours(gram: Gram) -> Choice:
    """Clips as :func:`clipped`, then mixes as :func:`nearest_neighbours` what is left."""
    factors = _clipping_factors(gram)
    wide = factors.astype(object)
    shorter = wide[:, None] * wide[None, :] * gram.astype(object)
    squares = np.diagonal(shorter)
    apart = squares[:, None] + squares[None, :] - 2 * shorter
    kept = len(gram) - tolerated(len(gram))
    return Choice(factors, nearest(apart, kept), kept * ONE)


def geometric_median(gram: Gram, iterations: int = 8) -> Choice:
    """The point whose distances to all updates add up to the least (RFA, smoothed Weiszfeld: Pillutla et al., IEEE TSP 2022)."""
    count = len(gram)
    products = gram.astype(object)
    shares = np.full(count, _SHARE // count, object)
    for _ in range(iterations):
        lengths = _lengths_from(products, shares)
        # Smoothing: who lies in the centre would else weigh without bound.
        floor = max(sum(lengths) // (100 * count), 1)
        closeness = np.array([_SHARE * _SHARE // max(length, floor) for length in lengths], object)
        shares = closeness * _SHARE // max(closeness.sum(), 1)
    return _of_shares(shares)


def centered_clipping(gram: Gram, iterations: int = 3) -> Choice:
    """From the geometric middle of nothing, the mean of the updates' ways from the centre, each cut to the median way's length.

    Karimireddy, He and Jaggi, ICML 2021, with the first centre at zero: what the parent is.
    """
    count = len(gram)
    products = gram.astype(object)
    shares = np.zeros(count, object)
    for _ in range(iterations):
        lengths = _lengths_from(products, shares)
        radius = sorted(lengths)[(count - 1) // 2]
        parts = np.array([_SHARE * min(radius, length) // length if length else _SHARE for length in lengths], object)
        shares = shares + (parts - shares * parts.sum() // _SHARE) // count
    return _of_shares(shares)


def aligned(gram: Gram) -> Choice:
    """The mean of the updates that point the way of the others; of those that are nearly equal, all together count as one.

    Longest updates are cut to length as in :func:`clipped`. An update's *alignment* is its cosine with the mean of all that are kept but
    itself and what nearly equals it. What is aligned at most a fifth as well as the median, and less well by a quarter, is left out, though
    at most ``f``, the least aligned; and again, until nothing changes. No paper's: docs/rules.md says what it is made from and how it was
    measured.
    """
    count, products = len(gram), gram.astype(object)
    apart = distances(gram)
    between = np.sort(apart[np.triu_indices(count, 1)])
    is_near = np.eye(count, dtype=np.bool_) | (apart * _NEARLY_EQUAL < between[(len(between) - 1) // 2] if count > 1 else False)
    parts = _SHARE // is_near.sum(axis=1)
    shares = _clipping_factors(gram).astype(object) * parts
    kept = np.ones(count, np.bool_)
    for _ in range(_ALIGNMENTS):
        alignments = _alignments(products, shares * kept, is_near)
        median = _median(alignments, parts)
        least = sorted(range(count), key=lambda index: alignments[index])
        is_out = [alignment * _ALIGNED <= median and median - alignment >= _COSINE // _APART for alignment in alignments]
        before, kept = kept, np.ones(count, np.bool_)
        kept[[index for index in least if is_out[index]][: tolerated(count)]] = False
        if (kept == before).all():
            break
    shares = shares * kept
    total = int(shares.sum())
    return _of_shares(shares * _SHARE // total if total else shares)


def _alignments(products: NDArray[np.object_], shares: NDArray[np.object_], is_near: NDArray[np.bool_]) -> list[int]:
    """Each update's cosine with ``Σ share_j q_j`` over the others that it does not nearly equal, in parts of ``_COSINE``."""
    pulled = products @ shares
    square = int(shares @ pulled)
    cosines = []
    for index, row in enumerate(is_near):
        near = np.flatnonzero(row)
        own = shares[near]
        # What is left of the sum without these, and of its square.
        pull = int(pulled[index]) - int(products[index, near] @ own)
        others = square - 2 * int(own @ pulled[near]) + int(own @ products[np.ix_(near, near)] @ own)
        length = isqrt(int(products[index, index]) * others)
        cosines.append(pull * _COSINE // length if length else 0)
    return cosines


def _median(values: list[int], weights: NDArray[np.int64]) -> int:
    """The lowest of the values that half of the weight does not exceed."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    sums = np.cumsum(weights[order])
    return values[order[int(np.searchsorted(2 * sums, sums[-1]))]]


def _clipping_factors(gram: Gram) -> NDArray[np.int64]:
    count = len(gram)
    bad = tolerated(count)
    squares = [int(square) for square in np.diagonal(gram)]
    longest = 2 * bad * (count - bad) // count
    bound = sorted(squares, reverse=True)[longest]
    return np.array([isqrt(ONE * ONE * bound // square) if square > bound else ONE for square in squares], np.int64)


def _lengths_from(products: NDArray[np.object_], shares: NDArray[np.object_]) -> list[int]:
    """Distances of the updates from the centre ``Σ share_j q_j``, times ``_SHARE``."""
    pulled = products @ shares
    centre = int(shares @ pulled)
    squares = np.diagonal(products)
    return [
        isqrt(max(_SHARE * _SHARE * int(square) - 2 * _SHARE * int(pull) + centre, 0)) for square, pull in zip(squares, pulled, strict=True)
    ]


def _of_shares(shares: NDArray[np.object_]) -> Choice:
    """The centre as one row."""
    count = len(shares)
    factors = np.array([min(int(share) * count * ONE // _SHARE, FACTOR_MAX) for share in shares], np.int64)
    return Choice(factors, np.ones((1, count), np.bool_), count * ONE)
