"""Nodes whose transactions meet with rehearsals, fees that jump, and full disks."""

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import books
import pytest
from swarm_of_processes import Swarm

from swarm_chain.types import Round

GWEI = 10**9
INTERRUPTED = 130


def transactions(swarm: Swarm, index: int) -> int:
    return int(swarm.contracts.web3.eth.get_transaction_count(swarm.nodes[index]))


def logged(swarm: Swarm, index: int, words: str) -> bool:
    return words in swarm.log(index).read_text()


def test_a_dry_run_trains_and_sends_nothing(swarm: Swarm) -> None:
    swarm.create().add_nodes(2)
    swarm.start(0, dry_run=True, relay_url="http://127.0.0.1:9", rounds=3)
    swarm.until("it would commit", lambda: logged(swarm, 0, "Would send commit 1 "), timeout=90)
    swarm.processes[0].terminate()
    assert swarm.ended(0, timeout=60) == INTERRUPTED
    lines = [line for line in swarm.log(0).read_text().splitlines() if "Would send" in line]
    assert len(lines) == 2
    assert "announce http://127.0.0.1:" in lines[0]
    assert all(" gas at " in line and " gwei, at most 0.0" in line for line in lines)
    assert transactions(swarm, 0) == 0
    assert swarm.contracts.views.phase(swarm.group).round == 0
    assert not {path.name for path in swarm.home(0).iterdir()} & {"journal.db", "outbox.db"}


@pytest.mark.slow
def test_rounds_go_on_while_fees_jump_fiftyfold(swarm: Swarm) -> None:
    swarm.create(reveal_duration=40).add_nodes(3)
    for index in range(3):
        swarm.start(index, rounds=2, replace_after=2)
    for round_ in (1, 2):
        swarm.until(f"round {round_} has begun", lambda round_=round_: swarm.committed(0, round_), timeout=90)
        swarm.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI * round_))
    swarm.all_done(timeout=200)
    assert [result.round for result in swarm.finals()] == [1, 2]
    for index in range(3):
        with closing(sqlite3.connect(swarm.home(index) / "outbox.db")) as outbox:
            steps = dict(outbox.execute("SELECT name, state FROM steps"))
        assert {name.split()[0] for name in steps} >= {"announce", "commit", "reveal"}
        assert not {name: state for name, state in steps.items() if state in ("waiting", "signed", "sent")}
    books.check(swarm.contracts)


@pytest.fixture
def tiny_home(swarm: Swarm) -> Iterator[Path]:
    """The first node's home, on a file system of its own of 8 MB."""
    home = swarm.home(0)
    home.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.fail(f"To mount a disk that fills up needs root, or CAP_SYS_ADMIN: {mounted.stderr.strip()}")
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


@pytest.mark.slow
def test_a_node_whose_disk_is_full_sends_nothing_and_goes_on_with_room(tiny_home: Path, swarm: Swarm) -> None:
    swarm.create(reveal_duration=30).add_nodes(3)
    outside = swarm.folder / "log of node 0"
    (tiny_home / "log").symlink_to(outside)
    swarm.start(0, {"waits": [2]}, rounds=3)
    for index in (1, 2):
        swarm.start(index, rounds=3)
    swarm.until("round 2 waits for node 0", lambda: swarm.committed(1, 2) and swarm.committed(2, 2), timeout=120)
    (tiny_home / "go").touch()
    ballast = tiny_home / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    before = transactions(swarm, 0)
    swarm.until("it says that there is no room", lambda: "No room" in outside.read_text(), timeout=60)
    assert transactions(swarm, 0) == before
    assert not swarm.committed(0, 2)
    ballast.unlink()
    swarm.all_done(timeout=250)
    assert json.loads((tiny_home / "status.json").read_text())["message"] == "done"
    assert swarm.contracts.views.head(swarm.group).settled_round >= Round(3)
    books.check(swarm.contracts)
