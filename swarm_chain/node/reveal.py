"""The duty to reveal: opens the commitment that the chain has, and says which updates this node holds."""

from collections.abc import Sequence

from swarm_chain.chain.sender import SignedTransaction
from swarm_chain.node.member import Member
from swarm_chain.protocol.inclusion import bitmap_of
from swarm_chain.types import ZERO32, CommittedUpdate, Round


def held_seats(member: Member, commits: Sequence[CommittedUpdate]) -> int:
    """Bitmap of the seats whose sealed updates this node holds and serves."""
    return bitmap_of(commit.seat for commit in commits if commit.sealed_digest != ZERO32 and member.store.has(commit.sealed_digest))


def reveal(member: Member, round_: Round, slot_digest: bytes, commits: Sequence[CommittedUpdate]) -> bool:
    """Reveals what this node committed.

    Args:
        round_: the round.
        slot_digest: the 24 bytes in the node's slot, which say what the chain has of it.
        commits: of the round.

    Returns:
        whether the journal had what opens it.

    Raises:
        TransactionError: the contract refused it.
    """
    journaled = member.journal.commit_in_slot(round_, slot_digest)
    if journaled is None:
        return False

    def keep(signed: SignedTransaction) -> None:
        member.journal.record_reveal(journaled, signed.raw)

    opened = journaled.reveal(held_seats(member, commits))
    member.sender.send(member.contracts.rounds.reveal(member.group, round_, opened), before=keep)
    return True
