"""Processes by ID and start time: whether they run, how they end, how this one is interrupted.

A *start time* is whatever the system never gives two processes of one ID: on Linux the boot's ID and the clock ticks since boot,
elsewhere what ``ps`` says. Wall-clock time would move when the clock is set.
"""

import os
import signal
import subprocess
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


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP end the work as Ctrl-C does: by ``KeyboardInterrupt``, so that every ``finally`` runs."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within, a second Ctrl-C does nothing: cleaning up, which takes seconds at most, is not cut short."""
    with _handled((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda number, frame: None):
        yield


@contextmanager
def _handled(signals: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
