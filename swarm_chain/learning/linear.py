"""Softmax regression in NumPy alone, for machines without torch: the network ``linear``.

One layer from the flattened image to the scores of the classes, trained by SGD with momentum as torch does it (Sutskever et al. 2013,
in torch's form: ``velocity = momentum * velocity + gradient``).
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import cast

import numpy as np
from numpy.typing import NDArray

from swarm_chain.learning.data import Dataset
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.memory import Portions
from swarm_chain.learning.passes import OnStep, TrainedUpdate, batches, check, loss_error
from swarm_chain.learning.private import SampledGaussian, mechanism
from swarm_chain.learning.tensors import Layout, check_finite, to_values, to_weights

Floats = NDArray[np.float32]

EVALUATION_BATCH = 4096


def layout(shape: tuple[int, int, int], classes: int) -> Layout:
    """``bias`` float32[classes], ``weight`` float32[classes, channels * height * width]."""
    return Layout(("bias", "weight"), ((classes,), (classes, prod(shape))))


def train(
    task: ImageTask,
    weights: NDArray[np.int32],
    dataset: Dataset,
    seed: int,
    on_step: OnStep | None = None,
    *,
    stop: Callable[[], bool] | None = None,
) -> TrainedUpdate:
    """Trains from ``weights`` (int32[d]) as :func:`swarm_chain.learning.training.train` does.

    Raises:
        NumericError: a loss or a trained tensor is NaN, infinite or out of range; there is no update then.
        DataError: the images do not fit the task.
        OutOfMemoryError: memory does not hold the training of one image.
    """
    check(task, dataset)
    bits, local = task.numbers.fraction_bits, task.local
    start = to_values(weights, bits)
    trained, velocity = start.copy(), np.zeros_like(start)
    private, losses = mechanism(local, len(dataset)), list[float]()
    order = batches(len(dataset), local.batch, seed) if private is None else private.batches()
    portions = Portions(local.batch, "training")
    for step in range(1, local.steps + 1):
        if stop and stop():
            break
        loss, gradient = portions.fitting(partial(_loss_and_gradient, task, trained, dataset, next(order), portions, private))
        velocity *= np.float32(local.momentum)
        velocity += gradient
        trained -= np.float32(local.learning_rate) * velocity
        losses.append(loss)
        if not np.isfinite(loss):
            check_finite(trained, task.layout())  # names the tensor that the loss has spoilt
            raise loss_error(loss, f"at step {step}")
        if on_step:
            on_step(step, local.steps, loss)
    to_weights(trained, bits, task.layout())  # out of range is found here, before anyone builds on it
    return TrainedUpdate(
        delta=trained - start,
        loss=float(np.mean(losses)) if losses else 0.0,
        samples=min(len(dataset), len(losses) * local.batch),
        steps=len(losses),
    )


def evaluate(task: ImageTask, weights: NDArray[np.int32], dataset: Dataset) -> tuple[float, float]:
    """``(share of images classified rightly, mean cross-entropy)``; NumericError if the loss is not finite, the others as :func:`train`."""
    check(task, dataset)
    values = to_values(weights, task.numbers.fraction_bits)
    portions = Portions(EVALUATION_BATCH, "measuring a model")

    def measure() -> tuple[int, float]:
        right, loss = 0, 0.0
        for part in portions.of(len(dataset)):
            scores, labels = _scores(task, values, dataset.images[part]), dataset.labels[part]
            right += int((scores.argmax(1) == labels).sum())
            loss -= float(_log_likelihoods(scores, labels).sum(dtype=np.float64))
        return right, loss

    right, loss = portions.fitting(measure)
    if not np.isfinite(loss):
        raise loss_error(loss, "while measuring")
    return right / len(dataset), loss / len(dataset)


def _scores(task: ImageTask, values: Floats, images: Floats) -> Floats:
    """Scores float32[n, classes] of images float32[n, *shape]."""
    parts = {name: part.astype(np.float32, copy=False) for name, part in task.layout().parts(values).items()}
    return np.asarray(images.reshape(len(images), -1) @ parts["weight"].T + parts["bias"], np.float32)


def _log_likelihoods(scores: Floats, labels: NDArray[np.int64]) -> Floats:
    """Logarithm of the softmax at each label, float32[n]; shifted by the highest score, so that nothing overflows."""
    shifted = scores - scores.max(1, keepdims=True)
    return np.asarray(shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1)), np.float32)


def _loss_and_gradient(
    task: ImageTask,
    values: Floats,
    dataset: Dataset,
    indices: NDArray[np.int64],
    portions: Portions,
    private: SampledGaussian | None = None,
) -> tuple[float, Floats]:
    """Mean cross-entropy of a batch, and its gradient float32[d]: the same in one portion or in many, but for the last bits.

    With a mechanism over the number of samples that it expects, clipped and noisy. A sample's gradient is the outer product of its shares
    and its image (and of 1, for the bias), so its norm is that of the shares times ``sqrt(|image|^2 + 1)``.
    """
    size = len(indices) if private is None else private.expected
    loss, gradient = 0.0, np.zeros_like(values)
    parts = cast(dict[str, Floats], task.layout().parts(gradient))
    with np.errstate(all="ignore"):  # what is not finite is an error of ours, told by the caller
        for portion in portions.of(len(indices)):
            images, labels = dataset.images[indices[portion]], dataset.labels[indices[portion]]
            scores = _scores(task, values, images)
            images, likelihoods = images.reshape(len(images), -1), _log_likelihoods(scores, labels)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            shares[np.arange(len(labels)), labels] -= 1
            if private is not None:
                norms = np.linalg.norm(shares, axis=1) * np.hypot(np.linalg.norm(images, axis=1), 1)
                shares *= private.factors(norms)[:, None]
                kept = np.isfinite(norms) & np.isfinite(likelihoods)
                shares, images, likelihoods = shares[kept], images[kept], likelihoods[kept]
            loss -= float(likelihoods.sum(dtype=np.float64)) / size
            shares /= np.float32(size)
            parts["bias"][...] += shares.sum(0)
            parts["weight"][...] += shares.T @ images
        if private is not None:
            gradient += private.noise(len(gradient)) / np.float32(size)
    return loss, gradient
