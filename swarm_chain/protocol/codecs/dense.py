"""Every code as it is."""

import numpy as np

from swarm_chain.protocol.codecs.codec import Codec, Floats
from swarm_chain.protocol.grid import CODE_MAX, Codes


class DenseInt8(Codec):
    """Every code as it is: 1 byte a coordinate."""

    name = "dense-int8"
    number = 0

    def size(self, dimension: int) -> int:
        return dimension

    def pack(self, codes: Codes) -> bytes:
        if codes.min() == -CODE_MAX - 1:
            raise ValueError(f"Codes are {-CODE_MAX} to {CODE_MAX}.")
        return codes.tobytes()

    def unpack(self, data: bytes | memoryview, dimension: int) -> Codes:
        codes = self.sized(data, dimension).view(np.int8)
        if codes.min() == -CODE_MAX - 1:
            raise self.refused(f"it has a code of {-CODE_MAX - 1}")
        return codes

    def choose(self, scaled: Floats) -> Codes:
        return np.clip(np.rint(scaled), -CODE_MAX, CODE_MAX).astype(np.int8)
