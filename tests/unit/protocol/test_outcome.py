"""From a round's commits to its result: inclusion, metric, scores, outcome."""

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol import outcome
from swarm_chain.protocol.aggregation import aggregate
from swarm_chain.protocol.columns import columns_root
from swarm_chain.protocol.grid import block_count, next_exponents
from swarm_chain.protocol.inclusion import available, bitmap_of, candidates, seats_in
from swarm_chain.protocol.metric import weighted_median
from swarm_chain.protocol.model import Model, decode_model, encode_model, model_root
from swarm_chain.types import ZERO32, CommittedUpdate, Domain, Mixing, Reveal, Rule, Scoring, Terms

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7)
PARENT = b"\x0a" * 32
# Seats are not in the order of addresses, and letters' case is not an order.
NODES = [
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
    "0xBcd4042DE499D14e55001CcbB24a551F3b954096",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
]
TERMS = Terms(
    dimension=700,
    fraction_bits=24,
    min_exponent=-4,
    max_exponent=20,
    rule=Rule.TRIMMED_MEAN,
    mixing=Mixing.NONE,
    scoring=Scoring.EQUAL,
    capacity=5,
    min_updates=2,
    quorum_bps=5000,
    by_invitation=False,
    commit_duration=60,
    reveal_duration=20,
    challenge_window=10,
    idle_timeout=300,
    max_missed=3,
    maturity=8,
    stake=10**20,
    reward_per_round=10**20,
)


def _commit(seat, weight=1000, parent=PARENT, held=0b11111, digest=None, metric=0, revealed=True):
    digest = hashlib.sha256(bytes([seat])).digest() if digest is None else digest
    reveal = Reveal(bytes(32), parent, ZERO32, 1, metric, held) if revealed else None
    return CommittedUpdate(seat, NODES[seat], weight, digest, reveal)


def _digest(data):
    return hashlib.sha256(data).digest()


def _parent():
    draw = np.random.default_rng(0)
    weights = draw.integers(-(2**25), 2**25, TERMS.dimension).astype(np.int32)
    return Model(weights, np.full(block_count(TERMS.dimension), 12, np.int8), 24)


def _opened(seats):
    return {seat: np.random.default_rng(seat).integers(-127, 128, TERMS.dimension).astype(np.int8) for seat in seats}


def _compute(commits, seats, terms=TERMS):
    return outcome.compute(DOMAIN, terms, 1, PARENT, _parent(), commits, _opened(seats), _digest)


def test_candidates_are_revealed_named_the_parent_and_are_not_empty():
    commits = [_commit(0), _commit(1, revealed=False), _commit(2, parent=b"\x0b" * 32), _commit(3, digest=ZERO32), _commit(4)]
    assert [commit.seat for commit in candidates(commits, PARENT)] == [0, 4]


@pytest.mark.parametrize(("weights", "holders", "is_available"), [
    ((1000, 1000, 1000), (0, 1), True),
    ((1000, 1000, 1001), (0, 1), False),
    ((1000, 1000, 1000), (0,), False),
    ((4000, 1000, 1000), (0,), True),
    ((0, 0, 3), (2,), True),
    ((0, 0, 3), (0, 1), False),
])  # fmt: skip
def test_available_is_two_thirds_of_the_revealed_weight(weights, holders, is_available):
    commits = [_commit(seat, weight, held=1 if seat in holders else 0) for seat, weight in enumerate(weights)]
    unrevealed = _commit(4, 9000, revealed=False)
    assert available([*commits, unrevealed], commits[0]) is is_available


def test_who_named_another_parent_still_says_what_it_holds():
    commits = [_commit(0, held=0), _commit(1, parent=ZERO32), _commit(2, parent=ZERO32)]
    assert available(commits, commits[0])


@given(st.sets(st.integers(0, 254)))
def test_bitmaps(seats):
    assert seats_in(bitmap_of(seats)) == sorted(seats)


def test_metric_vectors(vectors):
    case = vectors("metric")
    for start, stop, expected in zip(case["start"], case["start"][1:], case["expected"], strict=False):
        metrics, weights, nodes = (case[name][start:stop] for name in ("metric", "weight", "node"))
        assert weighted_median(metrics, weights, nodes) == expected


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10_000)), min_size=1, max_size=5))
def test_metric_is_the_lower_median_of_as_many_copies_as_weight(measured):
    metrics, weights = zip(*measured, strict=True)
    nodes = NODES[: len(measured)]
    counted = weights if any(weights) else [1] * len(weights)
    copies = sorted(value for value, weight in zip(metrics, counted, strict=True) for _ in range(weight))
    assert weighted_median(metrics, weights, nodes) == copies[(len(copies) - 1) // 2]
    assert weighted_median(metrics[::-1], weights[::-1], nodes[::-1]) == weighted_median(metrics, weights, nodes)


def test_an_outcome_is_what_the_parts_give():
    commits = [_commit(seat, metric=seat * 10, weight=1000) for seat in range(5)]
    made = _compute(commits, range(5))
    by_address = sorted(range(5), key=lambda seat: bytes.fromhex(NODES[seat][2:]))
    assert by_address == [4, 1, 2, 3, 0]
    rows = [_opened(range(5))[seat] for seat in by_address]
    assert (made.model.weights == aggregate(Rule.TRIMMED_MEAN, rows, _parent())).all()
    assert (made.model.exponents == next_exponents(rows, _parent().exponents, -4, 20)).all()
    assert made.model_bytes == encode_model(made.model)
    assert model_root(decode_model(made.model_bytes, 700, 24)) == made.result.model_root
    assert made.result.model_digest == _digest(made.model_bytes)
    assert made.result.columns_root == columns_root(rows)
    assert (made.result.round, made.result.parent, made.result.included) == (1, PARENT, 0b11111)
    assert (made.result.choice, made.result.scores, made.result.metric) == (b"", b"", 20)
    assert sorted(made.opened) == [0, 1, 2, 3, 4]


def test_the_order_of_commits_and_updates_does_not_matter():
    commits = [_commit(seat, metric=seat) for seat in range(5)]
    assert _compute(commits, range(5)).result == _compute(commits[::-1], [3, 1, 4, 0, 2]).result


def test_only_what_opened_is_included():
    commits = [_commit(seat) for seat in range(5)]
    made = _compute(commits, [0, 2])
    assert made.result.included == 0b101
    rows = [_opened([seat])[seat] for seat in (2, 0)]
    assert made.result.columns_root == columns_root(rows)


@pytest.mark.parametrize("seats", [[], [3]])
def test_too_few_updates_have_no_result(seats):
    made = _compute([_commit(seat) for seat in range(5)], seats)
    assert made.result is None
    assert made.model_bytes == encode_model(_parent())
    assert sorted(made.opened) == seats


def test_no_updates_have_no_result_whatever_the_terms():
    assert _compute([_commit(0)], [], dataclasses.replace(TERMS, min_updates=0)).result is None


@pytest.mark.parametrize("stranger", [
    _commit(1, revealed=False),
    _commit(1, parent=ZERO32),
    _commit(1, digest=ZERO32),
])  # fmt: skip
def test_updates_that_do_not_count_are_not_taken(stranger):
    with pytest.raises(ValueError, match="candidates and available"):
        _compute([_commit(0), stranger, _commit(2)], [0, 1, 2])


def test_updates_that_few_hold_are_not_taken():
    commits = [_commit(0, held=0b101), _commit(1, held=0b101), _commit(2)]
    with pytest.raises(ValueError, match="candidates and available"):
        _compute(commits, [0, 1, 2])
    assert _compute(commits, [0, 2]).result.included == 0b101
