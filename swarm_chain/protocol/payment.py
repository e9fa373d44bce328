"""What a final round pays, to the wei (specification, section 8), as ``RoundManager.finalize`` and ``RewardDistributor.pay`` work it out.

```
reward of a round ── what the budget lacks ── the time that it closed early ─▶ pot
pot ─▶ a share for each included seat, by its score ── what rounding leaves
share ─▶ all of it, or half where the seat did not vote in the round after
```

Whatever is not paid stays in the group's budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarm_chain.types import Seat

UNIT = 10**9
"""Wei; credits are whole numbers of it."""


@dataclass(frozen=True, slots=True)
class FinalRound:
    """A final round as far as pay goes by it.

    Attributes:
        reward: of a round that takes its full length, in wei.
        budget: of the group, before this round is paid, in wei.
        elapsed: from the round's opening to its close, in seconds.
        duration: the longest it could have been, in seconds.
        scores: of each included seat.
        voted: bitmap of the seats that revealed in the round after.
    """

    reward: int
    budget: int
    elapsed: int
    duration: int
    scores: Mapping[Seat, int]
    voted: int


@dataclass(frozen=True, slots=True)
class Payment:
    """What a final round pays, in wei.

    Always ``reward = unfunded + early + pot``, and ``pot = paid + halved + rounded``.

    Attributes:
        unfunded: of the reward, what the budget did not hold.
        early: of the rest, what was not earned for the round closed before its full length.
        pot: what is shared out.
        shares: of each included seat, before any is halved.
        credits: of each included seat.
    """

    unfunded: int
    early: int
    pot: int
    shares: Mapping[Seat, int]
    credits: Mapping[Seat, int]

    @property
    def paid(self) -> int:
        """What leaves the budget: the sum of the credits."""
        return sum(self.credits.values())

    @property
    def halved(self) -> int:
        """What the seats that did not vote in the round after gave up."""
        return sum(self.shares.values()) - self.paid

    @property
    def rounded(self) -> int:
        """What is left of the pot because shares are whole units."""
        return self.pot - sum(self.shares.values())


def payment(round_: FinalRound) -> Payment:
    """What a round pays. A seat that is not included gets nothing.

    The contract also stops paying a group that has paid 2^64 units, eighteen times all the tokens there are; this does not.
    """
    funded = min(round_.reward, round_.budget)
    pot = funded
    if round_.elapsed < round_.duration:
        pot = funded * round_.elapsed // round_.duration
    best, whole = max(round_.scores.values(), default=0), sum(round_.scores.values())
    shares = shares_of(pot * best // whole // UNIT * UNIT if whole else 0, round_.scores)
    credits = {seat: share if round_.voted >> seat & 1 else halved(share) for seat, share in shares.items()}
    return Payment(round_.reward - funded, funded - pot, pot, shares, credits)


def shares_of(best: int, scores: Mapping[Seat, int]) -> dict[Seat, int]:
    """Each seat's share, which is to the best one's as its score to the best score, in whole units."""
    most = max(scores.values(), default=0)
    return {seat: best // UNIT * score // most * UNIT if most else 0 for seat, score in scores.items()}


def halved(share: int) -> int:
    """What is left of a share to a seat that did not vote in the round after, in whole units."""
    return share // UNIT // 2 * UNIT
