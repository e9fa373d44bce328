"""The rules by which updates become one step, by name (docs/rules.md has their sources and what they bear).

A rule first chooses mixtures of whole updates, if it looks at them at all; then, coordinate by coordinate, it leaves out some of the lowest
and as many of the highest values and takes the mean of the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol import choice
from swarm_chain.protocol.aggregation import cut_of, stepped
from swarm_chain.protocol.choice import Choice, Gram, gram_matrix
from swarm_chain.protocol.grid import Rows, shape_of
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule


@dataclass(frozen=True, slots=True)
class AggregationRule:
    """A rule.

    Attributes:
        choose: what mixtures it makes of the updates, from their Gram matrix; none where every update stays by itself.
        cut: how many of ``n`` values of a coordinate it leaves out at each end of their order.
    """

    name: str
    cut: Callable[[int], int]
    choose: Callable[[Gram], Choice] | None = None


def _none(count: int) -> int:
    del count
    return 0


RULES = {
    rule.name: rule
    for rule in (
        AggregationRule("mean", lambda count: cut_of(Rule.MEAN, count)),
        AggregationRule("trimmed-mean", lambda count: cut_of(Rule.TRIMMED_MEAN, count)),
        AggregationRule("median", lambda count: cut_of(Rule.MEDIAN, count)),
        AggregationRule("multi-krum", _none, choice.multi_krum),
        AggregationRule("geometric-median", _none, choice.geometric_median),
        AggregationRule("centered-clipping", _none, choice.centered_clipping),
        AggregationRule("aligned-mean", _none, choice.aligned),
        AggregationRule("nnm-trimmed-mean", choice.tolerated, choice.nearest_neighbours),
        AggregationRule("nnm-median", lambda count: cut_of(Rule.MEDIAN, count), choice.nearest_neighbours),
        AggregationRule("arc-trimmed-mean", choice.tolerated, choice.clipped),
        AggregationRule("arc-nnm-trimmed-mean", choice.tolerated, choice.clipped_nearest_neighbours),
    )
}


def aggregate_by(rule: AggregationRule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round, int32[d], saturated.

    Args:
        rule: how updates become one step.
        codes: int8[n, d] of the included updates, in the order of their nodes' addresses.
        model: the parent, with the grid that the codes are on.
    """
    count, _ = shape_of(codes)
    if rule.choose is None:
        return stepped(codes, model, rule.cut(count))
    chosen = rule.choose(gram_matrix(codes))
    return stepped(codes, model, rule.cut(len(chosen.takes)), chosen)
