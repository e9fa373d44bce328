"""The model file and its tree (specification, sections 3 and 4)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import merkle
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, FRACTION_BITS_MAX, Exponents, block_count

MAGIC = b"SCMODEL1"
_HEADER = struct.Struct(">8sQB15x")
_TOGETHER = 1024
"""Blocks whose leaves are made, or whose weights are written, at once: about a megabyte, which stays in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model as all agree on it: weight ``i`` is worth ``weights[i] / 2^fraction_bits``.

    Attributes:
        weights: int32[d].
        exponents: int8[ceil(d / 256)], the grid of the updates trained on it.
        fraction_bits: ``F``, at most 30; no exponent is above it, none below −16.
    """

    weights: NDArray[np.int32]
    exponents: Exponents
    fraction_bits: int

    def __post_init__(self) -> None:
        if self.weights.dtype != np.int32 or self.weights.ndim != 1 or len(self.weights) == 0:
            raise ValueError("Weights are int32[d], d at least 1.")
        if self.exponents.dtype != np.int8 or self.exponents.shape != (block_count(self.dimension),):
            raise ValueError("Exponents are int8, one a block.")
        if not 0 <= self.fraction_bits <= FRACTION_BITS_MAX:
            raise ValueError(f"Fraction bits are 0 to {FRACTION_BITS_MAX}.")
        if self.exponents.min() < EXPONENT_MIN or self.exponents.max() > self.fraction_bits:
            raise ValueError(f"Exponents are {EXPONENT_MIN} to the fraction bits.")

    @property
    def dimension(self) -> int:
        return len(self.weights)


def model_size(dimension: int) -> int:
    """Bytes of a model's file."""
    return _HEADER.size + block_count(dimension) + 4 * dimension


def encode_model(model: Model) -> bytes:
    """The model's file."""
    out = BytesIO()
    out.write(_HEADER.pack(MAGIC, model.dimension, model.fraction_bits))
    out.write(model.exponents.tobytes())
    for start in range(0, model.dimension, _TOGETHER * BLOCK):
        out.write(model.weights[start : start + _TOGETHER * BLOCK].astype(">i4").data)
    return out.getvalue()


def decode_model(data: bytes, dimension: int, fraction_bits: int) -> Model:
    """Reads a model's file that must have this dimension and these fraction bits.

    Raises:
        IntegrityError: it is not such a file; the message says why.
    """
    if len(data) != model_size(dimension):
        raise _refused(f"it has {len(data)} bytes, not {model_size(dimension)}")
    if data[: _HEADER.size] != _HEADER.pack(MAGIC, dimension, fraction_bits):
        raise _refused("its header is not that of this group's models")
    blocks = block_count(dimension)
    exponents = np.frombuffer(data, np.int8, blocks, _HEADER.size)
    weights = np.frombuffer(data, ">i4", dimension, _HEADER.size + blocks).astype(np.int32)
    try:
        return Model(weights, exponents, fraction_bits)
    except ValueError as error:
        raise _refused(str(error)) from error


def model_root(model: Model) -> bytes:
    """Merkle root over the model's blocks, 32 bytes."""
    return file_root(encode_model(model))


def file_root(data: bytes, digests: merkle.Digests = merkle.digests) -> bytes:
    """Merkle root of the model in a file of :func:`encode_model`, whose bytes are those of the leaves, 32 bytes."""
    _, dimension, _ = _HEADER.unpack_from(data)
    blocks, whole = block_count(dimension), dimension // BLOCK
    exponents = np.frombuffer(data, np.uint8, blocks, _HEADER.size).reshape(blocks, 1)
    weights = np.frombuffer(data, np.uint8, 4 * BLOCK * whole, _HEADER.size + blocks).reshape(whole, 4 * BLOCK)
    hashes = np.empty((blocks, 32), np.uint8)
    for start in range(0, whole, _TOGETHER):
        here = slice(start, min(start + _TOGETHER, whole))
        hashes[here] = merkle.leaf_hashes(merkle.Kind.MODEL, np.concatenate((exponents[here], weights[here]), axis=1), digests)
    if whole < blocks:
        last = data[model_size(whole * BLOCK) + 1 :].ljust(4 * BLOCK, b"\0")
        hashes[whole] = np.frombuffer(merkle.leaf_hash(merkle.Kind.MODEL, exponents[whole].tobytes() + last), np.uint8)
    return merkle.root_over(hashes, digests)


def model_leaves(model: Model) -> Iterator[bytes]:
    """Each block's leaf: its exponent, then 256 weights, the last block padded with zeros."""
    for block, exponent in enumerate(model.exponents):
        weights = model.weights[block * BLOCK : (block + 1) * BLOCK].astype(">i4").tobytes()
        yield exponent.tobytes() + weights.ljust(4 * BLOCK, b"\0")


def _refused(reason: str) -> IntegrityError:
    return IntegrityError(f"These bytes are not the model: {reason}.", "Nothing of them was used.", "Fetch the model from another node.")
