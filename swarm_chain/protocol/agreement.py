"""Which parent each round counts from (specification, section 7).

Settled rounds need no look: once round ``s`` is settled, the parent of ``s + 1`` is the head, whether ``s`` was final (the
votes of ``s + 1`` agreed on it), void (they did not, so ``s + 1`` counts from where ``s`` did, the head), idle, struck or
expired. So the walk starts at the head.
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


def binds(view: RoundView) -> bool:
    """Whether a round's votes say what became of the round before: not where that was void before they were cast."""
    return not view.idle and not view.struck


def is_struck(round: Round, views: Mapping[Round, RoundView], struck: Round) -> bool:
    """Whether an unsettled round is void because it, or what it builds on, was struck.

    Args:
        round: that was opened.
        views: rounds opened so far; the successor says whether ``round`` was struck.
        struck: the last round when a result was last struck; 0 if none was.
    """
    successor = views.get(Round(round + 1))
    return round == struck if successor is None else successor.struck


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
        if binds(view) and agrees(view, quorum_bps):
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
    void: bool,
) -> bytes:
    """The parent that an honest node names in ``round``, the one to commit in.

    Args:
        round: the next or the open round.
        head: hash of the last final result, or the genesis hash.
        settled: the last settled round.
        views: the closed rounds ``settled + 2`` to ``round − 1``.
        results: hash of what ``round − 1`` came to from its agreed parent, ``None`` where it has no result.
        quorum_bps: the group's.
        void: whether the round before is void before ``round``'s votes are cast: ``round`` opened, or would now, after its idle
            timeout, or after it was struck.
    """
    before = Round(round - 1)
    if before <= settled:
        return head
    result = None if void else results[before]
    return result or parent_of(before, head, settled, views, quorum_bps)
