"""Lets go of what no later round needs, so that disk use stays bounded."""

from collections.abc import Collection

from swarm_chain.node.follower import Follower
from swarm_chain.types import Digest, Round


def prune(member: Follower, settled: Round, keep_rounds: int, models: Collection[Digest]) -> int:
    """Removes sealed updates and models of long settled rounds from the store, and their commits from the journal. Results stay.

    Args:
        settled: the last settled round.
        keep_rounds: how many settled rounds to keep.
        models: digests of the last final models, which late joiners ask for and updates are scored by, however old they are.

    Returns:
        how many files went.
    """
    first_kept = Round(settled - keep_rounds + 1)
    removed = 0
    for digest in member.journal.held_before(first_kept):
        if digest not in models:
            member.store.remove(digest)
            member.journal.forget(digest)
            removed += 1
    member.journal.forget_commits_before(first_kept)
    return removed
