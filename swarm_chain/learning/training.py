"""The training loop, in full view: from agreed weights to an update, and how good weights are."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from swarm_chain.learning.augmentation import augment, drawn
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.manifest import Task
from swarm_chain.learning.memory import Portions, enough
from swarm_chain.learning.passes import OnStep, TrainedUpdate, batches, check, loss_error
from swarm_chain.learning.tensors import flatten, layout_of, load_into, to_values, to_weights

EVALUATION_BATCH = 500
CPU = torch.device("cpu")


def train(
    task: ImageTask,
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
        OutOfMemoryError: not even one image fits into the memory; less than a batch is worked on in parts.
    """
    return _train(task, weights, dataset, seed, device, on_step, stop)


def central(
    task: ImageTask,
    dataset: Dataset,
    steps: int,
    device: torch.device = CPU,
    on_step: OnStep | None = None,
    stop: Callable[[], bool] | None = None,
) -> NDArray[np.int32]:
    """The baseline: the same network from the same first weights, trained in one place for so many steps; weights int32[d]."""
    start, bits = task.initial_weights(), task.numbers.fraction_bits
    trained = _train(task, start, dataset, task.network.seed, device, on_step, stop, steps)
    return to_weights(to_values(start, bits) + trained.delta, bits, task.layout())


def evaluate(task: ImageTask, weights: NDArray[np.int32], dataset: Dataset, device: torch.device = CPU) -> tuple[float, float]:
    """``(share of images classified rightly, mean cross-entropy)``.

    Raises:
        NumericError: the loss is not finite.
        DataError, OutOfMemoryError: as :func:`train`.
    """
    check(task, dataset)
    with enough("a model"):
        model = task.model()
        load_into(model, weights, task.numbers.fraction_bits)
        model.to(device).eval()
    portions = Portions(EVALUATION_BATCH, "measuring a model")

    def measure() -> tuple[int, float]:
        right, loss = 0, 0.0
        with torch.no_grad():
            for part in portions.of(len(dataset)):
                images, labels = _batch(dataset, np.arange(part.start, part.stop), device)
                scores = model(images)
                right += int((scores.argmax(1) == labels).sum())
                loss += float(cross_entropy(scores, labels, reduction="sum"))
        return right, loss

    right, loss = portions.fitting(measure)
    if not np.isfinite(loss):
        raise loss_error(loss, "while measuring")
    return right / len(dataset), loss / len(dataset)


def descend(
    task: Task,
    model: torch.nn.Module,
    loss: Callable[[NDArray[np.int64]], torch.Tensor],
    count: int,
    weights: NDArray[np.int32],
    seed: int,
    device: torch.device = CPU,
    on_step: OnStep | None = None,
    *,
    stop: Callable[[], bool] | None = None,
    steps: int | None = None,
    order: Iterator[NDArray[np.int64]] | None = None,
) -> TrainedUpdate:
    """One local pass of any network of torch's: SGD with momentum on batches in an order of ``seed``, from ``weights`` (int32[d]).

    Args:
        task: whose ``local`` and ``numbers`` are used.
        model: is given the weights and moved to the device.
        loss: of the model, summed over the samples with these indices.
        count: samples.
        weights: are never changed.
        seed: of the order.
        device: to train on.
        on_step: is told after each step.
        stop: is asked before each step.
        steps: other than the task's.
        order: batches other than those that ``seed`` says, each an array with a row a sample; ``loss`` is given rows.

    Raises:
        NumericError, OutOfMemoryError: as :func:`train`.
    """
    bits, local = task.numbers.fraction_bits, task.local
    steps = steps or local.steps
    with enough("a model"):
        load_into(model, weights, bits)
        model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), local.learning_rate, momentum=local.momentum)
    order = batches(count, local.batch, seed) if order is None else order
    portions = Portions(local.batch, "training")

    losses: list[float] = []
    for step in range(1, steps + 1):
        if stop and stop():
            break
        losses.append(portions.fitting(partial(_loss_and_gradients, model, loss, next(order), portions)))
        with enough("a step"):
            optimizer.step()
        if not np.isfinite(losses[-1]):
            flatten(model.state_dict())  # names the tensor that the loss has spoilt
            raise loss_error(losses[-1], f"at step {step}")
        if on_step:
            on_step(step, steps, losses[-1])

    trained = flatten(model.state_dict())
    to_weights(trained, bits, layout_of(model.state_dict()))  # out of range is found here, before anyone builds on it
    return TrainedUpdate(
        delta=trained - to_values(weights, bits),
        loss=float(np.mean(losses)) if losses else 0.0,
        samples=min(count, len(losses) * local.batch),
        steps=len(losses),
    )


def _train(
    task: ImageTask,
    weights: NDArray[np.int32],
    dataset: Dataset,
    seed: int,
    device: torch.device,
    on_step: OnStep | None,
    stop: Callable[[], bool] | None,
    steps: int | None = None,
) -> TrainedUpdate:
    check(task, dataset)
    with enough("a model"):
        model = task.model()

    def loss(indices: NDArray[np.int64]) -> torch.Tensor:
        images, labels = _batch(dataset, indices, device)
        return cross_entropy(model(images), labels, reduction="sum")

    def augmented_loss(rows: NDArray[np.int64]) -> torch.Tensor:
        images, labels = _batch(dataset, rows[:, 0], device)
        return cross_entropy(model(augment(images, rows[:, 1:], task.images.crop_padding)), labels, reduction="sum")

    if not task.images.augmented:
        return descend(task, model, loss, len(dataset), weights, seed, device, on_step, stop=stop, steps=steps)
    order = drawn(batches(len(dataset), task.local.batch, seed), task.images, seed)
    return descend(task, model, augmented_loss, len(dataset), weights, seed, device, on_step, stop=stop, steps=steps, order=order)


def _loss_and_gradients(
    model: torch.nn.Module, loss: Callable[[NDArray[np.int64]], torch.Tensor], indices: NDArray[np.int64], portions: Portions
) -> float:
    """A batch's mean loss, and its gradients in the parameters: the same in one portion or in many, but for the last bits."""
    model.zero_grad()
    total = 0.0
    for part in portions.of(len(indices)):
        mean = loss(indices[part]) / len(indices)
        mean.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        total += mean.item()
    return total


def _batch(dataset: Dataset, indices: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(dataset.images[indices]).to(device), torch.from_numpy(dataset.labels[indices]).to(device)
