"""Choices as results carry them: what comes out is what went in, bytes that are none are refused, and the numbers are the chain's."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol.aggregation import cut_of, stepped
from swarm_chain.protocol.choice import Choice, gram_matrix
from swarm_chain.protocol.mixtures import decode_choice, encode_choice
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import MIXINGS
from swarm_chain.types import Rule


def _naive(choice, codes, rule, bits, exponent, weight):
    """Section 5, one coordinate, in Python's own integers and fractions."""
    values = sorted(
        Fraction(sum(int(choice.factors[j]) * codes[j] for j in range(len(codes)) if row[j]), choice.divisor) for row in choice.takes
    )
    cut = cut_of(rule, len(values))
    kept = values[cut : len(values) - cut]
    step = int(sum(kept) / len(kept) * 2 ** (bits - exponent))  # int() of a fraction truncates toward zero
    return max(-(2**31), min(2**31 - 1, weight + step))


def test_vectors(vectors):
    case = vectors("choice")
    refused = 0
    names = ("choice", "codes", "rule", "fractionBits", "exponent", "weight", "wellFormed", "expected")
    for data, raw, rule, bits, exponent, weight, is_well_formed, expected in zip(*(case[name] for name in names), strict=True):
        codes = np.frombuffer(raw, np.int8)
        choice = decode_choice(data, len(codes))
        assert (choice is not None) == bool(is_well_formed)
        if choice is None:
            refused += 1
            continue
        assert encode_choice(choice) == data
        model = Model(np.array([weight], np.int32), np.array([exponent], np.int8), bits)
        assert stepped(codes[:, None], model, Rule(rule), choice).tolist() == [expected]
        if len(codes) < 50:
            assert _naive(choice, codes.tolist(), Rule(rule), bits, exponent, weight) == expected
    assert refused > 10


@st.composite
def choices(draw):
    count = draw(st.integers(1, 12))
    rows = draw(st.integers(1, count))
    factors = np.array(draw(st.lists(st.integers(0, 65_535 // count), min_size=count, max_size=count)), np.int64)
    taken = draw(st.lists(st.lists(st.booleans(), min_size=count, max_size=count), min_size=rows, max_size=rows))
    takes = np.array(taken, np.bool_)
    return Choice(factors, takes, draw(st.integers(max(int((takes @ factors).max()), 1), 65_536)))


@given(choices())
def test_what_is_encoded_comes_out_again(choice):
    count = len(choice.factors)
    data = encode_choice(choice)
    assert len(data) == 4 + 2 * count + 32 * len(choice.takes)
    back = decode_choice(data, count)
    assert back is not None
    assert back.divisor == choice.divisor
    assert (back.factors == choice.factors).all()
    assert (back.takes == choice.takes).all()


@given(choices())
def test_no_mixture_is_longer_than_the_longest_update_in_it(choice):
    longest = int((choice.takes @ choice.factors).max())
    for divisor in {longest, longest - 1} - {0, -1}:
        data = encode_choice(replace(choice, divisor=divisor))
        assert (decode_choice(data, len(choice.factors)) is None) == (divisor < longest)


@pytest.mark.parametrize("mixing", MIXINGS)
def test_what_rules_choose_is_no_longer(mixing):
    for seed in range(40):
        draw = np.random.default_rng(seed)
        codes = draw.integers(-127, 128, (int(draw.integers(1, 30)), 40)).astype(np.int8)
        codes[draw.random(len(codes)) < 0.2] = 0
        chosen = MIXINGS[mixing](gram_matrix(codes))
        assert decode_choice(encode_choice(chosen), len(codes)) is not None


@given(choices(), st.data())
def test_a_choice_of_more_rows_than_updates_is_none(choice, data):
    count = len(choice.factors)
    more = data.draw(st.integers(count + 1 - len(choice.takes), count + 5))
    assert decode_choice(encode_choice(choice) + bytes(32 * more), count) is None


@pytest.mark.parametrize("updates", range(3))
def test_nothing_is_no_choice(updates):
    assert decode_choice(b"", updates) is None
    assert decode_choice(b"\x00\x00\x00\x01", updates) is None
