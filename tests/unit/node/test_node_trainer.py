"""Training ahead is given up where another member reveals, and takes nothing from the training that follows."""

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from swarm_chain.learning import data
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node.member import Member
from swarm_chain.node.observing import Observers
from swarm_chain.node.parents import Parents
from swarm_chain.node.status import NodeStatus, Teller
from swarm_chain.node.trainer import Trainer
from swarm_chain.protocol.model import Model
from swarm_chain.types import ZERO32, Address, Round, RoundView

STEPS = 6
EXPECTED, RIGHT = b"\x01" * 32, b"\x02" * 32
OPEN = RoundView(Round(1), 0, 60, 80, 3, 3, 2, 3000, 2000, ZERO32, 0, idle=False, struck=False, presented=False, due=0)


@pytest.fixture
def chain() -> SimpleNamespace:
    """What a glance sees: round 1 in its reveals, as it was expected from."""
    return SimpleNamespace(rounds={1: OPEN}, phase=SimpleNamespace(round=1, commit_deadline=60), block=SimpleNamespace(time=70))


@pytest.fixture
def trainer(chain: SimpleNamespace) -> Trainer:
    task = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=STEPS))
    own, held_out = task.part(data.load(task.images.source, None), 0)
    model = Model(task.initial_weights(), task.initial_exponents(), task.numbers.fraction_bits)
    member = SimpleNamespace(task=task, own=own, held_out=held_out, part=0, device=None, observers=Observers())
    member.journal = SimpleNamespace(last_update=lambda before: None)
    member.terms = SimpleNamespace(commit_duration=60)
    parents = SimpleNamespace(model=lambda _: model)
    teller = Teller(NodeStatus(Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")), [])
    return Trainer(cast(Member, member), cast(Parents, parents), teller, lambda: chain, 0.0, threading.Event())


def test_what_was_trained_ahead_is_what_the_round_trains(trainer: Trainer) -> None:
    trainer.train_ahead(EXPECTED, OPEN)
    first = trainer.train(Round(2), EXPECTED)
    assert first is not None
    assert trainer.train(Round(2), EXPECTED) is first


def test_after_a_late_reveal_the_round_is_trained_in_full(
    trainer: Trainer, chain: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    chain.rounds = {1: replace(OPEN, revealed=3)}
    with caplog.at_level("INFO", "swarm_chain.node.trainer"):
        trainer.train_ahead(EXPECTED, OPEN)
    assert "let go" in caplog.text
    update = trainer.train(Round(2), RIGHT)
    assert update is not None, "what ended training ahead ends nothing else"
    assert update.samples == min(STEPS * DIGITS_LINEAR.local.batch, len(trainer._member.own))
