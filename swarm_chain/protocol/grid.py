"""The quantisation grid: one exponent a block of 256 coordinates (specification, section 5).

Encoding may use floats, for only decoding must agree. The next grid is computed from codes in integers alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import NumericError

BLOCK = 256
"""Coordinates that share an exponent; also one model leaf and one columns leaf."""
CODE_MAX = 127
FRACTION_BITS_MAX = 30
EXPONENT_MIN = -16

Codes = NDArray[np.int8]
Exponents = NDArray[np.int8]
Rows = Sequence[Codes] | Codes
"""Codes of ``n`` updates: int8[n, d], or its rows."""

_WINDOW = 1 << 22


def block_count(dimension: int) -> int:
    """Blocks of a model of ``dimension`` coordinates."""
    return -(-dimension // BLOCK)


def windows(rows: Rows) -> Iterator[tuple[int, Codes]]:
    """Codes of all updates in windows of whole blocks, ``(first coordinate, int8[n, width])``.

    Windows keep memory bounded: they hold about four million codes however large ``d`` is.
    """
    count, dimension = shape_of(rows)
    width = max(_WINDOW // count // BLOCK, 1) * BLOCK
    for start in range(0, dimension, width):
        yield start, np.stack([row[start : start + width] for row in rows])


def shape_of(rows: Rows) -> tuple[int, int]:
    """``(n, d)``, checked: at least one update, all int8 and of one length."""
    if len(rows) == 0:
        raise ValueError("There is no update.")
    dimension = len(rows[0])
    if any(row.dtype != np.int8 or row.shape != (dimension,) for row in rows):
        raise ValueError("Updates are int8 and all of one length.")
    return len(rows), dimension


def per_coordinate(exponents: Exponents, start: int, width: int) -> NDArray[np.int32]:
    """The exponent of each coordinate from ``start`` (a block's first), int32[width]."""
    first = start // BLOCK
    return np.repeat(exponents[first : first + block_count(width)].astype(np.int32), BLOCK)[:width]


def quantise(values: NDArray[np.floating], exponents: Exponents) -> tuple[Codes, NDArray[np.float32]]:
    """Codes of ``values`` on the grid, and what they leave out.

    Args:
        values: float[d], finite.
        exponents: int8[ceil(d / 256)].

    Returns:
        codes int8[d] and the residual float32[d], which the node adds to its next update (error feedback: Seide et al.,
        2014; Karimireddy et al., 2019).
    """
    dimension = len(values)
    codes = np.empty(dimension, np.int8)
    residual = np.empty(dimension, np.float32)
    for start in range(0, dimension, _WINDOW):
        window = slice(start, start + _WINDOW)
        exact = values[window].astype(np.float64)
        if not np.isfinite(exact).all():
            raise NumericError("The update has a value that is not finite.", "Nothing was sent.", "Train with a smaller learning rate.")
        powers = per_coordinate(exponents, start, len(exact))
        codes[window] = np.clip(np.rint(np.ldexp(exact, powers)), -CODE_MAX, CODE_MAX)
        residual[window] = exact - np.ldexp(codes[window].astype(np.float64), -powers)
    return codes, residual


def dequantise(codes: Codes, exponents: Exponents) -> NDArray[np.float32]:
    """What codes are worth, ``q / 2^e``, float32[d]."""
    values = np.empty(len(codes), np.float32)
    for start in range(0, len(codes), _WINDOW):
        window = slice(start, start + _WINDOW)
        values[window] = np.ldexp(codes[window].astype(np.float32), -per_coordinate(exponents, start, len(codes[window])))
    return values


def next_exponents(codes: Rows, exponents: Exponents, lo: int, hi: int) -> Exponents:
    """The grid of the next round, int8[ceil(d / 256)].

    A block moves so that four times its root mean square (the lower median over updates) fills int8, by at most 2 a round,
    within ``lo`` and ``hi``. A block of zeros stays.
    """
    count, dimension = shape_of(codes)
    energies = np.empty((count, block_count(dimension)), np.int64)
    for start, window in windows(codes):
        squares = window.astype(np.int64) ** 2
        starts = np.arange(0, squares.shape[1], BLOCK)
        first = start // BLOCK
        energies[:, first : first + len(starts)] = np.add.reduceat(squares, starts, axis=1)
    return moved(energies, dimension, exponents, lo, hi)


def moved(energies: NDArray[np.int64], dimension: int, exponents: Exponents, lo: int, hi: int) -> Exponents:
    """The grid of the next round from each update's sum of squares a block, int64[n, ceil(d / 256)]."""
    median = np.sort(energies, axis=0)[(len(energies) - 1) // 2]
    sizes = np.minimum(dimension - np.arange(0, dimension, BLOCK), BLOCK)
    # 16 S 4^Δ ≤ 127² c, times 4 so that Δ = −1 needs no fraction.
    limit = 4 * CODE_MAX**2 * sizes
    change = np.full(len(median), -2)
    for delta in (-1, 0, 1, 2):
        change[16 * median * 4 ** (delta + 1) <= limit] = delta
    changed = np.clip(exponents.astype(np.int64) + change, lo, hi)
    return np.where(median == 0, exponents, changed).astype(np.int8)
