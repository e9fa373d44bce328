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
        for row in range(count):
            source, target = codes[row, start : start + width], rows[row]
            for lane in range(width):
                target[lane] = source[lane]
        for comparator in range(comparators.shape[0]):
            low, high = comparators[comparator, 0], comparators[comparator, 1]
            for lane in range(LANES):
                one, other = rows[low, lane], rows[high, lane]
                rows[low, lane] = min(one, other)
                rows[high, lane] = max(one, other)
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
                total += np.int32(values[lane]) * np.int32(values[lane])
            energies[row, block] = total
