"""The league's tables: what rules reach against attacks, and what attackers earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swarm_chain.league.attacks import ATTACKS
from swarm_chain.league.cells import Line
from swarm_chain.league.play import Cell

PEACE = "none"
"""The attack that is none: nobody attacks."""


@dataclass(frozen=True)
class Standing:
    """How a rule did over the attacks, each the mean of its seeds; ``None`` where nothing was played yet.

    Attributes:
        peace: accuracy where nobody attacks.
        worst: the attack that leaves the least, and what it leaves.
        mean: over the attacks.
        played: attacks of which at least one seed was played.
    """

    rule: str
    peace: float | None
    worst: tuple[str, float] | None
    mean: float | None
    played: int


def accuracy(lines: Mapping[Cell, Line], rule: str, attack: str) -> float | None:
    """Mean over the seeds played, after the last round."""
    found = [line.last for line in lines.values() if (line.rule, line.attack) == (rule, attack)]
    return float(np.mean(found)) if found else None


def standings(lines: Mapping[Cell, Line], rules: Sequence[str]) -> list[Standing]:
    """Of every rule of which anything was played, the best worst case first."""
    found = []
    for rule in rules:
        left = {attack: share for attack in ATTACKS if attack != PEACE and (share := accuracy(lines, rule, attack)) is not None}
        peace = accuracy(lines, rule, PEACE)
        if left or peace is not None:
            worst = min(left.items(), key=lambda item: item[1], default=None)
            found.append(Standing(rule, peace, worst, float(np.mean(list(left.values()))) if left else None, len(left)))
    return sorted(found, key=lambda standing: standing.worst[1] if standing.worst else 2.0, reverse=True)


def earnings(lines: Mapping[Cell, Line]) -> dict[str, tuple[float, int]]:
    """By attack what a mean attacker earned as a part of a mean honest node's reward, and of how many cells that is the mean.

    It is over all rules: today's scores are equal, so no rule has a part in them.
    """
    by_attack = {attack: [line.earned for line in lines.values() if line.attack == attack] for attack in ATTACKS if attack != PEACE}
    return {attack: (float(np.mean(of)), len(of)) for attack, of in by_attack.items() if of}
