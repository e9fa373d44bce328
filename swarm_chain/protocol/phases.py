"""What a round's phase is and what a node owes in it.

```
        every seat committed, or the deadline        every commit revealed, or the deadline
 Commit ─────────────────────────────────▶ Reveal ─────────────────────────────────▶ Closed
   ▲                                                                                     │
   └───────────────────────── the next commit opens the next round ◀─────────────────────┘
```
"""

from enum import Enum, auto

from swarm_chain.types import Phase, Round, RoundView, SeatView

RING = 8
"""Rounds that a group keeps on chain: a round opens once the one this many before it is settled."""


class Duty(Enum):
    """What a node owes now."""

    TRAIN_AND_COMMIT = auto()
    """Train on the parent, seal, commit in ``round_to_commit``."""
    REVEAL = auto()
    """Open the commitment of the round."""
    FETCH = auto()
    """Fetch the sealed updates that were committed and are not here."""
    WAIT = auto()


def phase(view: RoundView, now: int) -> Phase:
    """Where a round stands at chain time ``now``. A group before its first round (round 0) is closed."""
    if view.round == 0 or now >= view.reveal_deadline:
        return Phase.CLOSED
    return Phase.COMMIT if now < view.commit_deadline else Phase.REVEAL


def round_to_commit(view: RoundView, now: int) -> Round:
    """The round that a commit would be for: the open one, or the next where this one takes no more."""
    return view.round if phase(view, now) is Phase.COMMIT else Round(view.round + 1)


def on_roster(seat: SeatView, round: Round) -> bool:
    """Whether the seat takes part in ``round``."""
    return seat.from_round <= round and (seat.until_round == 0 or round < seat.until_round)


def reveals_are_in(view: RoundView, now: int) -> bool:
    """Whether half of the reveal phase is over. By then a node reveals whatever it lacks, so who has not is most likely gone."""
    return phase(view, now) is Phase.REVEAL and 2 * now >= view.commit_deadline + view.reveal_deadline


def is_idle(view: RoundView, now: int, idle_timeout: int) -> bool:
    """Whether a closed round without successor has waited too long for one: it is void, and so is what it came to."""
    return view.round > 0 and now >= view.reveal_deadline + idle_timeout


def duty(view: RoundView, seat: SeatView | None, committed: bool, revealed: bool, now: int, held: int, settled: Round) -> Duty:
    """What a node owes in its group's current round.

    Args:
        view: the open round, or the last one.
        seat: the node's own; none if it only follows.
        committed: whether the node's slot of that round holds its commitment.
        revealed: and has been opened.
        now: chain time.
        held: how many of the round's ``view.committed`` updates need no fetching: they are here, or empty.
        settled: the last settled round.
    """
    now_in = phase(view, now)
    missing = held < view.committed
    if now_in is Phase.REVEAL and committed and not revealed:
        return Duty.FETCH if missing and not reveals_are_in(view, now) else Duty.REVEAL
    next_commit = round_to_commit(view, now)
    due = now_in is Phase.CLOSED or (now_in is Phase.COMMIT and not committed)
    if due and seat is not None and on_roster(seat, next_commit) and next_commit <= settled + RING:
        return Duty.TRAIN_AND_COMMIT
    return Duty.FETCH if missing else Duty.WAIT
