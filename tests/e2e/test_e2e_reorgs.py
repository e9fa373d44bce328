"""Running nodes on a chain that takes blocks back, in each phase of a round: they send again what was lost, and every round ends."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import books
import gated
import pytest
from reorganising import Miner
from swarm_of_processes import Swarm

from swarm_chain.chain.events import CommitForfeited, Committed, Event, Revealed
from swarm_chain.chain.outbox import FINAL_BLOCKS, OUTBOX
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.types import Round

LINEAR = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=8))
LONG = 100_000
"""Chain seconds: no phase ends by its deadline."""
FREE, LAST = (0, 1), 2
PATIENCE = 150.0
"""Seconds."""
DEPTHS = (1, 3, 9, 27, FINAL_BLOCKS)
SAID = f"gave up more than {FINAL_BLOCKS} blocks"


class Trial:
    """Two nodes that go on as they can, and one that the test lets commit and reveal, so that a phase lasts until its reorg is over."""

    def __init__(self, swarm: Swarm, miner: Miner) -> None:
        self.swarm, self.miner = swarm, miner

    def start(self, rounds: int, before: int) -> None:
        """Starts the nodes; so many blocks lie on their joining that none of these reorgs undoes it."""
        swarm = self.swarm
        swarm.programs[LAST] = Path(gated.__file__)
        self.miner.mine(before)
        for index in (*FREE, LAST):
            swarm.start(index, rounds=rounds)

    def let(self, duty: str, round_: int) -> None:
        gated.open_gate(self.swarm.home(LAST), duty, round_)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        self.swarm.until(what, condition, PATIENCE)

    def revealed(self, index: int, round_: int) -> bool:
        return (
            self.swarm.committed(index, round_)
            and self.swarm.contracts.views.slot(self.swarm.group, self.swarm.nodes[index], Round(round_)).revealed
        )

    def blocks_of(self, kind: type[Event], round_: int) -> set[bytes]:
        """Hashes of the blocks in which something was done in a round."""
        return {event.place.block_hash for event in self.swarm.events(kind) if event.round == round_}  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------------------------------ phases

    def committing(self, round_: int, depth: int) -> None:
        """Blocks are taken back when all but the last have committed."""
        self.until(f"round {round_} is committed", lambda: all(self.swarm.committed(index, round_) for index in FREE))
        self.take_back(depth, Committed, round_)
        self.let("commit", round_)
        self.let("reveal", round_)

    def revealing(self, round_: int, depth: int) -> None:
        self.let("commit", round_)
        self.until(f"round {round_} is revealed", lambda: all(self.revealed(index, round_) for index in FREE))
        self.take_back(depth, Revealed, round_)
        self.let("reveal", round_)

    def settling(self, round_: int, depth: int) -> None:
        """Blocks are taken back when the round before was just made final; the next round waits for the last."""
        self.let("commit", round_)
        self.let("reveal", round_)
        self.until(f"round {round_ - 1} is settled", lambda: self.swarm.settled() >= round_ - 1)
        self.miner.reorg(depth)

    def take_back(self, depth: int, kind: type[Event], round_: int) -> None:
        before = self.blocks_of(kind, round_)
        self.miner.reorg(depth)
        if depth >= FINAL_BLOCKS:
            assert not before & self.blocks_of(kind, round_), "all of it was taken back"

    def until_settled_for_good(self, word: str) -> None:
        """Until the outboxes of the first two hold a step for settled that begins so."""

        def is_settled(index: int) -> bool:
            with closing(sqlite3.connect(f"file:{self.swarm.home(index) / OUTBOX}?mode=ro", uri=True)) as outbox:
                states = outbox.execute("SELECT state FROM steps WHERE name LIKE ? || ' %'", (word,)).fetchall()
            return states == [("confirmed",)]

        self.until(f"{word} is settled for good", lambda: all(map(is_settled, FREE)))

    # ------------------------------------------------------------------------------------------------ the whole

    def play(self, depths: Sequence[int]) -> None:
        """Each depth in each phase, each in a round of its own."""
        phases = (self.committing, self.revealing, self.settling)
        cases = [(phase, depth) for phase in phases for depth in depths]
        self.start(len(cases) + 1, before=70)
        self.let("commit", 1)
        self.let("reveal", 1)
        for round_, (phase, depth) in enumerate(cases, 2):
            phase(round_, depth)
            self.until(f"round {round_ - 1} is settled after {phase.__name__}, {depth}", lambda: self.swarm.settled() >= round_ - 1)  # noqa: B023 in this turn
        gated.open_all(self.swarm.home(LAST))
        self.swarm.all_done(PATIENCE)
        self.check(len(cases) + 1)

    def check(self, rounds: int) -> None:
        swarm = self.swarm
        assert [result.round for result in swarm.finals()] == list(range(1, rounds + 1))
        for kind in (Committed, Revealed):
            done = sorted((event.round, event.node) for event in swarm.events(kind))
            assert done == sorted((round_, node) for round_ in range(1, rounds + 2) for node in swarm.nodes), kind.__name__
        assert swarm.events(CommitForfeited) == []
        assert not any("Traceback" in swarm.log(index).read_text() for index in range(3))
        books.check(swarm.contracts)


@pytest.fixture
def trial(lone_swarm: Swarm) -> Iterator[Trial]:
    lone_swarm.create(LINEAR, commit_duration=LONG, reveal_duration=LONG, idle_timeout=LONG).add_nodes(3)
    with Miner(lone_swarm.rpc_url) as miner:
        yield Trial(lone_swarm, miner)
        lone_swarm.stop()  # while there are blocks


@pytest.mark.slow
def test_more_is_taken_back_than_anybody_expects(trial: Trial) -> None:
    """What the first two committed was settled for good when it is gone, and they are told to wait for more confirmations there."""
    trial.start(2, before=100)
    for duty, round_ in (("commit", 1), ("reveal", 1)):
        trial.let(duty, round_)
    trial.until("round 2 is committed", lambda: all(trial.swarm.committed(index, 2) for index in FREE))
    trial.miner.mine(70)
    trial.until_settled_for_good("commit 2")
    trial.take_back(85, Committed, 2)
    for index in FREE:
        trial.until(f"node {index} says so", lambda index=index: SAID in trial.swarm.log(index).read_text())
    gated.open_all(trial.swarm.home(LAST))
    trial.swarm.all_done(PATIENCE)
    trial.check(2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rounds_end_whatever_is_taken_back_in_each_phase(trial: Trial) -> None:
    trial.play(DEPTHS)


@pytest.mark.slow
def test_a_node_waits_until_its_seat_is_as_deep_as_is_to_confirm_it(lone_swarm: Swarm) -> None:
    """So many blocks ago there was neither group nor seat."""
    confirmations = 100
    miner = Miner(lone_swarm.rpc_url)
    miner.mine(confirmations)  # the contracts are older
    lone_swarm.create(LINEAR).add_nodes(2)
    lone_swarm.rpc("evm_setIntervalMining", 0)  # no block comes by itself, however long the nodes take to start
    lone_swarm.rpc("evm_setAutomine", True)
    for index in (0, 1):
        lone_swarm.start(index, confirmations=confirmations)
    lone_swarm.until("it waits", lambda: "confirmed" in str(lone_swarm.status(0).get("message")), PATIENCE)
    miner.mine(confirmations)
    lone_swarm.until("they commit", lambda: all(lone_swarm.committed(index, 1) for index in (0, 1)), PATIENCE)
    assert all(process.poll() is None for process in lone_swarm.processes.values())
