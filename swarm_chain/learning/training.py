"""The training loop, in full view: from agreed weights to an update, and how good weights are."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite

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
from swarm_chain.learning.private import KEY_BITS, SampledGaussian, mechanism
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
    """Trains from ``weights`` (int32[d]) as the task says; the order of the images comes from ``seed``, unless the task is private.

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

    Where the task is private, batches and gradients are those of :mod:`swarm_chain.learning.private`; ``seed`` says nothing then.

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
        order: batches other than those that ``seed`` says, each an array with a row a sample; ``loss`` is given rows. Of a private task
            they must be of Poisson samples.

    Raises:
        NumericError, OutOfMemoryError: as :func:`train`.
    """
    bits, local = task.numbers.fraction_bits, task.local
    steps = steps or local.steps
    with enough("a model"):
        load_into(model, weights, bits)
        model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), local.learning_rate, momentum=local.momentum)
    order = _order(task, count, seed) if order is None else order
    portions, private = Portions(local.batch, "training"), mechanism(local, count)

    def gradients(rows: NDArray[np.int64]) -> float:
        if private is None:
            return portions.fitting(partial(_loss_and_gradients, model, loss, rows, portions))
        with enough("the training of one sample"):
            return _private_loss_and_gradients(model, loss, rows, private)

    losses: list[float] = []
    for step in range(1, steps + 1):
        if stop and stop():
            break
        losses.append(gradients(next(order)))
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
    # One sample more must not change what happens to the others, as with a seed that others know it would.
    drawn_by = seed if task.local.privacy is None else secrets.randbits(KEY_BITS)
    order = drawn(_order(task, len(dataset), seed), task.images, drawn_by)
    return descend(task, model, augmented_loss, len(dataset), weights, seed, device, on_step, stop=stop, steps=steps, order=order)


def _order(task: Task, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Batches of a local pass: in an order of ``seed``, or, where the task is private, Poisson samples."""
    private = mechanism(task.local, count)
    return batches(count, task.local.batch, seed) if private is None else private.batches()


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


def _private_loss_and_gradients(
    model: torch.nn.Module, loss: Callable[[NDArray[np.int64]], torch.Tensor], rows: NDArray[np.int64], private: SampledGaussian
) -> float:
    """As :func:`_loss_and_gradients`, over the expected number of samples, clipped and noisy. A backward pass a sample: for any module."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    sums, total = [torch.zeros_like(parameter) for parameter in parameters], 0.0
    for row in range(len(rows)):
        one = loss(rows[row : row + 1])
        gradients = torch.autograd.grad(one, parameters, materialize_grads=True)
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
        if isfinite(norm) and isfinite(one.item()):
            total += one.item()
            factor = float(private.factors(np.array([norm]))[0])
            for sum_, gradient in zip(sums, gradients, strict=True):
                sum_.add_(gradient, alpha=factor)
    for parameter, sum_ in zip(parameters, sums, strict=True):
        noise = torch.from_numpy(private.noise(sum_.numel())).to(sum_).view_as(sum_)
        parameter.grad = (sum_ + noise) / private.expected
    return total / private.expected


def _batch(dataset: Dataset, indices: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(dataset.images[indices]).to(device), torch.from_numpy(dataset.labels[indices]).to(device)
