"""Which parent each round counts from (specification, section 7).

Settled rounds need no look: once round ``s`` is settled, the parent of ``s + 1`` is the head, whether ``s`` was final (the
votes of ``s + 1`` agreed on it), void (they did not, so ``s + 1`` counts from where ``s`` did, the head), idle, struck or
expired. So the walk starts at the head, and after a strike or an expiry, where every round so far is settled, it is the head.
"""

from collections.abc import Mapping

from swarm_chain.types import Round, RoundView


def agrees(view: RoundView, quorum_bps: int) -> bool:
    """Whether a closed round's votes agree on its leader: by 2/3 of what was revealed, and by the quorum of the roster."""
    return (
        view.leader_weight > 0
        and 3 * view.leader_weight >= 2 * view.revealed_weight
        and 10_000 * view.leader_weight >= quorum_bps * view.roster_weight
    )


def parent_of(round: Round, head: bytes, settled: Round, views: Mapping[Round, RoundView], quorum_bps: int) -> bytes:
    """The parent that a closed round's updates must name to count.

    Args:
        round: after ``settled``.
        head: hash of the last final result, or the genesis hash.
        settled: the last settled round.
        views: the closed rounds ``settled + 2`` to ``round``.
        quorum_bps: the group's.
    """
    if round <= settled:
        raise ValueError(f"Round {round} is settled.")
    parent = head
    for number in range(settled + 2, round + 1):
        view = views[Round(number)]
        # What an idle round came to is void: votes for it bind nobody.
        if agrees(view, quorum_bps) and not view.idle:
            parent = view.leader
    return parent


def expected_parent(
    round: Round,
    head: bytes,
    settled: Round,
    views: Mapping[Round, RoundView],
    results: Mapping[Round, bytes | None],
    quorum_bps: int,
    *,
    idle: bool,
) -> bytes:
    """The parent that an honest node names in ``round``, the one to commit in.

    Args:
        round: the next or the open round.
        head: hash of the last final result, or the genesis hash.
        settled: the last settled round.
        views: the closed rounds ``settled + 2`` to ``round − 1``.
        results: hash of what ``round − 1`` came to from its agreed parent, ``None`` where it has no result.
        quorum_bps: the group's.
        idle: whether ``round`` opened, or would now, after the idle timeout of the round before.
    """
    before = Round(round - 1)
    if before <= settled:
        return head
    result = None if idle else results[before]
    return result or parent_of(before, head, settled, views, quorum_bps)
