"""Local pass and metric on images, by whatever its network is made with. torch is loaded where a network of torch's is first trained."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swarm_chain.learning import linear
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.images import LINEAR, ImageTask
from swarm_chain.learning.passes import OnStep, TrainedUpdate

if TYPE_CHECKING:
    import torch


def device(task: ImageTask, name: str) -> "torch.device | None":
    """The device called ``name`` for a task; ``None`` where the task needs no torch. ConfigurationError if this machine has none such."""
    if task.network.name == LINEAR:
        return None
    from swarm_chain.learning import devices

    return devices.pick(name)


def train(
    task: ImageTask,
    weights: NDArray[np.int32],
    dataset: Dataset,
    seed: int,
    on: "torch.device | None",
    on_step: OnStep | None = None,
    *,
    stop: Callable[[], bool] | None = None,
) -> TrainedUpdate:
    """Trains from ``weights`` (int32[d]) as the task says, on a device of :func:`device`.

    ``stop`` is asked before each step; when it says so, what was trained until then is the update. ``weights`` are never changed.

    Raises:
        NumericError: a loss or a trained tensor is NaN, infinite or out of range; there is no update then.
        DataError: the images do not fit the task.
        OutOfMemoryError: the device's memory does not hold the training of one image.
    """
    if on is None:
        return linear.train(task, weights, dataset, seed, on_step, stop=stop)
    from swarm_chain.learning import training

    return training.train(task, weights, dataset, seed, on, on_step, stop=stop)


def evaluate(task: ImageTask, weights: NDArray[np.int32], dataset: Dataset, on: "torch.device | None") -> tuple[float, float]:
    """``(share of images classified rightly, mean cross-entropy)``; raises as :func:`train`."""
    if on is None:
        return linear.evaluate(task, weights, dataset)
    from swarm_chain.learning import training

    return training.evaluate(task, weights, dataset, on)
