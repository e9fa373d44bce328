"""Signals that end a node: the event is set, whatever the main thread was doing when they came."""

import os
import signal
import subprocess
import sys
import threading

from swarm_chain.node.signals import stop_on_signals

WAITS = """
from swarm_chain.node.signals import stop_on_signals

for turn in range(100):
    with stop_on_signals() as stop:
        print(turn, flush=True)
        while not stop.wait(0):  # which holds the event's lock most of the time
            pass
"""


def test_each_signal_sets_the_event_and_what_was_before_is_restored():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        with stop_on_signals() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), number)
            assert stop.wait(30)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert "signals" not in [thread.name for thread in threading.enumerate()]


def test_a_signal_amid_the_waiting_for_it_does_not_stop_everything_for_ever():
    """An event that the handler itself sets stands still here within a few turns: its lock is held by the very thread it interrupts."""
    waiting = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(120, waiting.kill)
    limit.start()
    assert waiting.stdout is not None
    for _ in waiting.stdout:
        waiting.send_signal(signal.SIGTERM)
    limit.cancel()
    waiting.stdout.close()
    assert waiting.wait() == 0
