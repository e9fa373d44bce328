"""The duty to collect: what others committed, and their sealed updates, fetched in the background while this node trains or waits."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from swarm_chain.chain.connection import Block
from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import ChainError, StoreError
from swarm_chain.node.follower import FETCH_SECONDS, Follower
from swarm_chain.node.observing import Work
from swarm_chain.protocol.codecs import DENSE_INT8, Codec
from swarm_chain.protocol.novelty import REACH
from swarm_chain.protocol.sealing import max_sealed_size
from swarm_chain.types import ZERO32, CommittedUpdate, Digest, Round

log = logging.getLogger(__name__)

THREADS = 4
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Known:
    """A round's commits as they were read at a block; ``counts`` of commits and reveals."""

    block: Block
    counts: tuple[int, int]
    commits: list[CommittedUpdate]


class Collector:
    """Knows the commits of unsettled rounds, and brings their sealed updates into the store.

    All but the fetching is done in the caller's thread.

    Args:
        member: who follows the group.
        codec: that its members seal with: they neither fetch nor vouch for more bytes than that takes. A watcher takes any.
    """

    def __init__(self, member: Follower, codec: Codec = DENSE_INT8) -> None:
        self._member = member
        self._max_bytes = max_sealed_size(member.terms.dimension, codec)
        self._commits: dict[Round, _Known] = {}
        self._past: dict[Round, tuple[Block, list[CommittedUpdate]]] = {}
        self._noted: set[tuple[Digest, Round]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="collect")
        self._under_way: dict[Digest, Future[None]] = {}
        self._said: set[Digest] = set()
        self._stopping = threading.Event()

    def commits(self, snapshot: Snapshot, round_: Round) -> list[CommittedUpdate]:
        """A round's commits, read again when there are more of them or of their reveals, or the chain they were read from was replaced.

        Raises:
            ChainError: the chain's events are not all there.
        """
        view, contracts = snapshot.rounds.get(round_), self._member.contracts
        if view is None:
            return []
        counts = view.committed, view.revealed
        known = self._commits.get(round_)
        if known is None or known.counts != counts or not contracts.trail.holds(known.block, snapshot.block):
            contracts.trail.follow(snapshot.block)
            found = contracts.rounds.commits(self._member.group, round_, snapshot.block.hash)
            # More of them is right: a strike sets a round's counts back.
            if round_ > snapshot.head.settled_round and (len(found) < counts[0] or _revealed(found) < counts[1]):
                raise ChainError(
                    f"The chain counts {counts[0]} commits and {counts[1]} reveals in round {round_}, and its events are of fewer.",
                    "Nothing was made of them.",
                    "Wait a little; if it stays so, use another RPC URL.",
                )
            known = self._commits[round_] = _Known(snapshot.block, counts, found)
        return known.commits

    def past_commits(self, snapshot: Snapshot, round_: Round) -> list[CommittedUpdate]:
        """A round's commits, whether it is settled or not, as long as the chain's ring of rounds has it.

        Raises:
            ChainError: the chain's events are not all there.
        """
        if round_ > snapshot.head.settled_round:
            return self.commits(snapshot, round_)
        contracts, known = self._member.contracts, self._past.get(round_)
        if known is None or not contracts.trail.holds(known[0], snapshot.block):
            contracts.trail.follow(snapshot.block)
            known = self._past[round_] = snapshot.block, contracts.rounds.commits(self._member.group, round_, snapshot.block.hash)
        return known[1]

    def held(self, commits: Sequence[CommittedUpdate]) -> int:
        """How many need no fetching: their bytes are here, or they are empty."""
        return sum(commit.sealed_digest == ZERO32 or self._member.store.has(commit.sealed_digest) for commit in commits)

    def fetch(self, round_: Round, commits: Sequence[CommittedUpdate]) -> bool:
        """Starts fetching what is neither here nor on its way.

        Returns:
            whether all is here.
        """
        missing = []
        for commit in commits:
            if commit.sealed_digest == ZERO32:
                continue
            if self._member.store.has(commit.sealed_digest):
                self._note(commit.sealed_digest, round_)
            else:
                missing.append(commit)
        (self._member.observers.begin if missing else self._member.observers.end)(Work.COLLECT, round_)
        wanted = [commit for commit in missing if not self._is_under_way(commit.sealed_digest)]
        announced = self._member.endpoints.announced() if wanted else {}
        for commit in wanted:
            providers = self._member.endpoints.order(announced, first=commit.node)
            self._under_way[commit.sealed_digest] = self._threads.submit(self._bring, commit.sealed_digest, providers)
        return not missing

    def forget(self, settled: Round) -> None:
        """Lets go of settled rounds, and of what was fetched."""
        self._commits = {round_: known for round_, known in self._commits.items() if round_ > settled}
        self._past = {round_: known for round_, known in self._past.items() if round_ > settled - REACH}
        self._said.clear()
        self._noted = {noted for noted in self._noted if noted[1] > settled}
        self._under_way = {digest: future for digest, future in self._under_way.items() if not future.done()}

    def stop(self) -> None:
        """Starts nothing more; what is under way ends by its own time limit."""
        self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _is_under_way(self, digest: Digest) -> bool:
        future = self._under_way.get(digest)
        return future is not None and not future.done()

    def _note(self, digest: Digest, round_: Round) -> None:
        if (digest, round_) not in self._noted:
            self._member.journal.record_held(digest, round_)
            self._noted.add((digest, round_))

    def _bring(self, digest: Digest, providers: Sequence[str]) -> None:
        started = time.monotonic()
        try:
            if not self._stopping.is_set():
                self._member.store.fetch(digest, self._max_bytes, providers, FETCH_SECONDS)
        except StoreError as error:
            if digest not in self._said:
                self._said.add(digest)
                log.info("Sealed update %s… is not here yet: %s", digest.hex()[:8], error.what)
            # Whoever fails at once is not asked again at once.
            self._stopping.wait(max(RETRY_SECONDS - (time.monotonic() - started), 0))


def _revealed(commits: Sequence[CommittedUpdate]) -> int:
    return sum(commit.reveal is not None for commit in commits)
