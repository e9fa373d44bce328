"""What becomes of the first unsettled round (specification, section 7)."""

from collections.abc import Mapping
from enum import Enum, auto

from swarm_chain.protocol.agreement import agrees
from swarm_chain.protocol.phases import is_idle, phase
from swarm_chain.types import Phase, Round, RoundView, Terms


class Settlement(Enum):
    """What anyone can do about a round."""

    NONE = auto()
    FINALIZE = auto()
    VOID = auto()


def settlement(
    head: bytes, settled: Round, views: Mapping[Round, RoundView], now: int, terms: Terms, result: bytes | None
) -> tuple[Settlement, Round]:
    """What can be done now about round ``settled + 1``.

    Args:
        head: hash of the last final result, or the genesis hash.
        settled: the last settled round.
        views: rounds ``settled + 1`` and ``settled + 2`` where they were opened.
        now: chain time.
        terms: the group's.
        result: hash of what the round came to from ``head``, if the caller has its preimage.

    Returns:
        the step, and the round ``settled + 1``.
    """
    round = Round(settled + 1)
    return _step(views.get(round), views.get(Round(round + 1)), head, now, terms, result), round


def _step(view: RoundView | None, successor: RoundView | None, head: bytes, now: int, terms: Terms, result: bytes | None) -> Settlement:
    if view is None or phase(view, now) is not Phase.CLOSED:
        return Settlement.NONE
    if successor is None:
        return Settlement.VOID if is_idle(view, now, terms.idle_timeout) else Settlement.NONE
    if successor.idle:
        return Settlement.VOID
    if phase(successor, now) is not Phase.CLOSED:
        return Settlement.NONE
    if not agrees(successor, terms.quorum_bps) or successor.leader == head:
        return Settlement.VOID
    final_from = successor.reveal_deadline + terms.challenge_window
    if result == successor.leader:
        return Settlement.FINALIZE if now >= final_from else Settlement.NONE
    return Settlement.VOID if now >= final_from + terms.idle_timeout else Settlement.NONE
