"""What is wrong with a result, found from facts alone; and the evidence holds against the roots that it is for."""

import random
from dataclasses import replace

import numpy as np
import pytest

from swarm_chain.protocol import merkle
from swarm_chain.protocol.disputes import record, search, updates
from swarm_chain.protocol.disputes.evidence import (
    Absence,
    Availability,
    Column,
    Coordinate,
    Exponent,
    Fault,
    Inclusion,
    Leaf,
    Opened,
    Terms,
    Tree,
    fault_of,
)
from swarm_chain.protocol.disputes.numbers import IncludedUpdate, Reference
from swarm_chain.protocol.grid import BLOCK, block_count
from swarm_chain.protocol.model import Model, encode_model, model_root
from swarm_chain.protocol.sealing import seal
from swarm_chain.protocol.update import LEAF, UpdateHeader, update_root
from swarm_chain.types import ZERO32, Address, CommittedUpdate, Digest, Domain, GroupId, Mixing, Result, Reveal, Round, Rule, Scoring, Seat
from swarm_chain.types import Terms as GroupTerms

D = 700
DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"), GroupId(1))
PARENT = b"\x11" * 32
TERMS = GroupTerms(D, 24, -4, 20, Rule.MEDIAN, Mixing.NONE, Scoring.EQUAL, 8, 2, 5000, False, 60, 20, 10, 300, 3, 8, 0, 0)


def node(seat: int) -> Address:
    return Address("0x" + f"{(seat * 7 + 3) % 11:02x}" * 20)


def commit(
    seat: int, *, parent: bytes = PARENT, available: int = 0b1111, root: bytes = b"\x01" * 32, weight: int = 1000
) -> CommittedUpdate:
    return CommittedUpdate(Seat(seat), node(seat), weight, Digest(b"\x02" * 32), Reveal(bytes(32), parent, root, 10, 3, available))


def result(included: int = 0b0111, **changes: object) -> Result:
    return replace(Result(Round(1), PARENT, Digest(b"\x03" * 32), b"\x04" * 32, b"\x05" * 32, included, b"", b"", 3), **changes)


# ---------------------------------------------------------------------------------------------------- the record


def test_the_record_shows_nothing_wrong_with_what_is_right() -> None:
    assert record.find(result(), [commit(seat) for seat in range(4)], TERMS, PARENT) is None
    assert record.find(result(), [commit(seat) for seat in range(4)], TERMS) is None


@pytest.mark.parametrize(
    ("wrong", "head"),
    [
        (result(0b0001), PARENT),
        (result(0), None),
        (result(choice=b"\x01"), None),
        (result(scores=bytes(4)), None),
        (result(), b"\x09" * 32),
    ],
)
def test_terms(wrong: Result, head: bytes | None) -> None:
    assert record.find(wrong, [commit(seat) for seat in range(4)], TERMS, head) == Terms(wrong)


def test_a_seat_that_did_not_reveal_is_absent() -> None:
    commits = [commit(0), commit(1), replace(commit(2), reveal=None)]
    assert record.find(result(0b0111), commits, TERMS) == Absence(result(0b0111), Seat(2))
    assert record.find(result(0b1011), commits, TERMS) == Absence(result(0b1011), Seat(3))


@pytest.mark.parametrize("wrong", [commit(1, parent=b"\x07" * 32), commit(1, root=ZERO32)])
def test_strays_and_empty_updates_are_not_to_be_included(wrong: CommittedUpdate) -> None:
    assert wrong.reveal is not None
    assert record.find(result(), [commit(0), wrong, commit(2)], TERMS) == Inclusion(result(), Opened(node(1), wrong.reveal))


