"""What a local pass comes to, and what every kind of it needs: batches in an order drawn by a seed, data that fit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError, NumericError
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.images import ImageTask

OnStep = Callable[[int, int, float], None]
"""Told after each step: number of the step, from 1; steps in all; loss of its batch."""


@dataclass(frozen=True, eq=False)
class TrainedUpdate:
    """What one round of local training came to.

    ``delta`` is float32[d], trained minus start; ``loss`` the mean over the steps; ``samples`` how many different images were seen;
    ``steps`` as many as were done.
    """

    delta: NDArray[np.float32]
    loss: float
    samples: int
    steps: int


def batches(count: int, size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices of ever new batches; every image comes once before any comes again."""
    random = np.random.Generator(np.random.PCG64(seed))
    order = random.permutation(count)
    while True:
        while len(order) < size:
            order = np.concatenate([order, random.permutation(count)])
        yield order[:size]
        order = order[size:]


def check(task: ImageTask, dataset: Dataset) -> None:
    """Raises DataError unless the images fit the task."""
    remedy = "Give the data that the task names."
    if not len(dataset) or dataset.shape != task.shape:
        raise DataError(f"The task wants images of {task.shape}; there are {len(dataset)} of {dataset.shape}.", do=remedy)
    if dataset.labels.min() < 0 or dataset.labels.max() >= task.images.classes:
        raise DataError(f"A label is outside 0 to {task.images.classes - 1}.", do=remedy)


def loss_error(loss: float, when: str) -> NumericError:
    """A loss that is not finite."""
    remedy = "Lower the learning rate, or look for damaged data."
    return NumericError(f"The loss became {loss} {when}.", "The weights before it were kept.", remedy)
