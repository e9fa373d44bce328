"""What updates score: the fresh part alone, as floats would have it, and nothing for what is not one's own work."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from swarm_chain.protocol.choice import gram_matrix
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.novelty import ONE, cosines, known_rows, on_grid, scores, step, without
from swarm_chain.protocol.scores import FULL

D = 4096
NODES = 9

Floats = NDArray[np.float64]


def to_codes(values: Floats) -> Codes:
    return np.clip(np.rint(values * 32 / np.sqrt(np.mean(values**2, axis=-1, keepdims=True))), -127, 127).astype(np.int8)


class Swarm:
    """Nodes that learn one thing, each from its own data, and what they sent the rounds before."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.random = random
        before = random.normal(size=D) + random.normal(size=(2 * NODES, D))  # one way, as the honest updates of rounds before do
        common = random.normal(size=D)
        self.past = to_codes(before)
        self.honest = to_codes(3 * before[:NODES] + common + 2 * random.normal(size=(NODES, D)))
        self.against = to_codes(-3 * before[:3] + common + 2 * random.normal(size=(3, D)))

    def scores(self, updates: Codes) -> list[int]:
        return scores(gram_matrix([*self.past, *updates]), len(self.past), D)

    def share(self, sent: Codes) -> float:
        """What the last three nodes score on average where they send this, beside the others."""
        found = self.scores(np.concatenate([self.honest[:-3], sent]))
        assert max(found) == FULL
        return float(np.mean(found[-3:]) / np.mean(found[:-3]))


@pytest.fixture(scope="module", params=range(3))
def swarm(request: pytest.FixtureRequest) -> Swarm:
    return Swarm(request.param)


def test_who_learns_is_paid(swarm: Swarm) -> None:
    found = swarm.scores(swarm.honest)
    assert min(found) > FULL // 3
    assert max(found) == FULL


@pytest.mark.parametrize(
    "sent",
    [
        lambda swarm: np.zeros((3, D), np.int8),
        lambda swarm: -swarm.honest[-3:],
        lambda swarm: swarm.past[:3],
        lambda swarm: swarm.past[-3:],
        lambda swarm: to_codes(swarm.past[:3].astype(float) + swarm.past[3:6]),
        lambda swarm: to_codes(swarm.random.normal(size=(3, D))),
        lambda swarm: swarm.against,
        lambda swarm: np.repeat(swarm.honest[-1:], 3, axis=0),
        lambda swarm: swarm.honest[:3],
        lambda swarm: to_codes(swarm.honest[-1] + 2 * swarm.random.normal(size=(3, D))),
    ],
    ids=[
        "zero",
        "flipped",
        "replayed",
        "replayed-longer-ago",
        "mixed-of-replayed",
        "noise",
        "new-but-backwards",
        "one-thrice",
        "copied",
        "one-thrice-blurred",
    ],
)
def test_who_adds_nothing_is_paid_a_tenth_at_most(swarm: Swarm, sent: Callable[[Swarm], Codes]) -> None:
    assert swarm.share(sent(swarm)) <= 0.1


