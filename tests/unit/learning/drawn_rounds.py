"""Rounds drawn at random, for passes that are held against the plain ones."""

import numpy as np

from swarm_chain.protocol.grid import EXPONENT_MIN, block_count
from swarm_chain.protocol.model import Model


def a_round(seed, count, dimension, bits, largest=127):
    """``(codes, model)``: int8[count, dimension] within ``largest``, and weights and exponents of all sizes."""
    draw = np.random.default_rng(seed)
    codes = draw.integers(-largest, largest + 1, (count, dimension)).astype(np.int8)
    weights = draw.integers(-(2**31), 2**31, dimension).astype(np.int32)
    exponents = draw.integers(EXPONENT_MIN, bits + 1, block_count(dimension)).astype(np.int8)
    return codes, Model(weights, exponents, bits)
