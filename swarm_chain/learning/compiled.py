"""What numba compiles: passes over all codes of a round, in pieces that stay in the processor's cache.

Nothing here is called but by :mod:`swarm_chain.learning.kernels`, which checks what it passes on. Lanes of one loop are of one small type
and one length, so that the compiler makes vector instructions of them. What is compiled is not kept: a second or two a process are little
beside large rounds, and machine code in a file would have to be trusted.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.grid import BLOCK

LANES = 4 * BLOCK
"""Coordinates worked on at once; ``PAD`` more a row, or rows whose distance is a power of two would push each other out of the cache."""
PAD = 64
FAR = float(2**33)
"""A step as large as this saturates every weight, whatever more it is."""
NEAR = float(2**28)
"""Below this, quotients by what mixtures are divided by are exact in doubles."""

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


@numba.njit(nogil=True)
def add_steps(
    codes: NDArray[np.int8],
    comparators: NDArray[np.int64],
    cut: int,
    weights: NDArray[np.int32],
    shifts: NDArray[np.int64],
    stepped: NDArray[np.int32],
) -> None:
    """Writes into ``stepped`` the weights after a round's step.

    Args:
        codes: int8[n, d].
        comparators: int64[c, 2], a network that brings the rows ``cut`` to ``n - cut - 1`` of each column into their sorted places; none
            where nothing is cut.
        cut: rows left out at each end.
        weights: int32[d] of the parent.
        shifts: int64[ceil(d / 256)], a block's ``F - e``, 0 to 46.
        stepped: int32[d].
    """
    count, dimension = codes.shape
    rows = np.zeros((count, LANES + PAD), np.int8)
    sums = np.empty(LANES, np.int16)  # 255 rows of at most 127 stay below 2^15
    kept = float(count - 2 * cut)
    for start in range(0, dimension, LANES):
        width = min(LANES, dimension - start)
        _copy(codes, start, width, rows)
        _sort(rows, comparators)
        sums[:] = 0
        for row in range(cut, count - cut):
            for lane in range(LANES):
                sums[lane] += rows[row, lane]
        for first in range(0, width, BLOCK):
            last = min(first + BLOCK, width)
            scale = float(1 << shifts[(start + first) // BLOCK])
            before, after, numerators = weights[start + first : start + last], stepped[start + first : start + last], sums[first:last]
            for lane in range(last - first):
                # Exact: the product has 15 bits, and a quotient below 2^44 is further from the next integer than doubles err.
                step = int(min(max(numerators[lane] * scale / kept, -FAR), FAR))
                after[lane] = min(max(before[lane] + step, _INT32_MIN), _INT32_MAX)


@numba.njit(nogil=True)
def block_energies(codes: NDArray[np.int8], energies: NDArray[np.int64]) -> None:
    """Writes into ``energies``, int64[n, ceil(d / 256)], each row's sum of squares a block of its codes, int8[n, d]."""
    count, dimension = codes.shape
    for row in range(count):
        for block in range(energies.shape[1]):
            values = codes[row, block * BLOCK : min((block + 1) * BLOCK, dimension)]
            total = np.int32(0)
            for lane in range(len(values)):
                # Said of every sum, or numba takes 64 bits, and half as many lanes.
                total = np.int32(total + np.int32(np.int32(values[lane]) * np.int32(values[lane])))
            energies[row, block] = total


@numba.njit(nogil=True)
def add_products(codes: NDArray[np.int8], products: NDArray[np.int64]) -> None:
    """Adds inner products of ``codes``, int8[n, d], to the lower triangle of ``products``, int64[m, m]; m is n, or n + 1 where n is odd."""
    _, dimension = codes.shape
    even = len(products)
    rows = np.zeros((even, LANES + PAD), np.int16)
    for start in range(0, dimension, LANES):
        width = min(LANES, dimension - start)
        _copy(codes, start, width, rows)
        rows[:, width:LANES] = 0
        # Two rows by two: what is loaded is used twice. 1,024 products of at most 127^2 stay below 2^24.
        for row in range(0, even, 2):
            for column in range(0, row + 1, 2):
                first, second, left, right = rows[row], rows[row + 1], rows[column], rows[column + 1]
                first_left, first_right, second_left, second_right = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
                for lane in range(LANES):
                    one, two, three, four = np.int32(first[lane]), np.int32(second[lane]), np.int32(left[lane]), np.int32(right[lane])
                    first_left = np.int32(first_left + np.int32(one * three))
                    first_right = np.int32(first_right + np.int32(one * four))
                    second_left = np.int32(second_left + np.int32(two * three))
                    second_right = np.int32(second_right + np.int32(two * four))
                products[row, column] += first_left
                products[row, column + 1] += first_right
                products[row + 1, column] += second_left
                products[row + 1, column + 1] += second_right


