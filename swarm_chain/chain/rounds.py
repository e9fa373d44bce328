"""Seats and rounds: what each node committed and revealed, what became of it, and every transaction of a round."""

from collections.abc import Iterable
from dataclasses import astuple
from typing import NamedTuple

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.connection import Block
from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import DeployedContract, read_all
from swarm_chain.chain.events import (
    Committed,
    Event,
    ResultPresented,
    Revealed,
    RoundFinal,
    names_its_round,
    read_events,
    topic_of,
    topics,
)
from swarm_chain.chain.views import RING, Views, as_struct
from swarm_chain.types import Address, CommittedUpdate, Digest, GroupId, Result, Reveal, Round, Seat, round_id

REORG_BLOCKS = 64
"""Blocks looked at again, in case the chain replaced them."""


class FinalResult(NamedTuple):
    """A result that is final, and its hash."""

    result_hash: bytes
    result: Result


class _SlotWord(NamedTuple):
    """A node's slot as it is kept (``contracts/libraries/Slots.sol``): the one place that says which seat a past key had."""

    round: int
    weight: int
    seat: Seat

    @classmethod
    def read(cls, word: int) -> "_SlotWord":
        return cls(word & 0xFFFFFF, word >> 24 & 0xFFFF, Seat(word >> 40 & 0xFF))


