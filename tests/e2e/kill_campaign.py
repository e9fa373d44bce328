"""Kills the nodes of a swarm at named steps and at random moments, starts each again at once, and checks what the chain says of it.

``main`` runs one part on a chain of its own. It is given how many kills and a seed, reads how often nodes were killed at which step
before (JSON), and prints the same of this part. A fork server loads the program of its caller again for every node, so ``scripts/kills.py``
runs it by ``python -c``.
"""

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

import books
import killed
from kill_steps import STEPS
from swarm_of_processes import TOKEN, Swarm

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.events import (
    CommitForfeited,
    Committed,
    Revealed,
    RoundClosed,
    RoundFinal,
    RoundOpened,
    RoundPaid,
    RoundsStruck,
    RoundVoid,
    SeatSlashed,
    read_events,
    topic_of,
    topics,
)
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node.wiring import binding_of
from swarm_chain.types import Phase, Round, Seat

NODES = 4
EVERYBODY = (1 << NODES) - 1
RANDOM = "a random moment"
RANDOM_ONE_IN = 5
"""One start of so many is followed by a kill from outside."""
FIRST_IN_ORDER = 32
"""Kills before those at random moments begin: a journal is migrated once."""
LONGEST_LIFE = 90.0
"""Seconds after which a node is killed that came to none of its steps."""
EVICTED_EVERY = 1
"""Rounds after which another member vanishes, for the others to evict."""
PATIENCE = 900.0
INTERRUPTED = 130
SETTINGS = {"keep_rounds": 1}
OLD_JOURNAL = Path(__file__).resolve().parents[1] / "unit" / "node" / "journal_of_version_2.sql"


@dataclass
class Victim:
    """A node's process, and when it is killed from outside, by the monotonic clock."""

    process: BaseProcess
    until: float


