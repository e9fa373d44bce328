"""The largest coordinates of a block alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol.codecs.codec import Codec, Floats, fine, flat, in_blocks, mean_magnitude
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Codes, block_count


@dataclass(frozen=True)
class TopK(Codec):
    """A magnitude a block, and so many positions with their signs: (7 + 9 k) / 2,048 bytes a coordinate (Stich et al., 2018).

    With k up to 16 a block's mean square never makes its grid coarser, whatever the magnitude. So a group keeps its first grid, and the
    magnitude's seven bits follow the scale.

    Attributes:
        kept: coordinates a block, ``k``; all of a last block that has fewer.
    """

    name: str
    number: int
    kept: int
    coarsens: bool = False

    def size(self, dimension: int) -> int:
        count = block_count(dimension)
        return self.kept * count + -(-(7 + self.kept) * count // 8)

    def pack(self, codes: Codes) -> bytes:
        blocks = in_blocks(codes)
        magnitudes = np.abs(blocks).max(axis=1)
        used = self._used(len(codes)) & (magnitudes > 0)[:, None]
        rows, columns = np.nonzero(blocks)
        if (
            (np.bincount(rows, minlength=len(blocks)) != used.sum(axis=1)).any()
            or (np.abs(blocks[rows, columns]) != magnitudes[rows]).any()
            or (codes == -CODE_MAX - 1).any()
        ):
            raise ValueError(f"These codes are not one magnitude at {self.kept} positions a block.")
        positions, negative = np.zeros(used.shape, np.uint8), np.zeros(used.shape, np.uint8)
        positions[used], negative[used] = columns, blocks[rows, columns] < 0
        stream = np.concatenate([np.unpackbits(magnitudes.view(np.uint8)[:, None], axis=1, count=7, bitorder="little"), negative], axis=1)
        return positions.tobytes() + np.packbits(stream, bitorder="little").tobytes()

    def unpack(self, data: bytes | memoryview, dimension: int) -> Codes:
        read, count = self.sized(data, dimension), block_count(dimension)
        positions = read[: self.kept * count].reshape(count, self.kept)
        stream = np.unpackbits(read[self.kept * count :], bitorder="little")
        if stream[count * (7 + self.kept) :].any():
            raise self.refused("its unused bits are not zero")
        bits = stream[: count * (7 + self.kept)].reshape(count, 7 + self.kept)
        magnitudes, negative = np.packbits(bits[:, :7], axis=1, bitorder="little")[:, 0].view(np.int8), bits[:, 7:]
        used = self._used(dimension) & (magnitudes > 0)[:, None]
        if positions[~used].any() or negative[~used].any():
            raise self.refused("a place that holds no code is not zero")
        if ((positions[:, 1:] <= positions[:, :-1]) & used[:, 1:]).any():
            raise self.refused("positions do not ascend")
        if (positions[-1] >= dimension - (count - 1) * BLOCK)[used[-1]].any():
            raise self.refused("a position lies behind the last coordinate")
        blocks = np.zeros((count, BLOCK), np.int8)
        rows = np.nonzero(used)[0]
        blocks[rows, positions[used]] = np.where(negative[used], -magnitudes[rows], magnitudes[rows])
        return flat(blocks, dimension)

    def choose(self, scaled: Floats) -> Codes:
        blocks = in_blocks(scaled)
        used = self._used(len(scaled))
        positions = np.argsort(-np.abs(blocks), axis=1, kind="stable")[:, : self.kept]  # of equal ones the first
        largest = np.take_along_axis(blocks, positions, axis=1)
        magnitudes = mean_magnitude((fine(largest) * used).sum(axis=1), used.sum(axis=1))[:, None]
        codes = np.zeros(blocks.shape, np.int8)
        np.put_along_axis(codes, positions, np.where(largest < 0, -magnitudes, magnitudes), axis=1)
        return flat(codes, len(scaled))

    def _used(self, dimension: int) -> NDArray[np.bool_]:
        """Which places of positions a block has, bool[blocks, k]."""
        sizes = np.minimum(dimension - np.arange(0, dimension, BLOCK), BLOCK)
        return np.asarray(np.arange(self.kept) < sizes[:, None])
