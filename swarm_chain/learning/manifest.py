"""What every task has in common, and how a manifest says it.

A manifest is JSON, its sha2-256 digest is on chain. It is read strictly: a version, a kind or a key that is not known is refused, every
number has bounds. Version 1 is that of images; since version 2 a manifest names its kind. A manifest brings no code: a kind is a class that
is installed here, and whoever made it registered it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sized
from dataclasses import asdict, replace
from hashlib import sha256
from importlib import import_module
from importlib.metadata import entry_points
from math import isqrt, prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from swarm_chain.errors import ConfigurationError, UnsupportedVersionError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.protocol.grid import EXPONENT_MIN, block_count

if TYPE_CHECKING:
    import torch

    from swarm_chain.learning.passes import OnStep, TrainedUpdate
    from swarm_chain.learning.tensors import Layout

VERSION = 2
IMAGES_VERSION = 1
"""The version that has no kind."""
IMAGES = "images"
ENTRY_POINTS = "swarm_chain.tasks"
"""Where an installed package names its kinds: ``kind = "module:Class"``."""
LARGEST_MANIFEST = 1 << 16
_BRACKETS = 64
"""Most ``[`` and ``{`` of a manifest: it has some ten."""
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Seed = Annotated[int, Field(ge=0, lt=1 << 63)]
Exponent = Annotated[int, Field(ge=EXPONENT_MIN, le=28)]
KeyCommitment = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, config=STRICT)
class Network:
    """The network's name, and the seed of its first weights."""

    name: Word
    seed: Seed


@dataclass(frozen=True, config=STRICT)
class Privacy:
    """Differential privacy of every node's samples, see :mod:`swarm_chain.learning.private`.

    Attributes:
        clip: the most, in L2 norm, that one sample's gradient counts.
        noise: standard deviation of the noise on a step's sum of gradients, in multiples of ``clip``.
        delta: of (epsilon, delta); below one over a node's number of samples.
        epsilon: what all updates of one node together may come to. A node that has spent it trains no more.
    """

    clip: Annotated[float, Field(gt=0, le=1_000_000)]
    noise: Annotated[float, Field(ge=0.01, le=100)]
    delta: Annotated[float, Field(gt=0, lt=0.1)]
    epsilon: Annotated[float, Field(gt=0, le=1_000_000)]


@dataclass(frozen=True, config=STRICT)
class Local:
    """A node's training in one round: ``steps`` batches of SGD with momentum. The rate stays, for a group may live long.

    ``worker_momentum`` is over rounds: what a node sends is the momentum of what it learnt, see
    :func:`swarm_chain.learning.encoding.encode_update`. A manifest without it has none. With ``privacy`` the batches are random samples of
    ``batch`` on average, and the gradients clipped and noisy; a manifest without it has none.
    """

    optimizer: Literal["sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=100)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    batch: Annotated[int, Field(ge=1, le=65_536)]
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    worker_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    privacy: Privacy | None = None


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


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Task(ABC):
    """What a group learns: a model, data, one local pass and a metric.

    A kind of task is a subclass, itself such a dataclass; its fields are the manifest's keys. What it must say is abstract here. The data
    it hands to its own functions are of whatever type it likes, as long as they have a length.

    ``group_key`` makes its group a closed one: what :func:`swarm_chain.protocol.group_key.key_commitment` says of the key that updates are
    sealed with. A manifest without it is of a group whose updates anybody can open once they are revealed.
    """

    kind: ClassVar[str]
    trains_privately: ClassVar[bool] = False
    """Whether :meth:`train` honours ``local.privacy``: nothing in its ``delta`` has seen a sample but through
    :mod:`swarm_chain.learning.private`, a buffer's statistics included, and it samples from all of ``own``."""

    name: Word
    network: Network
    local: Local
    numbers: Numbers
    codec: Literal["dense-int8", "int4", "sign", "top-k"] = "dense-int8"
    group_key: KeyCommitment | None = None

    @model_validator(mode="after")
    def _keeps_what_it_promises(self) -> Self:
        if self.local.privacy is not None and not self.trains_privately:
            raise ValueError(f"tasks of the kind {self.kind!r} do not train with differential privacy; leave out local.privacy")
        return self

    # ------------------------------------------------------------------------------------------ what a kind says

    @abstractmethod
    def layout(self) -> "Layout":
        """The model: where its tensors lie in the vector of ``d`` coordinates."""

    @abstractmethod
    def load(self, folder: Path | None) -> Any:
        """The data, from files in ``folder`` or built in. Raises DataError where they are not what they should be."""

    @abstractmethod
    def part(self, data: Any, node: int) -> tuple[Sized, Sized]:
        """Node number ``node``'s own data (0 is the first): what it trains on, and what it measures models with."""

    @abstractmethod
    def train(
        self,
        weights: NDArray[np.int32],
        own: Any,
        seed: int,
        device: "torch.device | None",
        on_step: "OnStep | None" = None,
        *,
        stop: Callable[[], bool] | None = None,
    ) -> "TrainedUpdate":
        """One local pass from ``weights`` (int32[d]), which it leaves as they are; chance comes from ``seed`` alone.

        ``stop`` is asked before each step; when it says so, what was trained until then is the update.

        Raises:
            NumericError: a loss or a trained tensor is NaN, infinite or out of range; there is no update then.
            DataError: the data do not fit the task.
            OutOfMemoryError: the device's memory does not hold the training of one sample.
        """

    @abstractmethod
    def evaluate(self, weights: NDArray[np.int32], held_out: Any, device: "torch.device | None") -> tuple[float, float]:
        """``(metric, loss)``; the metric is from 0 to 1, higher is better. Raises as :meth:`train`."""

    # ------------------------------------------------------------------------------------------ what a kind may say otherwise

    @property
    def parts(self) -> int:
        """Nodes that the data is dealt out to; 1 where each has its own."""
        return 1

    def dealt_to(self, parts: int) -> Self:
        """The same task with its data dealt out to so many nodes."""
        raise ConfigurationError(f"The data of {self.name} are not dealt out to a number of nodes.", do="Leave out --parts.")

    def device(self, name: str) -> "torch.device | None":
        """What trains here, of all that ``name`` allows ("auto", "cpu", "cuda"); ``None`` where torch is not needed.

        Raises ConfigurationError if this machine has no such device.
        """
        from swarm_chain.learning import devices

        return devices.pick(name)

    def initial_weights(self) -> NDArray[np.int32]:
        """The genesis model's weights, int32[d], the same on every machine: see :func:`he_uniform`."""
        return he_uniform(self.layout(), self.numbers.fraction_bits, self.network.seed)

    def initial_exponents(self) -> NDArray[np.int8]:
        """The genesis model's grid: one exponent a block of 256 coordinates, int8[ceil(d / 256)]."""
        return np.full(block_count(self.layout().dimension), self.numbers.initial_exponent, np.int8)

    # ------------------------------------------------------------------------------------------ what is the same for all

    def local_seed(self, node: int, round: int) -> int:
        """Seed of node ``node``'s training in ``round``: another for each, the same when a round is trained again."""
        text = f"swarm-chain local training {self.network.seed} {node} {round}"
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big")

    def with_steps(self, steps: int) -> Self:
        """The same task with so many steps of local training a round."""
        return replace(self, local=replace(self.local, steps=steps))

    def to_manifest(self) -> dict[str, object]:
        """The manifest as JSON values."""
        begin = {"version": IMAGES_VERSION} if self.kind == IMAGES else {"version": VERSION, "kind": self.kind}
        fields = asdict(self)
        if not self.local.worker_momentum:
            del fields["local"]["worker_momentum"]  # manifests from before there was one keep their digest
        if self.local.privacy is None:
            del fields["local"]["privacy"]  # as do these
        if self.group_key is None:
            del fields["group_key"]  # likewise
        return {**begin, **fields}

    def encode(self) -> bytes:
        """The manifest's bytes: JSON with sorted keys and no spaces, ASCII."""
        return _json(self.to_manifest())

    @staticmethod
    def from_manifest(manifest: Mapping[str, object]) -> "Task":
        """The task of a manifest.

        Raises UnsupportedVersionError for another version, ConfigurationError for anything else that is not as it should be.
        """
        version, kind = manifest.get("version"), manifest.get("kind")
        if type(version) is not int or version not in (IMAGES_VERSION, VERSION):
            raise UnsupportedVersionError(
                f"The manifest has version {version!r}; this release knows {IMAGES_VERSION} and {VERSION}.", do="Update swarm-chain."
            )
        known = {"version"} if version == IMAGES_VERSION else {"version", "kind"}
        task = kind_of(IMAGES if version == IMAGES_VERSION else kind)
        try:
            return TypeAdapter(task).validate_json(_json({key: value for key, value in manifest.items() if key not in known}))
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
        return Task.from_manifest(_object(data))


def group_key_of(data: bytes) -> str | None:
    """The ``group_key`` of a manifest's bytes, whatever its kind: for who follows a group and need not know what it learns.

    Raises ConfigurationError where these are no manifest's.
    """
    found = _object(data).get("group_key")
    try:
        return TypeAdapter(KeyCommitment | None).validate_python(found, strict=True)
    except ValidationError as error:
        raise ConfigurationError("The manifest is wrong at group_key.", do="Ask the group's creator for the right one.") from error


# ---------------------------------------------------------------------------------------------- kinds

_BUILT_IN = {IMAGES: "swarm_chain.learning.images", "anomaly": "swarm_chain.learning.anomaly"}
_KINDS: dict[str, type[Task]] = {}


def register(task: type[Task]) -> None:
    """Makes a class the kind that its ``kind`` says. ConfigurationError if that is another's already."""
    if _KINDS.setdefault(task.kind, task) is not task:
        raise ConfigurationError(f"There are two kinds of task called {task.kind!r}.", do="Give yours another name.")


def kind_of(name: object) -> type[Task]:
    """The class registered for a kind: built in, registered by a file of the user's, or an installed package's.

    Only what this machine's user installed or named is ever looked for.
    """
    if isinstance(name, str) and name not in _KINDS:
        if name in _BUILT_IN:
            import_module(_BUILT_IN[name])
        else:
            for entry in entry_points(group=ENTRY_POINTS, name=name):
                register(entry.load())
    if not isinstance(name, str) or name not in _KINDS:
        known = ", ".join(sorted({*_BUILT_IN, *_KINDS}))
        raise ConfigurationError(
            f"The manifest is of the kind {name!r:.80}, which is not installed here; these are: {known}.",
            "Nothing was trained.",
            "Get the task's code from somebody you trust, read it, and name it: task_file.",
        )
    return _KINDS[name]


def he_uniform(layout: "Layout", fraction_bits: int, seed: int) -> NDArray[np.int32]:
    """First weights, int32[d]: uniform within ``sqrt(6 / fan in)`` (He et al. 2015, arXiv:1502.01852), biases 0, scales of normalisation 1.

    Integers alone, from the raw stream of PCG64, which NumPy keeps as it is: no float, no library function, so no machine gets another bit.
    """
    stream = np.random.PCG64(seed)
    weights = np.zeros(layout.dimension, np.int32)
    for name, tensor in layout.parts(weights).items():
        if tensor.ndim >= 2:
            tensor[...] = he_drawn(stream, tensor.shape, prod(tensor.shape[1:]), fraction_bits)
        elif name.endswith("weight"):
            tensor[...] = 1 << fraction_bits
    return weights


def he_drawn(stream: np.random.PCG64, shape: tuple[int, ...], fan_in: int, fraction_bits: int) -> NDArray[np.int64]:
    """One tensor's first weights of :func:`he_uniform`, int64[shape], from where the stream is."""
    bound = isqrt((6 << 2 * fraction_bits) // fan_in)
    raw = np.asarray(stream.random_raw(prod(shape)), np.uint64) % np.uint64(2 * bound + 1)
    return (raw.astype(np.int64) - bound).reshape(shape)


def _object(data: bytes) -> dict[str, object]:
    if len(data) > LARGEST_MANIFEST:
        raise ConfigurationError(f"The manifest has {len(data):,} bytes; {LARGEST_MANIFEST:,} are allowed.")
    try:
        manifest = parse(data, _BRACKETS, _each_key_once)
    except ValueError as error:
        raise ConfigurationError(f"The manifest is not JSON: {error}.", do="Ask the group's creator for the right one.") from error
    if not isinstance(manifest, dict):
        raise ConfigurationError("The manifest is not a JSON object.", do="Ask the group's creator for the right one.")
    return manifest


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key occurs twice")
    return read
