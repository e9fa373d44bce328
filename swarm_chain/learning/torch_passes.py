"""The passes over all codes of a round in torch, for a GPU: bit for bit what ``aggregation.py``, ``grid.py`` and ``choice.py`` say plainly.

Everything is an integer, or a double that holds one below 2^53. So neither the order in which a GPU adds up nor TF32, which is of single
precision alone, can change a bit; what a device makes of it is held against the plain passes all the same before the device is trusted.
"""

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from swarm_chain.learning import kernels
from swarm_chain.protocol import aggregation, grid
from swarm_chain.protocol import choice as plain_choice
from swarm_chain.protocol.aggregation import UPDATES_MAX, cut_of
from swarm_chain.protocol.choice import FACTOR_MAX, Choice, Gram
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Exponents, Rows, block_count, shape_of
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.outcome import Passes
from swarm_chain.types import Rule

log = logging.getLogger(__name__)

AT_ONCE = 1 << 24
"""Codes that lie on the device at a time; each takes some thirty bytes there while it is worked on."""
_INT32 = np.iinfo(np.int32)
_HALF, _FAR = 23, 1 << 39
_P = ParamSpec("_P")
_T = TypeVar("_T")


@lru_cache
def passes_on(device: torch.device) -> Passes:
    """The passes on a device; those of :mod:`swarm_chain.learning.kernels` where it computes wrongly or is too full to be tried.

    Rounds too small to be worth the way to the device, or too large for its memory, take those of the processor, too.
    """
    passes = passes_of(device)
    try:
        if not is_right(passes):
            log.error("%s computes wrongly: the processor aggregates in its place. Check its driver and its memory.", device)
            return kernels.PASSES
    except torch.OutOfMemoryError:
        log.warning(
            "%s has too little memory left to be tried: the processor aggregates until the node starts again, to the same bits.", device
        )
        return kernels.PASSES
    return Passes(
        _or_else(passes.stepped, kernels.stepped),
        _or_else(passes.next_exponents, kernels.next_exponents),
        _or_else(passes.gram_matrix, kernels.gram_matrix),
        kernels.hashing,
    )


def passes_of(device: torch.device) -> Passes:
    """What a device itself does, whatever the round."""
    return Passes(partial(stepped, device), partial(next_exponents, device), partial(gram_matrix, device), kernels.hashing)


