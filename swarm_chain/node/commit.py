"""The duty to commit: the update is sealed, stored and journaled before the transaction leaves."""

from swarm_chain.chain.sender import SignedTransaction
from swarm_chain.errors import TransactionError
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update
from swarm_chain.protocol.commitment import commitment
from swarm_chain.protocol.sealing import fresh_salt, seal
from swarm_chain.protocol.update import update_root
from swarm_chain.types import ZERO32, Digest, Reveal, Round


def commit(member: Member, round_: Round, parent: bytes, update: Update | None) -> None:
    """Commits an update, or with ``None`` an empty one: a vote for the parent alone.

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
    send_commit(member, JournaledCommit(round_, hash_, salt, parent, root, samples, metric, b"", digest, residual, transaction=b""))


def commit_again(member: Member, round_: Round, parent: bytes) -> bool:
    """Sends a commit that a crash kept from arriving: the same signed transaction, or the same commitment where its nonce is gone.

    Returns:
        whether there was one for this round and parent.
    """
    journaled = next((commit for commit in member.journal.commits(round_) if commit.parent == parent), None)
    if journaled is None or not (journaled.sealed_digest == ZERO32 or member.store.has(journaled.sealed_digest)):
        return False
    try:
        member.sender.wait(member.sender.broadcast(journaled.transaction, "commit"), "commit")
    except TransactionError:
        # It cannot arrive any more, or it arrived and failed; if it did succeed after all, this one is refused.
        send_commit(member, journaled)
    return True


def send_commit(member: Member, journaled: JournaledCommit) -> None:
    """Signs a commit, journals it with its transaction, and only then sends it."""

    def keep(signed: SignedTransaction) -> None:
        member.journal.record_commit(journaled.signed(signed.raw))

    rounds = member.contracts.rounds
    member.sender.send(rounds.commit(member.group, journaled.round, journaled.sealed_digest, journaled.commitment), before=keep)
