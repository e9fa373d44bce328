"""What every wire form has in common: a size, one form a list of codes, and codes chosen near values."""

from abc import ABC, abstractmethod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import IntegrityError, NumericError
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Codes, Exponents, block_count, per_coordinate

FINE = 256
"""Parts of a grid step in which magnitudes are averaged: sums of integers, which no order changes."""

_WINDOW = 1 << 22

Number = TypeVar("Number", bound=np.generic)
Floats = NDArray[np.float64]
Blocks = NDArray[np.int8]
"""Codes as int8[ceil(d / 256), 256], the last block padded with zeros."""


class Codec(ABC):
    """A wire form.

    Attributes:
        name: in manifests.
        number: the byte of a sealed update that says its wire form.
        coarsens: whether its codes can make a block's grid coarser; where not, a group bounds the grid at its first exponent.
    """

    name: str
    number: int
    coarsens: bool = True

    @abstractmethod
    def size(self, dimension: int) -> int:
        """Bytes of the wire form of ``dimension`` codes."""

    @abstractmethod
    def pack(self, codes: Codes) -> bytes:
        """The wire form of int8[d]. ValueError where it cannot express them."""

    @abstractmethod
    def unpack(self, data: bytes | memoryview, dimension: int) -> Codes:
        """The codes int8[d], read-only, of a wire form.

        Raises:
            IntegrityError: it is not the one wire form of any codes; the message says why.
        """

    @abstractmethod
    def choose(self, scaled: Floats) -> Codes:
        """Codes int8[d] that the wire form can express, near ``scaled`` values, float64[d], in steps of the grid."""

    def quantise(self, values: NDArray[np.float32], exponents: Exponents) -> tuple[Codes, NDArray[np.float32]]:
        """Codes near ``values`` that the wire form can express, and what they leave out: plainly, the reference for faster passes.

        Args:
            values: float32[d], finite.
            exponents: int8[ceil(d / 256)].

        Returns:
            codes int8[d] and the residual float32[d], which the node adds to its next update.
        """
        codes, residual = np.empty(len(values), np.int8), np.empty(len(values), np.float32)
        for start in range(0, len(values), _WINDOW):
            window = slice(start, start + _WINDOW)
            exact = values[window].astype(np.float64)
            if not np.isfinite(exact).all():
                raise not_finite()
            powers = per_coordinate(exponents, start, len(exact))
            codes[window] = self.choose(np.ldexp(exact, powers))
            residual[window] = exact - np.ldexp(codes[window].astype(np.float64), -powers)
        return codes, residual

    def sized(self, data: bytes | memoryview, dimension: int) -> NDArray[np.uint8]:
        if len(data) != self.size(dimension):
            raise self.refused(f"it has {len(data)} bytes, not {self.size(dimension)}")
        return np.frombuffer(data, np.uint8)

    def magnitudes(self, bytes_: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Magnitudes, int8[blocks]; refuses what no code's is."""
        if bytes_.max() > CODE_MAX:
            raise self.refused(f"it has a magnitude above {CODE_MAX}")
        return bytes_.astype(np.int8)

    def refused(self, reason: str) -> IntegrityError:
        """The error for a wire form that is none."""
        return IntegrityError(f"These bytes are no wire form of {self.name} codes: {reason}.", "Nothing of them was used.")


def not_finite() -> NumericError:
    """The error for an update that holds NaN or infinity."""
    return NumericError("The update has a value that is not finite.", "Nothing was sent.", "Train with a smaller learning rate.")


def in_blocks(values: NDArray[Number]) -> NDArray[Number]:
    """A vector as [ceil(d / 256), 256], padded with zeros."""
    padded = np.zeros(block_count(len(values)) * BLOCK, values.dtype)
    padded[: len(values)] = values
    return padded.reshape(-1, BLOCK)


def flat(blocks: Blocks, dimension: int) -> Codes:
    """The codes int8[d] of blocks, read-only."""
    codes = blocks.reshape(-1)[:dimension]
    codes.flags.writeable = False
    return codes


def fine(scaled: Floats) -> NDArray[np.int64]:
    """How large values are, in parts of a step; what no code reaches counts as 128 steps."""
    return np.asarray(np.rint(np.minimum(np.abs(scaled), CODE_MAX + 1) * FINE), np.int64)


def mean_magnitude(sums: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int8]:
    """The mean of so many values, summed by :func:`fine`, as a magnitude of 0 to 127."""
    means = (2 * sums + FINE * counts) // (2 * FINE * counts)
    return np.asarray(np.minimum(means, CODE_MAX), np.int8)
