"""A chain on this machine: Anvil, from the npm package ``@foundry-rs/anvil`` or wherever ``PATH`` finds it.

It mines a block with every transaction and one every second besides, so transactions are instant and chain time passes without them.
"""

import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from swarm_chain.chain.connection import connect
from swarm_chain.errors import ChainUnreachableError, ConfigurationError

CHAIN_ID = 31_337
MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's own, known to everybody: its accounts hold play money on local chains alone."""
START_SECONDS = 20.0
LOST_PORT_SECONDS = 0.1
"""An Anvil that finds its port taken ends at once; whoever took it may have answered in its place."""
KEPT_STATES = 128
"""Blocks whose state can still be read. Each takes Anvil about 0.8 MB of memory; without a limit it writes them to disk, for ever."""


class LocalChain:
    """One Anvil process.

    Args:
        directory: where its state and log are kept; the same directory later goes on where the chain stopped.
        port: on 127.0.0.1; 0 takes a free one.
        chain_id: EIP-155.
        accounts: how many accounts of the mnemonic hold 10,000 coins.
        detached: goes on when this program ends; whoever wants it to end keeps ``pid``.
        binary: of Anvil, if it isn't to be looked for.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        chain_id: int = CHAIN_ID,
        accounts: int = 20,
        detached: bool = False,
        binary: Path | None = None,
    ) -> None:
        self.directory = directory
        self.port = port
        self.chain_id = chain_id
        self.accounts = accounts
        self.detached = detached
        self.binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The RPC URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """What Anvil printed: nothing, unless it failed."""
        return self.directory / "anvil.log"

    def account(self, index: int) -> LocalAccount:
        """One of the accounts with play money."""
        return play_account(index)

    def start(self) -> Web3:
        """Starts Anvil and waits until it answers.

        Raises:
            ConfigurationError: no Anvil on this machine, the port is taken, or it ended at once.
        """
        if self._process is not None:
            raise ConfigurationError("This chain runs already.", do="Stop it first.")
        self.directory.mkdir(parents=True, exist_ok=True)
        any_port = self.port == 0
        # Between asking for a free port and Anvil's taking it, somebody else may.
        for attempts_left in (3, 2, 1, 0):
            if any_port:
                self.port = free_port()
            elif not port_is_free(self.port):
                raise ConfigurationError(f"Port {self.port} is in use on this machine.", "Nothing was started.", "Choose another port.")
            try:
                return self._launch()
            except ConfigurationError as problem:
                if not any_port or attempts_left == 0 or "in use" not in str(problem):
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Ends Anvil, which keeps its state in the directory. Does nothing if it doesn't run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> "LocalChain":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _launch(self) -> Web3:
        binary = self.binary or find_anvil()
        command = [
            str(binary),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--chain-id",
            str(self.chain_id),
            "--accounts",
            str(self.accounts),
        ]
        # Prague is what the contracts are compiled for. The state is also written every few seconds, for a killed process writes nothing.
        command += ["--mnemonic", MNEMONIC, "--hardfork", "prague", "--mixed-mining", "--block-time", "1", "--quiet"]
        command += ["--state", str(self.directory / "state.json"), "--state-interval", "10", "--prune-history", str(KEPT_STATES)]
        with self.log.open("wb") as log:
            # In a process group of its own, Ctrl-C leaves it to us to end it, after those who still use it.
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=self.detached,
                process_group=None if self.detached else 0,
            )
        self._process = process
        until = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            try:
                web3 = connect(self.url, timeout=10.0)
            except ChainUnreachableError:
                time.sleep(0.02)
                continue
            time.sleep(LOST_PORT_SECONDS)
            if process.poll() is None:
                return web3
        self.stop()
        said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
        raise ConfigurationError(f"Anvil did not start: {said or 'it said nothing.'}", do=f"See {self.log}.")


def play_account(index: int) -> LocalAccount:
    """An account of the mnemonic that everybody knows. For local chains alone."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def find_anvil() -> Path:
    """Anvil's own binary: in ``node_modules`` of this directory, one above it, or the source checkout; else in ``PATH``.

    The npm package's launcher is passed over, for ending it leaves Anvil running.
    """
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), platform.system().lower())
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    here = Path.cwd()
    for place in (here, *here.parents, Path(__file__).resolve().parents[2]):
        binary = place / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil"
        if os.access(binary, os.X_OK):
            return binary
    found = shutil.which("anvil")
    if found is not None:
        return Path(found)
    raise ConfigurationError(
        "Anvil, which runs the local chain, was not found.",
        do="Run npm ci where package.json is, or install Foundry; a chain of your own needs neither: give its RPC URL.",
    )


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a TCP port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
