"""Runs the command line as a person would: in a folder of its own, with settings of the test alone, by its own entry.

Commands that stay, or that others must be able to end, are processes; the short ones run here, which saves loading web3 for each.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canary import hear

from swarm_chain.chain.local import free_port
from swarm_chain.cli.main import run
from swarm_chain.cli.swarm_home import SwarmHome

STAYING = (("node", "run"), ("demo",), ("gateway",))
COMMAND = [sys.executable, "-m", "swarm_chain.cli.main"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in ``folder``; its swarm folder is the default one, ``.swarm``, there."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_CHAIN_")}
        return others | {"OMP_NUM_THREADS": "1"} | self.settings

    def start(self, *words: object) -> subprocess.Popen[str]:
        command = [*COMMAND, *map(str, words)]
        # A shell has its background jobs ignore SIGINT, and so would all that the tests start there.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, start_new_session=True, **streams)  # type: ignore[call-overload,no-any-return]

    def __call__(self, *words: object) -> Ended:
        if any(tuple(words[: len(staying)]) == staying for staying in STAYING):
            process = self.start(*words)
            out, err = process.communicate(timeout=240)
            return Ended(process.returncode, out, err)
        return self._here([str(word) for word in words])

    def _here(self, words: list[str]) -> Ended:
        before = dict(os.environ), sys.argv, sys.stdin, sys.excepthook, Path.cwd()
        out, err = io.StringIO(), io.StringIO()
        environment = self.environment
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, sys.stdin = ["swarm-chain", *words], io.StringIO()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    run()
                except SystemExit as ending:
                    code = ending.code if isinstance(ending.code, int) else 1
                except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
                    sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is one
                    code = 1
            hear(out.getvalue(), err.getvalue())
            return Ended(code, out.getvalue(), err.getvalue())
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            _, sys.argv, sys.stdin, sys.excepthook, folder = before
            os.chdir(folder)

    def done(self, *words: object) -> Ended:
        """Like calling it, for what must succeed."""
        ended = self(*words)
        assert ended.code == 0, f"{words} ended with {ended.code}:\n{ended.err}"
        return ended

    def with_settings(self, **settings: str) -> "CommandLine":
        return CommandLine(self.folder, self.settings | {f"SWARM_CHAIN_{name.upper()}": value for name, value in settings.items()})


@contextlib.contextmanager
def seated(cli: CommandLine) -> Iterator[CommandLine]:
    """A local swarm with a group of digits and a seated node."""
    home = SwarmHome(cli.folder / ".swarm")
    try:
        cli.done("up", "--detach", "--port", free_port())
        cli.done("group", "create", "--task", "digits")
        cli.done("node", "init", "--fund-local")
        cli.done("group", "join", 1)
        yield cli
    finally:
        home.end(home.processes())
