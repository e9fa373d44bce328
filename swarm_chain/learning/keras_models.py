"""What a task needs from a Keras 3 model, whatever backend it runs on: its layout, its weights as arrays, one local pass.

Only arrays of weights go between nodes: no file of Keras' is written or read, for such a file may carry code. The model is the task's own
code, the same on every machine; its backend and its device need not be.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import ConfigurationError, DataError
from swarm_chain.learning.manifest import Task, he_drawn
from swarm_chain.learning.memory import Portions, enough
from swarm_chain.learning.passes import OnStep, TrainedUpdate, batches, loss_error
from swarm_chain.learning.tensors import Layout, check_finite, to_values, to_weights

if TYPE_CHECKING:
    import keras

EVALUATION_BATCH = 500
SCALES = ("gamma", "scale")
"""What Keras' layers of normalisation call the factor that begins as 1."""
SEEDS = "seed_generator_state"


def layout_of(model: "keras.Model") -> Layout:
    """Layout of a built model: every weight by its sorted path, such as ``net/hidden/kernel``.

    Metrics, the optimizer's own and the seeds of dropout are no weights. The same code says the same layout on every backend.

    Raises:
        ConfigurationError: a weight is not floating, or is not learnt by gradients, as running statistics are not; has another's name, or
            one that Keras counted up, for it would be another the next time; or the model is not built.
    """
    variables = _learnt(model)
    return Layout(tuple(variables), tuple(tuple(int(size) for size in variable.shape) for variable in variables.values()))


