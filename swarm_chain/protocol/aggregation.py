"""The coordinate rules, plainly, in integers: the reference that every faster kernel is tested against (specification, section 5).

Nothing overflows int64: at most 255 updates and ``F − e ≤ 30 + 16`` give a numerator below 255 · 127 · 2^46 < 2^61.
"""

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.grid import Codes, Rows, per_coordinate, shape_of, windows
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule

UPDATES_MAX = 255
TRIMMED_FROM = 5
"""With fewer updates than this, the trimmed mean is the mean."""

_INT32 = np.iinfo(np.int32)


def aggregate(rule: Rule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round.

    Args:
        rule: how the updates of a coordinate become one step.
        codes: int8[n, d] of the included updates, in any order.
        model: the parent, with the grid that the codes are on.

    Returns:
        int32[d], saturated.
    """
    count, dimension = shape_of(codes)
    if count > UPDATES_MAX or dimension != model.dimension:
        raise ValueError(f"{count} updates of {dimension} coordinates do not fit a model of {model.dimension}.")
    weights = np.empty(dimension, np.int32)
    for start, window in windows(codes):
        here = slice(start, start + window.shape[1])
        numerators, denominator = fraction(rule, window)
        shifts = model.fraction_bits - per_coordinate(model.exponents, start, window.shape[1])
        steps = divide_truncating(numerators << shifts.astype(np.int64), denominator)
        weights[here] = np.clip(model.weights[here] + steps, _INT32.min, _INT32.max)
    return weights


def fraction(rule: Rule, codes: Codes) -> tuple[NDArray[np.int64], int]:
    """A rule's value as an exact fraction: numerators int64[width], and the denominator they share."""
    count, cut = len(codes), cut_of(rule, len(codes))
    kept = np.sort(codes, axis=0)[cut : count - cut] if cut else codes
    return kept.sum(axis=0, dtype=np.int64), count - 2 * cut


def cut_of(rule: Rule, count: int) -> int:
    """How many of ``count`` codes a rule leaves out at each end of their order."""
    match rule:
        case Rule.MEAN:
            return 0
        case Rule.TRIMMED_MEAN:
            return count // 4 if count >= TRIMMED_FROM else 0
        case Rule.MEDIAN:
            return (count - 1) // 2  # what is left is the middle one or two


def divide_truncating(numerators: NDArray[np.int64], denominator: int) -> NDArray[np.int64]:
    """Division toward zero, as the EVM's SDIV; NumPy's ``//`` rounds down."""
    quotients: NDArray[np.int64] = np.sign(numerators) * (np.abs(numerators) // denominator)
    return quotients
