"""A cell of the league: so many rounds of one rule against one attack, by the functions that nodes use.

Every node trains its own part of the data by its task's own local pass, and encodes it with worker momentum and error feedback; what a
round comes to is what :func:`swarm_chain.protocol.outcome.compute` says, with the compiled passes. Only chain, sealing and store are left
out: they change no code. Attackers train too, for what they would have sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import NumericError
from swarm_chain.league.attacks import ATTACKS, Seen
from swarm_chain.learning import kernels
from swarm_chain.learning.data import Data, Dataset
from swarm_chain.learning.encoding import Carried, encode_update
from swarm_chain.learning.images import MNIST, ImageTask
from swarm_chain.learning.manifest import Local, Network
from swarm_chain.protocol import novelty, outcome
from swarm_chain.protocol.addresses import checksummed
from swarm_chain.protocol.grid import Codes, Exponents
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import RULES
from swarm_chain.protocol.scores import decode_scores
from swarm_chain.types import ZERO32, Address, CommittedUpdate, Digest, Domain, GroupId, Result, Reveal, Round, Scoring, Seat, Terms

MEASURED_EVERY = 10
"""Rounds between two looks at the test images."""


@dataclass(frozen=True)
class Contest:
    """What is the same for all cells.

    Attributes:
        task: its parts are the nodes; its seeds are each cell's own.
        attackers: how many of the nodes attack.
    """

    task: ImageTask
    attackers: int
    rounds: int

    @property
    def nodes(self) -> int:
        return self.task.parts


@dataclass(frozen=True, order=True)
class Cell:
    """A rule against an attack, by their names."""

    rule: str
    attack: str
    seed: int


@dataclass(frozen=True)
class Played:
    """What a cell came to.

    Attributes:
        accuracy: share of the test images that are classified rightly, by round; the last round is among them.
        earned: a mean attacker's reward as a part of a mean honest node's.
        model: digest of the last model's weights.
    """

    accuracy: dict[int, float]
    earned: float
    model: str


RELEASE = Contest(
    replace(
        MNIST,
        name="mnist-league",
        images=replace(MNIST.images, parts=20, alpha=0.5, held_out_one_in=20),
        network=Network("mlp-32", seed=1),
        local=Local("sgd", learning_rate=0.3, momentum=0.0, batch=32, steps=8, worker_momentum=0.9),
    ),
    attackers=6,
    rounds=40,
)
"""The contest of the release's table: 25,450 parameters, three nodes in ten attack."""


def play(contest: Contest, cell: Cell, data: Data) -> Played:
    """Plays a cell. The same on the same machine; training in floats may come to other bits on another."""
    task = seeded(contest.task, cell.seed)
    attack, random, device = ATTACKS[cell.attack], np.random.default_rng(cell.seed), task.device("cpu")
    attackers, nodes = range(contest.attackers), range(contest.nodes)
    own = [task.part(data, node)[0] for node in nodes]
    if attack.flips_labels:
        own[: contest.attackers] = [_flipped(own[node], task) for node in attackers]
    model = Model(task.initial_weights(), task.initial_exponents(), task.numbers.fraction_bits)
    carried: list[Carried | None] = [None] * contest.nodes
    seen: list[Seen] = []
    sent: list[tuple[Exponents, list[Codes]]] = []
    parents: list[Model] = []
    credits = np.zeros(contest.nodes)
    accuracy = {}
    for number in range(1, contest.rounds + 1):
        codes, learnt = np.zeros((contest.nodes, model.dimension), np.int8), np.zeros(contest.nodes, np.bool_)
        for node in nodes:
            try:
                trained = task.train(model.weights, own[node], task.local_seed(node, number), device)
                codes[node], carried[node] = encode_update(task, trained.delta, carried[node], model.exponents)
                learnt[node] = True
            except NumericError:  # what attackers made of the model is out of range: the node votes alone
                continue
        honest = codes[contest.attackers :][learnt[contest.attackers :]]
        if not len(honest):
            break
        if contest.attackers:
            seen = [*seen[:1], *seen[1:][-1:], Seen(model, honest, codes[: contest.attackers].copy())]
            codes[: contest.attackers] = attack.codes(seen, random)
            learnt[: contest.attackers] = True
        parents = [*parents[-novelty.ROUNDS :], model]
        came_to = _outcome(task, cell, Round(number), model, codes, learnt, novelty.known_rows(sent, parents))
        if came_to.result is not None:
            credits += _shares(came_to.result, contest.nodes)
        sent = [*sent[1 - novelty.ROUNDS :], (model.exponents, list(came_to.opened.values()))]
        model = came_to.model
        if number % MEASURED_EVERY == 0:
            accuracy[number] = _accuracy(task, model, data.test)
    if contest.rounds not in accuracy:
        accuracy[contest.rounds] = _accuracy(task, model, data.test)
    honest_mean = credits[contest.attackers :].mean()
    earned = float(credits[: contest.attackers].mean() / honest_mean) if contest.attackers and honest_mean else 0.0
    return Played(accuracy, earned, sha256(model.weights.tobytes()).hexdigest()[:16])