def test_the_fewest_reveals_show_that_an_update_was_not_available() -> None:
    weights = {0: 100, 1: 900, 2: 500, 3: 400, 4: 600}
    commits = [commit(seat, weight=weight, available=0b11111 if seat == 4 else 0b11110) for seat, weight in weights.items()]
    found = record.find(result(0b0011), commits, TERMS)
    assert isinstance(found, Availability)
    assert found.seat == 0
    assert [opened.node for opened in found.without] == [node(1)]  # 900 of 2,500 are more than a third
    heavier = [replace(each, weight=834 if each.seat == 1 else each.weight) for each in commits]
    found = record.find(result(0b0011), heavier, TERMS)
    assert isinstance(found, Availability)
    assert 3 * sum(each.weight for each in heavier if each.node in {opened.node for opened in found.without}) > sum(
        each.weight for each in heavier
    )


def test_two_thirds_exactly_are_enough_to_be_available() -> None:
    commits = [commit(seat, available=0b111 if seat < 2 else 0b110) for seat in range(3)]
    assert record.find(result(), commits, TERMS) is None


# ---------------------------------------------------------------------------------------------------- updates


def header(seat: int = 1) -> UpdateHeader:
    return UpdateHeader(DOMAIN, Round(1), node(seat), D, 24)


def test_an_update_that_opens_to_another_root_shows_nothing() -> None:
    codes = np.ones(D, np.int8)
    sealed = seal(header(), bytes(32), codes)
    opened = Opened(node(1), Reveal(bytes(32), PARENT, b"\x01" * 32, 1, 1, 0))
    assert updates.find(result(), opened, header(), sealed) is None
    canonical = Opened(node(1), Reveal(bytes(32), PARENT, update_root(header(), codes), 1, 1, 0))
    assert updates.find(result(), canonical, header(), sealed) is None
    assert updates.find(result(), canonical, header(), b"garbage") is None


# ---------------------------------------------------------------------------------------------------- numbers


def reference(seed: int = 1, rule: Rule = Rule.MEDIAN) -> tuple[Reference, Result]:
    noise = np.random.default_rng(seed)
    before = Model(noise.integers(-(2**31), 2**31, D).astype(np.int32), noise.integers(-4, 21, block_count(D)).astype(np.int8), 24)
    included = []
    for seat in range(3):
        codes = noise.integers(-127, 128, D).astype(np.int8)
        reveal = Reveal(bytes(32), PARENT, update_root(header(seat), codes), 1, 1, 0)
        included.append(IncludedUpdate(Opened(node(seat), reveal), header(seat), codes))
    found = Reference(replace(TERMS, rule=rule), result(round=0), before, included)
    claimed = result(model_root=found.roots[Tree.MODEL], columns_root=found.roots[Tree.COLUMNS])
    return found, claimed


def holds(root: bytes, kind: merkle.Kind, index: int, count: int, leaf: Leaf) -> bool:
    return merkle.verify(root, merkle.leaf_hash(kind, leaf.data), index, merkle.depth_of(count), leaf.proof)


@pytest.mark.parametrize("where", [0, 255, 256, 699])
@pytest.mark.parametrize("rule", list(Rule))
def test_one_weight_off_is_a_coordinate(where: int, rule: Rule) -> None:
    right, claimed = reference(rule=rule)
    weights = right.model.weights.copy()
    weights[where] ^= 1
    wrong = Model(weights, right.model.exponents, 24)
    claimed = replace(claimed, model_root=model_root(wrong))
    found = right.wrong_in_file(claimed, encode_model(wrong))
    assert isinstance(found, Coordinate)
    assert (found.block, found.offset) == divmod(where, BLOCK)
    blocks = block_count(D)
    assert holds(claimed.model_root, merkle.Kind.MODEL, found.block, blocks, found.claimed)
    assert holds(claimed.columns_root, merkle.Kind.COLUMNS, found.block, blocks, found.columns)
    assert holds(model_root(right._before), merkle.Kind.MODEL, found.block, blocks, found.before)
    assert fault_of(found) is Fault.COORDINATE


