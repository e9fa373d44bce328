"""A swarm for the end-to-end tests: a group on a real chain, and its nodes as processes of their own, each with key, journal and store."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from eth_account import Account
from web3.types import RPCEndpoint

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.groups import sign_invitation
from swarm_chain.chain.local import play_account
from swarm_chain.chain.sender import Sender
from swarm_chain.learning.task import DIGITS, Task
from swarm_chain.node.keys import NODE_KEY, create_key, group_key_path, key_path, save_key
from swarm_chain.protocol.group_key import fresh_key, key_commitment
from swarm_chain.protocol.model import Model, encode_model, model_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Address, GroupId, Mixing, Result, Round, Rule, Scoring, Terms

TOKEN = 10**18
STAKE = 100 * TOKEN
REWARD = 100 * TOKEN
BUDGET = 450 * TOKEN
PASSWORD = "canary-password-of-nodes"
MISBEHAVING = Path(__file__).with_name("misbehaving.py")

TASK = replace(DIGITS, local=replace(DIGITS.local, steps=12))
TERMS = Terms(
    dimension=TASK.layout().dimension,
    fraction_bits=TASK.numbers.fraction_bits,
    min_exponent=TASK.numbers.min_exponent,
    max_exponent=TASK.numbers.max_exponent,
    rule=Rule.TRIMMED_MEAN,
    mixing=Mixing.NONE,
    scoring=Scoring.EQUAL,
    capacity=8,
    min_updates=2,
    quorum_bps=5_000,
    by_invitation=False,
    commit_duration=120,  # phases end early; this is for slow machines, on which processes take long to start
    reveal_duration=60,  # as long, where nobody stays silent
    challenge_window=2,
    idle_timeout=600,
    max_missed=8,
    maturity=8,
    stake=STAKE,
    reward_per_round=REWARD,
)


class Swarm:
    """A group, and its nodes in folders below ``folder``."""

    def __init__(self, folder: Path, contracts: Contracts, treasury: Sender, rpc_url: str, deployment: Path) -> None:
        self.folder = folder
        self.contracts = contracts
        self.treasury = treasury
        self.rpc_url = rpc_url
        self.deployment = deployment
        self.nodes: list[Address] = []
        self.operators: list[Sender] = []
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.programs: dict[int, Path] = {}
        """Of nodes that are not quite the real one; they take the path of their settings."""
        self.environments: dict[int, dict[str, str]] = {}
        """What single nodes' processes have in theirs besides."""
        self.task: Task = TASK
        self.group = GroupId(0)
        self.terms = TERMS
        self.group_key: bytes | None = None

    # ------------------------------------------------------------------------------------------------ setting up

    def create(self, task: Task = TASK, **terms: object) -> "Swarm":
        """Creates and funds the group."""
        self.task, self.terms = task, replace(TERMS, dimension=task.layout().dimension, **terms)
        genesis = Model(task.initial_weights(), task.initial_exponents(), self.terms.fraction_bits)
        groups = self.contracts.groups
        self.treasury.send(groups.create(self.terms, digest_of(task.encode()), digest_of(encode_model(genesis)), model_root(genesis)))
        self.group = GroupId(groups.group_count())
        self.treasury.send(self.contracts.token.approve(groups.address, BUDGET))
        self.treasury.send(groups.fund(self.group, BUDGET))
        return self

    def create_closed(self, task: Task = TASK, **terms: object) -> "Swarm":
        """Creates and funds a closed group; nodes that are added get its key."""
        self.group_key = fresh_key()
        return self.create(replace(task, group_key=key_commitment(self.group_key)), by_invitation=True, **terms)

    def invitation(self, identity: int) -> bytes:
        """One of the treasury's, which created the group."""
        groups, now = self.contracts.groups, int(self.contracts.web3.eth.get_block("latest")["timestamp"])
        chain_id = self.contracts.deployment.chain_id
        return sign_invitation(play_account(0), self.group, identity, now + 86_400, os.urandom(32), chain_id, groups.address)

    def add_nodes(self, count: int) -> "Swarm":
        """Makes keys, registers, stakes and seats nodes. Their stores hold the manifest."""
        for _ in range(count):
            index = len(self.nodes)
            node = create_key(key_path(self.home(index), NODE_KEY), PASSWORD, scrypt_n=2)
            operator = Sender(self.contracts.web3, Account.create())
            for account in (node.address, operator.address):
                self.rpc("anvil_setBalance", account, hex(10**20))
            self.treasury.send(self.contracts.token.transfer(operator.address, self.terms.stake))
            operator.send(self.contracts.identities.register(node, operator.address))
            identity = self.contracts.identities.identity_of(Address(node.address))
            operator.send(self.contracts.token.approve(self.contracts.stakes.address, self.terms.stake))
            operator.send(self.contracts.stakes.deposit(identity, self.terms.stake))
            invitation = self.invitation(identity) if self.terms.by_invitation else b""
            operator.send(self.contracts.rounds.join(self.group, Address(node.address), invitation))
            if self.group_key is not None:
                key_file = group_key_path(key_path(self.home(index), NODE_KEY).parent, key_commitment(self.group_key))
                save_key(key_file, Account.from_key(self.group_key), PASSWORD, scrypt_n=2)
            self.nodes.append(Address(node.address))
            self.operators.append(operator)
            with_manifest = EmbeddedStore(self.home(index) / "store")
            with_manifest.put(self.task.encode())
            with_manifest.close()
        return self

    # ------------------------------------------------------------------------------------------------ processes

    def home(self, index: int) -> Path:
        return self.folder / f"node {index}"

    def settings_file(self, index: int, **settings: object) -> Path:
        """Writes a node's settings."""
        values = {
            "home": str(self.home(index)),
            "rpc_url": self.rpc_url,
            "deployment": str(self.deployment),
            "group": self.group,
            "key_file": str(key_path(self.home(index), NODE_KEY)),
            "password": PASSWORD,
            "allow_private": True,
            "device": "cpu",
            "threads": 1,
            "part": index % self.task.parts,
            "poll_interval": 0.3,
            **settings,
        }
        path = self.home(index) / "settings.json"
        path.write_text(json.dumps(values))
        return path

    def start(self, index: int, behaviour: dict[str, list[int]] | None = None, **settings: object) -> None:
        """Starts a node's process; with a ``behaviour`` as ``misbehaving.py`` takes it."""
        path = self.settings_file(index, **settings)
        program = [str(MISBEHAVING), json.dumps(behaviour)] if behaviour else ["-m", "swarm_chain.node"]
        if index in self.programs:
            program = [str(self.programs[index])]
        with self.log(index).open("ab") as log:
            self.processes[index] = subprocess.Popen(
                [sys.executable, *program, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **self.environments.get(index, {})},
            )

    def log(self, index: int) -> Path:
        return self.home(index) / "log"

    def status(self, index: int) -> dict[str, object]:
        """What the node's running process said last; empty before it said anything."""
        path = self.home(index) / "status.json"
        status = json.loads(path.read_text()) if path.exists() else {}
        return status if status.get("process") == self.processes[index].pid else {}

    def kill(self, index: int) -> None:
        """Ends a node's process as a power cut would."""
        process = self.processes.pop(index)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def ended(self, index: int, timeout: float) -> int:
        """A node's exit code, once it ends; fails with its log."""
        try:
            return self.processes[index].wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"node {index} did not end:\n{self.log(index).read_text()[-3000:]}") from None

    def all_done(self, timeout: float) -> None:
        """Waits until every process ended with code 0."""
        until = time.monotonic() + timeout
        for index in self.processes:
            code = self.ended(index, max(until - time.monotonic(), 1))
            assert code == 0, f"node {index} ended with {code}:\n{self.log(index).read_text()[-3000:]}"

    def stop(self) -> None:
        """Ends what still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ------------------------------------------------------------------------------------------------ the chain

    def rpc(self, method: str, *arguments: object) -> None:
        self.contracts.web3.provider.make_request(RPCEndpoint(method), list(arguments))

    def pass_time(self, seconds: int) -> None:
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def until(self, what: str, condition, timeout: float = 150.0) -> None:
        """Waits until a condition on the chain holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- node {index}\n{self.log(index).read_text()[-1500:]}" for index in self.processes)
                raise AssertionError(f"never: {what}\n{logs}")
            time.sleep(0.1)

    def events(self, *kinds, until=None):
        """The group's events of these kinds, so far or up to a block."""
        latest = self.contracts.web3.eth.block_number if until is None else until
        return self.contracts.rounds.events(self.group, kinds, 0, latest)

    def finals(self) -> list[Result]:
        """The group's final results, the first first."""
        return [final.result for final in self.contracts.rounds.finals(self.group)]

    def committed(self, index: int, round_: int) -> bool:
        phase = self.contracts.views.phase(self.group)
        return phase.round >= round_ and self.contracts.views.slot(self.group, self.nodes[index], Round(round_)).committed

    def settled(self) -> int:
        return self.contracts.views.head(self.group).settled_round

    def seat(self, index: int) -> int:
        return self.contracts.views.seat(self.group, self.nodes[index]).seat
