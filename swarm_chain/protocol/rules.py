"""The rules by which updates become one step, by name (docs/rules.md has their sources and what they bear).

A rule first chooses mixtures of whole updates, if it looks at them at all; then, coordinate by coordinate, it leaves out some of the lowest
and as many of the highest values and takes the mean of the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol import choice
from swarm_chain.protocol.aggregation import stepped
from swarm_chain.protocol.choice import Choice, Gram, gram_matrix
from swarm_chain.protocol.grid import Rows
from swarm_chain.protocol.model import Model
from swarm_chain.types import Mixing, Rule

MIXINGS: Mapping[Mixing, Callable[[Gram], Choice]] = MappingProxyType(
    {
        Mixing.MULTI_KRUM: choice.multi_krum,
        Mixing.NEAREST_NEIGHBOURS: choice.nearest_neighbours,
        Mixing.CLIPPED: choice.clipped,
        Mixing.CLIPPED_NEAREST_NEIGHBOURS: choice.clipped_nearest_neighbours,
        Mixing.GEOMETRIC_MEDIAN: choice.geometric_median,
        Mixing.CENTERED_CLIPPING: choice.centered_clipping,
        Mixing.ALIGNED: choice.aligned,
    }
)


@dataclass(frozen=True, slots=True)
class AggregationRule:
    """A rule.

    Attributes:
        coordinates: what it makes of a coordinate's values.
        mixing: what these are values of: of mixtures, or of the updates as they are.
    """

    name: str
    coordinates: Rule
    mixing: Mixing = Mixing.NONE

    @property
    def choose(self) -> Callable[[Gram], Choice] | None:
        """What mixtures it makes of the updates, from their Gram matrix; none where every update stays by itself."""
        return MIXINGS.get(self.mixing)


RULES: Mapping[str, AggregationRule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            AggregationRule("mean", Rule.MEAN),
            AggregationRule("trimmed-mean", Rule.TRIMMED_MEAN),
            AggregationRule("median", Rule.MEDIAN),
            AggregationRule("multi-krum", Rule.MEAN, Mixing.MULTI_KRUM),
            AggregationRule("geometric-median", Rule.MEAN, Mixing.GEOMETRIC_MEDIAN),
            AggregationRule("centered-clipping", Rule.MEAN, Mixing.CENTERED_CLIPPING),
            AggregationRule("aligned-mean", Rule.MEAN, Mixing.ALIGNED),
            AggregationRule("nnm-trimmed-mean", Rule.TRIMMED_THIRD, Mixing.NEAREST_NEIGHBOURS),
            AggregationRule("nnm-median", Rule.MEDIAN, Mixing.NEAREST_NEIGHBOURS),
            AggregationRule("arc-trimmed-mean", Rule.TRIMMED_THIRD, Mixing.CLIPPED),
            AggregationRule("arc-nnm-trimmed-mean", Rule.TRIMMED_THIRD, Mixing.CLIPPED_NEAREST_NEIGHBOURS),
        )
    }
)


def rule_of(coordinates: Rule, mixing: Mixing) -> AggregationRule:
    """The rule that terms name; one that has no name of its own is called by its parts."""
    named = (rule for rule in RULES.values() if (rule.coordinates, rule.mixing) == (coordinates, mixing))
    parts = f"{mixing.name} {coordinates.name}".lower().replace("_", "-")
    return next(named, AggregationRule(parts, coordinates, mixing))


def aggregate_by(rule: AggregationRule, codes: Rows, model: Model) -> NDArray[np.int32]:
    """The model's weights after a round, int32[d], saturated.

    Args:
        rule: how updates become one step.
        codes: int8[n, d] of the included updates, in the order of their nodes' addresses.
        model: the parent, with the grid that the codes are on.
    """
    return stepped(codes, model, rule.coordinates, rule.choose(gram_matrix(codes)) if rule.choose else None)
