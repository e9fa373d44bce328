"""Machines whose clock is off by a day, to either side: what counts is the chain's time, so nothing comes out differently."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import books
import httpx
import pytest
from swarm_of_processes import Swarm
from test_e2e_relay import Relay

from swarm_chain.chain.events import CommitForfeited, Committed, RoundFinal
from swarm_chain.chain.local import free_port
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.types import Seat

LINEAR = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, steps=8))
SOURCE = Path(__file__).with_name("shifted_clock.c")
DAY = 86_400
ANY_OF_AN_HOUR = 3_600
SHIFTS = {"ahead": DAY, "right": 0, "behind": -DAY}
CLOCKS = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that shifts the clock of the processes it is loaded into."""
    library = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"], check=True, timeout=120)
    return library


def shifted(shim: Path, seconds: int) -> dict[str, str]:
    """What a process has in its environment whose clock is off."""
    return {"LD_PRELOAD": str(shim), "SHIFTED_SECONDS": str(seconds)}


def test_the_clocks_are_off_by_a_day_and_the_monotonic_one_is_not(shim: Path) -> None:
    """Else the test below would show nothing."""
    for seconds in SHIFTS.values():
        read = [sys.executable, "-c", CLOCKS]
        said = subprocess.run(read, env=os.environ | shifted(shim, seconds), check=True, capture_output=True, text=True, timeout=60).stdout
        wall, date, monotonic = map(float, said.split())
        assert abs(wall - time.time() - seconds) < ANY_OF_AN_HOUR
        assert abs(date - time.time() - seconds) < ANY_OF_AN_HOUR
        assert abs(monotonic - time.monotonic()) < ANY_OF_AN_HOUR


@pytest.mark.slow
def test_a_day_ahead_or_behind_makes_no_difference(lone_swarm: Swarm, shim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three nodes, a relay a day ahead that one of them hands its messages to, and the doctor."""
    swarm = lone_swarm.create(LINEAR, reveal_duration=60).add_nodes(3)
    swarm.environments = {index: shifted(shim, seconds) for index, seconds in enumerate(SHIFTS.values())}
    with monkeypatch.context() as preloaded:
        for name, value in shifted(shim, DAY).items():
            preloaded.setenv(name, value)
        relay = Relay(swarm, "--wait", "1")
    ports = [free_port() for _ in SHIFTS]
    for index, port in enumerate(ports):
        swarm.start(index, rounds=2, metrics_port=port, relay_url=relay.url if index == 2 else "")
    try:
        swarm.until("all are well", lambda: all(health(port) == "ok" for port in ports))
        the_doctor_says_it(swarm, shim)
        swarm.all_done(timeout=150)
        assert relay.status()["sent"]
    finally:
        relay.stop()

    finals = swarm.contracts.rounds.finals(swarm.group)
    assert [(final.result.round, final.result.included) for final in finals] == [(round_, 0b111) for round_ in (1, 2)]
    for index in range(3):
        lines = map(json.loads, (swarm.home(index) / "rounds.jsonl").read_text().splitlines())
        assert [line["result_hash"] for line in lines][:2] == ["0x" + final.result_hash.hex() for final in finals]
    credits = [swarm.contracts.rewards.credit_of(swarm.group, Seat(seat)) for seat in range(3)]
    assert credits[0] > 0
    assert credits == [credits[0]] * 3
    assert swarm.events(CommitForfeited) == []
    assert len(swarm.events(Committed)) == 3 * 3
    assert len(swarm.events(RoundFinal)) == 2
    for index, seconds in enumerate(SHIFTS.values()):
        the_log_has_the_machines_time_and_no_word_of_it(swarm.log(index).read_text(), seconds)
    books.check(swarm.contracts)


def health(port: int) -> str | None:
    try:
        return str(httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=10).json()["status"])
    except httpx.TransportError:
        return None


def the_log_has_the_machines_time_and_no_word_of_it(said: str, seconds: int) -> None:
    at = datetime.strptime(said[:19], "%Y-%m-%d %H:%M:%S").timestamp()
    assert abs(at - time.time() - seconds) < ANY_OF_AN_HOUR
    # A node may look while a block is made, whose state Anvil answers from already and whose events it has not yet: it looks again.
    words = "\n".join(line for line in said.splitlines() if "its events are of fewer" not in line)
    assert not re.search(r"WARNING|ERROR|clock|Traceback", words), said


def the_doctor_says_it(swarm: Swarm, shim: Path) -> None:
    """On this chain, where no time was let pass, it finds a right clock right."""
    words = ["doctor", "--json", "--home", swarm.folder / "doctor", "--rpc", swarm.rpc_url, "--deployment", swarm.deployment]
    for seconds in (0, DAY):
        program = [sys.executable, "-m", "swarm_chain.cli.main", *map(str, words)]
        ended = subprocess.run(program, env=os.environ | shifted(shim, seconds), capture_output=True, text=True, timeout=120)
        (clock,) = [found for found in json.loads(ended.stdout) if found["what"] == "clock"]
        assert clock["verdict"] == ("note" if seconds else "good"), clock
        assert abs(int(clock["found"].split()[0]) - seconds) < ANY_OF_AN_HOUR
        assert ("chain's time" in clock["mend"]) == bool(seconds)
