"""A round's metric (specification, section 5)."""

from collections.abc import Sequence

from swarm_chain.types import Address


def weighted_median(metrics: Sequence[int], weights: Sequence[int], nodes: Sequence[Address]) -> int:
    """The lower weighted median of what the included nodes measured, in millionths; all weights zero count as all one."""
    if not metrics or not len(metrics) == len(weights) == len(nodes):
        raise ValueError("A metric, a weight and a node for each included update, at least one.")
    # Lower-case hexadecimal sorts as the address's bytes do.
    keys = [node.lower() for node in nodes]
    counted = weights if any(weights) else [1] * len(metrics)
    total, cumulated = sum(counted), 0
    for metric, _, weight in sorted(zip(metrics, keys, counted, strict=True)):
        cumulated += weight
        if 2 * cumulated >= total:
            return metric
    raise AssertionError("The last one reaches the total.")
