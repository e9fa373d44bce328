"""Three of ten processes stop and come back in each round: no stall, no commit without its reveal, and the model keeps improving."""

import signal
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from statistics import median

import books
import pay
import pytest
from swarm_of_processes import TASK, TOKEN, Swarm

from swarm_chain.chain.events import CommitForfeited, Revealed, RoundsStruck, RoundVoid
from swarm_chain.learning import data
from swarm_chain.learning.local import evaluate
from swarm_chain.protocol.model import decode_model
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round

INTERRUPTED = 130
A_ROUND = 300.0
"""Seconds until something of a round must have happened, on a slow machine."""
TEN = range(10)
LINEAR = replace(TASK, network=replace(TASK.network, name="linear"), images=replace(TASK.images, parts=len(TEN)))
"""It needs no torch, so processes start soon."""


def test_one_of_three_stops_and_comes_back_in_each_of_three_rounds(swarm: Swarm) -> None:
    swarm.create(LINEAR, reveal_duration=120, challenge_window=1).add_nodes(3)
    churn(swarm, rounds=3, at_a_time=1, random=Random("few"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_of_ten_stop_and_come_back_in_each_of_fifty_rounds(swarm: Swarm) -> None:
    swarm.create(LINEAR, reveal_duration=120, capacity=len(TEN), reward_per_round=TOKEN).add_nodes(len(TEN))
    gone = churn(swarm, rounds=50, at_a_time=3, random=Random("fifty"))
    assert gone == 150
    losses = losses_of_finals(swarm)
    assert len(losses) >= 45
    fifth = len(losses) // 5
    steps = [median(losses[start : start + fifth]) for start in range(0, 5 * fifth, fifth)]
    assert steps == sorted(steps, reverse=True), "the model keeps improving"


def churn(swarm: Swarm, rounds: int, at_a_time: int, random: Random) -> int:
    """Ends processes in each round, and starts each again, in that round or the next; looks at what the group came to. Returns how many.

    A round waits for whom it counts on: who has not revealed comes back in the same one.
    """
    everyone, away, gone = range(len(swarm.nodes)), [], 0

    def start(indices: Iterable[int]) -> None:
        for index in indices:
            swarm.start(index, keep_rounds=rounds + 8, poll_interval=1)

    start(everyone)
    for round_ in range(1, rounds + 1):
        swarm.until(f"round {round_} is open", lambda round_=round_: now(swarm) >= round_, A_ROUND)
        start(away)
        chosen, away = random.sample([index for index in everyone if index not in away], at_a_time), []
        for index in chosen:
            when = random.choice(["at once", "committed", "revealed"])
            if when != "at once":
                swarm.until(f"node {index} has {when}", lambda index=index, r=round_, when=when: has(swarm, index, r, when), A_ROUND)
            end(swarm, index, cut_off=random.random() < 0.5)
            gone += 1
            if when == "revealed":
                away.append(index)
            else:
                start([index])
    start(away)
    swarm.until("the last round is settled", lambda: swarm.settled() >= rounds, A_ROUND)
    for index in everyone:
        end(swarm, index, cut_off=False)
    nothing_was_lost(swarm)
    return gone


def now(swarm: Swarm) -> int:
    return swarm.contracts.views.phase(swarm.group).round


def has(swarm: Swarm, index: int, round_: int, done: str) -> bool:
    """Whether a node has committed or revealed in a round, or that round is over."""
    return now(swarm) > round_ or bool(getattr(swarm.contracts.views.slot(swarm.group, swarm.nodes[index], Round(round_)), done))


def end(swarm: Swarm, index: int, cut_off: bool) -> None:
    """As a power cut would, or as its operator does."""
    assert swarm.processes[index].poll() is None, swarm.log(index).read_text()[-3000:]
    if cut_off:
        swarm.kill(index)
    else:
        swarm.processes[index].terminate()
        assert swarm.ended(index, A_ROUND) in (INTERRUPTED, -signal.SIGTERM)  # the latter while it does not yet listen
        swarm.processes.pop(index)


def nothing_was_lost(swarm: Swarm) -> None:
    """Books exact; nobody at fault; a round that came to nothing lacked somebody's vote."""
    books.check(swarm.contracts)
    pay.check(swarm)
    assert not swarm.events(RoundsStruck)
    assert not swarm.events(CommitForfeited), "there was time to reveal"
    for index in range(len(swarm.nodes)):
        assert "Traceback" not in swarm.log(index).read_text(), f"node {index}"
    revealed: dict[int, int] = {}
    for event in swarm.events(Revealed):
        revealed[event.round] = revealed.get(event.round, 0) + 1
    for void in swarm.events(RoundVoid):
        assert min(revealed.get(void.round, 0), revealed.get(void.round + 1, 0)) < len(swarm.nodes), f"round {void.round} came to nothing"


def losses_of_finals(swarm: Swarm) -> list[float]:
    """Mean cross-entropy of every final model on images that no node trains on."""
    held_out = data.load(swarm.task.images.source, None).test
    stores = [EmbeddedStore(swarm.home(index) / "store") for index in range(len(swarm.nodes))]
    losses = []
    for result in swarm.finals():
        store = next(store for store in stores if store.has(result.model_digest))
        model = decode_model(store.get(result.model_digest, 10**6), swarm.terms.dimension, swarm.terms.fraction_bits)
        losses.append(evaluate(swarm.task, model.weights, held_out, None)[1])
    for store in stores:
        store.close()
    return losses
