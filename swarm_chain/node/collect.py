"""The duty to collect: sealed updates of others, fetched in the background while this node trains or waits."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from swarm_chain.errors import StoreError
from swarm_chain.node.member import FETCH_SECONDS
from swarm_chain.storage.store import Store
from swarm_chain.types import Digest

log = logging.getLogger(__name__)

THREADS = 4
RETRY_SECONDS = 1.0


class Collector:
    """Fetches bytes by their digest into the store, where they are held once they verified.

    Args:
        store: where they go.
        max_bytes: of one file.
    """

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="collect")
        self._under_way: dict[Digest, Future[None]] = {}
        self._stopping = threading.Event()

    def want(self, digest: Digest, providers: Sequence[str]) -> None:
        """Starts fetching, unless that is under way. What failed is fetched anew when it is wanted again."""
        before = self._under_way.get(digest)
        if before is None or before.done():
            self._under_way[digest] = self._threads.submit(self._fetch, digest, tuple(providers))

    def is_fetching(self, digest: Digest) -> bool:
        """Whether bytes are on their way."""
        future = self._under_way.get(digest)
        return future is not None and not future.done()

    def forget(self) -> None:
        """Lets go of what is done."""
        self._under_way = {digest: future for digest, future in self._under_way.items() if not future.done()}

    def stop(self) -> None:
        """Starts nothing more; what is under way ends by its own time limit."""
        self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, digest: Digest, providers: tuple[str, ...]) -> None:
        started = time.monotonic()
        try:
            if not self._stopping.is_set():
                self._store.fetch(digest, self._max_bytes, providers, FETCH_SECONDS)
        except StoreError as error:
            log.info("Sealed update %s… is not here yet: %s", digest.hex()[:8], error.what)
            # Whoever fails at once is not asked again at once.
            self._stopping.wait(max(RETRY_SECONDS - (time.monotonic() - started), 0))
