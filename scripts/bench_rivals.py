"""What the bench compares with: byzfl, Flower, hivemind and plain torch, as far as they are installed (`make bench-tools`).

All get float32[n, d]; byzfl as torch tensors, as its own trainer gives them. Robust rules get as many bad updates as ours bear.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.aggregation import cut_of
from swarm_chain.types import Rule

Matrix = NDArray[np.float32]
RIVALS = ("byzfl", "Flower", "torch")
MEMORY = 6 * 2**30
"""Bytes that a rival may hold."""
VALUES = 160_000_000
"""Values that a rival is given at most: more takes it minutes."""
COMPARISONS = 20_000_000_000
"""Values that a rival reads at most: some read all updates once for each other update."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody else's rule.

    Attributes:
        make: from the number of updates, what aggregates a matrix.
        held: float32 values a parameter that it holds at its peak, from ``n``; measured, or read off its code.
        reads: how many values a parameter it reads.
    """

    make: Callable[[int], Callable[[Matrix], object]]
    held: Callable[[int], int] = lambda n: 3 * n
    reads: Callable[[int], int] = lambda n: n

    def dimension(self, count: int, wanted: int) -> int:
        """Coordinates it is given: ``wanted``, or as many as memory and patience allow, rounded down to 100,000."""
        most = min(MEMORY // (4 * self.held(count)), VALUES // count, COMPARISONS // self.reads(count))
        return wanted if wanted <= most else max(most // 100_000, 1) * 100_000


def bad_of(count: int) -> int:
    """How many of ``count`` updates may be bad: fewer than a third."""
    return (count - 1) // 3


@cache
def rivals() -> Mapping[str, Mapping[str, Rival]]:
    """By the rule's name, then the rival's."""
    found: dict[str, dict[str, Rival]] = {}
    for rival, table in zip(RIVALS, (_byzfl(), _flower(), _torch()), strict=True):
        for rule, one in table.items():
            found.setdefault(rule, {})[rival] = one
    return found


def versions() -> dict[str, str]:
    """Of what is installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name, package in (
        ("byzfl", "byzfl"),
        ("Flower", "flwr"),
        ("hivemind", "hivemind"),
        ("torch", "torch"),
        ("safetensors", "safetensors"),
    ):
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def part_of(package: str, module: str) -> ModuleType | None:
    """A module of a package, without what the package itself loads: byzfl and hivemind load trainers, servers, and what those need."""
    found = find_spec(package) if package not in sys.modules else sys.modules[package].__spec__
    if found is None or found.submodule_search_locations is None:
        return None
    if package not in sys.modules:
        bare = ModuleType(package)
        bare.__path__, bare.__spec__ = list(found.submodule_search_locations), found
        sys.modules[package] = bare
    return importlib.import_module(f"{package}.{module}")


def _byzfl() -> dict[str, Rival]:
    rules, before = part_of("byzfl", "aggregators.aggregators"), part_of("byzfl", "aggregators.preaggregators")
    if rules is None or before is None:
        return {}

    def on_tensors(make: Callable[[int], Callable[[Any], object]]) -> Callable[[int], Callable[[Matrix], object]]:
        def made(count: int) -> Callable[[Matrix], object]:
            import torch

            rule = make(count)
            return lambda matrix: rule(torch.from_numpy(matrix))

        return made

    def after(*makes: Callable[[int], Callable[[Any], object]]) -> Callable[[int], Callable[[Any], object]]:
        def made(count: int) -> Callable[[Any], object]:
            rules = [make(count) for make in makes]

            def run(vectors: Any) -> object:
                for rule in rules:
                    vectors = rule(vectors)
                return vectors

            return run

        return made

    def clipping(count: int) -> Callable[[Any], object]:
        rule = before.ARC(f=bad_of(count))
        return lambda vectors: rule(vectors.clone())  # it writes into what it is given

    def mixing(count: int) -> Callable[[Any], object]:
        return before.NNM(f=bad_of(count))  # type: ignore[no-any-return]

    def trimmed(count: int) -> Callable[[Any], object]:
        return rules.TrMean(f=bad_of(count))  # type: ignore[no-any-return]

    def sorting(n: int) -> int:
        return 5 * n

    def all_mixtures(n: int) -> int:
        return n * n + 3 * n

    return {
        "mean": Rival(on_tensors(lambda n: rules.Average())),
        "trimmed-mean": Rival(on_tensors(lambda n: rules.TrMean(f=cut_of(Rule.TRIMMED_MEAN, n))), sorting),
        "median": Rival(on_tensors(lambda n: rules.Median()), sorting),
        "multi-krum": Rival(on_tensors(lambda n: rules.MultiKrum(f=bad_of(n)))),
        "geometric-median": Rival(on_tensors(lambda n: rules.GeometricMedian())),
        "centered-clipping": Rival(on_tensors(lambda n: rules.CenteredClipping())),
        "nnm-trimmed-mean": Rival(on_tensors(after(mixing, trimmed)), all_mixtures, all_mixtures),
        "nnm-median": Rival(on_tensors(after(mixing, lambda n: rules.Median())), all_mixtures, all_mixtures),
        "arc-trimmed-mean": Rival(on_tensors(after(clipping, trimmed)), sorting),
        "arc-nnm-trimmed-mean": Rival(on_tensors(after(clipping, mixing, trimmed)), all_mixtures, all_mixtures),
    }


