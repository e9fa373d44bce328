"""The bench's section of a whole round: what a node of sixteen computes beyond training and network, part by part."""

import cProfile
import pstats
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from bench_rules import EXPONENT, FRACTION_BITS, short

from swarm_chain.learning import kernels
from swarm_chain.learning.encoding import encode
from swarm_chain.protocol.codecs import DENSE_INT8
from swarm_chain.protocol.columns import columns_root
from swarm_chain.protocol.grid import CODE_MAX, Codes, block_count
from swarm_chain.protocol.model import Model, encode_model, file_root
from swarm_chain.protocol.sealing import max_sealed_size, seal, unseal
from swarm_chain.protocol.update import UpdateHeader, update_root
from swarm_chain.storage.cid import cut
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Address, Domain, GroupId, Round, Rule

Case = tuple[str, int, int]
"""``parts``, ``memory`` or ``profile``, N and d."""
T = TypeVar("T")
GOAL = 0.4
"""Seconds on two cores: so much less than twice as many of CPU time."""
PARTS = (
    "encode its own update",
    "its root",
    "seal it",
    "store it",
    "hash what arrives",
    "store what arrived",
    "read it",
    "open and check",
    "roots of updates",
    "aggregate",
    "next grid",
    "encode the model",
    "its blocks and digest",
    "model root",
    "columns root",
    "store the model",
)
DOMAIN = Domain(31_337, Address("0x" + "11" * 20), GroupId(1))
REPEATS = 3
INTRO = """{count} nodes, d = {dimension}, trimmed mean, dense int8 of normal values; a sealed update has {sealed} bytes a
parameter. Medians of {repeats} rounds, by the functions that a node calls in their order. The goal is {goal} s on two cores,
{cpu} s of CPU time: **{verdict}, {total:.2f} s**.
"""
LINES = 18


def cases(quick: bool) -> Iterator[Case]:
    """All that are to be measured."""
    size = (4, 300_000) if quick else (16, 10_000_000)
    yield "parts", *size
    yield "memory", *size
    yield "profile", *size


def measure(case: Case, quick: bool) -> dict[str, Any]:
    """CPU and wall seconds by part, the medians of three rounds; or the memory that one takes, or what a profiler says of it."""
    what, count, dimension = case
    work = _Round(count, dimension)
    work.go()  # compiles
    if what == "profile":
        profiler = cProfile.Profile()
        profiler.runcall(work.go)
        return {"profile": _lines(profiler)}
    if what == "memory":
        return _memory(work)
    rounds = [work.go() for _ in range(1 if quick else REPEATS)]
    return {
        "cpu": {part: round(float(np.median([cpu[part] for cpu, _ in rounds])), 4) for part in PARTS},
        "wall": {part: round(float(np.median([wall[part] for _, wall in rounds])), 4) for part in PARTS},
        "sealed": round(work.sealed_size / dimension, 3),
    }


class _Round:
    """Sixteen sealed updates; ``go`` does with them what a node does, in its order and by its functions (node/aggregate.py, outcome.py)."""

    def __init__(self, count: int, dimension: int) -> None:
        draw = np.random.default_rng(count)
        self._model = Model(
            draw.integers(-(2**24), 2**24, dimension).astype(np.int32), np.full(block_count(dimension), EXPONENT, np.int8), FRACTION_BITS
        )
        self._headers = [UpdateHeader(DOMAIN, Round(1), Address(f"0x{node + 1:040x}"), dimension, FRACTION_BITS) for node in range(count)]
        self._values = draw.standard_normal(dimension, np.float32) * np.float32(32 / 2**EXPONENT)
        self._sealed, self._roots = [], []
        for node, header in enumerate(self._headers[1:], 1):
            codes = np.clip(np.rint(draw.standard_normal(dimension, np.float32) * 32), -CODE_MAX, CODE_MAX).astype(np.int8)
            self._sealed.append(seal(header, bytes([node]) * 32, codes))
            self._roots.append(update_root(header, codes))
        self.sealed_size = len(self._sealed[-1])

    def go(self, opened: Callable[[], None] | None = None) -> tuple[dict[str, float], dict[str, float]]:
        """CPU and wall seconds by part. ``opened`` is called when all updates are."""
        cpu, wall = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)

        def timed(part: str, function: Callable[..., T], *arguments: Any) -> T:
            cpu_begun, wall_begun = time.process_time(), time.perf_counter()
            result = function(*arguments)
            cpu[part] += time.process_time() - cpu_begun
            wall[part] += time.perf_counter() - wall_begun
            return result

        model, own, dimension = self._model, self._headers[0], self._model.dimension
        with tempfile.TemporaryDirectory() as folder:
            store = EmbeddedStore(Path(folder))
            values = self._values.copy()  # a node's residual takes the place of what it learnt
            codes = timed("encode its own update", encode, DENSE_INT8, values, None, model.exponents, values)[0]
            sealed = timed("seal it", seal, own, bytes(32), codes)
            root = timed("its root", update_root, own, codes)
            digests = [timed("store it", store.put, sealed).digest]
            del values, codes, sealed
            for other in self._sealed:
                # as retrieval.py does, block by block; what is stored then is the same file
                digests.append(timed("store what arrived", store.put, timed("hash what arrives", cut, other)).digest)
            rows: list[Codes] = []
            for node, (header, digest, revealed) in enumerate(zip(self._headers, digests, [root, *self._roots], strict=True)):
                # given away, as a node does, so that it is let go of once it is decrypted
                read = [timed("read it", partial(store.get, verified=False), digest, max_sealed_size(dimension))]
                rows.append(timed("open and check", _open, header, bytes([node]) * 32, read))
                assert timed("roots of updates", update_root, header, rows[-1], kernels.hashing(dimension)) == revealed
            if opened is not None:
                opened()
            weights = timed("aggregate", kernels.aggregate, Rule.TRIMMED_MEAN, rows, model)
            exponents = timed("next grid", kernels.next_exponents, rows, model.exponents, -4, FRACTION_BITS)
            data = timed("encode the model", encode_model, Model(weights, exponents, FRACTION_BITS))
            file = timed("its blocks and digest", cut, data)
            timed("model root", file_root, data, kernels.hashing(len(data)))
            timed("columns root", columns_root, rows, kernels.hashing(len(rows) * dimension))
            timed("store the model", store.put, file)
            store.close()
        return cpu, wall


