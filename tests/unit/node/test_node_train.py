"""What a node sends is the momentum of what it learnt, over every update that it sent and no other."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from swarm_chain.learning.encoding import encode_update
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node.journal import Journal, JournaledCommit
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update, train_update
from swarm_chain.protocol.model import Model
from swarm_chain.types import ZERO32, Digest, Round

TASK = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=4, worker_momentum=0.75))
PARENT = Model(TASK.initial_weights(), TASK.initial_exponents(), TASK.numbers.fraction_bits)


@pytest.fixture
def member(tmp_path: Path) -> Member:
    own, held_out = TASK.part(TASK.load(None), 0)
    journal = Journal(tmp_path / "journal.db", bytes([7]) * 32)
    return cast(Member, SimpleNamespace(task=TASK, own=own, held_out=held_out, part=0, device=None, journal=journal))


def commit(member: Member, round_: int, salt: int, update: Update | None) -> None:
    residual, momentum = (None, None) if update is None else (update.residual, update.momentum)
    root, digest = bytes([salt]) * 24, Digest(ZERO32)
    member.journal.record_commit(JournaledCommit(Round(round_), root, bytes([salt]) * 32, ZERO32, ZERO32, 1, 0, digest, residual, momentum))


def learnt(round_: int) -> np.ndarray:
    own, _ = TASK.part(TASK.load(None), 0)
    return TASK.train(PARENT.weights, own, TASK.local_seed(0, round_), None).delta


def test_momentum_goes_over_the_updates_that_were_sent(member: Member, tmp_path: Path) -> None:
    """Round 2 is a vote alone, round 3 is missed, round 4 is trained twice: ahead on what did not come, and then for good."""
    first = train_update(member, Round(1), PARENT)
    assert first is not None
    commit(member, 1, 1, first)
    commit(member, 2, 2, None)
    ahead = train_update(member, Round(4), PARENT)
    again = train_update(member, Round(4), PARENT)
    assert ahead is not None
    assert again is not None
    assert (ahead.codes == again.codes).all(), "training alone moves nothing"
    commit(member, 4, 3, again)
    retrained = train_update(member, Round(4), PARENT)
    assert retrained is not None
    assert (retrained.codes == again.codes).all(), "nor does a commit of the round that is trained again"
    commit(member, 4, 4, retrained)

    member.journal.close()
    member.journal = Journal(tmp_path / "journal.db", bytes([7]) * 32)  # type: ignore[misc]  # the process began anew
    fifth = train_update(member, Round(5), PARENT)
    assert fifth is not None

    carried = None
    for round_, update in ((1, first), (4, again), (5, fifth)):
        codes, carried = encode_update(TASK, learnt(round_), carried, PARENT.exponents)
        assert (codes == update.codes).all()
        assert carried.momentum is not None
        assert (carried.residual.tobytes(), carried.momentum.tobytes()) == (update.residual, update.momentum)


def test_without_it_the_journal_keeps_none(member: Member) -> None:
    member.task = DIGITS_LINEAR.with_steps(4)  # type: ignore[misc]
    update = train_update(member, Round(1), PARENT)
    assert update is not None
    assert update.momentum is None
    assert len(update.residual) == 4 * PARENT.dimension
