"""Images and their classes: the kind of task whose manifests name none (version 1)."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from swarm_chain.errors import DataError
from swarm_chain.learning.data import Data, Dataset, hold_out, load
from swarm_chain.learning.manifest import IMAGES, STRICT, Local, Network, Numbers, Seed, Task, Word, register
from swarm_chain.learning.splits import dirichlet_split, shard_split

if TYPE_CHECKING:
    import torch
    from torch import nn

    from swarm_chain.learning.passes import OnStep, TrainedUpdate
    from swarm_chain.learning.tensors import Layout

LINEAR = "linear"
"""The network that needs no torch."""


@dataclass(frozen=True, config=STRICT)
class Images:
    """Which images, and how they are dealt out to nodes.

    ``parts`` nodes share the data by Dirichlet(``alpha``); with one part every node trains on all that it has. Each node keeps one image in
    ``held_out_one_in`` of its own for the metric.

    What follows has a default, and is left out of a manifest where it is that, so that older ones keep their digest. With ``shards``, each
    node gets so many shards of the images sorted by label, and ``alpha`` says nothing. ``first``: only the source's first so many training
    images are used. When a node trains, each image is cut at random out of itself with a border of ``crop_padding`` black pixels around it,
    and with ``flip`` mirrored left to right every other time.
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
    shards: Annotated[int, Field(ge=0, le=1_000)] = 0
    first: Annotated[int, Field(ge=0, le=1 << 30)] = 0
    crop_padding: Annotated[int, Field(ge=0, le=512)] = 0
    flip: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if 2 * self.crop_padding > min(self.height, self.width):
            raise ValueError("crop_padding must be at most half of the height and of the width")
        return self

    @property
    def augmented(self) -> bool:
        """Whether a node trains on what it makes of its images."""
        return self.crop_padding > 0 or self.flip


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageTask(Task):
    """A network that says which class an image is of, trained by SGD; its metric is the share that it gets right."""

    kind: ClassVar[str] = IMAGES
    trains_privately: ClassVar[bool] = True

    images: Images
    metric: Literal["accuracy"] = "accuracy"

    @model_validator(mode="after")
    def _augments_with_torch(self) -> Self:
        if self.images.augmented and self.network.name == LINEAR:
            raise ValueError(f"the network {LINEAR} needs no torch, and images are cropped and flipped in torch")
        return self

    def to_manifest(self) -> dict[str, object]:
        """The manifest as JSON values; of the images' settings that have a default only those that are not it."""
        manifest, images = super().to_manifest(), self.images
        named = {field.name: getattr(images, field.name) for field in fields(images) if getattr(images, field.name) != field.default}
        return {**manifest, "images": named}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        return self.images.channels, self.images.height, self.images.width

    @property
    def parts(self) -> int:
        """Nodes that the images are dealt out to."""
        return self.images.parts

    def dealt_to(self, parts: int) -> Self:
        """The same task with its images dealt out to so many nodes."""
        return replace(self, images=replace(self.images, parts=parts))

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

    def device(self, name: str) -> "torch.device | None":
        """The device called ``name``; ``None`` for the network that needs no torch."""
        from swarm_chain.learning.local import device

        return device(self, name)

    def load(self, folder: Path | None) -> Data:
        """The images that the manifest names, from files in ``folder`` where they are not built in."""
        data, first = load(self.images.source, folder), self.images.first
        if first > len(data.train):
            raise DataError(
                f"The task is of the first {first:,} training images; there are {len(data.train):,}.",
                do="Give the data that the task names.",
            )
        return Data(data.train.take(np.arange(first)), data.test) if first else data

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
        if images.shards:
            share = shard_split(data.train.labels, images.parts, images.shards, images.seed)[node]
        else:
            share = dirichlet_split(data.train.labels, images.parts, images.alpha, images.seed)[node]
        return hold_out(data.train.take(share), images.held_out_one_in, images.seed)

    def train(
        self,
        weights: NDArray[np.int32],
        own: Dataset,
        seed: int,
        device: "torch.device | None",
        on_step: "OnStep | None" = None,
        *,
        stop: Callable[[], bool] | None = None,
    ) -> "TrainedUpdate":
        """One local pass: :func:`swarm_chain.learning.local.train`."""
        from swarm_chain.learning.local import train

        return train(self, weights, own, seed, device, on_step, stop=stop)

    def evaluate(self, weights: NDArray[np.int32], held_out: Dataset, device: "torch.device | None") -> tuple[float, float]:
        """``(share of images classified rightly, mean cross-entropy)``."""
        from swarm_chain.learning.local import evaluate

        return evaluate(self, weights, held_out, device)


register(ImageTask)


def _task(source: str, size: int, local: Local, initial_exponent: int, network: str = "cnn") -> ImageTask:
    return ImageTask(
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
CIFAR10 = ImageTask(
    name="cifar10",
    images=Images("cifar10", 3, 32, 32, classes=10, parts=4, alpha=0.5, seed=1, held_out_one_in=10, crop_padding=4, flip=True),
    network=Network("resnet8", seed=1),
    local=Local("sgd", learning_rate=0.02, momentum=0.9, batch=32, steps=100),
    numbers=Numbers(fraction_bits=24, min_exponent=0, max_exponent=20, initial_exponent=8),
)
"""The residual network, on images that are cropped and mirrored."""
