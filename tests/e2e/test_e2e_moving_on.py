"""Nothing keeps a group from going on: nobody reveals, nobody trains, everybody vanishes, a node dies and comes back."""

import sqlite3
from contextlib import closing

import books
import pytest
from misbehaving import DIED
from swarm_of_processes import STAKE, Swarm

from swarm_chain.chain.events import CommitForfeited, Committed, Revealed, RoundFinal, RoundVoid
from swarm_chain.types import ZERO32, Round, Seat

INTERRUPTED = 130


@pytest.mark.slow
def test_lonely_empty_void_and_vanished_rounds(swarm: Swarm) -> None:
    swarm.create(reveal_duration=25).add_nodes(4)
    swarm.start(0, {"votes_only": [3]}, rounds=4)
    for index in (1, 2, 3):
        swarm.start(index, {"never_reveals": [2], "votes_only": [3]}, rounds=4)
    swarm.all_done(timeout=200)

    # Round 1 was never agreed on, since node 0 alone revealed its vote in round 2; round 3 was all empty; round 4 is built on the genesis.
    assert [event.node for event in swarm.events(Revealed) if event.round == 2] == [swarm.nodes[0]]
    assert swarm.contracts.views.agreed_parent(swarm.group, Round(2)) is None
    assert [event.sealed_digest for event in swarm.events(Committed) if event.round == 3] == [ZERO32] * 4
    genesis = next(event.parent for event in swarm.events(Revealed) if event.round == 1)
    assert [event.round for event in swarm.events(RoundVoid)] == [1, 2, 3]
    assert [(result.round, result.parent) for result in swarm.finals()] == [(4, genesis)]
    forfeited = [event for event in swarm.events(CommitForfeited) if event.round == 2]
    assert sorted(event.seat for event in forfeited) == [1, 2, 3]
    assert {event.burnt for event in forfeited} == {STAKE // 100}
    books.check(swarm.contracts)

    # All go on, and all vanish in the middle of a round that has no successor then.
    for index in range(4):
        swarm.start(index)
    swarm.until("a round is trained after round 5", lambda: swarm.committed(0, 6))
    swarm.processes[3].terminate()
    assert swarm.ended(3, timeout=120) == INTERRUPTED
    for index in (0, 1, 2):
        swarm.kill(index)
    vanished = swarm.contracts.views.phase(swarm.group).round
    swarm.pass_time(swarm.terms.commit_duration + swarm.terms.reveal_duration + swarm.terms.idle_timeout)

    # They come back, and with them a fifth, which gets the last final model from the others.
    swarm.add_nodes(1)
    for index in range(4):
        swarm.start(index, rounds=1)
    swarm.start(4, rounds=1, confirmations=1)
    swarm.all_done(timeout=200)
    assert vanished in [event.round for event in swarm.events(RoundVoid)]
    finals = swarm.finals()
    assert finals[-1].round > vanished
    assert finals[-1].parent == swarm.events(RoundFinal)[-2].result_hash
    assert finals[-1].included == 0b11111
    books.check(swarm.contracts)


@pytest.mark.slow
def test_a_killed_node_reveals_what_it_committed_and_is_paid(swarm: Swarm) -> None:
    swarm.create(reveal_duration=30).add_nodes(4)
    swarm.start(0, rounds=3)
    swarm.start(1, {"dies_before_sending": [2]}, rounds=3)
    swarm.start(2, {"trains_on_nan": []}, rounds=3)
    swarm.start(3, {"waits": [2]}, rounds=3)
    swarm.until("node 0 committed in round 2", lambda: swarm.committed(0, 2), timeout=90)
    swarm.kill(0)
    assert not swarm.contracts.views.slot(swarm.group, swarm.nodes[0], Round(2)).revealed
    credit = swarm.contracts.rewards.credit_of(swarm.group, Seat(0))

    assert swarm.ended(1, timeout=90) == DIED
    assert not swarm.committed(1, 2)
    with closing(sqlite3.connect(swarm.home(0) / "journal.db")) as journal, journal:
        # As if it had computed another result than all others: it goes on with theirs once that is agreed on.
        journal.execute("UPDATE results SET hash = randomblob(32) WHERE round = 1")
    swarm.start(0, rounds=3)
    swarm.start(1, rounds=3)
    swarm.until("node 0 is back", lambda: swarm.status(0).get("round") == 2)
    swarm.until("node 1 sent what it had signed", lambda: swarm.committed(1, 2))
    (swarm.home(3) / "go").touch()
    swarm.all_done(timeout=150)

    with closing(sqlite3.connect(swarm.home(1) / "journal.db")) as journal:
        assert journal.execute("SELECT count(*) FROM commits WHERE round = 2").fetchone() == (1,)  # no second salt for it
    assert (2, swarm.nodes[0]) in [(event.round, event.node) for event in swarm.events(Revealed)]
    assert [(result.round, result.included) for result in swarm.finals()] == [
        (1, 0b1011),
        (2, 0b1011),
        (3, 0b1011),
    ]  # seat 2 has nothing but NaN, and votes alone
    assert swarm.contracts.rewards.credit_of(swarm.group, Seat(0)) > credit
    assert swarm.contracts.rewards.credit_of(swarm.group, Seat(0)) == swarm.contracts.rewards.credit_of(swarm.group, Seat(1))
    assert swarm.contracts.rewards.credit_of(swarm.group, Seat(2)) == 0
    votes = [event for event in swarm.events(Committed) if event.node == swarm.nodes[2]]
    assert [event.sealed_digest for event in votes] == [ZERO32] * 4
    assert "no update, the node casts a vote alone. Tensor 0.bias" in swarm.log(2).read_text()
    books.check(swarm.contracts)
