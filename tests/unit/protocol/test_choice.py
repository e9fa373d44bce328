"""Choices of vector rules, against what their papers say of whole vectors, in fractions and doubles."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.protocol import choice
from swarm_chain.protocol.aggregation import cut_of
from swarm_chain.protocol.choice import ONE, gram_matrix, tolerated
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import RULES, aggregate_by


def updates(seed, count, dimension=300, reach=127):
    return np.random.default_rng(seed).integers(-reach, reach + 1, (count, dimension)).astype(np.int8)


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 12))
def test_gram_matrix(seed, count):
    codes = updates(seed, count)
    assert gram_matrix(codes).tolist() == [[sum(int(a) * int(b) for a, b in zip(one, two, strict=True)) for two in codes] for one in codes]


@pytest.mark.parametrize(("count", "bad"), [(1, 0), (2, 0), (3, 0), (4, 1), (6, 1), (7, 2), (20, 6), (100, 33), (255, 84)])
def test_fewer_than_a_third_are_tolerated(count, bad):
    assert tolerated(count) == bad
    assert 3 * bad < count


@given(SEEDS, st.integers(4, 16))
def test_multi_krum(seed, count):
    codes = updates(seed, count).astype(np.int64)
    bad = tolerated(count)
    scores = []
    for index, one in enumerate(codes):
        others = sorted(int(((one - other) ** 2).sum()) for place, other in enumerate(codes) if place != index)
        scores.append((sum(others[: count - bad - 2]), index))
    kept = {index for _, index in sorted(scores)[: count - bad]}
    chosen = choice.multi_krum(gram_matrix(codes.astype(np.int8)))
    assert set(np.flatnonzero(chosen.takes[0]).tolist()) == kept
    assert chosen.matrix.tolist() == [[int(index in kept) for index in range(count)]]
    assert chosen.divisor == count - bad


@given(SEEDS, st.integers(1, 16))
def test_nearest_neighbours(seed, count):
    codes = updates(seed, count, reach=2).astype(np.int64)  # few values: ties, which the first wins
    chosen = choice.nearest_neighbours(gram_matrix(codes.astype(np.int8)))
    for index, one in enumerate(codes):
        order = sorted(range(count), key=lambda place: (int(((one - codes[place]) ** 2).sum()), place))
        assert set(np.flatnonzero(chosen.takes[index]).tolist()) == set(order[: count - tolerated(count)])
    assert chosen.divisor == count - tolerated(count)


@given(SEEDS, st.integers(4, 16))
def test_clipping_cuts_the_longest_to_the_next(seed, count):
    draw = np.random.default_rng(seed)
    codes = (updates(seed, count) * draw.random((count, 1))).astype(np.int8)
    lengths = np.sqrt((codes.astype(float) ** 2).sum(axis=1))
    bad = tolerated(count)
    bound = np.sort(lengths)[::-1][2 * bad * (count - bad) // count]
    chosen = choice.clipped(gram_matrix(codes))
    assert (chosen.takes == np.eye(count, dtype=bool)).all()
    expected = np.minimum(1, bound / np.maximum(lengths, 1e-9)) * ONE
    assert (np.abs(chosen.factors - expected) < 1 + 1e-6).all()
    assert (chosen.factors <= expected + 1e-6).all()


@given(SEEDS, st.integers(4, 16))
def test_clipped_and_mixed_takes_the_nearest_of_what_is_clipped(seed, count):
    draw = np.random.default_rng(seed)
    codes = (updates(seed, count) * draw.random((count, 1))).astype(np.int8)
    chosen = choice.clipped_nearest_neighbours(gram_matrix(codes))
    shorter = codes.astype(object) * chosen.factors[:, None].astype(object)
    kept = count - tolerated(count)
    for index, one in enumerate(shorter):
        order = sorted(range(count), key=lambda place: (sum((one - shorter[place]) ** 2), place))
        assert set(np.flatnonzero(chosen.takes[index]).tolist()) == set(order[:kept])
    assert chosen.divisor == kept * ONE


def _weighted(chosen, codes):
    return chosen.matrix[0] @ codes.astype(float) / chosen.divisor


@settings(max_examples=50)
@given(SEEDS, st.integers(3, 16))
def test_geometric_median_is_where_distances_add_up_to_the_least(seed, count):
    codes = updates(seed, count)
    codes[0] = 127  # one far away
    point = _weighted(choice.geometric_median(gram_matrix(codes)), codes)

    def total(where):
        return np.sqrt(((codes - where) ** 2).sum(axis=1)).sum()

    least = min(total(codes.mean(axis=0)), *(total(row) for row in codes.astype(float)))
    assert total(point) <= least * 1.001


def test_geometric_median_stays_with_most():
    codes = updates(1, 12, reach=5)
    codes[:5] = 127
    chosen = choice.geometric_median(gram_matrix(codes))
    mean = codes.mean(axis=0)
    assert np.linalg.norm(_weighted(chosen, codes)) < 0.4 * np.linalg.norm(mean)
    assert chosen.factors[:5].max() < chosen.factors[5:].min()


@given(SEEDS, st.integers(3, 16))
def test_centered_clipping(seed, count):
    codes = updates(seed, count)
    codes[0] = 127
    vectors = codes.astype(float)
    centre = np.zeros(codes.shape[1])
    for _ in range(3):
        ways = vectors - centre
        lengths = np.linalg.norm(ways, axis=1)
        radius = np.sort(lengths)[(count - 1) // 2]
        centre = centre + (ways * np.minimum(1, radius / lengths)[:, None]).mean(axis=0)
    found = _weighted(choice.centered_clipping(gram_matrix(codes)), codes)
    # Factors are whole 256ths, each cut by less than one.
    assert np.linalg.norm(found - centre) <= np.linalg.norm(vectors, axis=1).sum() / (ONE * count) + 1e-3


def aligned_of_vectors(codes):
    """Who is kept, and the mean, from whole vectors in doubles."""
    vectors, count = codes.astype(float), len(codes)
    lengths = np.linalg.norm(vectors, axis=1)
    apart = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    between = np.sort(apart[np.triu_indices(count, 1)])
    near = (20 * apart < between[(len(between) - 1) // 2]) | np.eye(count, dtype=bool)
    bad = tolerated(count)
    bound = np.sort(lengths)[::-1][2 * bad * (count - bad) // count]
    shares = np.minimum(1, bound / lengths) / near.sum(axis=1)
    kept = np.ones(count, bool)
    for _ in range(4):
        means = [np.average(vectors, axis=0, weights=shares * kept * ~row) for row in near]
        alignments = np.array([vector @ mean / np.linalg.norm(mean) for vector, mean in zip(vectors, means, strict=True)]) / lengths
        sums = np.cumsum(1 / near.sum(axis=1)[np.argsort(alignments)])
        median = np.sort(alignments)[np.flatnonzero(sums >= sums[-1] / 2 - 1e-9)[0]]
        is_out = (5 * alignments <= median) & (median - alignments >= 0.25)
        order = [index for index in np.argsort(alignments, kind="stable") if is_out[index]]
        before, kept = kept, np.ones(count, bool)
        kept[order[:bad]] = False
        if (kept == before).all():
            break
    return kept, np.average(vectors, axis=0, weights=shares * kept)


@settings(deadline=None)
@given(SEEDS, st.integers(4, 24), st.sampled_from(["nothing", "against", "anything", "the same", "the mean"]))
def test_aligned_mean(seed, count, sent):
    draw = np.random.default_rng(seed)
    way = draw.normal(0, 8, 400)
    codes = np.clip(way + draw.normal(0, 20, (count, 400)), -127, 127).astype(np.int8)
    bad = tolerated(count)
    if sent == "against":
        codes[:bad] = np.clip(-2 * way, -127, 127)
    elif sent == "anything":
        codes[:bad] = draw.integers(-127, 128, (bad, 400))
    elif sent == "the same":
        codes[:bad] = codes[-1]
    elif sent == "the mean":
        codes[:bad] = np.rint(way)
    kept, mean = aligned_of_vectors(codes)
    chosen = choice.aligned(gram_matrix(codes))
    assert (chosen.factors > 0).tolist() == kept.tolist()
    assert np.linalg.norm(_weighted(chosen, codes) - mean) <= np.linalg.norm(codes.astype(float), axis=1).sum() / (ONE * count) + 1e-3


def test_aligned_mean_leaves_out_what_points_elsewhere_and_counts_the_same_once():
    draw = np.random.default_rng(2)
    way = draw.normal(0, 8, 1_000)
    codes = np.clip(way + draw.normal(0, 16, (10, 1_000)), -127, 127).astype(np.int8)
    codes[0], codes[1], codes[2] = -codes[5], 0, draw.integers(-60, 61, 1_000)
    assert np.flatnonzero(choice.aligned(gram_matrix(codes)).factors == 0).tolist() == [0, 1, 2]
    codes[0] = codes[1] = codes[2] = codes[9]
    factors = choice.aligned(gram_matrix(codes)).factors
    assert factors[[0, 1, 2, 9]].sum() == pytest.approx(factors[3:9].mean(), rel=0.05)


def test_aligned_mean_leaves_out_nobody_who_differs_by_chance():
    """Late in training, say: and then six who send the last step again are aligned best, and make nobody else worse."""
    draw = np.random.default_rng(3)
    way = draw.normal(0, 1, 1_000)
    codes = np.clip(way + draw.normal(0, 20, (20, 1_000)), -127, 127).astype(np.int8)
    assert (choice.aligned(gram_matrix(codes)).factors > 0).all()
    codes[:6] = np.rint(codes[6:].mean(axis=0))
    factors = choice.aligned(gram_matrix(codes)).factors
    assert (factors > 0).all()
    assert factors[:6].sum() == pytest.approx(factors[6:].mean(), rel=0.05)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_of_equal_updates_every_rule_makes_the_update(name, count):
    codes = np.tile(updates(3, 1), (count, 1))
    model = Model(np.zeros(300, np.int32), np.zeros(2, np.int8), 24)
    weights = aggregate_by(RULES[name], codes, model)
    # Shares and factors are rounded down: by less than one part in 256 a factor.
    assert (np.abs(weights - (codes[0].astype(np.int64) << 24)) <= (np.abs(codes[0].astype(np.int64)) << 24) // ONE * 2).all()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("count", [1, 4, 7])
def test_zeros_move_nothing(name, count):
    model = Model(np.arange(300, dtype=np.int32), np.zeros(2, np.int8), 24)
    assert (aggregate_by(RULES[name], np.zeros((count, 300), np.int8), model) == model.weights).all()


@pytest.mark.parametrize(
    "name", ["multi-krum", "geometric-median", "aligned-mean", "nnm-trimmed-mean", "nnm-median", "arc-nnm-trimmed-mean"]
)
def test_who_is_far_off_moves_little(name):
    """Seven of which two send their worst: the step stays near the others' mean, from which the plain mean is far."""
    codes = updates(5, 7, reach=20)
    codes[2] = codes[5] = 127
    honest = np.delete(codes, [2, 5], axis=0).mean(axis=0)
    model = Model(np.zeros(300, np.int32), np.zeros(2, np.int8), 8)

    def distance(rule):
        return np.linalg.norm(aggregate_by(RULES[rule], codes, model) / 256 - honest)

    assert distance(name) < 0.35 * distance("mean")


@settings(max_examples=50)
@given(SEEDS, st.sampled_from(sorted(RULES)), st.integers(1, 9), st.integers(0, 30), st.integers(-16, 0))
def test_steps_are_exact(seed, name, count, bits, exponent):
    """Each step is the fraction that the choice says, cut toward zero."""
    codes = updates(seed, count, dimension=5)
    draw = np.random.default_rng(seed)
    model = Model(draw.integers(-(2**31), 2**31, 5).astype(np.int32), np.array([exponent], np.int8), bits)
    rule = RULES[name]
    chosen = rule.choose(gram_matrix(codes)) if rule.choose else None
    matrix, divisor = (chosen.matrix, chosen.divisor) if chosen else (np.eye(count, dtype=np.int64), 1)
    cut = cut_of(rule.coordinates, len(matrix))
    for place, after in enumerate(aggregate_by(rule, codes, model).tolist()):
        values = sorted(sum(int(f) * int(q) for f, q in zip(row, codes[:, place], strict=True)) for row in matrix)
        kept = values[cut : len(values) - cut]
        step = Fraction(sum(kept) << (bits - exponent), len(kept) * divisor)
        assert after == min(max(int(model.weights[place]) + int(step), -(2**31)), 2**31 - 1)
