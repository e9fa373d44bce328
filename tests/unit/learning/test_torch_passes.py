"""The passes in torch come to what the plain ones say, bit for bit: on the processor always, on a GPU by ``make gpu``."""

import logging
from functools import partial

import numpy as np
import pytest
import torch
from drawn_rounds import a_round
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.learning import kernels, torch_passes
from swarm_chain.protocol import aggregation, choice, grid
from swarm_chain.protocol.choice import FACTOR_MAX, Choice
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, FRACTION_BITS_MAX
from swarm_chain.protocol.outcome import Passes
from swarm_chain.types import Rule

CPU = torch.device("cpu")
DEVICES = pytest.mark.parametrize("name", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def on_the_device_always(monkeypatch):
    monkeypatch.setattr(kernels, "COMPILED_FROM", 0)


def a_choice(seed, count, rows):
    draw = np.random.default_rng(seed)
    return Choice(draw.integers(0, FACTOR_MAX + 1, count), draw.random((rows, count)) < 0.6, int(draw.integers(1, 2**16 + 1)))


@DEVICES
@settings(max_examples=150, deadline=None)
@given(SEEDS, st.sampled_from(Rule), st.integers(1, 40), st.integers(1, 5 * BLOCK), st.integers(0, FRACTION_BITS_MAX), st.booleans())
def test_equal_to_the_plain_ones(name, seed, rule, count, dimension, bits, is_mixed):
    passes = torch_passes.passes_of(torch.device(name))
    codes, model = a_round(seed, count, dimension, bits)
    chosen = a_choice(seed, count, max(count // 2, 1)) if is_mixed else None
    expected = aggregation.stepped(codes, model, rule, chosen)
    assert (passes.stepped(codes, model, rule, chosen) == expected).all()
    assert (passes.stepped(list(codes), model, rule, chosen) == expected).all()
    assert (passes.gram_matrix(list(codes)) == choice.gram_matrix(codes)).all()
    grown = grid.next_exponents(codes, model.exponents, EXPONENT_MIN, bits)
    assert (passes.next_exponents(codes, model.exponents, EXPONENT_MIN, bits) == grown).all()


@DEVICES
@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("count", [100, 255])
def test_equal_at_the_most_updates_and_in_several_pieces(name, rule, count, monkeypatch):
    monkeypatch.setattr(torch_passes, "AT_ONCE", 2 * BLOCK * count)
    passes = torch_passes.passes_of(torch.device(name))
    codes, model = a_round(7, count, 5 * BLOCK + 3, FRACTION_BITS_MAX)
    codes[: count // 2, :BLOCK] = 127  # the largest sums there are
    for chosen in (None, a_choice(7, count, count), Choice(np.full(count, FACTOR_MAX), np.ones((count, count), np.bool_), 1)):
        assert (passes.stepped(codes, model, rule, chosen) == aggregation.stepped(codes, model, rule, chosen)).all()
    assert (passes.gram_matrix(codes) == choice.gram_matrix(codes)).all()
    assert (passes.next_exponents(codes, model.exponents, -4, 20) == grid.next_exponents(codes, model.exponents, -4, 20)).all()


@DEVICES
def test_what_it_is_trusted_by(name):
    assert torch_passes.is_right(torch_passes.passes_of(torch.device(name)))


def _off_by_one(of, *arguments):
    found = of(*arguments)
    found.flat[-1] += 1
    return found


@pytest.mark.parametrize("wrong", ["stepped", "next_exponents", "gram_matrix"])
def test_a_device_that_computes_wrongly_aggregates_nothing(wrong, monkeypatch, caplog):
    monkeypatch.setattr(torch_passes, wrong, partial(_off_by_one, getattr(torch_passes, wrong)))
    torch_passes.passes_on.cache_clear()
    with caplog.at_level(logging.ERROR):
        assert torch_passes.passes_on(CPU) is kernels.PASSES
    assert "computes wrongly" in caplog.text
    torch_passes.passes_on.cache_clear()


def _full(*_):
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_a_device_too_full_to_be_tried_aggregates_nothing(monkeypatch, caplog):
    monkeypatch.setattr(torch_passes, "_pieces", _full)
    torch_passes.passes_on.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert torch_passes.passes_on(CPU) is kernels.PASSES
    assert "too little memory left to be tried" in caplog.text
    torch_passes.passes_on.cache_clear()


def test_a_device_short_of_memory_leaves_it_to_the_processor(monkeypatch, caplog):
    torch_passes.passes_on.cache_clear()
    passes = torch_passes.passes_on(CPU)
    assert passes is not kernels.PASSES

    monkeypatch.setattr(torch_passes, "_pieces", _full)
    codes, model = a_round(3, 5, 1_000, 20)
    with caplog.at_level(logging.WARNING):
        assert (passes.stepped(codes, model, Rule.MEDIAN) == aggregation.aggregate(Rule.MEDIAN, codes, model)).all()
        assert (passes.gram_matrix(codes) == choice.gram_matrix(codes)).all()
        assert (passes.next_exponents(codes, model.exponents, -4, 20) == grid.next_exponents(codes, model.exponents, -4, 20)).all()
    assert caplog.text.count("too little memory") == 3


def test_small_rounds_stay_on_the_processor(monkeypatch):
    torch_passes.passes_on.cache_clear()
    passes = torch_passes.passes_on(CPU)
    monkeypatch.setattr(kernels, "COMPILED_FROM", 10**9)
    monkeypatch.setattr(torch_passes, "_pieces", None)
    codes, model = a_round(3, 5, 1_000, 20)
    assert (passes.stepped(codes, model, Rule.MEAN) == aggregation.aggregate(Rule.MEAN, codes, model)).all()


def test_what_does_not_fit_is_refused():
    codes, model = a_round(1, 4, 300, 20)
    for given_codes in (codes[:, :299], np.zeros((256, 300), np.int8)):
        with pytest.raises(ValueError, match="do not fit"):
            torch_passes.stepped(CPU, given_codes, model, Rule.MEAN)


def test_who_trains_on_what(monkeypatch):
    """A GPU is asked only for what CUDA's has: doubles, which Apple's have not."""
    assert [kernels.passes_for(device) for device in (None, CPU, torch.device("mps"))] == [kernels.PASSES] * 3
    of_gpu = Passes(lambda *_: None, lambda *_: None)
    monkeypatch.setattr(torch_passes, "passes_on", {torch.device("cuda:1"): of_gpu}.__getitem__)
    assert kernels.passes_for(torch.device("cuda:1")) is of_gpu
