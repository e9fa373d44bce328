"""The duty to reveal: opens the commitment that the chain has, says which updates this node holds, and lays open what it votes for."""

import logging
from collections.abc import Sequence

from swarm_chain.chain.views import PhaseView
from swarm_chain.errors import TransactionError
from swarm_chain.node.commit import Brought
from swarm_chain.node.member import Member
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.inclusion import bitmap_of
from swarm_chain.types import ZERO32, CommittedUpdate, Result, RoundView

log = logging.getLogger(__name__)


def held_seats(member: Member, commits: Sequence[CommittedUpdate]) -> int:
    """Bitmap of the seats whose sealed updates this node holds and serves."""
    return bitmap_of(commit.seat for commit in commits if commit.sealed_digest != ZERO32 and member.store.has(commit.sealed_digest))


def to_present(member: Member, view: RoundView, parent: bytes) -> Result | None:
    """The preimage of what this node votes for, where it is a result of the round before and does not lie open yet.

    Args:
        member: the node.
        view: of the round it votes in.
        parent: what it votes for.
    """
    if view.presented and view.leader == parent:
        return None
    result = member.journal.result_named(parent)
    if result is None or result.round != view.round - 1:
        return None
    # The contract refuses a reveal with another preimage, and a commitment must be opened whatever the journal holds.
    return result if result_hash(member.domain, result) == parent else None


def reveal(member: Member, view: RoundView, slot_digest: bytes, commits: Sequence[CommittedUpdate], phase: PhaseView, now: int) -> Brought:
    """Reveals what this node committed, or leaves that to its relay. A relay presents nothing; nodes do when they settle.

    Args:
        member: the node.
        view: of the round.
        slot_digest: the 24 bytes in the node's slot, which say what the chain has of it.
        commits: of the round.
        phase: where the group stands.
        now: chain time.

    Raises:
        TransactionError: the contract refused it.
    """
    journaled = member.journal.commit_in_slot(view.round, slot_digest)
    if journaled is None:
        return Brought.NOTHING
    step, opened = f"reveal {view.round} {journaled.commitment.hex()}", journaled.reveal(held_seats(member, commits))
    if member.relay is not None and not member.outbox.was_taken(step) and member.relay.holds_reveal(view.round, opened, phase, now):
        return Brought.UNDER_WAY
    presented = to_present(member, view, journaled.parent)
    try:
        taken = member.outbox.take(step, member.contracts.rounds.reveal(member.group, view.round, opened, presented))
    except TransactionError as error:
        if member.relay is None or error.reverted_with != "NotCommitted":
            raise
        log.info("Round %d: this node's reveal is on chain already.", view.round)
        return Brought.SENT
    return Brought.SENT if taken else Brought.UNDER_WAY
