"""The fast passes come to what the plain ones say, bit for bit."""

from hashlib import sha256

import numpy as np
import pytest
from drawn_rounds import a_round
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.errors import LearningError
from swarm_chain.learning import compiled_hashing, kernels
from swarm_chain.learning.compiled import LANES
from swarm_chain.protocol import aggregation, choice, grid, merkle, rules
from swarm_chain.protocol.choice import FACTOR_MAX, ONE, Choice
from swarm_chain.protocol.columns import columns_root
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, FRACTION_BITS_MAX, block_count
from swarm_chain.protocol.model import Model, encode_model, file_root, model_root
from swarm_chain.protocol.rules import RULES
from swarm_chain.protocol.update import UpdateHeader, update_root
from swarm_chain.types import Address, Domain, GroupId, Round, Rule


@pytest.fixture(autouse=True)
def compiled_always(monkeypatch):
    monkeypatch.setattr(kernels, "COMPILED_FROM", 0)


SEEDS = st.integers(0, 2**32 - 1)
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
        steps = aggregation.divide_shifted(sums, np.full(len(sums), bits - exponent), count)
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


VECTOR_RULES = sorted(name for name, rule in RULES.items() if rule.choose)


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.sampled_from(VECTOR_RULES), st.integers(1, 24), SIZES, st.integers(0, FRACTION_BITS_MAX), st.integers(0, 127))
def test_mixtures_are_equal_to_the_plain_ones(seed, name, count, dimension, bits, largest):
    codes, model = a_round(seed, count, dimension, bits, largest)
    assert (kernels.gram_matrix(codes) == choice.gram_matrix(codes)).all()
    expected = rules.aggregate_by(RULES[name], codes, model)
    assert (kernels.aggregate_by(RULES[name], codes, model) == expected).all()
    assert (kernels.aggregate_by(RULES[name], list(codes), model) == expected).all()


@pytest.mark.parametrize("name", VECTOR_RULES)
@pytest.mark.parametrize("count", [99, 255])
def test_mixtures_are_equal_at_the_most_updates_and_in_several_pieces(name, count, monkeypatch):
    monkeypatch.setattr(kernels, "PIECE", 2 * BLOCK)
    codes, model = a_round(8, count, 5 * BLOCK + 3, FRACTION_BITS_MAX)
    codes[0] = 127  # the largest sums that floats must hold
    codes[1] = -127
    assert (kernels.gram_matrix(codes) == choice.gram_matrix(codes)).all()
    assert (kernels.aggregate_by(RULES[name], codes, model) == rules.aggregate_by(RULES[name], codes, model)).all()


@settings(deadline=None)
@given(SEEDS, st.integers(0, FRACTION_BITS_MAX), st.integers(1, ONE))
def test_quotients_near_whole_numbers_are_cut_as_the_plain_ones(seed, bits, divisor):
    """One row with factors of all sizes: the numerators go up to the most that floats hold."""
    codes, model = a_round(seed, 8, LANES, bits)
    factors = np.random.default_rng(seed).integers(0, (1 << 24) // 127 // 8, 8)
    chosen = Choice(factors, np.ones((1, 8), np.bool_), divisor * ONE)
    assert (kernels.stepped(codes, model, Rule.MEAN, chosen) == aggregation.stepped(codes, model, Rule.MEAN, chosen)).all()


def test_factors_that_floats_do_not_hold_take_the_plain_way():
    codes, model = a_round(3, 8, LANES, 24)
    chosen = Choice(np.full(8, FACTOR_MAX), np.ones((1, 8), np.bool_), 7)
    assert (kernels.stepped(codes, model, Rule.MEAN, chosen) == aggregation.stepped(codes, model, Rule.MEAN, chosen)).all()


@pytest.mark.parametrize("name", RULES)
def test_no_rule_reaches_behind_a_model_that_is_too_small(name):
    """Compiled code checks no bounds."""
    codes, model = a_round(1, 5, 2 * LANES, 20)
    small = Model(model.weights[:LANES], model.exponents[: LANES // BLOCK], 20)
    with pytest.raises(ValueError, match="do not fit"):
        kernels.aggregate_by(RULES[name], codes, small)


@pytest.mark.parametrize("prefix", [b"", b"\x01", b"\x00\x03", bytes(range(70))])
@pytest.mark.parametrize("size", [1, 53, 54, 55, 56, 61, 62, 63, 64, 65, 118, 119, 126, 127, 128, 1024])
def test_hashes_are_those_of_any_other_implementation(prefix, size):
    """At every place where a message's end, its length, or its row's first byte comes into another chunk; and at the bounds of lanes."""
    draw = np.random.default_rng(size)
    for count in (1, 31, 32, 33, 70):
        rows = draw.integers(0, 256, (count, size), dtype=np.uint8)
        expected = [sha256(prefix + row.tobytes()).digest() for row in rows]
        assert [hash_.tobytes() for hash_ in kernels.hashing(count * size)(prefix, rows)] == expected
        assert [hash_.tobytes() for hash_ in merkle.digests(prefix, rows)] == expected


def test_rows_that_lie_apart_or_backwards_are_hashed_as_they_read():
    rows = np.random.default_rng(0).integers(0, 256, (40, 96), dtype=np.uint8)
    for apart in (rows[::-1], rows[:, ::3], rows.T):
        assert (kernels.hashing(1)(b"a", apart) == merkle.digests(b"a", apart)).all()
    with pytest.raises(ValueError, match="uint8"):
        kernels.hashing(1)(b"a", rows.astype(np.int8))


def test_a_processor_for_which_hashing_is_compiled_wrongly_is_found_out(monkeypatch):
    monkeypatch.setattr(compiled_hashing, "sha256_of_rows", lambda prefix, rows, digests: digests.fill(7))
    with pytest.raises(LearningError, match="hashes wrongly"):
        kernels.hashing(1)(b"a", np.zeros((3, 64), np.uint8))


@pytest.mark.parametrize("dimension", [1, 256, 1023, 1024, 1025, 40 * 1024 + 257])
def test_roots_are_the_same_however_they_are_hashed(dimension):
    codes, model = a_round(dimension, 3, dimension, 20)
    header = UpdateHeader(Domain(1, Address("0x" + "11" * 20), GroupId(1)), Round(1), Address("0x" + "22" * 20), dimension, 20)
    hashing, data = kernels.hashing(1), encode_model(model)
    assert hashing is not merkle.digests
    assert update_root(header, codes[0], hashing) == update_root(header, codes[0])
    assert columns_root(codes, hashing) == columns_root(codes)
    assert file_root(data, hashing) == model_root(model)
