"""What a node's updates told is counted when they are committed, and the count says when it must not tell more."""

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from swarm_chain.learning.accounting import epsilon
from swarm_chain.learning.manifest import Privacy
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node.budget import Budget
from swarm_chain.node.commit import commit
from swarm_chain.node.journal import Journal
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update, train_update
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import ZERO32, Address, Domain, GroupId, Round

PRIVACY = Privacy(clip=1.0, noise=1.0, delta=1e-5, epsilon=6.0)
TASK = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, batch=16, steps=30, privacy=PRIVACY))
PARENT = Model(TASK.initial_weights(), TASK.initial_exponents(), TASK.numbers.fraction_bits)
NODE = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
DOMAIN = Domain(1, Address("0x" + "22" * 20), GroupId(1))


@pytest.fixture
def member(tmp_path: Path) -> Member:
    """As far as training and committing through a relay need one."""
    own, held_out = TASK.part(TASK.load(None), 0)
    parts = SimpleNamespace(task=TASK, own=own, held_out=held_out, part=0, device=None, node=NODE, domain=DOMAIN, relay="a relay")
    parts.journal = Journal(tmp_path / "journal.db", bytes([7]) * 32)
    parts.store = EmbeddedStore(tmp_path / "store")
    parts.group_key = None
    parts.header = lambda round_, node: UpdateHeader(DOMAIN, round_, node, PARENT.dimension, PARENT.fraction_bits)
    return cast(Member, parts)


def learnt(member: Member, round_: int) -> Update:
    update = train_update(member, Round(round_), PARENT)
    assert update is not None
    return update


def test_updates_count_when_they_are_committed_again_and_votes_and_training_do_not(member: Member) -> None:
    budget, rate = Budget(member), 16 / len(member.own)
    learnt(member, 1)
    commit(member, Round(1), ZERO32, None)
    assert (budget.spent, budget.is_spent) == (0, False)
    for times, round_ in enumerate((1, 1, 2), start=1):
        commit(member, Round(round_), ZERO32, learnt(member, round_))
        assert member.journal.private_steps() == {rate: 30 * times}
        assert budget.spent == epsilon(PRIVACY, {rate: 30 * times})
        assert Budget(member).spent == budget.spent, "whatever process counts"


def test_an_update_cut_short_counts_for_what_was_done(member: Member) -> None:
    steps: list[int] = []
    update = train_update(member, Round(1), PARENT, lambda step, *_: steps.append(step), lambda: len(steps) == 11)
    assert update is not None
    commit(member, Round(1), ZERO32, update)
    assert [*member.journal.private_steps().values()] == [11]


def test_it_is_spent_before_the_group_s_epsilon_is_exceeded(member: Member, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "swarm_chain.node.budget"):
        budget = Budget(member)
        committed = 0
        while not budget.is_spent:
            committed += 1
            commit(member, Round(committed), ZERO32, learnt(member, committed))
            assert budget.spent is not None
            assert budget.spent <= PRIVACY.epsilon
    assert committed > 1
    assert f"epsilon 0.00 of 6 is spent, at delta 1e-05, and {committed} updates more may be sent" in caplog.text
    assert f"epsilon {budget.spent:.2f} of 6 is spent" in caplog.messages[-1]
    member.journal.forget_commits_before(Round(committed + 1))
    assert Budget(member).is_spent, "whatever the journal lets go"
    for words in (f"epsilon {budget.spent:.2f} of 6", "are kept", "group leave"):
        assert words in budget.farewell()


def test_fewer_samples_are_told_more_of(member: Member) -> None:
    few = cast(Member, SimpleNamespace(**vars(member), **{}))
    few.own = member.own.take(range(20))  # type: ignore[attr-defined,misc]
    budgets = Budget(member), Budget(few)
    commit(member, Round(1), ZERO32, learnt(member, 1))
    commit(few, Round(2), ZERO32, learnt(few, 2))
    assert member.journal.private_steps() == {16 / len(member.own): 30, 0.8: 30}
    assert [budget.is_spent for budget in budgets] == [True, True]
    assert budgets[0].spent == budgets[1].spent, "what was told with few counts when there are more again"


def test_without_privacy_nothing_is_counted_and_nothing_is_spent(member: Member) -> None:
    member.task = replace(TASK, local=replace(TASK.local, privacy=None))  # type: ignore[misc]
    commit(member, Round(1), ZERO32, learnt(member, 1))
    assert member.journal.private_steps() == {}
    budget = Budget(member)
    assert (budget.spent, budget.is_spent) == (None, False)
