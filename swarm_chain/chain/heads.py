"""Told of new blocks: waits that end early when one comes.

A websocket (``eth_subscribe newHeads``) only wakes: what it says is never read, so whoever runs it can at most make a node look at the
chain, and by its silence nothing but make it look as late as without. Looking every few seconds goes on behind it.
"""

import contextlib
import json
import logging
import random
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from swarm_chain.chain.urls import WEBSOCKET, is_usable, several, shown

log = logging.getLogger(__name__)

SOONEST = 0.25
"""Seconds that a wait takes at least, however many blocks are announced."""
GLANCE = 0.05
"""Seconds between glances at whether to stop."""
LARGEST = 1 << 16
"""Bytes of a message; a head takes about 2,000."""
SILENCE = 120.0
"""Seconds without a message after which it is subscribed anew."""
LONGEST_REST = 60.0
_SUBSCRIBE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
# websockets' own log shows whole URLs, which may hold a key.
_QUIET = logging.getLogger(f"{__name__}.websockets")
_QUIET.disabled = True


class HeadWatch:
    """Waits for the next look at the chain. Without a websocket URL it waits the time out.

    Args:
        urls: the RPC URLs; those with ``ws://`` or ``wss://`` are subscribed to.
        stop: ends every wait when set.
    """

    def __init__(self, urls: str | Sequence[str], stop: threading.Event) -> None:
        self._stop = stop
        self._ending = threading.Event()
        self._new = threading.Event()
        self._open: dict[str, ClientConnection] = {}
        watched = [url for url in several(urls) if is_usable(url, WEBSOCKET)]
        self._threads = [threading.Thread(target=self._watch, args=(url,), name="heads", daemon=True) for url in watched]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "HeadWatch":
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; until a block is announced, or it is to stop. Returns whether one was announced."""
        if not self._threads:
            self._stop.wait(seconds)
            return False
        until = time.monotonic() + seconds
        if self._stop.wait(min(SOONEST, seconds)):
            return False
        while not self._stop.is_set() and time.monotonic() < until:
            if self._new.wait(min(GLANCE, max(until - time.monotonic(), 0.0))):
                break
        was_new = self._new.is_set()
        self._new.clear()
        return was_new

    def close(self) -> None:
        """Ends the subscriptions."""
        self._ending.set()
        for connection in list(self._open.values()):
            with contextlib.suppress(WebSocketException, OSError):
                connection.socket.shutdown(2)  # a closing handshake would wait for the other side
        for thread in self._threads:
            thread.join(5)

    def _watch(self, url: str) -> None:
        failures = 0
        while not self._ending.is_set():
            try:
                with connect(url, max_size=LARGEST, open_timeout=10, close_timeout=1, logger=_QUIET) as connection:
                    self._open[url] = connection
                    connection.send(_SUBSCRIBE)
                    while not self._ending.is_set():
                        connection.recv(SILENCE)
                        failures = 0
                        self._new.set()
            except (WebSocketException, OSError, EOFError, ValueError) as problem:
                # The exception's own text may hold the whole URL.
                if failures == 0 and not self._ending.is_set():
                    log.warning(
                        "%s announces no blocks (%s); the chain is looked at as often as without.", shown(url), type(problem).__name__
                    )
            finally:
                self._open.pop(url, None)
            failures += 1
            self._ending.wait(min(2.0**failures, LONGEST_REST) * random.uniform(0.25, 0.5))
