"""The bench's section of rules: each of ours beside byzfl's, Flower's and plain torch's, on the same values."""

from collections.abc import Iterator
from functools import lru_cache, partial
from statistics import median
from typing import Any

import numpy as np
from bench_rivals import RIVALS, Matrix, Rival, rivals
from bench_timing import MEMCPY, Run, in_turns, memcpy, spread

from swarm_chain.learning import kernels
from swarm_chain.protocol.grid import CODE_MAX, Codes, block_count, dequantise
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import RULES

Case = tuple[str, int, int]
"""A rule, N and d."""
OURS = {rule.name: partial(kernels.aggregate_by, rule) for rule in RULES.values()}
GOALS = {
    "mean": (1.0, "Flower", 30),
    "trimmed-mean": (1.5, "byzfl", 100),
    "median": (1.5, "byzfl", 100),
    "multi-krum": (10.0, "byzfl", 8),
    "geometric-median": (10.0, "byzfl", 8),
    "centered-clipping": (10.0, "byzfl", 8),
    "arc-trimmed-mean": (10.0, "byzfl", 8),
}
"""At most so many times what memory allows, and so many times faster than that rival."""
ALIKE = ("mean", "trimmed-mean", "median")
"""Rules that mean the same everywhere; of the others each library has its own form."""
COUNTS, DIMENSIONS = (16, 32, 100), (1_000_000, 10_000_000)
INTRO = """CPU nanoseconds a parameter (the median; ± is half of what lies between the slowest and the quickest run), how many
times memory's limit that is, and how many times as long each of the others takes. (1.6M): it was given so many parameters,
for more would take it minutes or gigabytes. Ours reads int8 codes, N arrays apart as a node has them, and adds the step to
the model; the others read one float32 matrix (Flower its rows) and give the aggregate alone. Mean, trimmed mean and median
come to the same in all, which is checked; byzfl and Flower have their own forms and iterations of the rest.
"""
REPEATS, BUDGET = 5, 20.0
FRACTION_BITS, EXPONENT = 24, 12
HEAD = 4096
"""Coordinates on which we look whether all come to the same."""


def cases(quick: bool) -> Iterator[Case]:
    """All that are to be measured, so that those on the same values follow each other."""
    sizes = [(4, 3_000), (7, 600_000)] if quick else [(count, dimension) for dimension in DIMENSIONS for count in COUNTS]
    for count, dimension in sizes:
        for rule in dict.fromkeys([*OURS, *rivals()]):
            yield rule, count, dimension


def measure(case: Case, quick: bool) -> dict[str, Any]:
    """CPU nanoseconds a parameter by candidate, and of memcpy a byte."""
    rule, count, dimension = case
    codes, model, matrix = values(count, dimension)
    copied = 1 << (22 if quick else 28)
    candidates: dict[str, Run] = {MEMCPY: memcpy(copied)}
    given = {MEMCPY: copied}
    if rule in OURS:
        candidates["ours"], given["ours"] = partial(OURS[rule], list(codes), model), dimension
    for name, rival in rivals().get(rule, {}).items():
        given[name] = rival.dimension(count, dimension)
        candidates[name] = _on(rival, matrix[:, : given[name]])
    apart = _apart(rule, codes, model, matrix) if rule in ALIKE else None
    taken = in_turns(candidates, 2 if quick else REPEATS, BUDGET)
    return {
        "given": given,
        "ns": {name: round(median(seconds) / given[name] * 1e9, 4) for name, seconds in taken.items()},
        "spread": {name: round(spread(seconds), 3) for name, seconds in taken.items()},
        "runs": {name: len(seconds) for name, seconds in taken.items()},
        "apart": apart,
    }


@lru_cache(maxsize=1)
def values(count: int, dimension: int) -> tuple[Codes, Model, Matrix]:
    """Codes int8[n, d] as the grid makes them (four times their deviation fills it), a model, and the codes' worth float32[n, d].

    Updates have a part in common, as those of nodes that learn the same have. Rivals are given no more than ``VALUES`` values.
    """
    draw = np.random.default_rng(count * dimension)
    common = draw.standard_normal(dimension, np.float32)
    codes = np.empty((count, dimension), np.int8)
    for node in range(count):
        codes[node] = np.clip(np.rint((draw.standard_normal(dimension, np.float32) + common) * 22), -CODE_MAX, CODE_MAX)
    exponents = np.full(block_count(dimension), EXPONENT, np.int8)
    model = Model(draw.integers(-(2**24), 2**24, dimension).astype(np.int32), exponents, FRACTION_BITS)
    most = max((rival.dimension(count, dimension) for table in rivals().values() for rival in table.values()), default=0)
    matrix = np.empty((count, most), np.float32)
    for row, code in zip(matrix, codes, strict=True):
        row[:] = dequantise(code[:most], exponents[: block_count(most)])
    return codes, model, matrix


