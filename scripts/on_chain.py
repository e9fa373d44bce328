"""Training on a chain by swarm-chain's own commands: a chain, contracts, a group, nodes as processes, in a folder that goes again."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_chain.cli.demo_report import kept
from swarm_chain.cli.settings import Settings, only, write
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.cli.wiring import open_swarm
from swarm_chain.errors import LearningError
from swarm_chain.learning.task import Task

REWARD = 100
PATIENCE = 1800
ROOT = Path(__file__).resolve().parents[1]


def learnt(task: Task, nodes: int, rounds: int, rule: str, data: Path | None) -> dict[bytes, NDArray[np.int32]]:
    """The weights of the models that the chain says are final, from a node's store, by result hash, first round first."""
    with _swarm(data) as (home, command):
        manifest = home.path / "task.json"
        manifest.write_bytes(task.encode())
        command("up", "--detach")
        durations = ["--commit-duration", "600", "--reveal-duration", "120", "--challenge-window", "2"]
        terms = ["--rule", rule, "--capacity", str(nodes), "--reward", str(REWARD), *durations]
        command("group", "create", "--manifest", str(manifest), *terms)
        command("group", "fund", "1", "--amount", str(REWARD * (rounds + 1)))
        names = [f"node-{number}" for number in range(nodes)]
        for name in names:
            command("node", "init", "--name", name, "--fund-local")
            command("group", "join", "1", "--name", name)
        running = [home.spawn(name, _words("node", "run", "--group", "1", "--name", name, "--rounds", str(rounds))) for name in names]
        for name, process in zip(names, running, strict=True):
            if process.wait(PATIENCE):
                raise LearningError(f"{name} ended with exit code {process.returncode}.", f"All is kept in {home}.", f"See {home.logs}.")
        swarm = open_swarm(Settings.load())
        agreed, models = kept(swarm, swarm.group(1), names[0])
        assert agreed == task
        if len(models) < rounds:
            raise LearningError(f"{len(models)} rounds of {rounds} are final.", f"All is kept in {home}.", f"See {home.logs}.")
        return {hash_: model.weights for hash_, model in list(models.items())[:rounds]}


def commit() -> str:
    """The checkout's commit, with a mark where tracked files differ from it."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=-changed"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def _swarm(data: Path | None) -> Iterator[tuple[SwarmHome, Any]]:
    """A swarm folder of its own with its settings, and a function that runs a command in it; all that runs there is ended behind it."""
    folder = Path(tempfile.mkdtemp(prefix="on-chain-"))
    home = SwarmHome(folder / "swarm")
    home.make()
    settings = folder / "settings.toml"
    passed_on = {"data": data and str(data.absolute()), "device": "cpu", "threads": 1, "poll_interval": 0.25, "keep_rounds": 10_000}
    write(settings, {"home": str(home), "group": 1, **passed_on})
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def command(*arguments: str) -> None:
        subprocess.run(_words(*arguments), check=True, stdout=sys.stderr)

    with only(settings):
        try:
            yield home, command
        finally:
            home.end(home.processes())
    home.remove()


def _words(*arguments: str) -> list[str]:
    """A command line of swarm-chain's."""
    return [sys.executable, "-m", "swarm_chain.cli.main", *arguments]
