"""While somebody who has not revealed still may, the others train on what the round is expected to come to."""

from dataclasses import replace

import books
from swarm_of_processes import Swarm

from swarm_chain.chain.events import Committed, SeatSlashed
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.types import Round

TASK = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=12))
REVEALING = 600
"""Seconds: nothing ends the phase but all reveals, or time that is made to pass."""


def logged(swarm: Swarm, index: int, words: str) -> int:
    return swarm.log(index).read_text().count(words)


def half_of_the_reveals_is_over(swarm: Swarm, revealed: int) -> None:
    """Waits until so many have revealed in round 1, and lets half of the phase go by."""
    views = swarm.contracts.views
    swarm.until("round 1 is there", lambda: views.phase(swarm.group).round == 1, timeout=120)
    swarm.until(f"{revealed} of 3 revealed", lambda: views.round_at(swarm.group, Round(1)).revealed == revealed, timeout=120)
    swarm.pass_time(REVEALING // 2)


def test_who_waits_for_a_vanished_node_trains_ahead_and_commits_what_it_trained(swarm: Swarm) -> None:
    swarm.create(TASK, reveal_duration=REVEALING).add_nodes(3)
    for index in range(3):
        swarm.start(index, {"never_reveals": [1]} if index == 2 else None, rounds=2)
    half_of_the_reveals_is_over(swarm, revealed=2)
    for index in (0, 1):
        swarm.until("they train ahead", lambda index=index: logged(swarm, index, "Round 2: trains ahead") == 1)
        swarm.until("and wait", lambda index=index: swarm.status(index)["message"] == "waiting for the others")
    assert len(swarm.finals()) == 0
    assert not [event for event in swarm.events(Committed) if event.round == 2]
    swarm.pass_time(REVEALING // 2)
    swarm.all_done(timeout=200)
    assert [result.round for result in swarm.finals()] == [1, 2]
    assert swarm.finals()[0].included.bit_count() == 2
    for index in (0, 1):
        assert logged(swarm, index, "let go") == 0
        assert logged(swarm, index, "Round 2: committed an update") == 1
    books.check(swarm.contracts)


def test_a_late_reveal_voids_what_was_trained_ahead(swarm: Swarm) -> None:
    swarm.create(TASK, reveal_duration=REVEALING).add_nodes(3)
    for index in range(3):
        swarm.start(index, {"reveals_late": [1]} if index == 2 else None, rounds=2)
    half_of_the_reveals_is_over(swarm, revealed=2)
    for index in (0, 1):
        swarm.until("they train ahead", lambda index=index: logged(swarm, index, "Round 2: trains ahead") == 1)
    (swarm.home(2) / "go").touch()
    swarm.all_done(timeout=200)
    finals = swarm.finals()
    assert [result.round for result in finals] == [1, 2]
    assert finals[0].included.bit_count() == 3
    assert finals[1].included.bit_count() == 3  # nobody named what was expected alone
    assert not swarm.events(SeatSlashed)
    books.check(swarm.contracts)
