"""Running nodes behind bad chain services: whatever one does in a phase, its node gets on when it serves again, and nobody waits longer.

Of three nodes the first has one RPC URL, the second three of which one is bad, and the third commits and reveals when the test lets it. It
is the last, so a phase lasts until its faults have begun, were met and are over.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import books
import gated
import pytest
from fault_proxy import FaultProxy
from faults import Fault
from swarm_of_processes import Swarm

from swarm_chain.chain.events import CommitForfeited, Committed, Revealed
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.types import Phase, Round

LINEAR = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=8))
WINDOW, LONG = 3_600, 1_000_000
"""Chain seconds: a round is settled when the test lets the window pass, and no phase ends by its deadline."""
ALONE, OF_THREE, LAST = range(3)
FAULT_SECONDS = 2.0
PATIENCE = 120.0
"""Seconds. Machines that test are slow at times."""
SINCE_BEFORE_THE_SEATS = 60
"""Blocks that a service which lags is behind: at first it shows no group, or no seats."""
SECRET = "secret-key"


class Pair(NamedTuple):
    """What the only URL of a node does in a phase, and one of another node's three."""

    only: Fault
    one_of_three: Fault


PAIRS = [
    Pair(Fault.HANG, Fault.FALSE_STATE),
    Pair(Fault.STALE, Fault.FALSE_HEAD),
    Pair(Fault.RESET, Fault.AHEAD),
    Pair(Fault.REFUSE, Fault.STALE),
    Pair(Fault.TRUNCATE, Fault.BEHIND),
    Pair(Fault.HANG_AFTER_HEADERS, Fault.FALSE_LOGS),
    Pair(Fault.DRIP, Fault.FALSE_RECEIPTS),
    Pair(Fault.BROKEN, Fault.FALSE_COUNTS),
    Pair(Fault.BUSY, Fault.OTHER_CHAIN),
    Pair(Fault.GARBAGE, Fault.HANG),
    Pair(Fault.BEHIND, Fault.RATE_LIMIT),
    Pair(Fault.AHEAD, Fault.FLOOD),
]