def initial_weights(layout: Layout, fraction_bits: int, seed: int) -> NDArray[np.int32]:
    """First weights, int32[d], as :func:`~swarm_chain.learning.manifest.he_uniform` draws them, for shapes whose last axis is the outputs.

    Needs no Keras. A task gives them as its ``initial_weights``; what Keras' own initialisers drew is never used.
    """
    stream = np.random.PCG64(seed)
    weights = np.zeros(layout.dimension, np.int32)
    for path, tensor in layout.parts(weights).items():
        name = path.rpartition("/")[2]
        if name in SCALES:
            tensor[...] = 1 << fraction_bits
        elif tensor.ndim >= 2 and name != "bias":
            tensor[...] = he_drawn(stream, tensor.shape, tensor.size // tensor.shape[-1], fraction_bits)
    return weights


def values_of(model: "keras.Model") -> NDArray[np.float32]:
    """The model's weights as one vector, float32[d]. NumericError names one that is not finite; raises as :func:`layout_of` besides."""
    from keras import ops

    pieces = [np.asarray(ops.convert_to_numpy(variable), np.float32).ravel() for variable in _learnt(model).values()]
    vector = np.concatenate(pieces)
    check_finite(vector, layout_of(model))
    return vector


def load_into(model: "keras.Model", weights: NDArray[np.int32], fraction_bits: int) -> None:
    """Puts ``weights`` (int32[d]) into the model. NumericError if the length is another; raises as :func:`layout_of` besides."""
    variables = _learnt(model)
    for path, value in layout_of(model).parts(to_values(weights, fraction_bits)).items():
        variables[path].assign(value)


def fit(
    task: Task,
    model: "keras.Model",
    x: Any,
    y: Any,
    weights: NDArray[np.int32],
    seed: int,
    on_step: OnStep | None = None,
    *,
    stop: Callable[[], bool] | None = None,
) -> TrainedUpdate:
    """One local pass by the loss that the model was compiled with, and SGD with momentum on batches in an order of ``seed``.

    Args:
        task: whose ``local`` and ``numbers`` are used.
        model: compiled; is given the weights and the optimizer.
        x: inputs, an array with a row a sample, or several such in a list or a dictionary.
        y: targets, likewise.
        weights: int32[d], never changed.
        seed: of the order, and of what layers draw: dropout.
        on_step: is told after each step.
        stop: is asked before each step; when it says so, what was trained until then is the update.

    Raises:
        NumericError: a loss or a trained weight is NaN, infinite or out of range; there is no update then.
        DataError: there are no samples, not as many inputs as targets, or Keras refuses them: they have another shape than the model's.
        OutOfMemoryError: memory does not hold the training of a batch, which Keras takes as a whole.
        ConfigurationError: the model is not compiled with a loss, or as :func:`layout_of`.
    """
    import keras

    bits, local, count = task.numbers.fraction_bits, task.local, _check(model, x, y)
    with enough("a model"):
        load_into(model, weights, bits)
    model.optimizer = keras.optimizers.SGD(local.learning_rate, local.momentum)
    model.make_train_function(force=True)  # backends that compile the step compile the optimizer in
    order = batches(count, local.batch, seed)

    losses: list[float] = []
    with _drawing(model, seed):
        for step in range(1, local.steps + 1):
            if stop and stop():
                break
            picked = next(order)
            with enough("a step"), _fitting():
                told = model.train_on_batch(_rows(x, picked), _rows(y, picked), return_dict=True)
            losses.append(float(told["loss"]))
            if not np.isfinite(losses[-1]):
                values_of(model)  # names the tensor that the loss has spoilt
                raise loss_error(losses[-1], f"at step {step}")
            if on_step:
                on_step(step, local.steps, losses[-1])

    trained = values_of(model)
    to_weights(trained, bits, layout_of(model))  # out of range is found here, before anyone builds on it
    return TrainedUpdate(
        delta=trained - to_values(weights, bits),
        loss=float(np.mean(losses)) if losses else 0.0,
        samples=min(count, len(losses) * local.batch),
        steps=len(losses),
    )


def evaluate(task: Task, model: "keras.Model", x: Any, y: Any, weights: NDArray[np.int32]) -> dict[str, float]:
    """What Keras measures of ``weights`` on samples as :func:`fit` takes them: ``loss``, and each metric that the model was compiled with.

    Raises:
        NumericError: the loss is not finite.
        DataError, ConfigurationError: as :func:`fit`.
        OutOfMemoryError: memory does not hold one sample; less than a batch is measured in parts.
    """
    _check(model, x, y)
    with enough("a model"):
        load_into(model, weights, task.numbers.fraction_bits)
    portions = Portions(EVALUATION_BATCH, "measuring a model")
    with _fitting():
        told = portions.fitting(lambda: model.evaluate(x, y, batch_size=portions.size, verbose=0, return_dict=True))
    measured = {name: float(value) for name, value in told.items()}
    if not np.isfinite(measured["loss"]):
        raise loss_error(measured["loss"], "while measuring")
    return measured


def _learnt(model: "keras.Model") -> "dict[str, keras.Variable]":
    """The model's weights by sorted path; raises as :func:`layout_of`."""
    from keras.backend import is_float_dtype

    layers = model._flatten_layers()
    if not model.weights or not all(layer.built for layer in layers):
        raise _unfit("is not built, so its weights are not known", "Begin it with keras.Input, or call it once on an example.")
    counted = {layer.name for layer in layers if _is_counted(layer)}
    for variable in model.weights:
        if not is_float_dtype(variable.dtype):
            raise _unfit(f"holds {variable.path}, of the type {variable.dtype}", "Use layers whose weights are floating.")
        if not variable.trainable:
            remedy = "Use LayerNormalization for BatchNormalization, prepare the data before the model, freeze no layer."
            raise _unfit(f"holds {variable.path}, which is not learnt by gradients", remedy)
        for name in counted.intersection(variable.path.split("/")):
            raise _unfit(
                f"has a layer called {name}, which Keras counted up: the next one is called otherwise", "Give layers names of your own."
            )
    times = Counter(variable.path for variable in model.weights)
    for path in times:
        if times[path] > 1:
            raise _unfit(f"has {times[path]} weights called {path}", "Give layers names of your own, each another.")
    return {variable.path: variable for variable in sorted(model.weights, key=lambda variable: variable.path)}


def _is_counted(layer: "keras.Layer") -> bool:
    """Whether the layer's name is its class and a number, as Keras makes it for layers without one: ``dense_1`` of ``Dense``."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", type(layer).__name__)))
    return bool(re.fullmatch(rf"{words.lower()}_\d+", layer.name))


@contextmanager
def _drawing(model: "keras.Model", seed: int) -> Iterator[None]:
    """What layers draw comes from ``seed``: from generators of their own, or, on torch, from its global one, which is left as it was."""
    from keras.backend import backend

    generators = [variable for variable in model.variables if variable.name == SEEDS]
    for variable, state in zip(generators, np.random.SeedSequence(seed).generate_state(len(generators)), strict=True):
        variable.assign(np.array([state >> 1, 0]))  # half of it: some backends' states are signed
    if backend() != "torch":
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _fitting() -> Iterator[None]:
    """Keras says by ``ValueError`` that samples are not what the model takes."""
    try:
        yield
    except ValueError as error:
        said = " ".join(str(error).split())
        raise DataError(f"Keras does not take the samples: {said:.300}", do="Give samples of the model's shapes.") from error


def _rows(samples: Any, picked: NDArray[np.int64]) -> Any:
    """These rows of one array, or of each in a list or a dictionary."""
    from keras import tree

    return tree.map_structure(lambda rows: rows[picked], samples)


def _check(model: "keras.Model", x: Any, y: Any) -> int:
    """How many samples there are; raises as :func:`fit`."""
    from keras import tree

    if model.loss is None:
        raise _unfit("has no loss", 'Compile it: model.compile(loss="mse").')
    counts = {len(rows) for rows in tree.flatten((x, y))}
    if len(counts) != 1 or 0 in counts:
        raise DataError(f"Inputs and targets have {sorted(counts)} rows.", do="Give a row of each a sample, and one sample at least.")
    return counts.pop()


def _unfit(why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"The Keras model {why}.", "Nothing was trained.", remedy)