def _flower() -> dict[str, Rival]:
    if find_spec("flwr") is None:
        return {}
    theirs = importlib.import_module("flwr.server.strategy.aggregate")

    def on_results(aggregate: Callable[[Any, int], object]) -> Callable[[int], Callable[[Matrix], object]]:
        return lambda count: lambda matrix: aggregate([([row], 1) for row in matrix], count)

    return {
        "mean": Rival(on_results(lambda results, n: theirs.aggregate(results))),
        "trimmed-mean": Rival(on_results(lambda results, n: theirs.aggregate_trimmed_avg(results, cut_of(Rule.TRIMMED_MEAN, n) / n))),
        "median": Rival(on_results(lambda results, n: theirs.aggregate_median(results))),
        "multi-krum": Rival(
            on_results(lambda results, n: theirs.aggregate_krum(results, bad_of(n), n - bad_of(n))), reads=lambda n: 2 * n * n
        ),
        # Ours has no rule like it; Flower's bears fewer bad updates.
        "bulyan": Rival(
            on_results(lambda results, n: theirs.aggregate_bulyan(results, (n - 3) // 4, theirs.aggregate_krum, to_keep=0)),
            lambda n: 8 * n,
            lambda n: 2 * n**3,
        ),
    }


def _torch() -> dict[str, Rival]:
    """What one writes who has nothing but torch."""
    import torch

    def on_tensor(rule: Callable[[torch.Tensor, int], torch.Tensor]) -> Callable[[int], Callable[[Matrix], object]]:
        return lambda count: lambda matrix: rule(torch.from_numpy(matrix), count)

    def trimmed_mean(vectors: torch.Tensor, count: int) -> torch.Tensor:
        cut = cut_of(Rule.TRIMMED_MEAN, count)
        return vectors.sort(0).values[cut : count - cut].mean(0)

    def multi_krum(vectors: torch.Tensor, count: int) -> torch.Tensor:
        near = torch.cdist(vectors, vectors).square().sort(1).values[:, 1 : count - bad_of(count) - 1].sum(1)
        return vectors[near.topk(count - bad_of(count), largest=False).indices].mean(0)

    def geometric_median(vectors: torch.Tensor, count: int) -> torch.Tensor:
        centre = vectors.mean(0)
        for _ in range(3):
            closeness = 1 / (vectors - centre).norm(dim=1).clamp_min(1e-6)
            centre = (closeness / closeness.sum()) @ vectors
        return centre

    return {
        "mean": Rival(on_tensor(lambda vectors, n: vectors.mean(0))),
        "trimmed-mean": Rival(on_tensor(trimmed_mean), lambda n: 5 * n),
        "median": Rival(on_tensor(lambda vectors, n: vectors.median(0).values), lambda n: 5 * n),
        "multi-krum": Rival(on_tensor(multi_krum)),
        "geometric-median": Rival(on_tensor(geometric_median)),
    }
