import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import NumericError
from swarm_chain.protocol.grid import BLOCK, block_count, dequantise, next_exponents, quantise, windows

seeds = st.integers(0, 2**32 - 1)


def _naive_next(columns, exponent, lo, hi):
    """Section 5 in Python's own integers and fractions of none."""
    energies = sorted(sum(int(code) ** 2 for code in row) for row in columns)
    median = energies[(len(energies) - 1) // 2]
    if median == 0:
        return exponent
    size = len(columns[0])
    for delta, times, over in ((2, 16, 1), (1, 4, 1), (0, 1, 1), (-1, 1, 4)):
        if 16 * median * times <= 127**2 * size * over:
            return min(max(exponent + delta, lo), hi)
    return min(max(exponent - 2, lo), hi)


def test_exponent_vectors(vectors):
    case = vectors("exponent")
    for leaf, count, size, exponent, lo, hi, expected in zip(*(case[name] for name in case), strict=True):
        columns = np.frombuffer(leaf, np.int8).reshape(count, BLOCK)
        assert not columns[:, size:].any()
        assert next_exponents(columns[:, :size], np.array([exponent], np.int8), lo, hi).tolist() == [expected]
        assert _naive_next(columns[:, :size].tolist(), exponent, lo, hi) == expected


@given(seeds, st.integers(1, 9), st.integers(1, 3 * BLOCK), st.integers(0, 127))
def test_next_exponents_equal_the_naive_ones(seed, count, dimension, largest):
    draw = np.random.default_rng(seed)
    codes = draw.integers(-largest, largest + 1, (count, dimension)).astype(np.int8)
    exponents = draw.integers(-16, 25, block_count(dimension)).astype(np.int8)
    naive = [
        _naive_next(codes[:, block * BLOCK : (block + 1) * BLOCK].tolist(), int(exponent), -16, 24)
        for block, exponent in enumerate(exponents)
    ]
    assert next_exponents(codes, exponents, -16, 24).tolist() == naive
    assert next_exponents(list(draw.permutation(codes)), exponents, -16, 24).tolist() == naive


@given(seeds, st.integers(1, 3 * BLOCK), st.floats(1e-6, 1e3))
def test_quantising_loses_nothing(seed, dimension, scale):
    draw = np.random.default_rng(seed)
    values = (draw.standard_normal(dimension) * scale).astype(np.float32)
    exponents = draw.integers(-16, 25, block_count(dimension)).astype(np.int8)
    codes, residual = quantise(values, exponents)
    powers = np.repeat(exponents.astype(np.int64), BLOCK)[:dimension]
    unclipped = np.abs(np.ldexp(values.astype(np.float64), powers)) <= 127
    assert (codes >= -127).all()
    assert (np.abs(residual)[unclipped] <= np.ldexp(0.5, -powers)[unclipped]).all()
    assert np.allclose(dequantise(codes, exponents).astype(np.float64) + residual, values, rtol=1e-6, atol=0)
    again, left = quantise(dequantise(codes, exponents), exponents)
    assert (again == codes).all()
    assert not left.any()


def test_error_feedback_catches_up():
    """Steps far below the grid are sent once enough of them have gathered."""
    exponents, step, residual, sent = np.array([0], np.int8), np.full(4, 0.2, np.float32), np.zeros(4, np.float32), np.zeros(4)
    for _ in range(50):
        codes, residual = quantise(step + residual, exponents)
        sent += codes
    assert sent.tolist() == [10, 10, 10, 10]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(NumericError, match="not finite"):
        quantise(np.array([0, value], np.float32), np.array([0], np.int8))


def test_huge_values_are_cut():
    codes, residual = quantise(np.array([1e30, -1e30], np.float32), np.array([24], np.int8))
    assert codes.tolist() == [127, -127]
    assert np.isfinite(residual).all()


def test_windows_cover_every_coordinate_once_in_whole_blocks():
    codes = np.random.default_rng(0).integers(-127, 128, (255, 20_000)).astype(np.int8)
    seen = list(windows(codes))
    assert len(seen) > 1
    assert all(start % BLOCK == 0 for start, _ in seen)
    assert (np.concatenate([window for _, window in seen], axis=1) == codes).all()


def test_rows_must_fit():
    with pytest.raises(ValueError, match="no update"):
        list(windows([]))
    with pytest.raises(ValueError, match="one length"):
        list(windows([np.zeros(3, np.int8), np.zeros(4, np.int8)]))
    with pytest.raises(ValueError, match="int8"):
        list(windows([np.zeros(3, np.int16)]))
