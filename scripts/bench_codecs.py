"""The bench's section of codecs: an update's values to bytes, with error feedback where it is ours, beside what others send."""

import pickle  # noqa: TID251 only written, to be timed: nothing here reads it
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
from bench_rivals import part_of
from bench_timing import MEMCPY, in_turns, memcpy, spread
from numpy.typing import NDArray

from swarm_chain.learning.encoding import encode
from swarm_chain.protocol.codecs import CODECS, Codec
from swarm_chain.protocol.grid import Exponents, block_count

Values = NDArray[np.float32]
Case = tuple[str, int]
"""A codec and d."""
GOAL = 0.8
"""Of memcpy's speed over the float32 values, for ours of one byte a parameter."""
INTRO = """From float32 values to bytes, without zstandard and sealing. Speed is that of memcpy over the same values in the same
run: above 1 is faster than to copy them. The goal is {goal} for ours of one byte a parameter. Ours has error feedback: it
reads what earlier updates left out, and computes what this one does. The others have none.
"""
REPEATS, BUDGET = 9, 20.0
EXPONENT = 12


def _ours(codec: Codec) -> Callable[[Values, Values, Exponents], bytes]:
    def encoded(values: Values, residual: Values, exponents: Exponents) -> bytes:
        # a node overwrites the values; here they are encoded again
        codes, _ = encode(codec, values, residual, exponents, out=left_out(len(values)))
        return codec.pack(codes)

    return encoded


OURS = {name: _ours(codec) for name, codec in CODECS.items()}
"""From values, what earlier updates left out, and the grid: bytes. What is left out this time is computed too."""


def others() -> dict[str, Callable[[Values], bytes]]:
    """What others do, as far as it is installed. None of it has error feedback."""
    from safetensors.numpy import save

    found: dict[str, Callable[[Values], bytes]] = {
        "pickle": lambda values: pickle.dumps(values, protocol=5),
        "safetensors": lambda values: save({"update": values}),
    }
    if find_spec("flwr") is not None:
        from importlib import import_module

        found["Flower"] = import_module("flwr.compat.common.parameter").ndarray_to_bytes
    theirs = part_of("hivemind", "compression")
    if theirs is not None:
        import torch

        def hivemind(name: str) -> Callable[[Values], bytes]:
            codec = getattr(theirs, name)()

            def compress(values: Values) -> bytes:
                tensor = torch.from_numpy(values)
                return codec.compress(tensor, theirs.CompressionInfo.from_tensor(tensor)).SerializeToString()  # type: ignore[no-any-return]

            return compress

        found["hivemind, uniform 8-bit"] = hivemind("Uniform8BitQuantization")
        found["hivemind, quantile 8-bit"] = hivemind("Quantile8BitQuantization")
    return found


def cases(quick: bool) -> Iterator[Case]:
    """All that are to be measured."""
    for name in (*OURS, *others()):
        yield name, 1_100_000 if quick else 10_000_000


def measure(case: Case, quick: bool) -> dict[str, Any]:
    """CPU nanoseconds a parameter of one codec and of memcpy, in turns."""
    name, dimension = case
    values, residual, exponents = update(dimension)
    dump = partial(OURS[name], values, residual, exponents) if name in OURS else partial(others()[name], values)
    size = len(dump())
    taken = in_turns({MEMCPY: memcpy(4 * dimension), name: dump}, 2 if quick else REPEATS, BUDGET)
    return {
        "ns": {which: median(seconds) / dimension * 1e9 for which, seconds in taken.items()},
        "spread": spread(taken[name]),
        "bytes": size / dimension,
    }


@lru_cache(maxsize=1)
def update(dimension: int) -> tuple[Values, Values, Exponents]:
    """An update's values float32[d], a residual float32[d], and the grid that fits them."""
    draw = np.random.default_rng(dimension)
    scale = np.float32(32 / 2**EXPONENT)
    values: Values = draw.standard_normal(dimension, np.float32) * scale
    residual: Values = draw.standard_normal(dimension, np.float32) * (scale / np.float32(64))
    return values, residual, np.full(block_count(dimension), EXPONENT, np.int8)


@lru_cache(maxsize=1)
def left_out(dimension: int) -> Values:
    """Where residuals go, float32[d]."""
    return np.zeros(dimension, np.float32)


def table(records: list[dict[str, Any]]) -> str:
    """The section, as Markdown."""
    lines = [
        INTRO.format(goal=GOAL),
        "| codec | bytes a parameter | ns a parameter | × memcpy's speed | goal |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for record in records:
        (name, _), ns = record["case"], record["ns"]
        speed = ns[MEMCPY] / ns[name]
        goal = ("met" if speed >= GOAL else "missed") if name.startswith("dense-int8") else ""
        error = ns[name] * record["spread"] / 2
        lines.append(f"| {name} | {record['bytes']:.4g} | {ns[name]:.2f} ± {error:.2f} | {speed:.2f} | {goal} |")
    return "\n".join(lines)
