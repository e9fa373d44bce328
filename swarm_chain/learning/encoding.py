"""From what a node learnt to codes of its group's codec: fast, bit for bit what :mod:`swarm_chain.protocol.codecs` says plainly.

Small updates take the plain way: they are done before numba is loaded.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.codecs import CODECS, Codec
from swarm_chain.protocol.codecs.codec import not_finite
from swarm_chain.protocol.codecs.top_k import TopK
from swarm_chain.protocol.grid import Codes, Exponents, block_count

if TYPE_CHECKING:
    from swarm_chain.learning.manifest import Task

COMPILED_FROM = 1_000_000
"""Coordinates from which compiling pays."""

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What a node keeps of an update that it sent, for its next.

    Attributes:
        residual: float32[d], what the codes left out.
        momentum: float32[d], where the task has worker momentum.
    """

    residual: Singles
    momentum: Singles | None = None


def encode_update(task: "Task", delta: Singles, before: Carried | None, exponents: Exponents) -> tuple[Codes, Carried]:
    """Codes of what a node sends, and what it keeps for its next update.

    With worker momentum ``beta`` it sends ``m = beta m + (1 - beta) delta``, the momentum over its updates, and not what it learnt in this
    round alone: what is left of a node's own noise is small beside what an attacker could hide in it (Karimireddy, He, Jaggi 2021,
    arXiv:2012.10333).

    Args:
        task: says momentum and codec.
        delta: float32[d], what was learnt; its memory is the residual's afterwards.
        before: of the last update that was sent; ``None``: this is the first.
        exponents: int8[ceil(d / 256)], the grid.

    Raises:
        NumericError: a value is not finite; there is no update then.
    """
    beta = np.float32(task.local.worker_momentum)
    momentum = None
    if beta:
        momentum = (1 - beta) * delta
        if before is not None and before.momentum is not None:
            momentum += beta * before.momentum
    left_out = None if before is None else before.residual
    codes, residual = encode(CODECS[task.codec], delta if momentum is None else momentum, left_out, exponents, out=delta)
    return codes, Carried(residual, momentum)


def encode(
    codec: Codec, values: Singles, left_out: Singles | None, exponents: Exponents, out: Singles | None = None
) -> tuple[Codes, Singles]:
    """Codes near ``values + left_out`` that the codec can express, and the residual: what they leave out (error feedback).

    Args:
        codec: the group's.
        values: float32[d], what was learnt.
        left_out: float32[d], the residual of the update before; ``None``: nothing was left out.
        exponents: int8[ceil(d / 256)], the grid.
        out: where the residual goes; may be ``values`` or ``left_out``. Without it, somewhere new.

    Returns:
        codes int8[d] and the residual float32[d].

    Raises:
        NumericError: a value is not finite; what is in ``out`` then is of no use.
    """
    dimension, blocks = len(values), block_count(len(values))
    if any(array is not None and (array.dtype != np.float32 or array.shape != (dimension,)) for array in (values, left_out, out)):
        raise ValueError("Values and residuals are float32, all of one length.")
    if exponents.dtype != np.int8 or exponents.shape != (blocks,):
        raise ValueError("Exponents are int8, one a block.")
    residual = np.empty(dimension, np.float32) if out is None else out
    if dimension < COMPILED_FROM:
        codes, residual[...] = codec.quantise(values if left_out is None else values + left_out, exponents)
        return codes, residual
    codes, steps = np.empty(dimension, np.int8), np.ldexp(np.ones(blocks, np.float32), -exponents.astype(np.int32)).astype(np.float32)
    before = np.zeros(dimension, np.float32) if left_out is None else left_out
    if _encode(codec, values, before, np.reciprocal(steps), steps, codes, residual):
        raise not_finite()
    return codes, residual


def _encode(codec: Codec, values: Singles, before: Singles, scales: Singles, steps: Singles, codes: Codes, residual: Singles) -> np.int32:
    from swarm_chain.learning import compiled_codecs as compiled

    if isinstance(codec, TopK):
        return compiled.top_k(values, before, scales, steps, codes, residual, codec.kept)
    compiled_pass = {"dense-int8": compiled.dense_int8, "int4": compiled.int4, "sign": compiled.sign}[codec.name]
    return compiled_pass(values, before, scales, steps, codes, residual)
