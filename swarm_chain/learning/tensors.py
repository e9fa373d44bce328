"""Between a network's tensors and the flat integer vector that a group agrees on.

The vector holds every floating tensor of the state dict, by sorted name, each in row-major order. A weight ``w`` is ``round(w * 2^F)``.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import NumericError

if TYPE_CHECKING:
    import torch

INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the floating tensors, by sorted name: where each lies in the vector."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Index of each tensor's first coordinate, and behind them the dimension."""
        return tuple(accumulate((prod(shape) for shape in self.shapes), initial=0))

    @property
    def dimension(self) -> int:
        """Coordinates of the vector, ``d``."""
        return self.starts[-1]

    def name_at(self, index: int) -> str:
        """The tensor that coordinate ``index`` belongs to."""
        return self.names[bisect_right(self.starts, index) - 1]

    def parts(self, vector: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Views on ``vector``, one a tensor, in the tensors' shapes. Raises NumericError when the length is another."""
        if vector.shape != (self.dimension,):
            raise NumericError(
                f"The model has {self.dimension:,} coordinates, {vector.size:,} were given.", do="Use the group's own model."
            )
        return {
            name: vector[start : start + prod(shape)].reshape(shape)
            for name, shape, start in zip(self.names, self.shapes, self.starts, strict=False)
        }


def layout_of(state: "Mapping[str, torch.Tensor]") -> Layout:
    """Layout of a state dict. Tensors of integers and booleans are counters and masks, not learnt: they are left out."""
    names = tuple(sorted(name for name, tensor in state.items() if tensor.is_floating_point()))
    return Layout(names, tuple(tuple(state[name].shape) for name in names))


def flatten(state: "Mapping[str, torch.Tensor]") -> NDArray[np.float32]:
    """The floating tensors as one vector, float32[d]. NumericError names the first tensor that holds NaN or infinity."""
    layout = layout_of(state)
    pieces = [state[name].detach().cpu().float().numpy().ravel() for name in layout.names]
    vector = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    check_finite(vector, layout)
    return vector


def check_finite(vector: NDArray[np.floating], layout: Layout) -> None:
    """NumericError with the tensor's name if any coordinate is NaN or infinite."""
    wrong = np.flatnonzero(~np.isfinite(vector))
    if wrong.size:
        raise NumericError(
            f"Tensor {layout.name_at(int(wrong[0]))} holds {vector[wrong[0]]}; {wrong.size:,} of {vector.size:,} are not finite.",
            "The weights before it were kept.",
            "Lower the learning rate, or look for damaged training data.",
        )


def to_weights(vector: NDArray[np.floating], fraction_bits: int, layout: Layout) -> NDArray[np.int32]:
    """``round(vector * 2^F)`` as int32[d]; NumericError names the tensor that is not finite or does not fit."""
    check_finite(vector, layout)
    scaled = np.rint(vector.astype(np.float64) * 2.0**fraction_bits)
    wrong = np.flatnonzero((scaled < INT32.min) | (scaled > INT32.max))
    if wrong.size:
        name, value, largest = layout.name_at(int(wrong[0])), vector[wrong[0]], 2.0 ** (31 - fraction_bits)
        raise NumericError(
            f"Tensor {name} holds {value:g}; with {fraction_bits} fraction bits a weight lies within ±{largest:g}.",
            "The weights before it were kept.",
            "Lower the learning rate, or create the group with fewer fraction bits.",
        )
    return scaled.astype(np.int32)


def to_values(weights: NDArray[np.int32], fraction_bits: int) -> NDArray[np.float32]:
    """``weights / 2^F`` as float32[d], rounded to the nearest float."""
    return (weights.astype(np.float64) * 2.0**-fraction_bits).astype(np.float32)


def load_into(module: "torch.nn.Module", weights: NDArray[np.int32], fraction_bits: int) -> None:
    """Puts ``weights`` (int32[d]) into the module's floating tensors, wherever they live; everything else stays."""
    import torch

    state = module.state_dict()
    values = layout_of(state).parts(to_values(weights, fraction_bits))
    with torch.no_grad():
        for name, value in values.items():
            state[name].copy_(torch.from_numpy(value.copy()))
