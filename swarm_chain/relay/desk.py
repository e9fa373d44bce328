"""What has come in and waits to be sent: at most one message a node and phase, every one of which the contract would take."""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from typing import NamedTuple

from swarm_chain.protocol.commitment import commitment
from swarm_chain.protocol.relaying import SignedCommit, SignedReveal, signer
from swarm_chain.relay.standing import Standing, Watch
from swarm_chain.types import Address, Domain, Phase

Message = SignedCommit | SignedReveal


class Answer(NamedTuple):
    """What a node is told: an HTTP status, and why in words."""

    status: HTTPStatus
    text: str


KEPT = Answer(HTTPStatus.ACCEPTED, "kept")
ALREADY_KEPT = Answer(HTTPStatus.OK, "kept already")
ON_CHAIN = Answer(HTTPStatus.OK, "on chain already")


@dataclass(slots=True)
class Kept:
    """A message that waits, and whether it is on its way. The message is in no repr, for its salt."""

    node: Address
    message: Message = field(repr=False)
    arrived: float
    is_sent: bool = False


class Desk:
    """Takes messages from any thread, hands them out in batches to one.

    Args:
        domain: of the group.
        relay: address of the relay contract, for which nodes sign.
        watch: says what the chain takes.
        batch: most messages a batch.
        wait: most seconds that a message waits for others.
    """

    def __init__(self, domain: Domain, relay: Address, watch: Watch, batch: int, wait: float) -> None:
        self._domain = domain
        self._relay = relay
        self._watch = watch
        self._batch = batch
        self._wait = wait
        self._lock = threading.Lock()
        self._kept: dict[Address, Kept] = {}
        self._standing: Standing | None = None
        self.arrived = threading.Event()

    # ---------------------------------------------------------------------------------------------- taking

    def offer(self, message: Message) -> Answer:
        """Keeps a message if the contract would take it.

        Raises:
            ChainError: the chain does not answer, so nobody knows.
        """
        asked = time.monotonic()
        node = signer(message.hash(self._domain, self._relay), message.signature)
        if node is None:
            return Answer(HTTPStatus.BAD_REQUEST, "the signature is none")
        standing = self._standing or self._watch.look()
        if node not in standing.seated:
            # Also what a signature for another chain, contract, group or round comes to: it is some stranger's.
            return Answer(HTTPStatus.FORBIDDEN, "whoever signed this, for this relay, group and round, has no seat")
        if not self._fits(message, standing):
            standing = self._watch.look(since=asked)  # the node may have seen a later block
            if not self._fits(message, standing):
                wanted = "reveals" if standing.phase is Phase.REVEAL else "commits"
                return Answer(HTTPStatus.CONFLICT, f"{wanted} of round {standing.round} are taken now")
        if node not in standing.owing:
            return ON_CHAIN
        if isinstance(message, SignedReveal):
            opens = commitment(self._domain, message.round, node, message.opened)
            if opens != standing.owing[node]:
                return Answer(HTTPStatus.CONFLICT, "it does not open what this node committed")
        return self._keep(node, message, standing)

    def _keep(self, node: Address, message: Message, standing: Standing) -> Answer:
        with self._lock:
            self._forget(standing)
            kept = self._kept.get(node)
            if kept is not None:
                same = _what(kept.message) == _what(message)
                return ALREADY_KEPT if same else Answer(HTTPStatus.CONFLICT, "another one of this node is kept already")
            self._kept[node] = Kept(node, message, time.monotonic())
        self.arrived.set()
        return KEPT

    @staticmethod
    def _fits(message: Message, standing: Standing) -> bool:
        reveals = isinstance(message, SignedReveal)
        return message.round == standing.round and reveals == (standing.phase is Phase.REVEAL)

    # ---------------------------------------------------------------------------------------------- handing out

    def due(self, standing: Standing) -> list[list[Kept]]:
        """Batches that are to leave now: full ones, and all there is when nobody is missing, the oldest waited long enough, or half of
        the phase is over. They count as sent."""
        with self._lock:
            self._forget(standing)
            waiting = [kept for kept in self._kept.values() if not kept.is_sent]
            if not waiting:
                return []
            now = time.monotonic()
            everybody = standing.owing.keys() <= self._kept.keys()
            urgent = standing.urgent_from is not None and now >= standing.urgent_from
            if not (everybody or urgent or now - waiting[0].arrived >= self._wait):
                waiting = waiting[: len(waiting) // self._batch * self._batch]
            for kept in waiting:
                kept.is_sent = True
        return [batch for one_vote in _by_parent(waiting) for batch in _evenly(one_vote, self._batch)]

    def put_back(self, batch: Iterable[Kept]) -> None:
        """What could not be sent waits again."""
        with self._lock:
            for kept in batch:
                kept.is_sent = False

    def drop(self, batch: Iterable[Kept]) -> None:
        """What the chain did not take is let go; its nodes may offer it again, or send it themselves."""
        with self._lock:
            for kept in batch:
                if self._kept.get(kept.node) is kept:
                    del self._kept[kept.node]

    def pending(self) -> int:
        """How many messages are not on chain yet."""
        with self._lock:
            return len(self._kept)

    def _forget(self, standing: Standing) -> None:
        """Lets go of what is on chain by now, or too late. An older look than the last says nothing new."""
        if self._standing is not None and standing.looked < self._standing.looked:
            return
        self._standing = standing
        for kept in list(self._kept.values()):
            if kept.node not in standing.owing or not self._fits(kept.message, standing):
                del self._kept[kept.node]


def _what(message: Message) -> tuple[object, ...]:
    """What a message comes to. A node that asks again may hold more of the others' updates by then."""
    if isinstance(message, SignedReveal):
        return message.round, message.opened.salt
    return message.round, message.sealed_digest, message.commitment


def _by_parent(kept: Sequence[Kept]) -> list[list[Kept]]:
    """A batch of reveals votes for one parent; commits name none."""
    groups: dict[bytes, list[Kept]] = {}
    for one in kept:
        parent = one.message.opened.parent if isinstance(one.message, SignedReveal) else b""
        groups.setdefault(parent, []).append(one)
    return list(groups.values())


def _evenly(kept: Sequence[Kept], most: int) -> list[list[Kept]]:
    """As few batches as there can be, about equally long."""
    count = -(-len(kept) // most)
    bounds = [len(kept) * index // count for index in range(count + 1)]
    return [list(kept[low:high]) for low, high in pairwise(bounds)]
