"""Update and model files, and their trees."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import merkle
from swarm_chain.protocol.aggregation import aggregate
from swarm_chain.protocol.columns import columns_root
from swarm_chain.protocol.grid import block_count, next_exponents
from swarm_chain.protocol.model import Model, decode_model, encode_model, model_leaves, model_root, model_size
from swarm_chain.protocol.update import UpdateHeader, decode_update, encode_update, update_root
from swarm_chain.types import Domain, Rule

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7)
NODE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def _header(dimension):
    return UpdateHeader(DOMAIN, 3, NODE, dimension, 24)


def _model(seed, dimension):
    draw = np.random.default_rng(seed)
    weights = draw.integers(-(2**31), 2**31, dimension).astype(np.int32)
    return Model(weights, draw.integers(-16, 25, block_count(dimension)).astype(np.int8), 24)


def test_a_round_whole(vectors):
    case = vectors("roots")
    dimension, bits = case["dimension"], case["fractionBits"]
    header = UpdateHeader(Domain(case["chainId"], case["roundManager"], case["group"]), case["round"], case["node"], dimension, bits)
    codes = np.stack([np.frombuffer(row, np.int8) for row in case["codes"]])
    parent = decode_model(case["parentFile"], dimension, bits)
    assert header.encode() == case["updateHeader"]
    assert encode_update(header, codes[0]) == case["updateFile"]
    assert update_root(header, codes[0]) == case["updateRoot"]
    assert columns_root(codes) == case["columnsRoot"]
    assert encode_model(parent) == case["parentFile"]
    assert model_root(parent) == case["parentRoot"]
    assert list(model_leaves(parent))[-1] == case["parentLastLeaf"]
    child = Model(
        aggregate(Rule.MEAN, codes, parent), next_exponents(codes, parent.exponents, case["minExponent"], case["maxExponent"]), bits
    )
    assert encode_model(child) == case["meanFile"]
    assert model_root(child) == case["meanRoot"]
    assert aggregate(Rule.MEDIAN, codes, parent).astype(">i4").tobytes() == case["medianWeights"]


def test_the_header_byte_by_byte():
    fields = b"SCUPDATE" + b"\0\1" + b"\x18" + b"\0" + (31337).to_bytes(32, "big") + bytes.fromhex(DOMAIN.round_manager[2:])
    fields += (7).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes.fromhex(NODE[2:]) + (1500).to_bytes(8, "big") + bytes(28)
    assert _header(1500).encode() == fields
    assert len(fields) == 128


def test_trees_by_hand():
    """The three trees of a model of two blocks, put together from section 3's words."""

    def leaf(kind, data):
        return sha256(bytes([0, kind]) + data).digest()

    def node(left, right):
        return sha256(b"\1" + left + right).digest()

    codes = np.arange(-100, 157, dtype=np.int16).clip(-127, 127).astype(np.int8)
    model = Model(np.arange(257, dtype=np.int32) - 5, np.array([-3, 9], np.int8), 24)
    header = _header(257)
    other = (-codes).astype(np.int8)
    assert update_root(header, codes) == node(leaf(1, header.encode()), leaf(1, codes.tobytes() + bytes(1024 - 257)))
    first = b"\xfd" + b"".join((i - 5).to_bytes(4, "big", signed=True) for i in range(256))
    assert model_root(model) == node(leaf(2, first), leaf(2, b"\x09" + (251).to_bytes(4, "big") + bytes(4 * 255)))
    columns = (
        leaf(3, codes[:256].tobytes() + other[:256].tobytes()),
        leaf(3, codes[256:].tobytes() + bytes(255) + other[256:].tobytes() + bytes(255)),
    )
    assert columns_root([codes, other]) == node(*columns)
    assert columns_root([other, codes]) != node(*columns)


@pytest.mark.parametrize("dimension", [1, 1023, 1024, 1025, 5000])
def test_updates_open_again(dimension):
    codes = np.random.default_rng(dimension).integers(-127, 128, dimension).astype(np.int8)
    data = encode_update(_header(dimension), codes)
    assert len(data) == 128 + dimension
    assert (decode_update(_header(dimension), data) == codes).all()


def test_codes_of_another_kind_are_not_encoded():
    for codes in (np.zeros(4, np.int8), np.zeros(3, np.int16), np.array([0, 0, -128], np.int8)):
        with pytest.raises(ValueError, match="Codes are"):
            encode_update(_header(3), codes)
        with pytest.raises(ValueError, match="Codes are"):
            update_root(_header(3), codes)


@given(st.binary(max_size=400))
def test_bytes_that_are_no_update_are_refused(data):
    with pytest.raises(IntegrityError):
        decode_update(_header(200), data)


@given(st.integers(0, 127), st.integers(1, 255))
def test_any_change_of_the_header_is_refused(at, change):
    data = bytearray(encode_update(_header(20), np.zeros(20, np.int8)))
    data[at] ^= change
    with pytest.raises(IntegrityError, match="names another"):
        decode_update(_header(20), bytes(data))


@given(st.integers(0, 2**32 - 1), st.integers(1, 700))
def test_models_open_again(seed, dimension):
    model = _model(seed, dimension)
    data = encode_model(model)
    again = decode_model(data, dimension, 24)
    assert len(data) == model_size(dimension)
    assert (again.weights == model.weights).all()
    assert (again.exponents == model.exponents).all()
    assert model_root(again) == model_root(model)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(IntegrityError):
        decode_model(data, 50, 24)


@given(st.integers(0, 31), st.integers(1, 255))
def test_any_change_of_the_models_header_is_refused(at, change):
    data = bytearray(encode_model(_model(0, 50)))
    data[at] ^= change
    with pytest.raises(IntegrityError, match="header"):
        decode_model(bytes(data), 50, 24)


@pytest.mark.parametrize("exponent", [-128, -17, 25, 127])
def test_exponents_out_of_bounds_are_refused(exponent):
    data = bytearray(encode_model(_model(0, 50)))
    data[32] = exponent % 256
    with pytest.raises(IntegrityError, match="Exponents"):
        decode_model(bytes(data), 50, 24)


def test_a_change_of_one_coordinate_changes_the_root():
    model = _model(1, 5000)
    weights = model.weights.copy()
    weights[4999] ^= 1
    assert model_root(Model(weights, model.exponents, 24)) != model_root(model)
    leaves = [merkle.leaf_hash(merkle.Kind.MODEL, data) for data in model_leaves(model)]
    assert merkle.verify(model_root(model), leaves[19], 19, 5, merkle.prove(leaves, 19))


def test_models_of_wrong_arrays_are_not_made():
    weights, exponents = np.zeros(300, np.int32), np.zeros(2, np.int8)
    for wrong in (
        (weights.astype(np.int64), exponents, 24),
        (weights, exponents[:1], 24),
        (weights, exponents, 31),
        (weights[:0], exponents, 24),
    ):
        with pytest.raises(ValueError, match="are"):
            Model(*wrong)
