"""The coordinate rules, plainly, in integers: the reference that every faster kernel is tested against (specification, section 5)."""

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.choice import Choice, tolerated
from swarm_chain.protocol.grid import Rows, per_coordinate, shape_of, windows
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule

UPDATES_MAX = 255
TRIMMED_FROM = 5
"""With fewer updates than this, the trimmed mean is the mean."""

_INT32 = np.iinfo(np.int32)
_HALF = 23
_FAR = 1 << 39


def aggregate(rule: Rule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round.

    Args:
        rule: how the updates of a coordinate become one step.
        codes: int8[n, d] of the included updates, in any order.
        model: the parent, with the grid that the codes are on.

    Returns:
        int32[d], saturated.
    """
    return stepped(codes, model, rule)


def stepped(codes: Rows, model: Model, rule: Rule, choice: Choice | None = None) -> NDArray[np.int32]:
    """The model's weights after a coordinate rule, over the updates or over a choice's mixtures of them.

    Args:
        codes: int8[n, d].
        model: the parent.
        rule: how the values of a coordinate become one step.
        choice: mixtures, whose values take the place of the updates'.

    Returns:
        int32[d], saturated.
    """
    count, dimension = shape_of(codes)
    if count > UPDATES_MAX or dimension != model.dimension:
        raise ValueError(f"{count} updates of {dimension} coordinates do not fit a model of {model.dimension}.")
    weights = np.empty(dimension, np.int32)
    for start, window in windows(codes):
        here = slice(start, start + window.shape[1])
        values = window if choice is None else choice.matrix @ window.astype(np.int64)
        cut = cut_of(rule, len(values))
        numerators = sum_without(values, cut)
        denominator = (len(values) - 2 * cut) * (1 if choice is None else choice.divisor)
        shifts = model.fraction_bits - per_coordinate(model.exponents, start, window.shape[1])
        steps = divide_shifted(numerators, shifts.astype(np.int64), denominator)
        weights[here] = np.clip(model.weights[here] + steps, _INT32.min, _INT32.max)
    return weights


def sum_without(values: NDArray[np.integer], cut: int) -> NDArray[np.int64]:
    """Sums over the rows of each coordinate but its ``cut`` lowest and highest values, int64[width]."""
    kept = np.sort(values, axis=0)[cut : len(values) - cut] if cut else values
    total: NDArray[np.int64] = kept.sum(axis=0, dtype=np.int64)
    return total


def cut_of(rule: Rule, count: int) -> int:
    """How many of ``count`` codes a rule leaves out at each end of their order."""
    match rule:
        case Rule.MEAN:
            return 0
        case Rule.TRIMMED_MEAN:
            return count // 4 if count >= TRIMMED_FROM else 0
        case Rule.MEDIAN:
            return (count - 1) // 2  # what is left is the middle one or two
        case Rule.TRIMMED_THIRD:
            return tolerated(count)


def divide_shifted(numerators: NDArray[np.int64], shifts: NDArray[np.int64], denominator: int) -> NDArray[np.int64]:
    """``(numerator << shift) / denominator`` toward zero, as the EVM's SDIV does; from 2^39 on, which saturates any weight, at least that.

    Long division in two steps of at most 23 bits, so that nothing overflows: numerators are below 2^39, denominators at most 2^24.
    """
    first = np.minimum(shifts, _HALF)
    quotients, rest = np.divmod(np.abs(numerators) << first, denominator)
    later = shifts - first
    quotients = (np.minimum(quotients, _FAR) << later) + (rest << later) // denominator
    result: NDArray[np.int64] = np.sign(numerators) * quotients
    return result