def test_what_is_known_hides_nothing_that_is_new(swarm: Swarm) -> None:
    """The same updates, the past of which makes up most, score as their new parts alone do."""
    new = swarm.scores(swarm.honest)
    alone = scores(gram_matrix(swarm.honest), 0, D)
    assert new != alone
    basis = np.linalg.qr(swarm.past.astype(np.float64).T)[0]
    parts = swarm.honest - (swarm.honest @ basis) @ basis.T
    lengths = np.linalg.norm(parts, axis=1)
    alike = (parts @ parts.T) / lengths / lengths[:, None]
    middles = [sorted(np.delete(row, index))[(NODES - 2) // 2] for index, row in enumerate(alike)]
    floor = np.sqrt(2 * np.pi / (D * (NODES - 1)))
    worth = np.minimum(lengths, np.median(lengths)) * (np.array(middles) - floor)
    np.testing.assert_allclose(np.array(new) / FULL, worth / worth.max(), atol=2e-3)


def test_order_changes_nothing_and_length_buys_nothing(swarm: Swarm) -> None:
    order = swarm.random.permutation(NODES)
    found = swarm.scores(swarm.honest)
    assert swarm.scores(swarm.honest[order]) == [found[index] for index in order]
    short = swarm.honest // 4
    long = short.copy()
    long[0] = np.clip(short[0].astype(np.int64) * 3, -127, 127)
    ratio = np.array(swarm.scores(long)) / np.maximum(swarm.scores(short), 1)
    assert ratio[0] / ratio[1:].mean() < 1.2  # cut to the median length, which was its own, nearly


def test_equal_data_still_pays() -> None:
    """Nodes whose data are alike send almost the same: near equality is measured by how equal the others are."""
    random = np.random.default_rng(0)
    common = random.normal(size=D)
    updates = to_codes(common + 0.1 * random.normal(size=(NODES, D)))
    found = scores(gram_matrix(updates), 0, D)
    assert min(found) > FULL * 9 // 10


@pytest.mark.parametrize("seed", range(5))
def test_what_is_made_of_known_rows_alone_has_no_length(seed: int) -> None:
    past = np.random.default_rng(seed).integers(-30, 31, (12, 64)).astype(np.int8)
    made = np.stack([past[0] + past[1], past[2] - past[3], past[4] + past[5] - past[6]])
    squares = np.diagonal(without(cosines(gram_matrix([*past, *made])), len(past)))
    assert (abs(squares) < ONE // 10**6).all()  # of rounding


def test_alone_is_paid_and_together_nothing_is_possible() -> None:
    assert scores(gram_matrix(np.ones((1, 8), np.int8)), 0, 8) == [FULL]
    assert scores(gram_matrix(np.zeros((3, 8), np.int8)), 0, 8) == [0, 0, 0]
    opposed = np.array([[1] * 8, [-1] * 8], np.int8)
    assert scores(gram_matrix(opposed), 0, 8) == [0, 0]


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 6), st.integers(1, 40), st.sampled_from([1, 3, 127]))
def test_any_codes_give_scores(seed: int, known: int, count: int, dimension: int, size: int) -> None:
    """Dependent, equal and empty rows too: all in range, nobody's cosine above one, the best has the highest score or nobody any."""
    random = np.random.default_rng(seed)
    rows = random.integers(-size, size + 1, (known + count, dimension)).astype(np.int8)
    rows[random.random(len(rows)) < 0.2] = 0
    rows[random.random(len(rows)) < 0.2] = rows[0]
    gram = gram_matrix(rows)
    rest = without(cosines(gram), known)
    assert rest.shape == (count, count)
    assert (abs(rest) <= ONE).all()
    found = scores(gram, known, dimension)
    assert len(found) == count
    assert max(found) in (0, FULL)
    assert min(found) >= 0


def test_rows_on_another_grid_are_what_a_replay_must_send() -> None:
    random = np.random.default_rng(1)
    codes = random.integers(-127, 128, 600).astype(np.int8)
    grid, finer, coarser = (np.full(3, exponent, np.int8) for exponent in (5, 6, 4))
    assert on_grid(codes, grid, grid) is codes
    assert (on_grid(codes, grid, finer) == np.clip(codes.astype(int) * 2, -127, 127)).all()
    assert (on_grid(codes, grid, coarser) == np.rint(codes / 2)).all()


def test_known_are_updates_and_steps_but_not_what_is_nought() -> None:
    grid = np.full(2, 8, np.int8)
    first = Model(np.zeros(300, np.int32), grid, 24)
    second = Model(first.weights + (5 << 16), grid, 24)
    third = Model(second.weights + (1 << 30), grid, 24)
    assert (step(first, second, grid) == 5).all()
    assert (step(second, third, grid) == 127).all()
    sent = [(grid, [np.ones(300, np.int8), np.zeros(300, np.int8)]), (grid - 1, [np.full(300, 7, np.int8)])]
    rows = known_rows(sent, [first, second, third])
    assert [int(row[0]) for row in rows] == [1, 14, 5, 127]
    assert known_rows([], [first]) == []