def test_an_exponent_is_proven_where_all_weights_are_right_and_weights_first() -> None:
    right, claimed = reference()
    exponents = right.model.exponents.copy()
    exponents[0] -= 1
    wrong = Model(right.model.weights, exponents, 24)
    found = right.wrong_in_file(replace(claimed, model_root=model_root(wrong)), encode_model(wrong))
    assert isinstance(found, Exponent)
    assert found.block == 0
    weights = right.model.weights.copy()
    weights[-1] ^= 1
    both = Model(weights, exponents, 24)
    found = right.wrong_in_file(replace(claimed, model_root=model_root(both)), encode_model(both))
    assert isinstance(found, Coordinate)
    assert found.block == 2


def test_a_file_that_is_not_under_the_claimed_root_proves_nothing() -> None:
    right, claimed = reference()
    assert right.wrong_in_file(replace(claimed, model_root=bytes(32)), encode_model(right.model)) is None
    assert right.wrong_in_file(claimed, encode_model(right.model)) is None
    assert right.wrong_in_file(claimed, b"short") is None


def test_another_row_of_columns_is_proven_with_its_update() -> None:
    right, claimed = reference()
    leaf = right.leaf(Tree.COLUMNS, 2)
    bent = bytearray(leaf.data)
    bent[BLOCK + 5] ^= 1
    found = right.wrong_columns(claimed, 2, Leaf(bytes(bent), leaf.proof))
    assert isinstance(found, Column)
    second = sorted((node(seat) for seat in range(3)), key=str.lower)[1]
    assert found.opened.node == second
    assert holds(found.opened.reveal.update_root, merkle.Kind.UPDATE, 1, 1 + -(-D // LEAF), found.update)


# ---------------------------------------------------------------------------------------------------- search


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 100])
@pytest.mark.parametrize("seed", range(6))
def test_one_demand_a_level_finds_a_wrong_leaf(count: int, seed: int) -> None:
    rng = random.Random(seed * 1000 + count)
    right = [rng.randbytes(9) for _ in range(count)]
    wrong = {rng.randrange(count) for _ in range(rng.randrange(1, 4))}
    claimed = [rng.randbytes(9) if index in wrong else data for index, data in enumerate(right)]
    kind = merkle.Kind.MODEL
    right_hashes, claimed_hashes = ([merkle.leaf_hash(kind, data) for data in leaves] for leaves in (right, claimed))
    root, shown = merkle.root(claimed_hashes), {}
    for _ in range(merkle.depth_of(count) + 2):
        step = search.follow(kind, right_hashes, root, shown)
        if isinstance(step, search.Found):
            break
        assert isinstance(step, search.Ask)
        assert step.index not in shown
        shown[step.index] = Leaf(claimed[step.index], tuple(merkle.prove(claimed_hashes, step.index)))
    assert isinstance(step, search.Found)
    assert step.index in wrong
    assert len(shown) <= merkle.depth_of(count) + 1


def test_leaves_that_others_demanded_help() -> None:
    data = [bytes((index,)) for index in range(8)]
    hashes = [merkle.leaf_hash(merkle.Kind.COLUMNS, each) for each in data]
    bent = [*hashes[:6], merkle.leaf_hash(merkle.Kind.COLUMNS, b"bent"), hashes[7]]
    shown = {7: Leaf(data[7], tuple(merkle.prove(bent, 7)))}
    assert search.follow(merkle.Kind.COLUMNS, hashes, merkle.root(bent), shown) == search.Ask(6)


def test_what_lies_behind_the_last_leaf_cannot_be_demanded() -> None:
    data = [b"a", b"b", b"c"]
    hashes = [merkle.leaf_hash(merkle.Kind.MODEL, each) for each in data]
    padded = [*hashes, b"\x01" * 32]
    root, shown = merkle.root(padded), {}
    for index in (0, 2):
        assert search.follow(merkle.Kind.MODEL, hashes, root, shown) == search.Ask(index)
        shown[index] = Leaf(data[index], tuple(merkle.prove(padded, index)))
    assert search.follow(merkle.Kind.MODEL, hashes, root, shown) is None
