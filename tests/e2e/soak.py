"""A swarm left running while things go wrong at random: ``python soak.py MINUTES SEED FOLDER`` tells a line of JSON of what it came to.

Four nodes and a watcher. One node and the watcher are never ended: what they hold is measured each round. Needs ``tests/integration`` in
``PYTHONPATH``, for the proxies between nodes and chain.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import books
import pay
from fault_proxy import FaultProxy
from measuring import Measured, check_flat, measure, quarters
from swarm_of_processes import TASK, TOKEN, Swarm
from troubles import ENDED_AS_TOLD, ENDING_SECONDS, MINING_SECONDS, NO_CHAIN, Trouble, Troubles

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.events import CommitForfeited, RoundsStruck, RoundVoid
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender

LINEAR = replace(TASK, network=replace(TASK.network, name="linear"))
"""It needs no torch, so processes start soon."""
NODES = 4
STEADY = 0
"""The node whose process lives from the beginning to the end."""
SEVERAL = {1, 3}
"""Those that ask three RPC servers, one of them by their proxy."""
KEPT_ROUNDS = 4
STALLED_SECONDS = 300.0
"""A round ends long before: 60 s to commit, 60 s to reveal, and what keeps a node away lasts 20 s at most."""
AT_ONCE = 3
"""Troubles at one time."""


class Soak:
    """A swarm in trouble.

    Args:
        swarm: on a chain of its own.
        folder: of the watcher.
        seed: of everything that is drawn.
    """

    def __init__(self, swarm: Swarm, folder: Path, seed: str) -> None:
        self.swarm = swarm
        self.folder = folder
        self.random = Random(seed)
        self.measured: dict[str, list[Measured]] = {"node": [], "watcher": []}
        self.longest = 0.0
        """Seconds between two rounds, at most."""
        self.started_again = 0
        """How often a node found no chain when it started, and was started again, as systemd does."""
        self._round = 0
        self._since = time.monotonic()
        self._urls: list[list[str]] = []

    def run(self, minutes: float) -> dict[str, object]:
        """Lets things go wrong for so many minutes, then comes to rest, and looks whether everything is as it must be."""
        swarm = self.swarm
        swarm.create(
            LINEAR,
            commit_duration=60,
            reveal_duration=60,
            max_missed=64,
            reward_per_round=TOKEN // 10,
        ).add_nodes(NODES)
        with ExitStack() as ending:
            proxies = [ending.enter_context(FaultProxy(swarm.rpc_url)) for _ in range(NODES)]
            ending.callback(swarm.stop)

            self._urls = [
                [proxy.url, *([f"{swarm.rpc_url}/?second", f"{swarm.rpc_url}/?third"] if node in SEVERAL else [])]
                for node, proxy in enumerate(proxies)
            ]
            for node in range(NODES):
                self._start(node)
            watcher = ending.enter_context(self._watcher())
            troubles = Troubles(swarm, proxies, SEVERAL, {STEADY}, self._start, self.random)
            troubles.ask("evm_setIntervalMining", MINING_SECONDS)
            swarm.until("the first round is settled", lambda: swarm.settled() >= 1, timeout=STALLED_SECONDS)
            began = time.monotonic()
            self._let_things_go_wrong(troubles, watcher, began + 60 * minutes)
            lasted = time.monotonic() - began
            calm = swarm.contracts.views.phase(swarm.group).round
            while swarm.contracts.views.head(swarm.group).final_round < calm + 2:
                self._look(watcher)
            self._end_well(watcher)
            troubles.ask("evm_setIntervalMining", 0)  # what was sent last isn't mined between two looks at the books
        return self._came_to(lasted, troubles.begun)

    def _start(self, node: int) -> None:
        several = node in SEVERAL
        settings = {"rpc_url": self._urls[node], "rpc_timeout": 5, "confirmations": int(several)}
        self.swarm.start(node, **settings, poll_interval=0.7, keep_rounds=KEPT_ROUNDS)

    def _let_things_go_wrong(self, troubles: Troubles, watcher: subprocess.Popen[bytes], until: float) -> None:
        going_on: list[tuple[float, Trouble]] = []
        next_one = time.monotonic()
        while time.monotonic() < until:
            self._look(watcher)
            now = time.monotonic()
            for ends, trouble in going_on:
                if ends <= now:
                    trouble.end()
            going_on = [each for each in going_on if each[0] > now]
            if now >= next_one and len(going_on) < AT_ONCE:
                trouble = troubles.begin({trouble.whom for _, trouble in going_on})
                if trouble is not None:
                    going_on.append((now + trouble.seconds, trouble))
                    next_one = now + self.random.expovariate(1 / 6)
        for _, trouble in going_on:
            trouble.end()

    def _look(self, watcher: subprocess.Popen[bytes]) -> None:
        """Sees that rounds go on, and that no process ends by itself; measures when a round has begun."""
        time.sleep(0.25)
        swarm, now = self.swarm, time.monotonic()
        for node, process in list(swarm.processes.items()):
            if process.poll() == NO_CHAIN and not swarm.status(node):
                self.started_again += 1
                self._start(node)
            elif process.poll() not in (None, *ENDED_AS_TOLD):
                raise AssertionError(f"node {node} ended with {process.poll()}:\n{swarm.log(node).read_text()[-3000:]}")
        assert watcher.poll() is None, (self.folder / "watcher.log").read_text()[-3000:]
        round_ = swarm.contracts.views.phase(swarm.group).round
        if round_ > self._round:
            self.longest = max(self.longest, now - self._since)
            self._round, self._since = round_, now
            self.measured["node"].append(measure(swarm.processes[STEADY].pid, swarm.home(STEADY)))
            self.measured["watcher"].append(measure(watcher.pid, self.folder / "watcher"))
        elif now - self._since > STALLED_SECONDS:
            logs = "\n".join(f"--- node {index}\n{swarm.log(index).read_text()[-2000:]}" for index in swarm.processes)
            raise AssertionError(f"round {round_} does not end:\n{logs}")

    @contextmanager
    def _watcher(self) -> Iterator[subprocess.Popen[bytes]]:
        """A watcher's process, and its end."""
        swarm = self.swarm
        command = [sys.executable, "-m", "swarm_chain.cli.main", "watch", "--group", str(swarm.group), "--rpc", swarm.rpc_url]
        command += ["--deployment", str(swarm.deployment), "--home", str(self.folder / "watcher"), "--json"]
        settings = {"SWARM_CHAIN_POLL_INTERVAL": "0.7", "SWARM_CHAIN_KEEP_ROUNDS": str(KEPT_ROUNDS)}
        with (self.folder / "watcher.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **settings})
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _end_well(self, watcher: subprocess.Popen[bytes]) -> None:
        for process in (*self.swarm.processes.values(), watcher):
            process.terminate()
        for node in self.swarm.processes:
            assert self.swarm.ended(node, ENDING_SECONDS) in ENDED_AS_TOLD
        assert watcher.wait(ENDING_SECONDS) in ENDED_AS_TOLD

    def _came_to(self, seconds: float, troubles: dict[str, int]) -> dict[str, object]:
        """Checks the books; returns what the soak was like."""
        swarm = self.swarm
        books.check(swarm.contracts)
        final = pay.check(swarm)
        assert not swarm.events(RoundsStruck)
        for index in range(NODES):
            assert "Traceback" not in swarm.log(index).read_text(), f"node {index}"
        held = {who: quarters(measured) for who, measured in self.measured.items()}
        for each in held.values():
            check_flat(each)
        void = swarm.events(RoundVoid)
        return {
            "minutes": round(seconds / 60, 1),
            "rounds": final + len(void),
            "final": final,
            "void": len(void),
            "forfeits": len(swarm.events(CommitForfeited)),
            "started_again": self.started_again,
            "longest_wait": round(self.longest, 1),
            "troubles": dict(sorted(troubles.items())),
            "held": held,
        }


def soak(folder: Path, minutes: float, seed: str) -> dict[str, object]:
    """A soak on a chain of its own; returns what it was like. AssertionError where something is not as it must be."""
    with LocalChain(folder / "chain") as chain:
        web3, deployment = connect(chain.url, timeout=60), folder / "deployment.json"
        deploy(web3, Sender(web3, chain.account(0)), deployment)
        swarm = Swarm(folder, Contracts(web3, load_deployment(deployment)), Sender(web3, chain.account(0)), chain.url, deployment)
        return Soak(swarm, folder, seed).run(minutes)


if __name__ == "__main__":
    print(json.dumps(soak(Path(sys.argv[3]), float(sys.argv[1]), sys.argv[2])))
