"""Wire forms: codes come back, each list of codes has one form, and everything else is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError, NumericError
from swarm_chain.protocol.codecs import BY_NUMBER, CODECS, DENSE_INT8, TOP_K
from swarm_chain.protocol.codecs.top_k import TopK
from swarm_chain.protocol.grid import BLOCK, block_count, dequantise, next_exponents, quantise

INT4, SIGN = CODECS["int4"], CODECS["sign"]
TOP_3 = TopK("top-3", number=9, kept=3)
EVERY = [*CODECS.values(), TOP_3]
LOSSY = [INT4, SIGN, TOP_K, TOP_3]
seeds = st.integers(0, 2**32 - 1)
dimensions = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 260, 513, 1000])
codecs = st.sampled_from(EVERY)


def _values(seed, dimension, scale):
    draw = np.random.default_rng(seed)
    values = (draw.standard_normal(dimension) * scale).astype(np.float32)
    values[draw.random(dimension) < 0.3] = 0
    return values, draw.integers(-3, 4, block_count(dimension)).astype(np.int8)


def test_sizes():
    assert [codec.size(10_000_128) / 10_000_128 for codec in EVERY] == pytest.approx([1, 0.50391, 0.12891, 0.02539, 0.01660], abs=1e-5)
    assert [codec.size(257) for codec in EVERY] == [257, 131, 35, 13, 9]
    assert [BY_NUMBER[number].name for number in range(4)] == ["dense-int8", "int4", "sign", "top-k"]


@given(codecs, seeds, dimensions, st.sampled_from([0.0, 0.3, 1, 5, 40, 300]))
def test_chosen_codes_come_back(codec, seed, dimension, scale):
    codes, _ = codec.quantise(*_values(seed, dimension, scale))
    data = codec.pack(codes)
    assert len(data) == codec.size(dimension)
    again = codec.unpack(data, dimension)
    assert again.dtype == np.int8
    assert (again == codes).all()
    assert not again.flags.writeable


@given(codecs, seeds, dimensions, st.integers(0, 2**31), st.integers(1, 255))
def test_codes_have_one_form(codec, seed, dimension, at, change):
    """A wire form that differs anywhere is refused, or is that of other codes."""
    values, exponents = _values(seed, dimension, 30)
    data = bytearray(codec.pack(codec.quantise(values, exponents)[0]))
    data[at % len(data)] ^= change
    try:
        codes = codec.unpack(bytes(data), dimension)
    except IntegrityError:
        return
    assert codec.pack(codes) == data


@given(codecs, dimensions, st.data())
def test_any_bytes_are_codes_or_refused(codec, dimension, data):
    raw = data.draw(st.binary(min_size=codec.size(dimension), max_size=codec.size(dimension)))
    try:
        codes = codec.unpack(raw, dimension)
    except IntegrityError:
        return
    assert codec.pack(codes) == raw


def test_vectors(vectors):
    case = vectors("codecs")
    for name, wire, codes in zip(case["codec"], case["wire"], case["codes"], strict=True):
        codes = np.frombuffer(codes, np.int8)
        assert CODECS[name].pack(codes) == wire
        assert (CODECS[name].unpack(wire, len(codes)) == codes).all()
    refused = case["refused"]
    assert len(refused["wire"]) > 20
    for name, wire, dimension, reason in zip(*(refused[key] for key in ("codec", "wire", "dimension", "reason")), strict=True):
        with pytest.raises(IntegrityError, match=reason):
            CODECS[name].unpack(wire, dimension)


@pytest.mark.parametrize("codec", LOSSY)
def test_codes_that_it_cannot_express_are_not_packed(codec):
    for codes in (np.arange(-100, 100, dtype=np.int8), np.array([1, 0, 2, 15, 0, 0, 8], np.int8), np.full(9, -128, np.int8)):
        with pytest.raises(ValueError, match="These codes are not"):
            codec.pack(codes)


@given(seeds, dimensions, st.floats(1e-6, 1e3))
def test_dense_codes_are_those_of_the_grid(seed, dimension, scale):
    values, exponents = _values(seed, dimension, scale)
    for ours, plain in zip(DENSE_INT8.quantise(values, exponents), quantise(values, exponents), strict=True):
        assert (ours == plain).all()


@given(codecs, seeds, dimensions)
def test_nothing_is_lost(codec, seed, dimension):
    values, exponents = _values(seed, dimension, 30)
    codes, residual = codec.quantise(values, exponents)
    assert np.allclose(dequantise(codes, exponents).astype(np.float64) + residual, values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("codec", EVERY)
def test_what_is_not_finite_is_no_update(codec):
    for wrong in (np.nan, np.inf, -np.inf):
        values = np.ones(300, np.float32)
        values[299] = wrong
        with pytest.raises(NumericError, match="not finite"):
            codec.quantise(values, np.zeros(2, np.int8))


@pytest.mark.parametrize(("codec", "start"), [(codec, start) for codec in EVERY for start in ((5, 14) if codec.coarsens else (0,))])
def test_the_grid_follows_the_scale_from_far_away(codec, start):
    """Five nodes learn a vector of a scale that grows a hundredfold and shrinks again. All arrives, whatever the codec leaves out at once,
    and no block's exponent runs away or stays behind. A codec that cannot make a grid coarser begins with a coarse one, and keeps it."""
    draw = np.random.default_rng(1)
    dimension, nodes = 4 * BLOCK, 5
    exponents = np.full(4, start, np.int8)
    most = start if not codec.coarsens else 24
    residuals = [np.zeros(dimension, np.float32) for _ in range(nodes)]
    wanted, arrived = np.zeros(dimension), np.zeros(dimension)
    for scale, rounds in ((0.01, 40), (1.0, 40), (0.01, 60)):
        direction = draw.standard_normal(dimension) * scale
        for _ in range(rounds):
            rows = []
            for node in range(nodes):
                values = (direction + draw.standard_normal(dimension) * scale / 4).astype(np.float32)
                wanted += values.astype(np.float64) / nodes
                codes, residuals[node] = codec.quantise(values + residuals[node], exponents)
                arrived += dequantise(codes, exponents).astype(np.float64) / nodes
                rows.append(codes)
            exponents = next_exponents(rows, exponents, -16, most)
        if codec.coarsens:
            # 4 RMS fill int8, of what is sent at once: within a few bits of 32 / scale.
            assert np.abs(exponents - np.log2(32 / scale)).max() <= 4, (scale, exponents)
        else:
            assert (exponents == start).all()
    missing = np.linalg.norm(wanted - arrived) / np.linalg.norm(wanted)
    assert missing < 0.2, missing


def test_top_k_alone_never_makes_a_grid_coarser():
    """Why groups with it bound the grid: even the largest magnitude leaves a block's mean square too small."""
    assert [codec.name for codec in EVERY if not codec.coarsens] == ["top-k", "top-3"]
    rows = [TOP_K.quantise(np.full(BLOCK, 1e6, np.float32), np.array([4], np.int8))[0]] * 3
    assert np.abs(rows[0]).max() == 127
    assert next_exponents(rows, np.array([4], np.int8), -16, 24).tolist() == [4]
    small = [TOP_K.quantise(np.full(BLOCK, 2, np.float32), np.array([0], np.int8))[0]] * 3
    assert next_exponents(small, np.array([0], np.int8), -16, 24).tolist() == [2]
    assert next_exponents(small, np.array([0], np.int8), -16, 0).tolist() == [0]