def _accuracy(task: ImageTask, model: Model, test: Dataset) -> float:
    try:
        return float(task.evaluate(model.weights, test, task.device("cpu"))[0])
    except NumericError:
        return 0.0


def seeded(task: ImageTask, seed: int) -> ImageTask:
    """The task with another split, other first weights, and another order of every batch."""
    return replace(task, images=replace(task.images, seed=seed), network=replace(task.network, seed=seed))


def _flipped(dataset: Dataset, task: ImageTask) -> Dataset:
    return Dataset(dataset.images, task.images.classes - 1 - dataset.labels)


def _outcome(
    task: ImageTask, cell: Cell, round_: Round, parent: Model, codes: Codes, learnt: NDArray[np.bool_], known: Sequence[Codes]
) -> outcome.Outcome:
    """What a round comes to in which everybody reveals, those who learnt something an update that all hold."""
    count = len(codes)
    reveal = Reveal(bytes(32), ZERO32, ZERO32, samples=1, metric=0, available=(1 << count) - 1)
    digests = [Digest(bytes([1]) * 32 if has else ZERO32) for has in learnt]
    commits = [CommittedUpdate(Seat(seat), _address(cell.seed, seat), 1, digest, reveal) for seat, digest in enumerate(digests)]
    opened = {Seat(seat): row for seat, row in enumerate(codes) if learnt[seat]}
    domain, terms = Domain(1, _address(cell.seed, count), GroupId(1)), _terms(task, cell, parent, count)
    return outcome.compute(domain, terms, round_, ZERO32, parent, commits, opened, _digest, kernels.PASSES, known)


def _terms(task: ImageTask, cell: Cell, parent: Model, count: int) -> Terms:
    return Terms(
        dimension=parent.dimension,
        fraction_bits=parent.fraction_bits,
        min_exponent=task.numbers.min_exponent,
        max_exponent=task.numbers.max_exponent,
        rule=RULES[cell.rule].coordinates,
        mixing=RULES[cell.rule].mixing,
        scoring=Scoring.NOVELTY,
        capacity=count,
        min_updates=1,
        quorum_bps=5_000,
        by_invitation=False,
        commit_duration=60,
        reveal_duration=20,
        challenge_window=10,
        idle_timeout=300,
        max_missed=3,
        maturity=8,
        stake=1,
        reward_per_round=1,
    )


def _shares(result: Result, count: int) -> NDArray[np.float64]:
    """What share of the round's reward each seat is credited by its score: all vote in the next round, so none forfeits half."""
    scores, shares = decode_scores(result.scores, result.included), np.zeros(count)
    shares[list(scores)] = list(scores.values())
    total = shares.sum()
    return shares / total if total else shares


def _address(seed: int, seat: int) -> Address:
    """An address that says nothing of whose it is: rules take nodes in the order of their addresses."""
    return checksummed(sha256(f"swarm_chain league {seed} {seat}".encode()).hexdigest()[:40])


def _digest(data: bytes) -> Digest:
    return Digest(sha256(data).digest())
