"""One bit a coordinate."""

import numpy as np

from swarm_chain.protocol.codecs.codec import Codec, Floats, fine, flat, in_blocks, mean_magnitude
from swarm_chain.protocol.grid import BLOCK, CODE_MAX, Codes, block_count


class Sign(Codec):
    """A magnitude a block, and for each coordinate a sign: 0.129 bytes a coordinate (Bernstein et al., 2018; Karimireddy et al., 2019).

    The magnitude is the block's mean, which leaves out least.
    """

    name = "sign"
    number = 2

    def size(self, dimension: int) -> int:
        return block_count(dimension) + -(-dimension // 8)

    def pack(self, codes: Codes) -> bytes:
        blocks = in_blocks(codes)
        magnitudes = np.abs(blocks[:, 0])
        expected = np.repeat(magnitudes, BLOCK)[: len(codes)]
        if (np.abs(codes) != expected).any() or (codes == -CODE_MAX - 1).any():
            raise ValueError("These codes are not one magnitude a block.")
        return magnitudes.tobytes() + np.packbits(codes < 0, bitorder="little").tobytes()

    def unpack(self, data: bytes | memoryview, dimension: int) -> Codes:
        read, count = self.sized(data, dimension), block_count(dimension)
        magnitudes = self.magnitudes(read[:count])
        negative = np.unpackbits(read[count:], bitorder="little")
        if negative[dimension:].any():
            raise self.refused("its unused bits are not zero")
        whole = dimension // BLOCK
        full, rest = negative[: whole * BLOCK].reshape(whole, BLOCK), negative[whole * BLOCK :]
        if full[magnitudes[:whole] == 0].any() or (magnitudes[-1] == 0 and rest.any()):
            raise self.refused("a block of zeros has signs")
        codes = negative.view(np.int8)  # in place, for it is as large as the update
        codes *= -2
        codes += 1
        full.view(np.int8)[...] *= magnitudes[:whole, None]
        rest.view(np.int8)[...] *= magnitudes[-1]
        return flat(codes, dimension)

    def choose(self, scaled: Floats) -> Codes:
        sums = in_blocks(fine(scaled)).sum(axis=1)
        sizes = np.minimum(len(scaled) - np.arange(0, len(scaled), BLOCK), BLOCK)
        magnitudes = np.repeat(mean_magnitude(sums, sizes), BLOCK)[: len(scaled)]
        return np.where(scaled < 0, -magnitudes, magnitudes)