class Kills:
    """Kills the first nodes of a swarm. Other members never run, and are evicted.

    Args:
        swarm: without a group.
        seed: of what is killed when.
        before: how often nodes were killed at which step before; what was reached most seldom comes first.
        steps: names of the steps.
    """

    def __init__(self, swarm: Swarm, seed: str, before: Mapping[str, int] | None = None, steps: Sequence[str] = tuple(STEPS)) -> None:
        self.swarm = swarm
        self.kills: Counter[str] = Counter()
        self._before = Counter(before or {})
        self._steps = steps
        self._random = random.Random(seed)
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([killed.__name__])
        # The fork server finds nothing of ours where Python does not look by itself; what else this process starts is to find nothing so.
        with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
            ensure_running()
        self._victims: dict[int, Victim] = {}
        self._absent: int | None = None
        self._next_absence = 0
        self._looked = 0.0
        self._wanted = 0

    def set_up(self) -> "Kills":
        """A group whose phases wait for everybody, and nodes whose journals the release before wrote."""
        terms = {"commit_duration": 3_600, "reveal_duration": 3_600, "max_missed": 1, "reward_per_round": TOKEN}
        self.swarm.create(DIGITS_LINEAR, **terms).add_nodes(NODES)
        for index in range(NODES):
            self._write_old_journal(index)
        return self

    def kill(self, wanted: int, *, until_all: bool = False) -> "Kills":
        """Kills so many times; with ``until_all`` until every step had its turn besides."""
        until, self._wanted = time.monotonic() + PATIENCE, wanted
        try:
            for index in range(NODES):
                self._start(index)
            while self.kills.total() < wanted or (until_all and self.missing()):
                assert time.monotonic() < until, f"{self.kills.total()} kills, never reached: {self.missing()}\n{self._logs()}"
                before = self.kills.total()
                self._let_the_absent_be_missed()
                wait([victim.process.sentinel for victim in self._victims.values()], timeout=0.2)
                for index, victim in list(self._victims.items()):
                    if victim.process.exitcode is not None:
                        self._fell(index)
                        self._start(index)
                    elif time.monotonic() >= victim.until:
                        self._kill(index)
                        self._start(index)
                if self.kills.total() > before and not until_all:
                    until = time.monotonic() + PATIENCE
        finally:
            for index in list(self._victims):
                self._kill(index)
        return self

    def missing(self) -> list[str]:
        """Steps at which no node was killed yet."""
        return [name for name in self._steps if not self.kills[name] + self._before[name]]

    def finish(self, is_well: Callable[[Swarm], object] = lambda _: True) -> "Kills":
        """Lets the nodes settle every round in which any was killed, looks whether all is well, and ends them."""
        last = self.swarm.contracts.views.phase(self.swarm.group).round
        processes = [self._launch(index, {}) for index in range(NODES)]
        until = time.monotonic() + PATIENCE
        while self.swarm.settled() <= last:
            assert time.monotonic() < until, f"round {last} is not settled\n{self._logs()}"
            assert all(process.exitcode is None for process in processes), self._logs()
            self._let_the_absent_be_missed()
            time.sleep(0.2)
        is_well(self.swarm)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(PATIENCE)
            assert process.exitcode == INTERRUPTED, self._logs()
        return self

    # ------------------------------------------------------------------------------------------------ what must hold

    def check(self) -> Round:
        """Makes sure that nothing was lost, and nothing done twice; returns the last settled round, until which it looked."""
        swarm, settled = self.swarm, self.swarm.settled()
        rounds = range(1, settled + 1)
        for kind in (Committed, Revealed):
            done = Counter((event.round, event.node) for event in swarm.events(kind) if event.round <= settled)
            assert done == Counter((round_, node) for round_ in rounds for node in swarm.nodes[:NODES]), f"{kind.__name__}: {done}"
        assert not swarm.events(CommitForfeited, RoundVoid, RoundsStruck, SeatSlashed)
        finals = swarm.finals()
        assert [event.round for event in swarm.events(RoundFinal)] == [final.round for final in finals] == list(rounds)
        assert {final.included for final in finals} == {EVERYBODY}
        self._check_pay(rounds)
        for index in range(NODES):
            self._check_home(index)
        books.check(swarm.contracts)
        return Round(settled)

    def _check_pay(self, rounds: Sequence[int]) -> None:
        """Every round that took time by the chain's clock is paid once, to all alike, and what was paid is what each has."""
        rewards, group = self.swarm.contracts.rewards, self.swarm.group
        paid = read_events(rewards.logs([topics(RoundPaid), topic_of(group)], 0, self.swarm.contracts.web3.eth.block_number))
        times = [
            {event.round: block(self.swarm.contracts.web3, event.place.block).time for event in self.swarm.events(kind)}
            for kind in (RoundOpened, RoundClosed)
        ]
        took = [round_ for round_ in rounds if times[0][round_] < times[1][round_]]
        assert [(event.round, event.whole, event.half) for event in paid] == [(round_, EVERYBODY, 0) for round_ in took]
        credits: Counter[int] = Counter()
        for event in paid:
            assert event.paid == NODES * event.share > 0
            credits.update(event.credits())
        assert credits == {seat: rewards.credit_of(group, Seat(seat)) for seat in range(NODES)}

    def _check_home(self, index: int) -> None:
        """Nothing is left to be sent, and what the node computed is what became final."""
        home = self.swarm.home(index)
        with closing(sqlite3.connect(home / "outbox.db")) as outbox:
            unfinished = outbox.execute("SELECT name, state FROM steps WHERE state IN ('waiting', 'signed', 'sent')").fetchall()
        assert not unfinished, f"node {index}: {unfinished}"
        with closing(sqlite3.connect(home / "journal.db")) as journal:
            computed = dict(journal.execute("SELECT round, hash FROM results"))
        for final in self.swarm.contracts.rounds.finals(self.swarm.group):
            assert computed.get(final.result.round) == final.result_hash, f"node {index}, round {final.result.round}"

    # ------------------------------------------------------------------------------------------------ processes

    def _start(self, index: int) -> None:
        is_random = self.kills.total() >= FIRST_IN_ORDER and self._random.randrange(RANDOM_ONE_IN) == 0
        life = 5 * self._random.random() ** 2 if is_random else LONGEST_LIFE
        process = self._launch(index, {} if is_random else self._armed())
        self._victims[index] = Victim(process, time.monotonic() + life)

    def _launch(self, index: int, armed: dict[str, int]) -> BaseProcess:
        settings = self.swarm.settings_file(index, **SETTINGS)
        (self.swarm.home(index) / killed.TOLD).unlink(missing_ok=True)
        process = self._processes.Process(target=killed.run, args=(settings, self.swarm.log(index), armed), daemon=True)
        process.start()
        return process

    def _armed(self) -> dict[str, int]:
        """Those steps that nodes were killed at no oftener than at others, and at which time each kills; in the end those still missing."""
        if self.kills.total() >= self._wanted:
            return dict.fromkeys(self.missing(), 1)
        counts = {name: self.kills[name] + self._before[name] for name in self._steps}
        mean = sum(counts.values()) / len(counts)
        return {name: self._random.choice((1, 1, 2)) if count else 1 for name, count in counts.items() if count <= mean}

    def _kill(self, index: int) -> None:
        """Kills a node from outside; it may have been quicker."""
        process = self._victims.pop(index).process
        process.kill()
        self._count(index, process, RANDOM)

    def _fell(self, index: int) -> None:
        """A node's process ended: by its own hand, or it is a failure."""
        self._count(index, self._victims.pop(index).process, None)

    def _count(self, index: int, process: BaseProcess, otherwise: str | None) -> None:
        process.join()
        told = self.swarm.home(index) / killed.TOLD
        step = told.read_text() if told.exists() else otherwise
        if process.exitcode != -signal.SIGKILL or step is None:
            raise AssertionError(f"node {index} ended with {process.exitcode}\n{self._logs()}")
        process.close()
        self.kills[step] += 1

    def _logs(self) -> str:
        logs = {index: self.swarm.log(index) for index in range(NODES)}
        return "\n".join(f"--- node {index}\n{log.read_text()[-3_000:]}" for index, log in logs.items() if log.exists())

    # ------------------------------------------------------------------------------------------------ the group

    def _write_old_journal(self, index: int) -> None:
        contracts, node = self.swarm.contracts, self.swarm.nodes[index]
        with closing(sqlite3.connect(self.swarm.home(index) / "journal.db")) as journal, journal:
            journal.executescript(OLD_JOURNAL.read_text())
            binding = binding_of(contracts.domain(self.swarm.group), node, block(contracts.web3, 0).hash)
            journal.execute("INSERT INTO binding VALUES (?)", (binding,))
            journal.execute("PRAGMA user_version = 2")

    def _let_the_absent_be_missed(self) -> None:
        """Now and then seats a member that never comes. Once all others did their part, the phase's time passes."""
        if time.monotonic() < self._looked + 0.5:
            return
        self._looked = time.monotonic()
        views, group = self.swarm.contracts.views, self.swarm.group
        settled, now = self.swarm.settled(), block(self.swarm.contracts.web3)
        if self._absent is None and settled >= self._next_absence:
            self.swarm.add_nodes(1)
            self._absent = len(self.swarm.nodes) - 1
        elif self._absent is not None:
            seat = views.seat(group, self.swarm.nodes[self._absent], now.number)
            if seat is None or seat.until_round:
                self._absent, self._next_absence = None, settled + EVICTED_EVERY
        phase = views.phase(group, now.number)
        if phase.phase is not Phase.COMMIT:
            return
        slots = [views.slot(group, node, phase.round, now.number) for node in self.swarm.nodes[:NODES]]
        # Who never commits holds up no reveals. Anvil may have answered from the block it was making: what was first must still be so.
        if all(slot.committed for slot in slots) and views.phase(group) == phase:
            self.swarm.pass_time(phase.commit_deadline - now.time)


def run_part(folder: Path, kills: int, seed: str, before: Mapping[str, int]) -> dict[str, object]:
    """Kills so many times on a new chain in a folder; what it came to."""
    began = time.monotonic()
    with LocalChain(folder / "chain") as chain:
        web3, deployment = connect(chain.url), folder / "deployment.json"
        treasury = Sender(web3, chain.account(0))
        deploy(web3, treasury, deployment)
        swarm = Swarm(folder, Contracts(web3, load_deployment(deployment)), treasury, chain.url, deployment)
        part = Kills(swarm, seed, before)
        try:
            rounds = part.set_up().kill(kills).finish().check()
        finally:
            swarm.stop()
    return {"rounds": rounds, "kills": dict(part.kills), "seconds": round(time.monotonic() - began, 1)}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nodes and chain end with it
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        print(json.dumps(run_part(Path(folder), int(sys.argv[1]), sys.argv[2], json.load(sys.stdin))))
