"""A node's privacy budget: what its updates have told of its samples so far, and whether its group lets it tell more.

Every update that was committed counts, one that is made again for the same round too. The journal keeps the count.
"""

import logging

from swarm_chain.learning.accounting import Spent, epsilon, rounds_within, with_steps
from swarm_chain.learning.private import sampling_rate
from swarm_chain.node.journal import PrivateSteps
from swarm_chain.node.member import Member
from swarm_chain.node.train import Update

log = logging.getLogger(__name__)


def released(member: Member, update: Update | None) -> PrivateSteps | None:
    """What a commit of an update tells; ``None`` for an empty one, and in a group without privacy."""
    local = member.task.local
    return None if update is None or local.privacy is None else PrivateSteps(sampling_rate(local, len(member.own)), update.steps)


class Budget:
    """Epsilon spent and left; without end in a group without privacy.

    Args:
        member: the node.

    Raises:
        ConfigurationError: the group is private and dp-accounting is not installed.
    """

    def __init__(self, member: Member) -> None:
        self._journal = member.journal
        self._local, self._rate = member.task.local, sampling_rate(member.task.local, len(member.own))
        self._known: Spent = {}
        self._spent = self._next = 0.0
        privacy = self._local.privacy
        if privacy is not None:
            self._next = epsilon(privacy, {self._rate: self._local.steps})
            left = rounds_within(privacy, self._rate, self._local.steps, self._journal.private_steps())
            log.info("Privacy: %s is spent, at delta %g, and %s updates more may be sent.", self, privacy.delta, f"{left:,}")

    def __str__(self) -> str:
        """Such as ``epsilon 1.32 of 8``."""
        privacy = self._local.privacy
        return "no epsilon" if privacy is None else f"epsilon {self.spent:.2f} of {privacy.epsilon:g}"

    @property
    def spent(self) -> float | None:
        """The epsilon of every update so far; ``None`` in a group without privacy."""
        privacy = self._local.privacy
        if privacy is None:
            return None
        steps = self._journal.private_steps()
        if steps != self._known:
            self._known, self._spent = steps, epsilon(privacy, steps)
            self._next = epsilon(privacy, with_steps(steps, self._rate, self._local.steps))
            log.info("Privacy: epsilon %.2f of %g is spent.", self._spent, privacy.epsilon)
        return self._spent

    @property
    def is_spent(self) -> bool:
        """Whether one update more would exceed the group's epsilon."""
        privacy = self._local.privacy
        return privacy is not None and self.spent is not None and self._next > privacy.epsilon

    def farewell(self) -> str:
        """Why the node trains no more, what stays and what can be done."""
        return (
            f"The privacy budget is spent: {self}, and one more update would make it {self._next:.2f}."
            " What was learnt is in the group's model; seat, stake and credit are kept."
            " Leave the seat (swarm-chain group leave), or join a group with a larger epsilon."
        )
