"""A cell is what the functions of nodes come to: put together here once more, plainly."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from swarm_chain.errors import NumericError
from swarm_chain.league.attacks import ATTACKS
from swarm_chain.league.play import RELEASE, Cell, Contest, _address, play, seeded
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.protocol import novelty
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.grid import next_exponents
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import RULES, aggregate_by

TASK = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, momentum=0.0, steps=20, worker_momentum=0.5)).dealt_to(7)
CONTEST = Contest(TASK, attackers=2, rounds=3)


@pytest.fixture(scope="module")
def data():
    return TASK.load(None)


def _plainly(task, rounds, forge, rule, flipped=()):
    """The last model; ``forge`` changes the codes of a round."""
    numbers, data = task.numbers, task.load(None)
    model = Model(task.initial_weights(), task.initial_exponents(), numbers.fraction_bits)
    own = [task.part(data, node)[0] for node in range(task.parts)]
    for node in flipped:
        own[node] = Dataset(own[node].images, 9 - own[node].labels)
    residuals, momenta = np.zeros((2, task.parts, model.dimension), np.float32)
    by_address = sorted(range(task.parts), key=lambda node: _address(task.images.seed, node).lower())
    for number in range(1, rounds + 1):
        codes = []
        for node in range(task.parts):
            delta = task.train(model.weights, own[node], task.local_seed(node, number), None).delta
            momenta[node] = momenta[node] * np.float32(0.5) + delta * np.float32(0.5)
            coded, residuals[node] = CODECS[task.codec].quantise(momenta[node] + residuals[node], model.exponents)
            codes.append(coded)
        rows = [forge(codes)[node] for node in by_address]
        grid = next_exponents(rows, model.exponents, numbers.min_exponent, numbers.max_exponent)
        model = Model(aggregate_by(RULES[rule], rows, model), grid, numbers.fraction_bits)
    return model


@pytest.mark.parametrize(
    ("attack", "rule", "forge", "flipped"),
    [
        ("none", "nnm-trimmed-mean", lambda codes: codes, ()),
        ("zero", "mean", lambda codes: [0 * codes[0], 0 * codes[1], *codes[2:]], ()),
        ("sign-flip", "aligned-mean", lambda codes: [-codes[0], -codes[1], *codes[2:]], ()),
        ("split-identity", "median", lambda codes: [codes[0], codes[0], *codes[2:]], ()),
        ("label-flip", "trimmed-mean", lambda codes: codes, (0, 1)),
    ],
)
def test_a_cell_is_the_functions_of_nodes(attack, rule, forge, flipped, data):
    expected = _plainly(seeded(TASK, 2), 3, forge, rule, flipped)
    played = play(CONTEST, Cell(rule, attack, 2), data)
    assert played.model == sha256(expected.weights.tobytes()).hexdigest()[:16]
    assert played.accuracy == {3: TASK.evaluate(expected.weights, data.test, None)[0]}


def test_another_seed_is_another_split_and_other_weights(data):
    assert len({play(CONTEST, Cell("mean", "none", seed), data).model for seed in (1, 2, 2)}) == 2


def test_what_a_robust_rule_is_for(data):
    contest = Contest(TASK.dealt_to(10), attackers=3, rounds=12)
    found = {
        (rule, attack): play(contest, Cell(rule, attack, 1), data).accuracy
        for rule, attack in (("mean", "none"), ("mean", "ipm-10"), ("aligned-mean", "ipm-10"))
    }
    assert all(list(accuracy) == [10, 12] for accuracy in found.values())
    last = {cell: accuracy[12] for cell, accuracy in found.items()}
    assert last["mean", "none"] > 0.7
    assert last["mean", "ipm-10"] < 0.3
    assert last["aligned-mean", "ipm-10"] > 0.45


@pytest.mark.slow
def test_a_cell_of_the_releases_table():
    """One in full: six of twenty send twice the honest mean turned round, and the digits are learnt all the same."""
    played = play(RELEASE, Cell("aligned-mean", "ipm-2", 1), RELEASE.task.load(None))
    assert list(played.accuracy) == [10, 20, 30, 40]
    assert played.accuracy[40] > 0.86


def test_who_adds_nothing_earns_nothing_and_who_learns_earns(data):
    assert play(CONTEST, Cell("aligned-mean", "zero", 1), data).earned == 0
    assert play(CONTEST, Cell("aligned-mean", "split-identity", 1), data).earned == 0
    assert 0.1 < play(CONTEST, Cell("aligned-mean", "none", 1), data).earned < 2
    assert play(replace(CONTEST, attackers=0), Cell("mean", "none", 1), data).earned == 0


def test_nodes_whose_training_fails_send_nothing(data, monkeypatch):
    """Who learns nothing from what attackers made of the model votes alone; where nobody learns, the cell ends with what there is."""
    train, begun = ImageTask.train, seeded(TASK, 1)

    def fails(nodes):
        seeds = {begun.local_seed(node, number) for node in nodes for number in (1, 2, 3)}

        def trained(self, weights, own, seed, device):
            if seed in seeds:
                raise NumericError("The loss became nan.")
            return train(self, weights, own, seed, device)

        monkeypatch.setattr(ImageTask, "train", trained)

    fails(range(7))
    played = play(CONTEST, Cell("mean", "none", 1), data)
    assert (played.accuracy, played.earned) == ({3: begun.evaluate(begun.initial_weights(), data.test, None)[0]}, 0)
    fails((4, 5, 6))
    score, scored = novelty.scores, []

    def counted(gram, known, dimension):
        scored.append(len(gram) - known)
        return score(gram, known, dimension)

    monkeypatch.setattr(novelty, "scores", counted)
    play(CONTEST, Cell("mean", "none", 1), data)
    assert scored == [4, 4, 4], "two attackers and two of five others are paid"


def test_the_releases_contest_is_the_one_that_goals_are_for():
    task = RELEASE.task
    assert (RELEASE.nodes, RELEASE.attackers, RELEASE.rounds) == (20, 6, 40)
    assert (task.images.source, task.images.alpha, task.local.steps, task.local.worker_momentum) == ("mnist", 0.5, 8, 0.9)
    assert task.layout().dimension == 25_450
    assert len(ATTACKS) == 15