def _open(header: UpdateHeader, salt: bytes, given: list[bytes]) -> Codes:
    return unseal(header, salt, given.pop())


def _memory(work: _Round) -> dict[str, Any]:
    """Most bytes that one round sets aside until all updates are opened, and until it is done."""
    peaks: list[int] = []
    tracemalloc.start()
    try:
        work.go(lambda: peaks.append(tracemalloc.get_traced_memory()[1]))
        return {"opened": peaks[0], "done": tracemalloc.get_traced_memory()[1]}
    finally:
        tracemalloc.stop()


def _lines(profiler: cProfile.Profile) -> list[tuple[str, int, float, float]]:
    """Where most of the time goes: a function, its calls, seconds in it, and with all it calls."""
    statistics = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    longest = sorted(statistics.items(), key=lambda item: -item[1][2])[:LINES]
    return [(_named(*function), calls, round(inside, 3), round(altogether, 3)) for function, (_, calls, inside, altogether, _) in longest]


def _named(path: str, line: int, name: str) -> str:
    """A function of ours by its module and line, without where the checkout is."""
    if line == 0:
        return name.strip("<>")
    return f"{'/'.join(Path(path).parts[-2:])}:{line} {name}"


def table(records: list[dict[str, Any]]) -> str:
    """The section, as Markdown."""
    lines: list[str] = []
    for record in records:
        what, count, dimension = record["case"]
        if what == "memory":
            lines += _held(record, count, dimension)
        else:
            lines += _parts(record, count, dimension) if what == "parts" else _profile(record)
    return "\n".join(lines)


def _parts(record: dict[str, Any], count: int, dimension: int) -> list[str]:
    cpu, wall = record["cpu"], record["wall"]
    total = sum(cpu.values())
    return [
        INTRO.format(
            count=count,
            dimension=short(dimension),
            sealed=record["sealed"],
            repeats=REPEATS,
            goal=GOAL,
            cpu=2 * GOAL,
            verdict="met" if total <= 2 * GOAL else "missed",
            total=total,
        ),
        "| part | CPU s | s |",
        "| --- | ---: | ---: |",
        *(f"| {part} | {cpu[part]:.3f} | {wall[part]:.3f} |" for part in cpu),
        f"| **all** | **{total:.3f}** | {sum(wall.values()):.3f} |",
        "",
    ]


def _held(record: dict[str, Any], count: int, dimension: int) -> list[str]:
    encoded = count * dimension
    opened, done = record["opened"] / encoded, record["done"] / encoded
    return [
        f"Memory: {opened:.2f} times the encoded updates ({encoded / 1e6:g} MB before compression) until all",
        f"are opened, the codes among it; {done:.2f} times until the round is done, with both models and the new one's file.",
        "",
    ]


def _profile(record: dict[str, Any]) -> list[str]:
    return [
        "By function, as a profiler sees one round (it slows down Python, not NumPy and hashing; threads are not seen):",
        "",
        "| function | calls | seconds in it | with what it calls |",
        "| --- | ---: | ---: | ---: |",
        *(f"| `{name}` | {calls:,} | {inside:.3f} | {altogether:.3f} |" for name, calls, inside, altogether in record["profile"]),
        "",
    ]
