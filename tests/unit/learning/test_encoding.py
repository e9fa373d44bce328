"""The compiled passes come to the codes and residuals of the plain ones, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from swarm_chain.errors import NumericError
from swarm_chain.learning import encoding
from swarm_chain.learning.encoding import encode, encode_update
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.codecs.top_k import TopK
from swarm_chain.protocol.grid import block_count

EVERY = [*CODECS.values(), TopK("top-3", number=9, kept=3)]


def _cases():
    """Values with ties, zeros, halves and what lies far outside; blocks that are not full."""
    for seed, dimension in enumerate((1, 3, 4, 255, 256, 257, 5000)):
        draw = np.random.default_rng(seed)
        exponents = draw.integers(-16, 25, block_count(dimension)).astype(np.int8)
        steps = np.repeat(np.ldexp(1.0, -exponents.astype(int)), 256)[:dimension]
        for scale in (0.0, 0.3, 30, 1e4, 1e30):
            values, left_out = (np.round(2 * scale * draw.standard_normal((2, dimension))) / 2 * steps).astype(np.float32)
            values[draw.random(dimension) < 0.2] = 0
            left_out[draw.random(dimension) < 0.5] = 0
            yield values, left_out, exponents


@pytest.mark.parametrize("codec", EVERY, ids=lambda codec: codec.name)
def test_compiled_passes_equal_the_plain_ones(codec, monkeypatch):
    for values, left_out, exponents in _cases():
        for before in (left_out, None):
            plain = codec.quantise(values if before is None else values + before, exponents)
            monkeypatch.setattr(encoding, "COMPILED_FROM", 0)
            codes, residual = encode(codec, values, before, exponents)
            assert (codes == plain[0]).all()
            assert (residual == plain[1]).all()
            codec.pack(codes)  # the wire form expresses them
            monkeypatch.setattr(encoding, "COMPILED_FROM", 10**9)
            for ours, theirs in zip(encode(codec, values, before, exponents), plain, strict=True):
                assert (ours == theirs).all()


@pytest.mark.parametrize("compiled_from", [0, 10**9])
@pytest.mark.parametrize("codec", EVERY, ids=lambda codec: codec.name)
def test_what_is_not_finite_is_no_update(codec, compiled_from, monkeypatch):
    monkeypatch.setattr(encoding, "COMPILED_FROM", compiled_from)
    for wrong in (np.nan, np.inf, -np.inf):
        values = np.zeros(600, np.float32)
        values[299] = wrong
        with pytest.raises(NumericError, match="not finite"):
            encode(codec, values, None, np.zeros(3, np.int8))


@pytest.mark.parametrize("compiled_from", [0, 10**9])
def test_the_residual_may_take_the_place_of_what_was_read(compiled_from, monkeypatch):
    monkeypatch.setattr(encoding, "COMPILED_FROM", compiled_from)
    draw = np.random.default_rng(3)
    for codec in EVERY:
        values, left_out = draw.standard_normal((2, 700)).astype(np.float32) * 40
        exponents = np.zeros(3, np.int8)
        codes, residual = encode(codec, values, left_out, exponents)
        for place in (values.copy(), left_out.copy()):
            first = place if (place == values).all() else values
            second = place if first is values else left_out
            again, taken = encode(codec, first, second, exponents, out=place)
            assert taken is place
            assert (again == codes).all()
            assert (place == residual).all()


def test_arrays_of_another_kind_are_not_encoded():
    values, exponents = np.zeros(300, np.float32), np.zeros(2, np.int8)
    for wrong in ((values.astype(np.float64), None, exponents), (values, values[:9], exponents), (values, None, exponents[:1])):
        with pytest.raises(ValueError, match="are"):
            encode(CODECS["sign"], *wrong)


def test_a_node_sends_the_momentum_of_what_it_learnt():
    """After many rounds of learning the same, all of it is sent; of what was learnt once, a share that shrinks by beta a round."""
    task = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, worker_momentum=0.75))
    exponents, carried, sent = np.array([10], np.int8), None, []
    for round_ in range(6):
        delta = np.full(200, 0.0625 if round_ < 4 else 0, np.float32)
        codes, carried = encode_update(task, delta, carried, exponents)
        sent.append(codes[0] / 1024)
    rising = [0.0625 * (1 - 0.75**rounds) for rounds in (1, 2, 3, 4)]
    assert np.allclose(sent, [*rising, rising[-1] * 0.75, rising[-1] * 0.75**2], atol=1 / 1024)
    assert np.allclose(np.sum(sent) + carried.residual[0], sum(rising) + rising[-1] * (0.75 + 0.75**2)), "rounding loses nothing"


def test_without_momentum_an_update_is_what_was_learnt_and_left_out():
    draw = np.random.default_rng(5)
    exponents = np.array([3], np.int8)
    first, second = draw.standard_normal((2, 200)).astype(np.float32)
    codes, carried = encode_update(DIGITS_LINEAR, first.copy(), None, exponents)
    assert carried.momentum is None
    expected = encode(CODECS["dense-int8"], second, carried.residual.copy(), exponents)
    codes, carried = encode_update(DIGITS_LINEAR, second.copy(), carried, exponents)
    assert (codes == expected[0]).all()
    assert (carried.residual == expected[1]).all()
