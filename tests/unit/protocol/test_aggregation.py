from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol.aggregation import aggregate, divide_shifted
from swarm_chain.protocol.grid import BLOCK, block_count
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule


def _naive(rule, codes, weight, exponent, bits):
    """Section 5, one coordinate, in Python's own integers and fractions."""
    ordered, count = sorted(codes), len(codes)
    if rule is Rule.MEDIAN:
        value = Fraction(ordered[(count - 1) // 2] + ordered[count // 2], 2)
    else:
        trimmed = {Rule.TRIMMED_MEAN: count // 4 if count >= 5 else 0, Rule.TRIMMED_THIRD: (count - 1) // 3}
        cut = trimmed.get(rule, 0)
        kept = ordered[cut : count - cut]
        value = Fraction(sum(kept), len(kept))
    step = int(value * 2 ** (bits - exponent))  # int() of a fraction truncates toward zero
    return max(-(2**31), min(2**31 - 1, weight + step))


def _round(seed, count, dimension, bits=24):
    draw = np.random.default_rng(seed)
    codes = draw.integers(-127, 128, (count, dimension)).astype(np.int8)
    weights = draw.integers(-(2**31), 2**31, dimension).astype(np.int32)
    exponents = draw.integers(-16, bits + 1, block_count(dimension)).astype(np.int8)
    return codes, Model(weights, exponents, bits)


def test_vectors(vectors):
    case = vectors("aggregation")
    for rule, data, bits, exponent, weight, expected in zip(*(case[name] for name in case), strict=True):
        codes = np.frombuffer(data, np.int8)
        model = Model(np.array([weight], np.int32), np.array([exponent], np.int8), bits)
        assert aggregate(Rule(rule), codes[:, None], model).tolist() == [expected]
        assert _naive(Rule(rule), codes.tolist(), weight, exponent, bits) == expected


@given(st.integers(0, 2**32 - 1), st.sampled_from(Rule), st.integers(1, 12), st.integers(1, 600), st.integers(0, 30))
def test_equal_to_the_naive_ones(seed, rule, count, dimension, bits):
    codes, model = _round(seed, count, dimension, bits)
    naive = [_naive(rule, codes[:, i].tolist(), int(model.weights[i]), int(model.exponents[i // BLOCK]), bits) for i in range(dimension)]
    assert aggregate(rule, codes, model).tolist() == naive


@given(st.integers(0, 2**32 - 1), st.sampled_from(Rule), st.integers(1, 9))
def test_order_does_not_matter(seed, rule, count):
    codes, model = _round(seed, count, 700)
    shuffled = np.random.default_rng(seed).permutation(codes)
    assert (aggregate(rule, codes, model) == aggregate(rule, list(shuffled), model)).all()


@pytest.mark.parametrize("rule", Rule)
def test_a_window_at_a_time_is_the_same(rule):
    """More codes than one window holds, at the highest number of updates."""
    codes, model = _round(1, 255, 40_000)
    whole = aggregate(rule, codes, model)
    for start in range(0, 40_000, 8192):
        part = slice(start, start + 8192)
        piece = Model(model.weights[part], model.exponents[start // BLOCK : (start + 8192) // BLOCK], 24)
        assert (aggregate(rule, codes[:, part], piece) == whole[part]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_nothing_overflows_at_the_bounds(sign):
    model = Model(np.array([0], np.int32), np.array([-16], np.int8), 30)
    codes = np.full((255, 1), sign * 127, np.int8)
    for rule in Rule:
        assert aggregate(rule, codes, model).tolist() == [2**31 - 1 if sign > 0 else -(2**31)]


@given(st.integers(1 - 2**39, 2**39 - 1), st.integers(0, 46), st.integers(1, 2**24))
def test_division_truncates_toward_zero_and_goes_far_enough_to_saturate(numerator, shift, denominator):
    expected = (abs(numerator) << shift) // denominator * (1 if numerator >= 0 else -1)
    (step,) = divide_shifted(np.array([numerator], np.int64), np.array([shift], np.int64), denominator).tolist()
    assert step == expected or (min(abs(step), abs(expected)) >= 2**39 and (step > 0) == (expected > 0))


def test_what_does_not_fit_is_refused():
    codes, model = _round(0, 2, 10)
    with pytest.raises(ValueError, match="do not fit"):
        aggregate(Rule.MEAN, codes[:, :9], model)
    with pytest.raises(ValueError, match="do not fit"):
        aggregate(Rule.MEAN, np.zeros((256, 10), np.int8), model)
