"""The duty to commit: the update is sealed, stored and journaled before the transaction leaves, or the relay is given anything."""

import logging
from enum import Enum, auto

from swarm_chain.chain.sender import SignedTransaction
from swarm_chain.chain.views import PhaseView
from swarm_chain.errors import TransactionError
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update
from swarm_chain.protocol.commitment import commitment
from swarm_chain.protocol.sealing import fresh_salt, seal
from swarm_chain.protocol.update import update_root
from swarm_chain.types import ZERO32, Digest, Reveal, Round

log = logging.getLogger(__name__)


class Brought(Enum):
    """What became of a commit or a reveal."""

    NOTHING = auto()
    """The journal has none."""
    HANDED = auto()
    """A relay has it in hand; whether it arrives, the chain will show."""
    SENT = auto()


def commit(member: Member, round_: Round, parent: bytes, update: Update | None) -> None:
    """Commits an update, or with ``None`` an empty one: a vote for the parent alone. A node with a relay only journals it here;
    :func:`commit_again` brings it on its way.

    Raises:
        TransactionError: the contract refused it; nothing of it counts.
        StoreError: the sealed update could not be kept; nothing was sent.
    """
    salt = fresh_salt()
    digest, root, samples, metric, residual = Digest(ZERO32), ZERO32, 0, 0, None
    if update is not None:
        header = member.header(round_, member.node)
        digest = member.store.put(seal(header, salt, update.codes)).digest
        member.journal.record_held(digest, round_)
        root = update_root(header, update.codes)
        samples, metric, residual = update.samples, update.metric, update.residual
    hash_ = commitment(member.domain, round_, member.node, Reveal(salt, parent, root, samples, metric, available=0))
    journaled = JournaledCommit(round_, hash_, salt, parent, root, samples, metric, b"", digest, residual, transaction=b"")
    if member.relay is None:
        send_commit(member, journaled)
    else:
        member.journal.record_commit(journaled)


def commit_again(member: Member, round_: Round, parent: bytes, phase: PhaseView, now: int) -> Brought:
    """Sees to a commit that is in the journal and not on chain. A relay has it in hand or is given it; or it is sent: the same
    transaction again that a crash kept from arriving, or the same commitment where there is none or its nonce is gone.

    Args:
        member: the node.
        round_: of the commit.
        parent: of the commit.
        phase: where the group stands.
        now: chain time.
    """
    journaled = next((commit for commit in member.journal.commits(round_) if commit.parent == parent), None)
    if journaled is None or not (journaled.sealed_digest == ZERO32 or member.store.has(journaled.sealed_digest)):
        return Brought.NOTHING
    if journaled.transaction:
        try:
            member.sender.wait(member.sender.broadcast(journaled.transaction, "commit"), "commit")
        except TransactionError:
            # It cannot arrive any more, or it arrived and failed; if it did succeed after all, this one is not needed.
            send_commit(member, journaled)
        return Brought.SENT
    if member.relay is not None and member.relay.holds_commit(journaled, phase, now):
        return Brought.HANDED
    send_commit(member, journaled)
    return Brought.SENT


def send_commit(member: Member, journaled: JournaledCommit) -> None:
    """Signs a commit, journals it with its transaction, and only then sends it; unless it came another way meanwhile."""

    def keep(signed: SignedTransaction) -> None:
        member.journal.record_commit(journaled.signed(signed.raw))

    rounds = member.contracts.rounds
    try:
        member.sender.send(rounds.commit(member.group, journaled.round, journaled.sealed_digest, journaled.commitment), before=keep)
    except TransactionError as error:
        if error.reverted_with != "AlreadyCommitted":
            raise
        log.info("Round %d: this node's commit is on chain already.", journaled.round)
