from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol.columns import columns_leaves, columns_root
from swarm_chain.protocol.merkle import Kind, depth_of, leaf_hash, prove, root, root_of, verify
from swarm_chain.protocol.model import Model, model_leaves, model_root
from swarm_chain.protocol.update import UpdateHeader, update_leaves, update_root
from swarm_chain.types import Address, Domain, GroupId, Round

leaves_of = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def _padded_root(leaves):
    """The tree as it is defined: filled up with zero leaves to a power of two."""
    width = 1
    while width < len(leaves):
        width *= 2
    level = leaves + [bytes(32)] * (width - len(leaves))
    while len(level) > 1:
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def test_vectors(vectors):
    case = vectors("merkle")
    for kind in Kind:
        assert [leaf_hash(kind, data) for data in case["data"]] == case[f"leaf{kind.name.capitalize()}"]
        assert leaf_hash(kind, b"x") == sha256(b"\x00" + bytes([kind]) + b"x").digest()
    leaves = case["leafUpdate"]
    assert [root(leaves[:count]) for count in case["count"]] == case["root"]
    assert [depth_of(count) for count in case["count"]] == case["depth"] == [0, 1, 2, 2, 3, 3, 3, 3, 4]
    assert root_of(Kind.UPDATE, case["data"]) == case["root"][-1]
    for count, index, joined in zip(case["proofCount"], case["proofIndex"], case["proof"], strict=True):
        siblings = [joined[i : i + 32] for i in range(0, len(joined), 32)]
        assert verify(case["root"][count - 1], leaves[index], index, depth_of(count), siblings)


@given(leaves_of)
def test_root_is_that_of_the_padded_tree(leaves):
    assert root(leaves) == _padded_root(leaves)


@given(leaves_of, st.data())
def test_a_proof_proves_its_leaf_and_nothing_else(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, depth, top = prove(leaves, index), depth_of(len(leaves)), root(leaves)
    assert verify(top, leaves[index], index, depth, proof)
    assert not verify(top, bytes(31) + b"\x01", index, depth, proof)
    assert not verify(top, leaves[index], index + (1 << depth), depth, proof)
    assert not verify(top, leaves[index], -1, depth, proof)
    assert not verify(top, leaves[index], index, depth + 1, proof)
    assert not verify(top, leaves[index], index, depth, [*proof, bytes(32)])
    if depth:
        height = data.draw(st.integers(0, depth - 1))
        broken = [*proof[:height], sha256(proof[height]).digest(), *proof[height + 1 :]]
        assert not verify(top, leaves[index], index, depth, broken)


def test_no_leaves_no_tree():
    with pytest.raises(ValueError, match="at least one"):
        root([])
    with pytest.raises(ValueError, match="no leaf 2"):
        prove([bytes(32)] * 2, 2)


def test_a_node_is_no_leaf():
    left, right = leaf_hash(Kind.UPDATE, b"a"), leaf_hash(Kind.UPDATE, b"b")
    assert root([left, right]) not in {leaf_hash(kind, left + right) for kind in Kind}


@pytest.mark.parametrize("dimension", [1, 255, 256, 257, 512, 1024, 1025, 4096 * 256, 4096 * 256 + 1, 1_398_102])
def test_roots_are_those_of_the_leaves_that_evidence_shows(dimension):
    """Roots are made of many leaves at once, evidence of one at a time; at the bounds of blocks and of what is hashed together."""
    draw = np.random.default_rng(dimension)
    codes = draw.integers(-127, 128, (3, dimension)).astype(np.int8)
    header = UpdateHeader(Domain(1, Address("0x" + "11" * 20), GroupId(1)), Round(1), Address("0x" + "22" * 20), dimension, 24)
    assert update_root(header, codes[0]) == root_of(Kind.UPDATE, update_leaves(header, codes[0]))
    assert columns_root(list(codes)) == root_of(Kind.COLUMNS, columns_leaves(codes))
    exponents = draw.integers(-16, 25, -(-dimension // 256)).astype(np.int8)
    model = Model(draw.integers(-(2**31), 2**31, dimension).astype(np.int32), exponents, 24)
    assert model_root(model) == root_of(Kind.MODEL, model_leaves(model))
