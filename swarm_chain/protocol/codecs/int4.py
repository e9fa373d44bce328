"""Four bits a coordinate."""

import numpy as np

from swarm_chain.protocol.codecs.codec import Codec, Floats, flat, in_blocks
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Codes, block_count


class Int4(Codec):
    """A unit a block, 1 to 18, and for each coordinate a multiple of it from −7 to 7: 0.504 bytes a coordinate.

    A unit above 1 is the largest that divides the block's codes so: one of its multiples is ±7.
    """

    name = "int4"
    number = 1
    MULTIPLE_MAX = 7
    UNIT_MAX = CODE_MAX // MULTIPLE_MAX

    def size(self, dimension: int) -> int:
        return block_count(dimension) + -(-dimension // 2)

    def pack(self, codes: Codes) -> bytes:
        blocks = in_blocks(codes).astype(np.int16)
        largest = np.abs(blocks).max(axis=1)
        units = np.where(largest > self.MULTIPLE_MAX, largest // self.MULTIPLE_MAX, largest > 0)
        multiples = blocks // np.maximum(units, 1)[:, None]
        if (multiples * units[:, None] != blocks).any() or (largest > self.MULTIPLE_MAX * units).any() or units.max() > self.UNIT_MAX:
            raise ValueError("These codes are not multiples from −7 to 7 of a unit a block.")
        nibbles = (multiples & 15).astype(np.uint8).ravel()[: len(codes) + len(codes) % 2]
        nibbles[::2] |= nibbles[1::2] << 4
        return bytes(units.astype(np.uint8)) + bytes(nibbles[::2])

    def unpack(self, data: bytes | memoryview, dimension: int) -> Codes:
        read, count = self.sized(data, dimension), block_count(dimension)
        units = read[:count].astype(np.int8)
        if read[:count].max() > self.UNIT_MAX:
            raise self.refused(f"it has a unit above {self.UNIT_MAX}")
        nibbles = np.zeros(count * BLOCK, np.int8)
        pairs = nibbles[: 2 * (len(read) - count)]
        pairs[::2] = (read[count:] << 4).view(np.int8) >> 4
        pairs[1::2] = read[count:].view(np.int8) >> 4
        if pairs[dimension:].any():
            raise self.refused("its unused bits are not zero")
        blocks = nibbles.reshape(count, BLOCK)
        highest, lowest = blocks.max(axis=1), blocks.min(axis=1)
        largest = np.maximum(highest, -lowest)
        if (lowest == -self.MULTIPLE_MAX - 1).any():
            raise self.refused(f"it has a multiple of {-self.MULTIPLE_MAX - 1}")
        if ((units == 0) != (largest == 0)).any():
            raise self.refused("a block of zeros has a unit, or another has none")
        if ((units > 1) & (largest < self.MULTIPLE_MAX)).any():
            raise self.refused("a unit is larger than its codes need")
        blocks *= units[:, None]
        return flat(blocks, dimension)

    def choose(self, scaled: Floats) -> Codes:
        blocks = in_blocks(scaled)
        # Above 6.5 units the largest rounds to 7, as the wire form wants it.
        units = np.clip(np.ceil(np.minimum(np.abs(blocks).max(axis=1), CODE_MAX + 1) / 6.5) - 1, 1, self.UNIT_MAX)[:, None]
        multiples = np.clip(np.rint(blocks / units), -self.MULTIPLE_MAX, self.MULTIPLE_MAX)
        return flat((multiples * units).astype(np.int8), len(scaled))
