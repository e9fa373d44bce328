"""The fast passes come to what the plain ones say, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.learning import kernels
from swarm_chain.learning.compiled import LANES
from swarm_chain.protocol import aggregation, grid
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, FRACTION_BITS_MAX, block_count
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule


@pytest.fixture(autouse=True)
def compiled_always(monkeypatch):
    monkeypatch.setattr(kernels, "COMPILED_FROM", 0)


def a_round(seed, count, dimension, bits, largest=127):
    draw = np.random.default_rng(seed)
    codes = draw.integers(-largest, largest + 1, (count, dimension)).astype(np.int8)
    weights = draw.integers(-(2**31), 2**31, dimension).astype(np.int32)
    exponents = draw.integers(EXPONENT_MIN, bits + 1, block_count(dimension)).astype(np.int8)
    return codes, Model(weights, exponents, bits)


SIZES = st.one_of(st.integers(1, 2 * BLOCK), st.integers(LANES - 2, LANES + 2), st.integers(1, 5 * LANES))


@settings(max_examples=300, deadline=None)  # the first compiles
@given(st.integers(0, 2**32 - 1), st.sampled_from(Rule), st.integers(1, 40), SIZES, st.integers(0, FRACTION_BITS_MAX), st.integers(0, 127))
def test_equal_to_the_plain_ones(seed, rule, count, dimension, bits, largest):
    codes, model = a_round(seed, count, dimension, bits, largest)
    expected = aggregation.aggregate(rule, codes, model)
    assert (kernels.aggregate(rule, codes, model) == expected).all()
    assert (kernels.aggregate(rule, list(codes[::-1]), model) == expected).all()
    grown = grid.next_exponents(codes, model.exponents, EXPONENT_MIN, bits)
    assert (kernels.next_exponents(codes, model.exponents, EXPONENT_MIN, bits) == grown).all()


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("count", [100, 255])
def test_equal_at_the_most_updates_and_in_several_pieces(rule, count, monkeypatch):
    monkeypatch.setattr(kernels, "PIECE", 2 * BLOCK)
    codes, model = a_round(7, count, 5 * BLOCK + 3, FRACTION_BITS_MAX)
    assert (kernels.aggregate(rule, codes, model) == aggregation.aggregate(rule, codes, model)).all()
    expected = grid.next_exponents(codes, model.exponents, -4, 20)
    assert (kernels.next_exponents(codes, model.exponents, -4, 20) == expected).all()


@pytest.mark.parametrize("count", [3, 7, 127, 255])
def test_every_sum_is_divided_as_integers_are(count):
    """At shifts small and large: where a rounded division could go over the next integer, and where it saturates."""
    sums = np.arange(-127 * count, 127 * count + 1)
    codes = np.array([(sums + row) // count for row in range(count)], np.int8)
    assert (codes.sum(0, dtype=np.int64) == sums).all()
    for bits, exponent in (
        (0, 0),
        (0, -1),
        (2, 0),
        (7, 0),
        (8, 0),
        (15, 0),
        (16, 0),
        (24, 0),
        (24, -7),
        (30, -2),
        (30, -10),
        (30, -15),
        (30, -16),
    ):
        steps = aggregation.divide_truncating(sums << (bits - exponent), count)
        for weight in (0, -1, 2**31 - 9):
            model = Model(np.full(len(sums), weight, np.int32), np.full(block_count(len(sums)), exponent, np.int8), bits)
            expected = np.clip(weight + steps, -(2**31), 2**31 - 1)
            assert (kernels.aggregate(Rule.MEAN, codes, model) == expected).all(), (bits, exponent, weight)


@pytest.mark.parametrize(("count", "cut"), [(5, 1), (8, 2), (9, 4), (16, 4), (100, 25), (255, 127)])
def test_the_network_brings_the_middle_into_place(count, cut):
    """For a thousand columns of zeros and ones, in which a network that sorts them sorts everything (Knuth, the 0-1 principle)."""
    draw = np.random.default_rng(count)
    columns = draw.random((1_000, count)) < draw.random((1_000, 1))
    for low, high in kernels.comparators_for(count, cut):
        pair = columns[:, [low, high]]
        columns[:, low], columns[:, high] = pair.min(1), pair.max(1)
    ordered = np.sort(columns, axis=1)
    assert (columns[:, cut : count - cut] == ordered[:, cut : count - cut]).all()


def test_what_does_not_fit_is_refused():
    codes, model = a_round(1, 4, 300, 20)
    with pytest.raises(ValueError, match="do not fit"):
        kernels.aggregate(Rule.MEAN, codes[:, :299], model)
    with pytest.raises(ValueError, match="do not fit"):
        kernels.aggregate(Rule.MEAN, np.zeros((256, 300), np.int8), model)
    with pytest.raises(ValueError, match="int8"):
        kernels.aggregate(Rule.MEAN, codes.astype(np.int16), model)


def test_small_rounds_are_done_without_numba(monkeypatch):
    monkeypatch.setattr(kernels, "COMPILED_FROM", 10**9)
    monkeypatch.setitem(__import__("sys").modules, "swarm_chain.learning.compiled", None)  # importing it fails
    codes, model = a_round(1, 4, 300, 20)
    assert (kernels.aggregate(Rule.MEDIAN, codes, model) == aggregation.aggregate(Rule.MEDIAN, codes, model)).all()
    grown = grid.next_exponents(codes, model.exponents, -4, 20)
    assert (kernels.next_exponents(codes, model.exponents, -4, 20) == grown).all()
