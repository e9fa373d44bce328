"""Faults that the chain's own record shows: the smallest proofs, for which no byte of an update is needed."""

from collections.abc import Sequence

from swarm_chain.protocol.disputes.evidence import Absence, Availability, Challenge, Inclusion, Opened, Terms
from swarm_chain.protocol.inclusion import available, seats_in
from swarm_chain.protocol.mixtures import decode_choice
from swarm_chain.types import ZERO32, CommittedUpdate, Mixing, Result, Scoring, Seat
from swarm_chain.types import Terms as GroupTerms


def find(result: Result, commits: Sequence[CommittedUpdate], terms: GroupTerms, head: bytes | None = None) -> Challenge | None:
    """What the record shows to be wrong with a result.

    Args:
        result: that votes named.
        commits: every commit of its round.
        terms: the group's.
        head: the last final result, where this one was agreed on and is the next to settle: then it must build on it.

    Returns:
        the smallest proof; ``None`` where the record shows nothing.
    """
    included = seats_in(result.included)
    if len(included) < terms.min_updates or not _says_what_it_must(result, terms) or head not in (None, result.parent):
        return Terms(result)
    by_seat = {commit.seat: commit for commit in commits if commit.reveal is not None}
    for seat in included:
        if seat not in by_seat:
            return Absence(result, seat)
    for seat in included:
        opened = opening(by_seat[seat])
        if opened.reveal.parent != result.parent or opened.reveal.update_root == ZERO32:
            return Inclusion(result, opened)
    for seat in included:
        if not available(commits, by_seat[seat]):
            return Availability(result, seat, _without(commits, seat))
    return None


def _says_what_it_must(result: Result, terms: GroupTerms) -> bool:
    """Whether a result has a choice and scores, exactly where its group's terms want them."""
    updates = len(seats_in(result.included))
    if len(result.scores) != (2 * updates if terms.scoring is Scoring.NOVELTY else 0):
        return False
    return not result.choice if terms.mixing is Mixing.NONE else decode_choice(result.choice, updates) is not None


def opening(commit: CommittedUpdate) -> Opened:
    """What a commit's node revealed."""
    if commit.reveal is None:
        raise ValueError(f"Seat {commit.seat} did not reveal.")
    return Opened(commit.node, commit.reveal)


def _without(commits: Sequence[CommittedUpdate], seat: Seat) -> tuple[Opened, ...]:
    """The fewest reveals of more than a third of the weight that do not report a seat's update, ascending by seat."""
    revealed = [(commit.weight, commit.seat, commit) for commit in commits if commit.reveal is not None]
    total, weight, chosen = sum(each for each, _, _ in revealed), 0, []
    for each, reporter, commit in sorted(revealed, key=lambda given: (-given[0], given[1])):
        assert commit.reveal is not None
        if 3 * weight <= total and not commit.reveal.available >> seat & 1:
            weight += each
            chosen.append((reporter, opening(commit)))
    return tuple(opened for _, opened in sorted(chosen, key=lambda given: given[0]))