@numba.njit(nogil=True)
def add_mixed_steps(
    codes: NDArray[np.int8],
    matrix: NDArray[np.float32],
    comparators: NDArray[np.int64],
    cut: int,
    denominator: int,
    weights: NDArray[np.int32],
    shifts: NDArray[np.int64],
    stepped: NDArray[np.int32],
) -> None:
    """Writes into ``stepped`` the weights after a step of mixtures: see :func:`add_steps`.

    Args:
        codes: int8[n, d].
        matrix: float32[m, n], whole numbers; a row's sum times 127 stays below 2^24, so that floats are exact.
        comparators: a network for ``m`` rows.
        cut: rows of mixtures left out at each end.
        denominator: what a sum of the others is divided by, at most 2^24.
        weights: int32[d] of the parent.
        shifts: int64[ceil(d / 256)].
        stepped: int32[d].
    """
    count, dimension = codes.shape
    mixtures = len(matrix)
    rows = np.zeros((count, LANES + PAD), np.float32)
    mixed = np.empty(LANES, np.float32)
    values = np.empty((mixtures, LANES + PAD), np.int32)
    sums = np.empty(LANES, np.int64)
    for start in range(0, dimension, LANES):
        width = min(LANES, dimension - start)
        _copy(codes, start, width, rows)
        for mixture in range(mixtures):
            mixed[:] = 0
            for row in range(count):
                factor, taken = matrix[mixture, row], rows[row]
                if factor != 0:
                    for lane in range(LANES):
                        mixed[lane] += factor * taken[lane]
            whole = values[mixture]
            for lane in range(LANES):
                whole[lane] = np.int32(mixed[lane])
        _sort(values, comparators)
        sums[:] = 0
        for mixture in range(cut, mixtures - cut):
            for lane in range(LANES):
                sums[lane] += values[mixture, lane]
        for first in range(0, width, BLOCK):
            last = min(first + BLOCK, width)
            shift = shifts[(start + first) // BLOCK]
            before, after, numerators = weights[start + first : start + last], stepped[start + first : start + last], sums[first:last]
            scale = float(1 << shift)
            largest = 0
            for lane in range(last - first):
                largest = max(largest, abs(numerators[lane]))
            if largest * scale / denominator < NEAR:
                for lane in range(last - first):
                    # Exact: a quotient below 2^28 is further from the next integer, 2^-24, than doubles err.
                    step = int(numerators[lane] * scale / denominator)
                    after[lane] = min(max(before[lane] + step, _INT32_MIN), _INT32_MAX)
            else:
                for lane in range(last - first):
                    after[lane] = min(max(before[lane] + _divided(numerators[lane], shift, denominator), _INT32_MIN), _INT32_MAX)


@numba.njit(nogil=True)
def _divided(numerator: int, shift: int, denominator: int) -> int:
    """:func:`swarm_chain.protocol.aggregation.divide_shifted` of one."""
    first = min(shift, 23)
    scaled = abs(numerator) << first
    quotient, rest = min(scaled // denominator, 1 << 39), scaled % denominator
    quotient = (quotient << (shift - first)) + (rest << (shift - first)) // denominator
    return quotient if numerator >= 0 else -quotient


@numba.njit(nogil=True)
def _copy(codes: NDArray[np.int8], start: int, width: int, rows: NDArray[np.generic]) -> None:
    """Copies ``width`` columns of ``codes`` into the first lanes of ``rows``."""
    for row in range(len(codes)):
        source, target = codes[row, start : start + width], rows[row]
        for lane in range(width):
            target[lane] = source[lane]


@numba.njit(nogil=True)
def _sort(rows: NDArray[np.signedinteger], comparators: NDArray[np.int64]) -> None:
    """Brings the rows of each lane into the order that a network brings them."""
    for comparator in range(comparators.shape[0]):
        low, high = comparators[comparator, 0], comparators[comparator, 1]
        for lane in range(LANES):
            one, other = rows[low, lane], rows[high, lane]
            rows[low, lane] = min(one, other)
            rows[high, lane] = max(one, other)
