"""What attackers send. They are omniscient, as in the literature: all codes of the round are known to them before they send theirs.

On chain updates are sealed until nobody can commit any more, so whoever copies or answers this round's updates does here what the protocol
does not let them. All are pure functions of what was seen, and of chance that comes from a seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.grid import CODE_MAX, Codes, dequantise, per_coordinate, quantise
from swarm_chain.protocol.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A round as the attackers see it.

    Attributes:
        parent: the model that everybody trained on, with the round's grid.
        honest: int8[h, d], what the honest nodes send.
        own: int8[f, d], what the attackers would send if they followed the protocol.
    """

    parent: Model
    honest: Codes
    own: Codes


Rounds = Sequence[Seen]
"""The first round, and the last two; the last is the one at hand."""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack.

    Attributes:
        name: on the command line and in tables.
        what: in a few words.
        codes: int8[f, d], what the attackers send.
        flips_labels: they train on ``9 - label``, and so for every other number of classes.
    """

    name: str
    what: str
    codes: Callable[[Rounds, np.random.Generator], Codes]
    flips_labels: bool = False


def _follow(rounds: Rounds, random: np.random.Generator) -> Codes:
    return rounds[-1].own


def _flip_signs(rounds: Rounds, random: np.random.Generator) -> Codes:
    return -rounds[-1].own


def _inner_product(factor: float) -> Callable[[Rounds, np.random.Generator], Codes]:
    """Minus the honest mean, times ``factor`` (Xie, Koyejo, Gupta 2019, arXiv:1903.03936)."""
    return lambda rounds, random: _all_the_same(rounds, -factor * _mean(rounds))


def _a_little(deviations: float) -> Callable[[Rounds, np.random.Generator], Codes]:
    """So many standard deviations below the honest mean in every coordinate (ALIE: Baruch, Baruch, Goldberg 2019, arXiv:1902.06156)."""
    return lambda rounds, random: _all_the_same(rounds, _mean(rounds) - deviations * rounds[-1].honest.std(axis=0, dtype=np.float64))


def _mimic(rounds: Rounds, random: np.random.Generator) -> Codes:
    """All copy one honest node: who in the first round lay furthest along the direction in which honest updates differ most.

    Karimireddy, He, Jaggi 2022, arXiv:2006.09365, who look for the direction longer; it is the left singular vector of the centred updates.
    """
    first = rounds[0].honest
    centred = first - first.mean(axis=0)
    along = np.linalg.eigh(centred @ centred.T)[1][:, -1]
    return _repeated(rounds, rounds[-1].honest[int(np.argmax(np.abs(along)))])


def _noise(rounds: Rounds, random: np.random.Generator) -> Codes:
    """Gaussian, as large as honest codes are in the root mean square."""
    size = np.sqrt(np.mean(rounds[-1].honest.astype(np.float64) ** 2))
    return _to_codes(random.normal(0, size, rounds[-1].own.shape))


def _copy(rounds: Rounds, random: np.random.Generator) -> Codes:
    """Every attacker an honest node's of its own."""
    return rounds[-1].honest[np.arange(len(rounds[-1].own)) % len(rounds[-1].honest)]


def _zero(rounds: Rounds, random: np.random.Generator) -> Codes:
    return np.zeros_like(rounds[-1].own)


def _replay_step(rounds: Rounds, random: np.random.Generator) -> Codes:
    """The model's last step, on the grid of now."""
    if len(rounds) < 2:
        return rounds[-1].own
    parent, before = rounds[-1].parent, rounds[-2].parent
    moved = parent.weights.astype(np.float64) - before.weights
    scale = per_coordinate(parent.exponents, 0, parent.dimension) - parent.fraction_bits
    return _all_the_same(rounds, np.ldexp(moved, scale))


def _replay_update(rounds: Rounds, random: np.random.Generator) -> Codes:
    """What an honest node sent the round before, each attacker another's, on the grid of now."""
    if len(rounds) < 2:
        return rounds[-1].own
    now, before = rounds[-1], rounds[-2]
    rows = [quantise(dequantise(codes, before.parent.exponents), now.parent.exponents)[0] for codes in before.honest[: len(now.own)]]
    return np.stack(rows)[np.arange(len(now.own)) % len(rows)]


def _stay(rounds: Rounds, random: np.random.Generator) -> Codes:
    return rounds[0].own


def _split(rounds: Rounds, random: np.random.Generator) -> Codes:
    """One trainer behind all the attackers' seats: each sends the first one's honest update."""
    return _repeated(rounds, rounds[-1].own[0])


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("none", "all follow the protocol", _follow),
        Attack("sign-flip", "their own honest update, backwards", _flip_signs),
        Attack("ipm-2", "minus twice the honest mean", _inner_product(2)),
        Attack("ipm-10", "minus ten times the honest mean", _inner_product(10)),
        Attack("alie-1.5", "the honest mean less 1.5 standard deviations", _a_little(1.5)),
        Attack("alie-3", "the honest mean less 3 standard deviations", _a_little(3)),
        Attack("label-flip", "trained on labels turned round", _follow, flips_labels=True),
        Attack("mimic", "all the same honest node's update", _mimic),
        Attack("noise", "Gaussian noise as large as an update", _noise),
        Attack("copy", "another's update of this round, each another's", _copy),
        Attack("zero", "nothing", _zero),
        Attack("replay-step", "the model's last step again", _replay_step),
        Attack("replay-update", "another's update of the round before", _replay_update),
        Attack("same-update", "their first update every round", _stay),
        Attack("split-identity", "one honest trainer behind all their seats", _split),
    )
}
"""By name; ``none`` is what they are compared with."""


def _mean(rounds: Rounds) -> NDArray[np.float64]:
    return np.asarray(rounds[-1].honest.mean(axis=0, dtype=np.float64))


def _to_codes(values: NDArray[np.float64]) -> Codes:
    return np.clip(np.rint(values), -CODE_MAX, CODE_MAX).astype(np.int8)


def _all_the_same(rounds: Rounds, values: NDArray[np.float64]) -> Codes:
    return _repeated(rounds, _to_codes(values))


def _repeated(rounds: Rounds, codes: Codes) -> Codes:
    return np.repeat(codes[None], len(rounds[-1].own), axis=0)
