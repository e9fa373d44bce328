"""What a group learns, as its manifest says it: data, network, local training, metric, numbers.

A manifest is JSON, its sha2-256 digest is on chain. It is read strictly: a version or a key that is not known is refused, every number
has bounds.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from math import isqrt, prod
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from swarm_chain.errors import ConfigurationError, DataError, UnsupportedVersionError
from swarm_chain.learning.data import Data, Dataset, dirichlet_split, hold_out
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.protocol.grid import EXPONENT_MIN, block_count

if TYPE_CHECKING:
    from torch import nn

    from swarm_chain.learning.tensors import Layout

VERSION = 1
LINEAR = "linear"
"""The network that needs no torch."""
LARGEST_MANIFEST = 1 << 16
_BRACKETS = 64
"""Most ``[`` and ``{`` of a manifest: it has some ten."""
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Seed = Annotated[int, Field(ge=0, lt=1 << 63)]
Exponent = Annotated[int, Field(ge=EXPONENT_MIN, le=28)]


@dataclass(frozen=True, config=STRICT)
class Images:
    """Which images, and how they are dealt out to nodes.

    ``parts`` nodes share the data by Dirichlet(``alpha``); with one part every node trains on all that it has. Each node keeps one image in
    ``held_out_one_in`` of its own for the metric.
    """

    source: Word
    channels: Annotated[int, Field(ge=1, le=16)]
    height: Annotated[int, Field(ge=4, le=1024)]
    width: Annotated[int, Field(ge=4, le=1024)]
    classes: Annotated[int, Field(ge=2, le=10_000)]
    parts: Annotated[int, Field(ge=1, le=255)]
    alpha: Annotated[float, Field(ge=0.01, le=10_000)]
    seed: Seed
    held_out_one_in: Annotated[int, Field(ge=2, le=1_000)]


@dataclass(frozen=True, config=STRICT)
class Network:
    """The network's name, and the seed of its first weights."""

    name: Word
    seed: Seed


@dataclass(frozen=True, config=STRICT)
class Local:
    """A node's training in one round: ``steps`` batches of SGD with momentum. The rate stays, for a group may live long."""

    optimizer: Literal["sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=100)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    batch: Annotated[int, Field(ge=1, le=65_536)]
    steps: Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, config=STRICT)
class Numbers:
    """Fraction bits of a weight; bounds of the grid's exponents and the first round's."""

    fraction_bits: Annotated[int, Field(ge=1, le=28)]
    min_exponent: Exponent
    max_exponent: Exponent
    initial_exponent: Exponent

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.min_exponent <= self.initial_exponent <= self.max_exponent <= self.fraction_bits:
            raise ValueError("exponents must be min <= initial <= max <= fraction bits")
        return self


@dataclass(frozen=True, config=STRICT)
class Task:
    """What a group's manifest says."""

    name: Word
    images: Images
    network: Network
    local: Local
    numbers: Numbers
    metric: Literal["accuracy"] = "accuracy"
    codec: Literal["dense-int8"] = "dense-int8"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        return self.images.channels, self.images.height, self.images.width

    def to_manifest(self) -> dict[str, object]:
        """The manifest as JSON values."""
        return {"version": VERSION, **asdict(self)}

    def encode(self) -> bytes:
        """The manifest's bytes: JSON with sorted keys and no spaces, ASCII."""
        return _json(self.to_manifest())

    @staticmethod
    def from_manifest(manifest: Mapping[str, object]) -> "Task":
        """The task of a manifest.

        Raises UnsupportedVersionError for another version, ConfigurationError for anything else that is not as it should be.
        """
        version = manifest.get("version")
        if type(version) is not int or version != VERSION:
            raise UnsupportedVersionError(f"The manifest has version {version!r}; this release knows {VERSION}.", do="Update swarm-chain.")
        fields = {key: value for key, value in manifest.items() if key != "version"}
        try:
            return TypeAdapter(Task).validate_json(_json(fields))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise ConfigurationError(
                f"The manifest is wrong at {where}: {first['msg']}.", do="Correct it, or update swarm-chain."
            ) from error
        except ValueError as error:
            raise ConfigurationError("The manifest holds a number that JSON does not know.", do="Correct it.") from error

    @staticmethod
    def decode(data: bytes) -> "Task":
        """The task of a manifest's bytes, at most 64 KiB of JSON. Raises as :meth:`from_manifest`."""
        if len(data) > LARGEST_MANIFEST:
            raise ConfigurationError(f"The manifest has {len(data):,} bytes; {LARGEST_MANIFEST:,} are allowed.")
        try:
            manifest = parse(data, _BRACKETS, _each_key_once)
        except ValueError as error:
            raise ConfigurationError(f"The manifest is not JSON: {error}.", do="Ask the group's creator for the right one.") from error
        if not isinstance(manifest, dict):
            raise ConfigurationError("The manifest is not a JSON object.", do="Ask the group's creator for the right one.")
        return Task.from_manifest(manifest)

    def model(self) -> "nn.Module":
        """The network, with parameters that are not yet a group's (see :func:`swarm_chain.learning.tensors.load_into`)."""
        from swarm_chain.learning.models import build

        return build(self.network.name, self.shape, self.images.classes)

    def layout(self) -> "Layout":
        """Where the network's tensors lie in the vector of ``d`` coordinates."""
        if self.network.name == LINEAR:
            from swarm_chain.learning.linear import layout

            return layout(self.shape, self.images.classes)
        from swarm_chain.learning.tensors import layout_of

        return layout_of(self.model().state_dict())

    def initial_weights(self) -> NDArray[np.int32]:
        """The genesis model's weights, int32[d], the same on every machine: see :func:`he_uniform`."""
        return he_uniform(self.layout(), self.numbers.fraction_bits, self.network.seed)

    def initial_exponents(self) -> NDArray[np.int8]:
        """The genesis model's grid: one exponent a block of 256 coordinates, int8[ceil(d / 256)]."""
        return np.full(block_count(self.layout().dimension), self.numbers.initial_exponent, np.int8)

    def part(self, data: Data, node: int) -> tuple[Dataset, Dataset]:
        """Node number ``node``'s own images (0 is the first): those it trains on, and those it measures the parent with."""
        images = self.images
        if data.train.shape != self.shape:
            raise DataError(
                f"Images have the shape {data.train.shape}, the task says {self.shape}.", do="Give the data that the task names."
            )
        if images.parts == 1:
            return hold_out(data.train, images.held_out_one_in, images.seed)
        if not 0 <= node < images.parts:
            raise DataError(
                f"The data is dealt out to {images.parts} nodes; there is no part {node}.", do=f"Take a part from 0 to {images.parts - 1}."
            )
        share = dirichlet_split(data.train.labels, images.parts, images.alpha, images.seed)[node]
        return hold_out(data.train.take(share), images.held_out_one_in, images.seed)

    def local_seed(self, node: int, round: int) -> int:
        """Seed of node ``node``'s training in ``round``: another for each, the same when a round is trained again."""
        text = f"swarm-chain local training {self.network.seed} {node} {round}"
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def he_uniform(layout: "Layout", fraction_bits: int, seed: int) -> NDArray[np.int32]:
    """First weights, int32[d]: uniform within ``sqrt(6 / fan in)`` (He et al. 2015, arXiv:1502.01852), biases 0, scales of normalisation 1.

    Integers alone, from the raw stream of PCG64, which NumPy keeps as it is: no float, no library function, so no machine gets another bit.
    """
    stream = np.random.PCG64(seed)
    weights = np.zeros(layout.dimension, np.int32)
    for name, tensor in layout.parts(weights).items():
        if tensor.ndim >= 2:
            bound = isqrt((6 << 2 * fraction_bits) // prod(tensor.shape[1:]))
            raw = np.asarray(stream.random_raw(tensor.size), np.uint64) % np.uint64(2 * bound + 1)
            tensor[...] = (raw.astype(np.int64) - bound).reshape(tensor.shape)
        elif name.endswith("weight"):
            tensor[...] = 1 << fraction_bits
    return weights


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key occurs twice")
    return read


def _task(source: str, size: int, local: Local, initial_exponent: int, network: str = "cnn") -> Task:
    return Task(
        name=source if network == "cnn" else f"{source}-{network}",
        images=Images(source, 1, size, size, classes=10, parts=4, alpha=0.5, seed=1, held_out_one_in=10),
        network=Network(network, seed=1),
        local=local,
        numbers=Numbers(fraction_bits=24, min_exponent=0, max_exponent=20, initial_exponent=initial_exponent),
    )


DIGITS = _task("digits", 8, Local("sgd", learning_rate=0.05, momentum=0.9, batch=32, steps=40), initial_exponent=8)
DIGITS_LINEAR = _task("digits", 8, DIGITS.local, initial_exponent=8, network=LINEAR)
"""For machines without torch."""
MNIST = _task("mnist", 28, Local("sgd", learning_rate=0.05, momentum=0.9, batch=32, steps=60), initial_exponent=8)
FASHION = _task("fashion", 28, Local("sgd", learning_rate=0.05, momentum=0.9, batch=32, steps=150), initial_exponent=8)
TASKS = {task.name: task for task in (DIGITS, DIGITS_LINEAR, MNIST, FASHION)}
"""Tasks by name, ready to use; change one with ``dataclasses.replace``."""