def _on(rival: Rival, matrix: Matrix) -> Run:
    # of its own size, as it would be if there were no more
    return partial(rival.make(len(matrix)), matrix if matrix.flags.c_contiguous else np.ascontiguousarray(matrix))


def _apart(rule: str, codes: Codes, model: Model, matrix: Matrix) -> dict[str, float]:
    """How far each rival's result is from ours at most, in the model's last bits. Raises AssertionError if that is far."""
    dimension = min(HEAD, len(model.weights))
    head = Model(np.zeros(dimension, np.int32), model.exponents[: block_count(dimension)], FRACTION_BITS)
    ours = OURS[rule](codes[:, :dimension], head) / 2.0**FRACTION_BITS
    found = {}
    for name, rival in rivals()[rule].items():
        if (rule, name) == ("median", "torch") and len(codes) % 2 == 0:
            continue  # torch's is the lower of the middle two
        theirs = np.asarray(_result(rival.make(len(codes))(np.ascontiguousarray(matrix[:, :dimension]))))
        found[name] = float(np.abs(theirs - ours).max() * 2.0**FRACTION_BITS)
        assert found[name] < 16, f"{name}'s {rule} is {found[name]} units from ours"
    return found


def _result(result: object) -> object:
    return result[0] if isinstance(result, list) else result


def table(records: list[dict[str, Any]]) -> str:
    """The section, as Markdown."""
    lines = [INTRO]
    for count, dimension in dict.fromkeys((record["case"][1], record["case"][2]) for record in records):
        here = [record for record in records if record["case"][1:] == [count, dimension]]
        copy = median([record["ns"][MEMCPY] for record in here])
        lines += [
            f"### N = {count}, d = {short(dimension)}",
            "",
            f"memcpy {1 / copy:.1f} GB/s, so memory allows {(4 * count + 4) * copy:.2f} ns a parameter.",
            "",
            "| rule | ours, ns | × memory's limit | " + " | ".join(f"× {name}" for name in RIVALS) + " | goal |",
            "| --- | ---: | ---: | " + "---: | " * len(RIVALS) + "--- |",
            *(_row(record) for record in here),
            "",
        ]
    return "\n".join(lines)


def _row(record: dict[str, Any]) -> str:
    rule, count, dimension = record["case"]
    ns, given = record["ns"], record["given"]
    cells = []
    for name in RIVALS:
        if name not in ns:
            cells.append("–")
            continue
        size = f" ({short(given[name])})" if given[name] != dimension else ""
        cells.append(f"{ns[name] / ns['ours']:.1f}{size}" if "ours" in ns else f"{ns[name]:,.0f} ns{size}")
    if "ours" not in ns:
        return f"| {rule} | – | – | {' | '.join(cells)} | |"
    limit = (4 * count + 4) * ns[MEMCPY]
    ours = f"{ns['ours']:.2f} ± {ns['ours'] * record['spread']['ours'] / 2:.2f}"
    return f"| {rule} | {ours} | {ns['ours'] / limit:.2f} | {' | '.join(cells)} | {_verdict(rule, ns, limit)} |"


def _verdict(rule: str, ns: dict[str, float], limit: float) -> str:
    if rule not in GOALS:
        return ""
    most, rival, times = GOALS[rule]
    said = [f"at most {most} × the limit: {'met' if ns['ours'] <= most * limit else 'missed'}"]
    if rival in ns:
        said.append(f"{times} × {rival}: {'met' if ns[rival] >= times * ns['ours'] else 'missed'}")
    return ", ".join(said)


def short(dimension: int) -> str:
    """A number of parameters as people write it."""
    return f"{dimension / 1e6:g}M" if dimension >= 100_000 else f"{dimension:,}"
