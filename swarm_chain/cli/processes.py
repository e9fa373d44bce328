"""Processes by ID and start time: whether they run, how they end, how this one is interrupted.

A *start time* is whatever the system never gives two processes of one ID: on Linux the boot's ID and the clock ticks since boot,
elsewhere what ``ps`` says. Wall-clock time would move when the clock is set.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that this swarm started. ``url`` is where it serves, empty if it does not."""

    role: str
    pid: int
    started: str
    url: str = ""


def started(pid: int) -> str | None:
    """A process's start time in words of the system; None if it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            fields = stat.read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
        answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.split(
            None, 1
        )
        return None if len(answer) < 2 or answer[0].startswith("Z") else answer[1].strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(record: ProcessRecord) -> bool:
    """Whether the recorded process, not another of its ID, runs."""
    return started(record.pid) == record.started


def end_processes(records: Sequence[ProcessRecord], patience: float) -> None:
    """Asks with SIGTERM, waits ``patience`` seconds for all of them, then kills."""
    for sign, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        running = [record for record in records if is_running(record)]
        for record in running:
            with suppress(ProcessLookupError):
                os.kill(record.pid, sign)
        deadline = time.monotonic() + wait
        while running and time.monotonic() < deadline:
            time.sleep(0.05)
            running = [record for record in running if is_running(record)]
        if not running:
            return


class Interrupted(KeyboardInterrupt):
    """A command ended early because it was told to, after tidying up."""


class Interruption:
    """Whether a signal has asked this process to end.

    The ``KeyboardInterrupt`` that a signal raises is lost when it comes up in a finaliser or another callback of the interpreter, of which
    every import runs some: Python only says that it ignores it. So whoever works for long asks here besides.
    """

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raises ``KeyboardInterrupt`` if a signal has come, be it lately or long ago."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Within, Ctrl-C, SIGTERM and SIGHUP end the work by ``KeyboardInterrupt``, so that every ``finally`` runs."""
    interruption = Interruption()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interruption.asked = True
        raise KeyboardInterrupt

    def drop(unraisable: "sys.UnraisableHookArgs") -> None:
        """A signal's interrupt that is lost is asked for elsewhere; nobody need read of it."""
        if not (interruption.asked and unraisable.exc_type is KeyboardInterrupt):
            otherwise(unraisable)

    otherwise, sys.unraisablehook = sys.unraisablehook, drop
    try:
        with _handled(interrupt):
            yield interruption
    finally:
        sys.unraisablehook = otherwise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within, signals wait: what takes seconds at most, such as cleaning up, is not cut short. Afterwards they have their effect."""
    came: dict[int, None] = {}
    try:
        with _handled(lambda number, frame: came.setdefault(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handles what asks to end; not what this process was started to ignore, as ``nohup`` has it ignore SIGHUP."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in asking if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