def stepped(device: torch.device, codes: Rows, model: Model, rule: Rule, choice: Choice | None = None) -> NDArray[np.int32]:
    """The weights after a coordinate rule, int32[d]: :func:`swarm_chain.protocol.aggregation.stepped`."""
    count, dimension = shape_of(codes)
    if count > UPDATES_MAX or dimension != model.dimension:
        raise ValueError(f"{count} updates of {dimension} coordinates do not fit a model of {model.dimension}.")
    matrix = None if choice is None else torch.from_numpy(choice.matrix.astype(np.float64)).to(device)
    height = count if choice is None else len(choice.takes)
    cut = cut_of(rule, height)
    denominator = (height - 2 * cut) * (1 if choice is None else choice.divisor)
    shifts = torch.from_numpy(model.fraction_bits - model.exponents.astype(np.int64)).to(device)
    after = np.empty(dimension, np.int32)
    for here, piece in _pieces(device, codes, max(count, height)):
        values = piece if matrix is None else (matrix @ piece.double()).long()
        kept = values.sort(dim=0).values[cut : height - cut] if cut else values
        width = here.stop - here.start
        shift = shifts[here.start // BLOCK : block_count(here.stop)].repeat_interleave(BLOCK)[:width]
        before = torch.from_numpy(np.array(model.weights[here])).to(device)
        moved = before + _divide_shifted(kept.sum(dim=0, dtype=torch.int64), shift, denominator)
        after[here] = moved.clamp(_INT32.min, _INT32.max).int().cpu().numpy()
    return after


def next_exponents(device: torch.device, codes: Rows, exponents: Exponents, lo: int, hi: int) -> Exponents:
    """The grid of the next round: :func:`swarm_chain.protocol.grid.next_exponents`."""
    count, dimension = shape_of(codes)
    energies = np.empty((count, block_count(dimension)), np.int64)
    for here, piece in _pieces(device, codes, count):
        blocks = slice(here.start // BLOCK, block_count(here.stop))
        whole = torch.nn.functional.pad(piece.int(), (0, -piece.shape[1] % BLOCK))
        energies[:, blocks] = whole.square().view(count, -1, BLOCK).sum(dim=2, dtype=torch.int64).cpu().numpy()
    return grid.moved(energies, dimension, exponents, lo, hi)


def gram_matrix(device: torch.device, codes: Rows) -> Gram:
    """Inner products of every two updates, int64[n, n]: :func:`swarm_chain.protocol.choice.gram_matrix`."""
    count, _ = shape_of(codes)
    products = torch.zeros((count, count), dtype=torch.int64, device=device)
    for _, piece in _pieces(device, codes, count):
        wide = piece.double()  # at most 2^24 products of at most 2^14: a piece's sums are below 2^53
        products += (wide @ wide.T).long()
    found: Gram = products.cpu().numpy()
    return found


def is_right(passes: Passes) -> bool:
    """Whether passes come to what the plain ones do, for every coordinate rule, with mixtures and without, at sums small and large."""
    draw = np.random.default_rng(20)
    for count in (2, 16, 33):
        dimension = 9 * BLOCK + 7
        codes = draw.integers(-CODE_MAX, CODE_MAX + 1, (count, dimension)).astype(np.int8)
        codes[0, :BLOCK], codes[1, :BLOCK] = CODE_MAX, -CODE_MAX
        bits = int(draw.integers(0, grid.FRACTION_BITS_MAX + 1))
        exponents = draw.integers(grid.EXPONENT_MIN, bits + 1, block_count(dimension)).astype(np.int8)
        model = Model(draw.integers(-(2**31), 2**31, dimension).astype(np.int32), exponents, bits)
        takes = draw.random((count, count)) < 0.7
        takes[:, 0] = True
        for choice in (None, Choice(draw.integers(0, FACTOR_MAX + 1, count), takes, int(draw.integers(1, FACTOR_MAX + 1)))):
            for rule in Rule:
                expected = aggregation.stepped(codes, model, rule, choice)
                if not np.array_equal(passes.stepped(codes, model, rule, choice), expected):
                    return False
        if not np.array_equal(passes.gram_matrix(codes), plain_choice.gram_matrix(codes)):
            return False
        lo, hi = grid.EXPONENT_MIN, bits
        if not np.array_equal(passes.next_exponents(codes, exponents, lo, hi), grid.next_exponents(codes, exponents, lo, hi)):
            return False
    return True


def _or_else(on_device: Callable[Concatenate[Rows, _P], _T], on_processor: Callable[Concatenate[Rows, _P], _T]) -> Callable[..., _T]:
    def run(codes: Rows, *arguments: _P.args, **named: _P.kwargs) -> _T:
        count, dimension = shape_of(codes)
        if count * dimension < kernels.COMPILED_FROM:
            return on_processor(codes, *arguments, **named)
        try:
            return on_device(codes, *arguments, **named)
        except torch.OutOfMemoryError:
            log.warning("The GPU has too little memory left to aggregate %d updates: the processor does it, to the same bits.", count)
            return on_processor(codes, *arguments, **named)

    return run


def _pieces(device: torch.device, codes: Rows, height: int) -> Iterator[tuple[slice, torch.Tensor]]:
    """Whole blocks of coordinates, int8[n, width] on the device."""
    _, dimension = shape_of(codes)
    width = max(AT_ONCE // height // BLOCK, 1) * BLOCK
    for start in range(0, dimension, width):
        here = slice(start, min(start + width, dimension))
        yield here, torch.from_numpy(np.stack([row[here] for row in codes])).to(device)


def _divide_shifted(numerators: torch.Tensor, shifts: torch.Tensor, denominator: int) -> torch.Tensor:
    """As :func:`swarm_chain.protocol.aggregation.divide_shifted`, which says why nothing overflows."""
    first = shifts.clamp(max=_HALF)
    sizes = numerators.abs() << first
    quotients = sizes // denominator
    rest = sizes - quotients * denominator
    later = shifts - first
    quotients = (quotients.clamp(max=_FAR) << later) + (rest << later) // denominator
    return numerators.sign() * quotients
