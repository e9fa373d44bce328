"""The demo, small: it learns, agrees, pays and ends; Ctrl-C ends it at once; another one follows."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from swarm_chain.cli.processes import is_running
from swarm_chain.cli.swarm_home import SwarmHome

SMALL = ("demo", "--task", "digits", "--nodes", 2, "--steps", 15)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    cli = CommandLine(tmp_path_factory.mktemp("a demo")).with_settings(rpc_url="http://elsewhere.invalid")
    yield cli
    home = SwarmHome(cli.folder / ".swarm").demo
    home.end(home.processes())


def test_ctrl_c_ends_every_process(cli: CommandLine) -> None:
    home = SwarmHome(cli.folder / ".swarm").demo
    running = cli.start(*SMALL, "--rounds", 50)
    deadline = time.monotonic() + 180
    while len(home.processes()) < 3:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = home.processes()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Traceback" not in said
    assert home.processes() == []
    assert not any(map(is_running, started))


def test_a_demo_after_an_interrupted_one_learns_agrees_and_pays(cli: CommandLine) -> None:
    home = SwarmHome(cli.folder / ".swarm").demo
    keys = {path: path.read_bytes() for path in home.key_files()}
    assert keys, "the interrupted demo's keys are kept"
    shown = cli.done(*SMALL, "--rounds", 2).out
    for part in ("round 1 of 2", "round 2 of 2", "trained in one place", "equal to the sum of credits", "RoundManager", "swarm-chain up"):
        assert part in shown
    assert (home.path / "pictures" / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert home.processes() == []
    assert {path: path.read_bytes() for path in home.key_files()} == keys


def test_what_the_demo_left_can_be_looked_at(cli: CommandLine) -> None:
    home = SwarmHome(cli.folder / ".swarm").demo
    plain = CommandLine(cli.folder)
    at = ("--home", home.path)
    plain.done("up", "--detach", *at)
    final = [line for line in plain.done("rounds", "--json", *at).json if line["outcome"] == "final"]
    assert [line["round"] for line in final] == [1, 2]
    assert all(len(line["included"]) == 2 and line["accuracy"] for line in final)
    ledger = plain.done("rewards", "--json", *at).json
    paid = sum(int(credit["amount"]) for credit in ledger["credits"])
    assert paid == int(ledger["paid"]) == int(ledger["funded"]) - int(ledger["budget"]) == sum(int(line["paid"]) for line in final)
    assert all(credit["score"] == 10_000 and str(credit["round"]) in credit["reason"] for credit in ledger["credits"])

    due = int(ledger["unclaimed"]["0"])
    why = [plain.done("rewards", "--why", "ada", round_, "--json", *at).json for round_ in (1, 2)]
    for pay in (explained["payment"] for explained in why):
        assert int(pay["pot"]) == int(pay["reward"]) * pay["elapsed"] // pay["duration"]
    assert due == sum(int(explained["earned"]) for explained in why)
    # Pay is for time, in the chain's seconds: these rounds are short enough to begin and end within one.
    assert (due > 0) == any(explained["payment"]["elapsed"] for explained in why)
    before = int(plain.done("claim", "--name", "bob", "--json", *at).json["balance"])
    claimed = plain.done("claim", "--name", "ada", "--json", *at).json
    assert int(claimed["amount"]) == due
    assert before > 0
    after = plain.done("rewards", "--json", *at).json
    assert after["unclaimed"] == {"0": "0", "1": "0"}
    assert sum(map(int, after["claimed"].values())) == paid

    plain.done("down", "--yes")
    assert home.processes() == []
    assert home.key_files()
    assert not home.deployment.exists()
    assert {path.name for path in Path(home.path).iterdir()} == {"keys"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_demo_learns_what_it_promises(tmp_path: Path) -> None:
    shown = CommandLine(tmp_path).done("demo").out
    reached = re.search(r"The swarm reached ([\d.]+) % in 10 rounds", shown)
    central = re.search(r"for as many passes: ([\d.]+) %", shown)
    assert reached, shown
    assert central, shown
    assert float(reached[1]) >= 93
    assert float(central[1]) >= 93
    assert len(set(re.findall(r"final +(0x[0-9a-f]{64})", shown))) == 10
    left = re.search(r"Left the budget: ([\d.,]+) tokens, equal to the sum of credits", shown)
    assert left, shown
