"""What numba compiles for encoding: each pass reads an update and its residual once, and writes codes and the new residual once.

Nothing here is called but by :mod:`swarm_chain.learning.encoding`, which checks what it passes on. All passes take values and residual in,
float32[d], each block's step inverted and the step itself, float32[ceil(d / 256)], and what they write: codes int8[d] and the residual,
float32[d], which may be one of those read. They return how many blocks held what is not finite. Steps are powers of two, so scaling by them
is exact, and single precision comes to the codes of :mod:`swarm_chain.protocol.codecs`, bit for bit.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.codecs.codec import FINE
from swarm_chain.protocol.grid import BLOCK, CODE_MAX

Singles = NDArray[np.float32]
Codes = NDArray[np.int8]

_MAX = np.float32(CODE_MAX)
_FAR = np.float32(CODE_MAX + 1)
_FINE = np.float32(FINE)
_ROUND = np.float32(3 << 22)
"""Added and taken away again it leaves a single of at most 2^22 rounded to the nearest integer, the even one at ties."""
_UNIT_MAX, _MULTIPLE_MAX = 18, 7.0


@numba.njit(nogil=True)
def dense_int8(values: Singles, left_out: Singles, scales: Singles, steps: Singles, codes: Codes, residual: Singles) -> np.int32:
    """Every value's nearest code."""
    wrong, exact = np.int32(0), np.empty(BLOCK, np.float32)
    for block in range(len(scales)):
        start = block * BLOCK
        width = min(BLOCK, len(values) - start)
        scale, step = scales[block], steps[block]
        code, after = codes[start : start + width], residual[start : start + width]
        wrong += _added(values[start : start + width], left_out[start : start + width], exact)
        for lane in range(width):
            nearest = np.int32((min(max(exact[lane] * scale, -_MAX), _MAX) + _ROUND) - _ROUND)
            code[lane] = np.int8(nearest)
            exact[lane] -= np.float32(nearest) * step
        for lane in range(width):
            after[lane] = exact[lane]
    return wrong


@numba.njit(nogil=True)
def int4(values: Singles, left_out: Singles, scales: Singles, steps: Singles, codes: Codes, residual: Singles) -> np.int32:
    """The nearest multiples of a unit that the block's largest value sets."""
    wrong, exact = np.int32(0), np.empty(BLOCK, np.float32)
    for block in range(len(scales)):
        start = block * BLOCK
        width = min(BLOCK, len(values) - start)
        wrong += _added(values[start : start + width], left_out[start : start + width], exact)
        largest = np.float32(0)
        for lane in range(width):
            largest = max(largest, abs(exact[lane] * scales[block]))
        unit = min(max(np.ceil(min(float(largest), CODE_MAX + 1.0) / 6.5) - 1, 1.0), float(_UNIT_MAX))
        for lane in range(width):
            multiple = min(max(np.rint(float(exact[lane] * scales[block]) / unit), -_MULTIPLE_MAX), _MULTIPLE_MAX)
            codes[start + lane] = np.int8(np.int32(multiple * unit))
            residual[start + lane] = exact[lane] - np.float32(multiple * unit) * steps[block]
    return wrong


@numba.njit(nogil=True)
def sign(values: Singles, left_out: Singles, scales: Singles, steps: Singles, codes: Codes, residual: Singles) -> np.int32:
    """The block's mean magnitude with every value's sign."""
    wrong, exact = np.int32(0), np.empty(BLOCK, np.float32)
    for block in range(len(scales)):
        start = block * BLOCK
        width = min(BLOCK, len(values) - start)
        wrong += _added(values[start : start + width], left_out[start : start + width], exact)
        total = np.int32(0)
        for lane in range(width):
            total += np.int32(_fine(exact[lane] * scales[block]))
        magnitude = _mean(total, width)
        worth = np.float32(magnitude) * steps[block]
        for lane in range(width):
            if exact[lane] < 0:
                codes[start + lane] = -magnitude
                residual[start + lane] = exact[lane] + worth
            else:
                codes[start + lane] = magnitude
                residual[start + lane] = exact[lane] - worth
    return wrong


@numba.njit(nogil=True)
def top_k(values: Singles, left_out: Singles, scales: Singles, steps: Singles, codes: Codes, residual: Singles, kept: int) -> np.int32:
    """The mean magnitude of a block's ``kept`` largest values, with their signs; the first of equal ones."""
    wrong, exact = np.int32(0), np.empty(BLOCK, np.float32)
    places, sizes = np.empty(kept, np.int64), np.empty(kept, np.float32)
    for block in range(len(scales)):
        start = block * BLOCK
        width = min(BLOCK, len(values) - start)
        wrong += _added(values[start : start + width], left_out[start : start + width], exact)
        count = min(kept, width)
        sizes[:] = -1.0
        for lane in range(width):
            size = abs(exact[lane] * scales[block])
            if size > sizes[count - 1]:
                place = count - 1
                while place > 0 and size > sizes[place - 1]:
                    sizes[place], places[place] = sizes[place - 1], places[place - 1]
                    place -= 1
                sizes[place], places[place] = size, lane
        total = np.int32(0)
        for place in range(count):
            total += np.int32(_fine(sizes[place]))
        magnitude = _mean(total, count)
        worth = np.float32(magnitude) * steps[block]
        for lane in range(width):
            codes[start + lane] = 0
            residual[start + lane] = exact[lane]
        if wrong == 0:  # else no place may have been found
            for place in range(count):
                at = places[place]
                below = exact[at] < 0
                codes[start + at] = -magnitude if below else magnitude
                residual[start + at] = exact[at] + worth if below else exact[at] - worth
    return wrong


@numba.njit(nogil=True, inline="always")
def _added(values: Singles, left_out: Singles, exact: Singles) -> np.int32:
    """Writes the sum of both into ``exact``; 1 where it is not finite."""
    unsound = np.int32(0)
    for lane in range(len(values)):
        exact[lane] = values[lane] + left_out[lane]
        unsound |= np.int32(exact[lane] - exact[lane] != np.float32(0))
    return unsound


@numba.njit(nogil=True, inline="always")
def _fine(scaled: np.float32) -> np.float32:
    """How large a value is, in parts of a step, rounded."""
    return np.float32((min(abs(scaled), _FAR) * _FINE + _ROUND) - _ROUND)


@numba.njit(nogil=True, inline="always")
def _mean(total: np.int32, count: int) -> np.int8:
    magnitude: np.int8 = np.int8(min(int(2 * total + FINE * count) // (2 * FINE * count), CODE_MAX))
    return magnitude
