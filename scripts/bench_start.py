"""The bench's section of a node's start: from the command to the first look at what it owes, beside what it costs to import web3."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
Case = tuple[str]
"""A task."""
GOAL = 2.0
INTRO = """Seconds by a clock, medians of starts in turns with `python -c "import web3"`: from the command `swarm-chain node run`
until the node is wired, announced and has its data, and until it has looked at the chain and knows what it owes. Its key is
one of a local swarm.
"""
REPEATS = 5
PATIENCE = 120.0
LOOK = 0.002
ANNOUNCED, READY = "starting", "waiting for 2 members"
"""What its status says when all is wired and announced, and when it has seen that nothing is owed before there are two."""


def cases(quick: bool) -> Iterator[Case]:
    """All that are to be measured."""
    yield ("digits-linear",)
    if not quick:
        yield ("digits",)


def measure(case: Case, quick: bool) -> dict[str, Any]:
    """Seconds by a clock of each start, in turns with the import; whether torch was loaded by then (where the system shows it)."""
    (task,) = case
    announced, ready, web3, torch = list[float](), list[float](), list[float](), list[bool | None]()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"SWARM_CHAIN_HOME": f"{folder}/swarm", "XDG_STATE_HOME": f"{folder}/state"}
        _run(environment, "up", "--detach")
        try:
            _run(environment, "group", "create", "--task", task, "--yes")
            _run(environment, "node", "init", "--name", "ada")
            _run(environment, "group", "join", "1", "--name", "ada", "--fund-local", "--yes")
            _start(environment)  # what only a first start does: it announces, and files come into the cache
            for _ in range(1 if quick else REPEATS):
                one, other, loaded = _start(environment)
                announced.append(one)
                ready.append(other)
                torch.append(loaded)
                begun = time.perf_counter()
                subprocess.run([str(BIN / "python"), "-c", "import web3"], check=True)
                web3.append(time.perf_counter() - begun)
        finally:
            _run(environment, "down", "--yes")
    return {"announced": announced, "ready": ready, "web3": web3, "torch": torch[-1]}


def _run(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [str(BIN / "swarm-chain"), *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"swarm-chain {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")


def _start(environment: dict[str, str]) -> tuple[float, float, bool | None]:
    """Starts the node, and ends it. Seconds until it was announced and until it was ready."""
    status = Path(environment["SWARM_CHAIN_HOME"]) / "nodes" / "ada" / "status.json"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(BIN / "swarm-chain"), "node", "run", "--group", "1", "--name", "ada", "--device", "cpu", "--threads", "1"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    announced = None
    try:
        while True:
            message = _message(status, process.pid)
            if announced is None and message:
                announced = time.perf_counter() - begun
            if announced is not None and message == READY:
                return announced, time.perf_counter() - begun, _has_torch(process.pid)
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                process.kill()
                raise SystemExit(f"The node did not come to {READY!r}:\n{process.stderr.read() if process.stderr else ''}")
            time.sleep(LOOK)
    finally:
        process.terminate()
        process.communicate()


def _message(status: Path, process: int) -> str:
    """What the running process says that it does; nothing before it said anything."""
    try:
        said = json.loads(status.read_text())
    except FileNotFoundError:
        return ""
    return str(said["message"]) if said.get("process") == process else ""


def _has_torch(process: int) -> bool | None:
    maps = Path(f"/proc/{process}/maps")
    return "libtorch" in maps.read_text() if maps.exists() else None


def table(records: list[dict[str, Any]]) -> str:
    """The section, as Markdown."""
    lines = [
        INTRO,
        "| task | wired | knows its duty | slowest | × `import web3` | torch loaded | goal: under 2 s before torch is needed |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for record in records:
        ready, web3 = median(record["ready"]), median(record["web3"])
        torch = {True: "yes", False: "no", None: "not known here"}[record["torch"]]
        verdict = "met" if ready < GOAL else "missed"
        lines.append(
            f"| {record['case'][0]} | {median(record['announced']):.2f} | {ready:.2f} | {max(record['ready']):.2f} | {ready / web3:.2f} "
            f"| {torch} | {verdict} |"
        )
    return "\n".join(lines)
