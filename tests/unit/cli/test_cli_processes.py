"""Signals that end a command: none is lost, none cuts cleaning up short."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from swarm_chain.cli.processes import interruptible, uninterrupted

ASKING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ASKING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):  # nohup has them ignored, and what is started under it
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ask(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ASKING)
def test_each_signal_ends_the_work(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible() as interruption:
        ask(number)
    assert interruption.asked
    assert signal.getsignal(number) == before


def test_a_signal_whose_exception_python_drops_is_known_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: dropped.append(unraisable.exc_type))

    class Finalised:
        def __del__(self) -> None:
            ask(signal.SIGINT)

    with interruptible() as interruption:
        interruption.check()
        Finalised()
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert not dropped, "what is asked for elsewhere nobody need read of"


def test_what_else_python_drops_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: dropped.append(unraisable.exc_type))

    class Fails:
        def __del__(self) -> None:
            raise ValueError

    with interruptible():
        Fails()
    Fails()
    assert dropped == [ValueError, ValueError]


def test_what_a_process_was_started_to_ignore_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with interruptible() as interruption, uninterrupted():
        ask(signal.SIGHUP)
    assert not interruption.asked


def test_the_exit_code_is_130_wherever_the_signal_came() -> None:
    """Python itself ends by SIGINT, code -2, where the exception passed through an ``exec``, though it was caught afterwards."""
    program = "import sys; from swarm_chain.cli import main; sys.argv = ['swarm-chain', 'x']; main.app.command('x')(lambda: {}); main.run()"
    for broken in ("exec('raise KeyboardInterrupt')", "(_ for _ in ()).throw(KeyboardInterrupt)"):
        ended = subprocess.run([sys.executable, "-c", program.format(broken)], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (130, "")


def clean_up(number: signal.Signals, cleaned: list[str]) -> None:
    with uninterrupted():
        ask(number)
        ask(number)
        with uninterrupted():
            ask(number)
        cleaned.append("all")


@pytest.mark.parametrize("number", ASKING)
def test_a_signal_amid_cleaning_up_waits_for_its_end(number: signal.Signals) -> None:
    cleaned: list[str] = []
    with interruptible() as interruption:
        with pytest.raises(KeyboardInterrupt):
            clean_up(number, cleaned)
        assert cleaned == ["all"]
        assert interruption.asked


def fail(number: signal.Signals) -> None:
    with uninterrupted():
        ask(number)
        raise OSError("disk full")


def test_a_signal_amid_cleaning_up_that_fails_counts_as_well() -> None:
    with interruptible(), pytest.raises(KeyboardInterrupt) as caught:
        fail(signal.SIGTERM)
    assert isinstance(caught.value.__context__, OSError)