class Rounds(DeployedContract):
    """``RoundManager``.

    Args:
        web3: the connection.
        address: of the contract.
        views: of the same deployment.
        since: block of its deployment; no log is older.
    """

    name = "RoundManager"

    def __init__(self, web3: Web3, address: Address, views: Views, since: int = 0) -> None:
        super().__init__(web3, address)
        self._views = views
        self._since = since
        self._opened: dict[int, int] = {}  # first block at or after a time, by that time

    # -------------------------------------------------------------------------------------------- from storage
    def struck_at(self, group: GroupId, block: BlockIdentifier = "latest") -> int:
        """When a result of the group was last struck, in chain seconds; 0 if none was."""
        return int(self.read("struckAt", group, block=block))

    # -------------------------------------------------------------------------------------------- from logs
    def commits(self, group: GroupId, round_: Round, block: BlockIdentifier = "latest") -> list[CommittedUpdate]:
        """What each node committed and revealed in a round, by ascending node address.

        The round is one still in the ring, whose seats and weights the chain still has: a seat that was freed since, once the round was
        settled, is left out. An archive node also answers for older rounds when ``block`` is one at which they were in the ring. An empty
        update has the zero digest.
        """
        at = block_of(self.web3, block)
        opened_at = self._views.round_at(group, round_, at.hash).opened_at
        if opened_at == 0:
            return []
        kinds = topics(Committed, Revealed)
        first = self._first_block_since(opened_at, at)
        events = read_events(self.logs([kinds, topic_of(round_id(group, round_))], first, at.number))
        committed = sorted((event for event in events if isinstance(event, Committed)), key=lambda event: int(event.node, 16))
        words = read_all(self.web3, [self.view("slotOf", group, event.node, round_ % RING) for event in committed], at.hash)
        slots = [_SlotWord.read(word) for word in words]
        reveals = _reveals(events)
        return [
            CommittedUpdate(slot.seat, event.node, slot.weight, event.sealed_digest, reveals.get(event.node))
            for event, slot in zip(committed, slots, strict=True)
            if slot.round == round_
        ]

    def final_result(self, group: GroupId, block: BlockIdentifier = "latest") -> Result | None:
        """The last final result; None before the first."""
        at = block_of(self.web3, block)
        head = self._views.head(group, at.number)
        if head.final_round == 0:
            return None
        opened_at = self._views.opened_at(group, head.final_round, at.number)
        first = self._first_block_since(opened_at, at) if opened_at else self._since
        logs = self.logs([topics(ResultPresented), topic_of(group), topic_of(head.final_round)], first, at.number)
        presented = (event for event in read_events(logs) if isinstance(event, ResultPresented))
        return next((event.result for event in presented if event.result_hash == head.result_hash), None)

    def finals(self, group: GroupId, until: int | None = None) -> list[FinalResult]:
        """Every final result of a group, the first first.

        Args:
            group: whose.
            until: last block to look at; the newest if not given.
        """
        last = block_of(self.web3).number if until is None else until
        events = self.events(group, [ResultPresented, RoundFinal], self._since, last)
        presented = {event.result_hash: event.result for event in events if isinstance(event, ResultPresented)}
        return [FinalResult(event.result_hash, presented[event.result_hash]) for event in events if isinstance(event, RoundFinal)]

    def events(self, group: GroupId, kinds: Iterable[type[Event]], first: int, last: int) -> list[Event]:
        """A group's events of some kinds in the blocks ``first`` to ``last``, in order.

        Commits, reveals and scores are found by their round; to find them by the group alone means to read every group's.
        """
        wanted = list(kinds)
        by_group = topics(*(kind for kind in wanted if not names_its_round(kind)))
        by_round = topics(*(kind for kind in wanted if names_its_round(kind)))
        found: list[Event] = []
        if by_group:
            found += read_events(self.logs([by_group, topic_of(group)], first, last))
        if by_round:
            everyones = read_events(self.logs([by_round], first, last))
            found += [event for event in everyones if isinstance(event, Committed | Revealed) and event.group == group]
        return sorted(found, key=lambda event: (event.place.block, event.place.index))

    def _first_block_since(self, time: int, head: Block) -> int:
        """Number of the first block at or after a time. Times don't fall from block to block, so it is searched by halves."""
        known = self._opened.get(time)
        if known is not None:
            return max(known - REORG_BLOCKS, self._since)  # the chain may have replaced it by one a little earlier
        low, high = min(self._since, head.number), head.number
        while low < high:
            middle = (low + high) // 2
            if block_of(self.web3, middle).time < time:
                low = middle + 1
            else:
                high = middle
        self._opened[time] = low
        return low

    # -------------------------------------------------------------------------------------------- to send
    def join(self, group: GroupId, node: Address, invitation: bytes = b"") -> ContractFunction:
        """Seats a registered node from the next opening; the node's or its operator's call."""
        return self.function("join", group, node, invitation)

    def leave(self, group: GroupId, node: Address) -> ContractFunction:
        """Leaves from the next opening; the node's or its operator's call."""
        return self.function("leave", group, node)

    def release(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Frees a seat that left, once its rounds are settled. Anyone's call."""
        return self.function("release", group, seat)

    def evict(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Makes a seat leave that missed too many settled rounds in a row. Anyone's call."""
        return self.function("evict", group, seat)

    def rekey(self, group: GroupId, seat: Seat) -> ContractFunction:
        """Hands a seat to its identity's new node key. Anyone's call."""
        return self.function("rekey", group, seat)

    def migrate(self, from_: GroupId, to: GroupId, node: Address, invitation: bytes = b"") -> ContractFunction:
        """Leaves one group and joins another; the node's or its operator's call. The first one's stake comes free when it is settled."""
        return self.function("migrate", from_, to, node, invitation)

    def commit(self, group: GroupId, round_: Round, sealed_digest: Digest, commitment: bytes) -> ContractFunction:
        """Commits the sending node's sealed update."""
        return self.function("commit", round_id(group, round_), sealed_digest, commitment)

    def reveal(self, group: GroupId, round_: Round, opened: Reveal, presented: Result | None = None) -> ContractFunction:
        """Opens the sending node's commitment.

        Args:
            group: of the round.
            round_: the open one.
            opened: what was committed.
            presented: the preimage of ``opened.parent``, to lie open from now on; a result of the round before.
        """
        if presented is None:
            return self.function("reveal", round_id(group, round_), as_struct(opened))
        return self.function("revealWith", round_id(group, round_), as_struct(opened), astuple(presented))

    def present(self, group: GroupId, result: Result) -> ContractFunction:
        """Lays open the preimage of what most of the votes name. Anyone's call; a challenge window starts."""
        return self.function("present", group, astuple(result))

    def finalize(self, group: GroupId, result: Result) -> ContractFunction:
        """Settles the first unsettled round with its agreed and presented result. Anyone's call, once it is due."""
        return self.function("finalize", group, astuple(result))

    def settle_void(self, group: GroupId) -> ContractFunction:
        """Settles the first unsettled round where it is void. Anyone's call."""
        return self.function("settleVoid", group)


def _reveals(events: Iterable[Event]) -> dict[Address, Reveal]:
    return {
        event.node: Reveal(event.salt, event.parent, event.update_root, event.samples, event.metric, event.available)
        for event in events
        if isinstance(event, Revealed)
    }
