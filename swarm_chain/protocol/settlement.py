"""What becomes of the first unsettled round, and what must lie open before (specification, section 7)."""

from collections.abc import Mapping
from enum import Enum, auto

from swarm_chain.protocol.agreement import agrees, binds, is_struck
from swarm_chain.protocol.phases import is_idle, phase
from swarm_chain.types import Phase, Round, RoundView, Terms


class Settlement(Enum):
    """What anyone can do about a round."""

    NONE = auto()
    FINALIZE = auto()
    """Make it final, with the preimage that was presented."""
    VOID = auto()
    EXPIRE = auto()
    """Void it and every later round, for nobody presented what was agreed."""


def settlement(
    head: bytes, settled: Round, struck: Round, struck_at: int, views: Mapping[Round, RoundView], now: int, terms: Terms
) -> tuple[Settlement, Round]:
    """What can be done now about round ``settled + 1``.

    Args:
        head: hash of the last final result, or the genesis hash.
        settled: the last settled round.
        struck: the last round when a result was last struck; 0 if none was.
        struck_at: chain time of that strike.
        views: rounds ``settled + 1`` and ``settled + 2`` where they were opened.
        now: chain time.
        terms: the group's.

    Returns:
        the step, and the round ``settled + 1``.
    """
    round = Round(settled + 1)
    view, successor = views.get(round), views.get(Round(round + 1))
    if view is None or phase(view, now) is not Phase.CLOSED:
        return Settlement.NONE, round
    if is_struck(round, views, struck):
        return (Settlement.VOID if now >= struck_at + terms.challenge_window else Settlement.NONE), round
    if successor is None:
        return (Settlement.VOID if is_idle(view, now, terms.idle_timeout) else Settlement.NONE), round
    return _judged_by(successor, head, now, terms), round


def _judged_by(successor: RoundView, head: bytes, now: int, terms: Terms) -> Settlement:
    if successor.idle:
        return Settlement.VOID
    if phase(successor, now) is not Phase.CLOSED:
        return Settlement.NONE
    if not agrees(successor, terms.quorum_bps) or successor.leader == head:
        return Settlement.VOID
    if successor.presented:
        return Settlement.FINALIZE if now >= successor.due else Settlement.NONE
    expires = successor.reveal_deadline + terms.challenge_window + terms.idle_timeout
    return Settlement.EXPIRE if now >= expires else Settlement.NONE


def unpresented(settled: Round, views: Mapping[Round, RoundView], now: int, terms: Terms) -> list[Round]:
    """Unsettled rounds about which the votes agreed, and nobody presented on what, the first first.

    Some have nothing to present: where the round came to nothing, its successor's votes name an earlier result.

    Args:
        settled: the last settled round.
        views: rounds from ``settled + 2`` on.
        now: chain time.
        terms: the group's.
    """
    return [
        Round(number - 1)
        for number, view in sorted(views.items())
        if number >= settled + 2
        and phase(view, now) is Phase.CLOSED
        and binds(view)
        and agrees(view, terms.quorum_bps)
        and not view.presented
    ]
