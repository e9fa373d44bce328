"""The duty to commit: the update is sealed, stored and journaled before the outbox or the relay is given anything."""

import logging
from enum import Enum, auto

from swarm_chain.chain.views import PhaseView
from swarm_chain.errors import TransactionError
from swarm_chain.node.budget import released
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.commitment import commitment
from swarm_chain.protocol.sealing import fresh_salt, seal
from swarm_chain.protocol.update import update_root
from swarm_chain.types import ZERO32, Digest, Reveal, Round

log = logging.getLogger(__name__)


class Brought(Enum):
    """What became of a commit or a reveal."""

    NOTHING = auto()
    """The journal has none."""
    UNDER_WAY = auto()
    """A relay has it in hand, or the outbox; whether it arrives, the chain will show."""
    SENT = auto()
    """It is on chain."""


def commit(member: Member, round_: Round, parent: bytes, update: Update | None) -> None:
    """Commits an update, or with ``None`` an empty one: a vote for the parent alone. A node with a relay only journals it here;
    :func:`commit_again` brings it on its way.

    Raises:
        TransactionError: the contract refused it; nothing of it counts.
        StoreError: the sealed update could not be kept; nothing was sent.
    """
    salt = fresh_salt()
    digest, root, samples, metric, residual, momentum = Digest(ZERO32), ZERO32, 0, 0, None, None
    if update is not None:
        header = member.header(round_, member.node)
        digest = member.store.put(seal(header, salt, update.codes, CODECS[member.task.codec], member.group_key)).digest
        member.journal.record_held(digest, round_)
        root = update_root(header, update.codes)
        samples, metric, residual, momentum = update.samples, update.metric, update.residual, update.momentum
    hash_ = commitment(member.domain, round_, member.node, Reveal(salt, parent, root, samples, metric, available=0))
    journaled = JournaledCommit(round_, hash_, salt, parent, root, samples, metric, digest, residual, momentum)
    member.journal.record_commit(journaled, released(member, update))
    if member.relay is None:
        send_commit(member, journaled)


def commit_again(member: Member, round_: Round, parent: bytes, phase: PhaseView, now: int) -> Brought:
    """Sees to a commit that is in the journal and not on chain. A relay has it in hand or is given it, or the outbox.

    Args:
        member: the node.
        round_: of the commit.
        parent: of the commit.
        phase: where the group stands.
        now: chain time.

    Raises:
        TransactionError: the contract refused it; nothing of it counts.
    """
    journaled = next((commit for commit in member.journal.commits(round_) if commit.parent == parent), None)
    if journaled is None or not (journaled.sealed_digest == ZERO32 or member.store.has(journaled.sealed_digest)):
        return Brought.NOTHING
    if member.relay is not None and not member.outbox.was_taken(step_of(journaled)) and member.relay.holds_commit(journaled, phase, now):
        return Brought.UNDER_WAY
    return send_commit(member, journaled)


def send_commit(member: Member, journaled: JournaledCommit) -> Brought:
    """Gives a commit that is in the journal to the outbox; unless it came another way meanwhile."""
    function = member.contracts.rounds.commit(member.group, journaled.round, journaled.sealed_digest, journaled.commitment)
    try:
        return Brought.SENT if member.outbox.take(step_of(journaled), function) else Brought.UNDER_WAY
    except TransactionError as error:
        if error.reverted_with != "AlreadyCommitted":
            raise
        log.info("Round %d: this node's commit is on chain already.", journaled.round)
        return Brought.SENT


def step_of(journaled: JournaledCommit) -> str:
    """What the outbox knows a commit by."""
    return f"commit {journaled.round} {journaled.commitment.hex()}"