class Trial:
    """The swarm, and what stands between two of its nodes and the chain."""

    def __init__(self, swarm: Swarm, only: FaultProxy, three: list[FaultProxy]) -> None:
        self.swarm, self.only, self.three = swarm, only, three
        self.phases = 0

    def start(self, rounds: int) -> None:
        swarm = self.swarm
        terms = {"commit_duration": LONG, "reveal_duration": LONG, "challenge_window": WINDOW, "idle_timeout": LONG}
        swarm.create(LINEAR, **terms).add_nodes(3)
        swarm.programs[LAST] = Path(gated.__file__)
        swarm.start(ALONE, rpc_url=self.only.url, rpc_timeout=2.0, rounds=rounds)
        swarm.start(OF_THREE, rpc_url=[proxy.url for proxy in self.three], rpc_timeout=4.0, rounds=rounds)
        swarm.start(LAST, rounds=rounds)
        for duty, round_ in (("commit", 1), ("reveal", 1), ("commit", 2)):
            self.let(duty, round_)

    def let(self, duty: str, round_: int) -> None:
        """Lets the last node do its duty, which ends the phase once the others have done theirs."""
        gated.open_gate(self.swarm.home(LAST), duty, round_)

    def revealed(self, index: int, round_: int) -> bool:
        return (
            self.swarm.committed(index, round_)
            and self.swarm.contracts.views.slot(self.swarm.group, self.swarm.nodes[index], Round(round_)).revealed
        )

    def is_back(self) -> bool:
        """Whether the node with one URL says that it sees the chain."""
        return self.swarm.status(ALONE).get("message") == "waiting for the others"

    def trouble(self, pair: Pair, what: str, begins: Callable[[], None], others: Callable[[], bool], then: Callable[[], bool]) -> None:
        """A phase that begins with faults.

        Args:
            pair: of faults; they end some seconds after they began, when the others have done their duty in spite of them.
            what: is done, for messages.
            begins: makes the phase begin.
            others: whether the others have done their duty.
            then: whether the node with one URL has; it may only be able to when the faults are over.
        """
        bad, what = self.three[self.phases % 3], f"{what} ({pair.only.name}, {pair.one_of_three.name})"
        self.phases += 1
        self.only.begin(pair.only)
        bad.begin(pair.one_of_three)
        met, until = [len(self.only.asked), len(bad.asked)], time.monotonic() + FAULT_SECONDS
        begins()
        self.swarm.until(f"{what}: the others get on", others, PATIENCE)
        self.swarm.until(f"{what}: one of three is asked", lambda: len(bad.asked) > met[1], PATIENCE)
        if pair.only is Fault.REFUSE:
            self.swarm.until(f"{what}: is said", lambda: "cannot be reached" in str(self.swarm.status(ALONE).get("message")), PATIENCE)
        else:
            self.swarm.until(f"{what}: the only one is asked", lambda: len(self.only.asked) > met[0], PATIENCE)
        time.sleep(max(until - time.monotonic(), 0))  # so long it lasts
        self.only.end()
        bad.end()
        self.swarm.until(f"{what}: the node with one URL gets on", then, PATIENCE)

    def round(self, round_: int, commit: Pair, settle: Pair, reveal: Pair) -> None:
        """A round with faults in each phase; the one before it waits for the last node's reveal."""
        swarm = self.swarm
        swarm.until(f"round {round_ - 1} waits", lambda: all(self.revealed(index, round_ - 1) for index in (ALONE, OF_THREE)), PATIENCE)
        self.trouble(
            commit,
            f"commit {round_}",
            lambda: self.let("reveal", round_ - 1),
            lambda: swarm.committed(OF_THREE, round_),
            lambda: swarm.committed(ALONE, round_),
        )
        self.trouble(
            settle,
            f"settle {round_ - 2}",
            lambda: swarm.pass_time(WINDOW + 1),
            lambda: swarm.settled() >= round_ - 2,
            self.is_back,
        )
        self.trouble(
            reveal,
            f"reveal {round_}",
            lambda: self.let("commit", round_),
            lambda: self.revealed(OF_THREE, round_),
            lambda: self.revealed(ALONE, round_),
        )

    def finish(self, rounds: int) -> None:
        """Lets everything be done, and checks everything."""
        gated.open_all(self.swarm.home(LAST))
        swarm, views = self.swarm, self.swarm.contracts.views
        swarm.until(
            "the closing vote is over",
            lambda: (phase := views.phase(swarm.group)).round > rounds and phase.phase is Phase.CLOSED,
            PATIENCE,
        )
        swarm.pass_time(WINDOW + 1)
        swarm.all_done(timeout=PATIENCE)
        self.check(rounds)

    def check(self, rounds: int) -> None:
        swarm = self.swarm
        assert [result.round for result in swarm.finals()] == list(range(1, rounds + 1))
        for kind in (Committed, Revealed):
            done = sorted((event.round, event.node) for event in swarm.events(kind))
            assert done == sorted((round_, node) for round_ in range(1, rounds + 2) for node in swarm.nodes), kind.__name__
        assert swarm.events(CommitForfeited) == []
        for index in range(3):
            said = swarm.log(index).read_text()
            assert "Traceback" not in said
            assert SECRET not in said
        books.check(swarm.contracts)


@pytest.fixture
def trial(swarm: Swarm) -> Iterator[Trial]:
    with ExitStack() as ending:
        only, *three = (ending.enter_context(FaultProxy(swarm.rpc_url)) for _ in range(4))
        for proxy in (only, *three):
            proxy.back = SINCE_BEFORE_THE_SEATS
        yield Trial(swarm, only, three)
        swarm.stop()  # before what it asks


def test_a_round_ends_with_a_bad_service_in_each_phase(trial: Trial) -> None:
    """In each phase another: it hangs, it is as it was, it resets."""
    trial.start(3)
    trial.round(3, *PAIRS[:3])
    trial.finish(3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rounds_end_whatever_a_service_does_in_each_phase(trial: Trial) -> None:
    """Twelve faults of an only URL and twelve of one of three, each in each of three phases."""
    assert len({pair.only for pair in PAIRS}) == len({pair.one_of_three for pair in PAIRS}) == 12
    trial.start(len(PAIRS) + 2)
    third = len(PAIRS) // 3
    for index in range(len(PAIRS)):
        trial.round(index + 3, *(PAIRS[(index + shift) % len(PAIRS)] for shift in (0, third, 2 * third)))
    trial.finish(len(PAIRS) + 2)
