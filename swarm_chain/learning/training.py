"""The training loop, in full view: from agreed weights to an update, and how good weights are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from swarm_chain.errors import DataError, NumericError
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.task import Task
from swarm_chain.learning.tensors import flatten, layout_of, load_into, to_values, to_weights

EVALUATION_BATCH = 500
CPU = torch.device("cpu")

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


def train(
    task: Task,
    weights: NDArray[np.int32],
    dataset: Dataset,
    seed: int,
    device: torch.device = CPU,
    on_step: OnStep | None = None,
    *,
    stop: Callable[[], bool] | None = None,
) -> TrainedUpdate:
    """Trains from ``weights`` (int32[d]) as the task says; the order of the images comes from ``seed``.

    ``stop`` is asked before each step; when it says so, what was trained until then is the update. ``weights`` are never changed.

    Raises:
        NumericError: a loss or a trained tensor is NaN, infinite or out of range; there is no update then.
        DataError: the images do not fit the task.
    """
    return _train(task, weights, dataset, seed, device, task.local.steps, on_step, stop)


def central(
    task: Task,
    dataset: Dataset,
    steps: int,
    device: torch.device = CPU,
    on_step: OnStep | None = None,
    stop: Callable[[], bool] | None = None,
) -> NDArray[np.int32]:
    """The baseline: the same network from the same first weights, trained in one place for so many steps; weights int32[d]."""
    start = task.initial_weights()
    trained = _train(task, start, dataset, task.network.seed, device, steps, on_step, stop)
    bits = task.numbers.fraction_bits
    return to_weights(to_values(start, bits) + trained.delta, bits, task.layout())


def evaluate(task: Task, weights: NDArray[np.int32], dataset: Dataset, device: torch.device = CPU) -> tuple[float, float]:
    """``(share of images classified rightly, mean cross-entropy)``; NumericError if the loss is not finite, DataError as :func:`train`."""
    _check(task, dataset)
    model = task.model()
    load_into(model, weights, task.numbers.fraction_bits)
    model.to(device).eval()
    right, loss = 0, 0.0
    with torch.no_grad():
        for start in range(0, len(dataset), EVALUATION_BATCH):
            images, labels = _batch(dataset, np.arange(start, min(start + EVALUATION_BATCH, len(dataset))), device)
            scores = model(images)
            right += int((scores.argmax(1) == labels).sum())
            loss += float(cross_entropy(scores, labels, reduction="sum"))
    if not np.isfinite(loss):
        raise _loss_error(loss, "while measuring")
    return right / len(dataset), loss / len(dataset)


def _train(
    task: Task,
    weights: NDArray[np.int32],
    dataset: Dataset,
    seed: int,
    device: torch.device,
    steps: int,
    on_step: OnStep | None,
    stop: Callable[[], bool] | None,
) -> TrainedUpdate:
    _check(task, dataset)
    bits = task.numbers.fraction_bits
    model = task.model()
    load_into(model, weights, bits)
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), task.local.learning_rate, momentum=task.local.momentum)
    batches = _batches(len(dataset), task.local.batch, seed)

    losses: list[float] = []
    for step in range(1, steps + 1):
        if stop and stop():
            break
        images, labels = _batch(dataset, next(batches), device)
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            flatten(model.state_dict())  # names the tensor that the loss has spoilt
            raise _loss_error(losses[-1], f"at step {step}")
        if on_step:
            on_step(step, steps, losses[-1])

    trained = flatten(model.state_dict())
    to_weights(trained, bits, layout_of(model.state_dict()))  # out of range is found here, before anyone builds on it
    return TrainedUpdate(
        delta=trained - to_values(weights, bits),
        loss=float(np.mean(losses)) if losses else 0.0,
        samples=min(len(dataset), len(losses) * task.local.batch),
        steps=len(losses),
    )


def _batches(count: int, size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices of ever new batches; every image comes once before any comes again."""
    random = np.random.Generator(np.random.PCG64(seed))
    order = random.permutation(count)
    while True:
        while len(order) < size:
            order = np.concatenate([order, random.permutation(count)])
        yield order[:size]
        order = order[size:]


def _batch(dataset: Dataset, indices: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(dataset.images[indices]).to(device), torch.from_numpy(dataset.labels[indices]).to(device)


def _check(task: Task, dataset: Dataset) -> None:
    remedy = "Give the data that the task names."
    if not len(dataset) or dataset.shape != task.shape:
        raise DataError(f"The task wants images of {task.shape}; there are {len(dataset)} of {dataset.shape}.", do=remedy)
    if dataset.labels.min() < 0 or dataset.labels.max() >= task.images.classes:
        raise DataError(f"A label is outside 0 to {task.images.classes - 1}.", do=remedy)


def _loss_error(loss: float, when: str) -> NumericError:
    remedy = "Lower the learning rate, or look for damaged data."
    return NumericError(f"The loss became {loss} {when}.", "The weights before it were kept.", remedy)
