"""Ending on signals: what runs finishes what it is sending."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set. For the main thread.

    A thread of its own sets it. A signal's handler runs amid whatever the main thread does, and if that is waiting for the event, holds the
    event's lock: setting it there would wait for ever.
    """
    stop = threading.Event()
    heard, told = os.pipe()

    def listen() -> None:
        while os.read(heard, 1):
            stop.set()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    before = {number: signal.signal(number, lambda *_: os.write(told, b"!")) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        listener.join()
        os.close(heard)
