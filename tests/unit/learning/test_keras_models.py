"""Keras 3 models on the torch backend, and what torch itself comes to from the same weights in the same order."""

import os
import subprocess
import sys
from dataclasses import replace

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.errors import ConfigurationError, DataError, NumericError
from swarm_chain.learning.keras_models import evaluate, fit, initial_weights, layout_of, load_into, values_of
from swarm_chain.learning.manifest import he_uniform
from swarm_chain.learning.passes import batches
from swarm_chain.learning.task import DIGITS
from swarm_chain.learning.tensors import Layout, to_values, to_weights

TASK = replace(DIGITS, local=replace(DIGITS.local, learning_rate=0.05, momentum=0.9, batch=16, steps=12))
LAYERS = keras.layers


def net(*between, width=8):
    model = keras.Sequential(
        [keras.Input((4,)), LAYERS.Dense(width, "tanh", name="hidden"), *between, LAYERS.Dense(2, name="out")],
        name="net",
    )
    model.compile(loss="mse", metrics=["mae"])
    return model


@pytest.fixture(scope="module")
def samples():
    random = np.random.Generator(np.random.PCG64(1))
    x = random.normal(size=(100, 4)).astype(np.float32)
    return x, (x @ random.normal(size=(4, 2)) + 0.5).astype(np.float32)


@pytest.fixture
def weights():
    return initial_weights(layout_of(net()), 24, seed=3)


# ---------------------------------------------------------------------------------------------- layout


def test_the_layout_is_of_weights_by_sorted_path():
    model = net(LAYERS.Dropout(0.5), LAYERS.LayerNormalization(name="norm"))
    model.fit(np.zeros((3, 4)), np.zeros((3, 2)), verbose=0)  # now there are an optimizer's variables and metrics' too
    assert layout_of(model) == Layout(
        ("net/hidden/bias", "net/hidden/kernel", "net/norm/beta", "net/norm/gamma", "net/out/bias", "net/out/kernel"),
        ((8,), (4, 8), (8,), (8,), (2,), (8, 2)),
    )


def test_it_stays_however_many_models_were_built_before():
    code = """
import keras
layers = [keras.Input((4,)), keras.layers.Dense(8, name="hidden"), keras.layers.Dropout(0.5), keras.layers.Dense(2, name="out")]
from swarm_chain.learning.keras_models import layout_of
print(layout_of(keras.Sequential(layers, name="net")))
"""
    first_of_a_process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert first_of_a_process.strip() == str(layout_of(net(LAYERS.Dropout(0.5)))) == str(layout_of(net(LAYERS.Dropout(0.5))))


def test_layers_within_layers_and_weights_used_twice_have_one_place_each():
    inputs, both = keras.Input((5, 6)), LAYERS.Dense(6, name="both")
    seen = LAYERS.MultiHeadAttention(2, 3, dropout=0.1, name="attention")(both(inputs), both(inputs))
    model = keras.Model(inputs, LAYERS.Bidirectional(LAYERS.LSTM(4, name="lstm"), name="ways")(seen))
    layout = layout_of(model)
    assert list(layout.names) == sorted(layout.names)
    assert layout.dimension == model.count_params()
    assert {"both/kernel", "attention/query/bias", "ways/backward_lstm/lstm_cell/recurrent_kernel"} < set(layout.names)


class Twins(keras.Model):
    def __init__(self):
        super().__init__(name="twins")
        self.one, self.other = LAYERS.Dense(4, name="same"), LAYERS.Dense(4, name="same")

    def call(self, rows):
        return self.other(self.one(rows))


def built(model):
    model(np.zeros((1, 4), np.float32))
    return model


def frozen():
    model = net()
    model.get_layer("hidden").trainable = False
    return model


def counting():
    layer = LAYERS.Dense(3, name="counting")
    layer.add_weight(name="count", shape=(), dtype="int32", trainable=False)
    return net(layer)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: net(LAYERS.BatchNormalization(name="norm")), "net/norm/moving_mean, which is not learnt"),
        (frozen, "net/hidden/bias, which is not learnt|net/hidden/kernel, which is not learnt"),
        (counting, "counting/count, of the type int32"),
        (lambda: net(LAYERS.Dense(3), LAYERS.Dense(3)), r"called dense_\d+, which Keras counted"),
        (lambda: net(LAYERS.PReLU(), LAYERS.PReLU()), r"called p_re_lu_\d+, which Keras counted"),
        (lambda: built(Twins()), "2 weights called twins/same/(kernel|bias)"),
        (Twins, "not built"),
        (lambda: keras.Sequential([LAYERS.Dense(2, name="out")], name="net"), "not built"),
    ],
)
def test_what_a_swarm_cannot_agree_on_is_refused(make, reason):
    model = make()
    for of in (layout_of, values_of):
        with pytest.raises(ConfigurationError, match=reason):
            of(model)


# ---------------------------------------------------------------------------------------------- weights


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(0, 2**32), st.integers(8, 28))
def test_weights_survive_the_way_into_a_model_and_back(width, seed, bits):
    model = net(width=width)
    layout = layout_of(model)
    weights = np.random.Generator(np.random.PCG64(seed)).integers(-(2**23), 2**23, layout.dimension, np.int32)
    load_into(model, weights, bits)
    assert np.array_equal(to_weights(values_of(model), bits, layout), weights)
    by_keras = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}
    for name, part in layout.parts(to_values(weights, bits)).items():
        assert np.array_equal(by_keras[name], part)


def test_weights_of_another_length_are_refused(weights, samples):
    with pytest.raises(NumericError, match="58 coordinates, 57 were given"):
        load_into(net(), weights[:-1], 24)
    with pytest.raises(NumericError, match="58 coordinates, 57 were given"):
        fit(TASK, net(), *samples, weights[:-1], 1)


def test_first_weights_are_he_s_for_outputs_that_come_last():
    layout = Layout(("a/bias", "a/kernel", "b/bias", "b/kernel", "n/beta", "n/gamma"), ((8,), (600, 8), (2, 4), (5, 3, 2, 4), (8,), (8,)))
    parts = layout.parts(to_values(initial_weights(layout, 24, 1), 24))
    for zero in ("a/bias", "b/bias", "n/beta"):
        assert not parts[zero].any()
    assert (parts["n/gamma"] == 1).all()
    for name, fan_in in (("a/kernel", 600), ("b/kernel", 30)):
        assert 0.95 < np.abs(parts[name]).max() / np.sqrt(6 / fan_in) <= 1
    # and where both read a shape the same they are those of torch's networks
    same = Layout(("kernel",), ((7, 7),))
    assert np.array_equal(initial_weights(same, 24, 5), he_uniform(same, 24, 5))


# ---------------------------------------------------------------------------------------------- a pass


def test_a_pass_is_what_torch_comes_to(weights, samples):
    update = fit(TASK, net(), *samples, weights, seed=5)
    parts = layout_of(net()).parts(to_values(weights, 24))
    tensors = {name: torch.tensor(part, requires_grad=True) for name, part in parts.items()}
    optimizer = torch.optim.SGD(tensors.values(), TASK.local.learning_rate, momentum=TASK.local.momentum)
    order, losses = batches(100, TASK.local.batch, 5), []
    for _ in range(TASK.local.steps):
        chosen = next(order)
        hidden = torch.tanh(torch.tensor(samples[0][chosen]) @ tensors["net/hidden/kernel"] + tensors["net/hidden/bias"])
        loss = ((hidden @ tensors["net/out/kernel"] + tensors["net/out/bias"] - torch.tensor(samples[1][chosen])) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    trained = np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors.values()])
    assert np.allclose(to_values(weights, 24) + update.delta, trained, atol=1e-5)
    assert update.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert (update.steps, update.samples) == (12, 100)


def test_a_pass_brings_the_loss_down(weights, samples):
    model, start = net(), weights.copy()
    update = fit(TASK, model, *samples, weights, seed=1)
    after = to_weights(to_values(weights, 24) + update.delta, 24, layout_of(model))
    before, then = evaluate(TASK, model, *samples, weights), evaluate(TASK, model, *samples, after)
    assert then["loss"] < 0.5 * before["loss"]
    assert set(then) == {"loss", "mae"}
    assert then["mae"] < before["mae"]
    assert update.delta.dtype == np.float32
    assert np.array_equal(weights, start)


def test_chance_comes_from_the_seed_and_torch_s_own_is_left_alone(weights, samples):
    drawing = [LAYERS.Dropout(0.5), LAYERS.GaussianNoise(0.1, seed=4)]
    torch.manual_seed(8)
    expected = torch.rand(1)
    torch.manual_seed(8)
    one, same, other = (fit(TASK, net(*drawing), *samples, weights, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(one.delta, same.delta)
    assert not np.array_equal(one.delta, other.delta)
    assert not np.allclose(one.delta, fit(TASK, net(), *samples, weights, 1).delta, atol=1e-3), "noise makes no difference"


def test_one_model_may_be_trained_many_times(weights, samples):
    model = net()
    fit(TASK, model, *samples, weights, 7)
    assert np.array_equal(fit(TASK, model, *samples, weights, 1).delta, fit(TASK, net(), *samples, weights, 1).delta)


def test_every_step_is_told_and_stopping_keeps_what_was_trained(weights, samples):
    told = []
    update = fit(TASK, net(), *samples, weights, 1, lambda *step: told.append(step), stop=lambda: len(told) == 3)
    assert [(step, steps) for step, steps, _ in told] == [(1, 12), (2, 12), (3, 12)]
    assert (update.steps, update.samples) == (3, 48)
    assert update.loss == pytest.approx(np.mean([loss for _, _, loss in told]))
    three = replace(TASK, local=replace(TASK.local, steps=3))
    assert np.array_equal(update.delta, fit(three, net(), *samples, weights, 1).delta)

    none = fit(TASK, net(), *samples, weights, 1, stop=lambda: True)
    assert not none.delta.any()
    assert (none.steps, none.samples, none.loss) == (0, 0, 0)


def test_several_inputs_are_taken_by_the_same_rows(samples):
    x, y = samples
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model([left, right], LAYERS.Dense(2, name="out")(LAYERS.Concatenate()([left, right])))
    model.compile(loss="mse")
    alone = keras.Sequential([keras.Input((4,)), LAYERS.Dense(2, name="out")], name="alone")
    alone.compile(loss="mse")
    weights = initial_weights(layout_of(model), 24, 1)
    halves = fit(TASK, model, [x[:, :2], x[:, 2:]], y, weights, 1)
    assert np.allclose(halves.delta, fit(TASK, alone, x, y, weights, 1).delta, atol=1e-6)


# ---------------------------------------------------------------------------------------------- errors


def test_nan_in_the_data_is_an_error_that_names_a_tensor(weights, samples):
    x, y = samples
    broken = np.full_like(x, np.nan)
    with pytest.raises(NumericError, match=r"Tensor net/(hidden|out)/(bias|kernel) holds nan"):
        fit(TASK, net(), broken, y, weights, 1)
    with pytest.raises(NumericError, match="while measuring"):
        evaluate(TASK, net(), broken, y, weights)


def test_a_loss_that_is_not_finite_is_an_error_though_every_weight_is(weights, samples):
    model = net()
    model.compile(loss=lambda true, said: keras.ops.sum(said * 0, axis=-1) + keras.ops.stop_gradient(true[:, 0] / 0))
    with pytest.raises(NumericError, match=r"The loss became (nan|inf|-inf) at step 1"):
        fit(TASK, model, *samples, weights, 1)


def test_weights_that_grow_out_of_range_are_an_error(weights, samples):
    wild = replace(TASK, local=replace(TASK.local, learning_rate=100.0, steps=2))
    with pytest.raises(NumericError, match=r"Tensor net/.* fraction bits a weight lies within ±8"):
        fit(replace(wild, numbers=replace(TASK.numbers, fraction_bits=28)), net(), *samples, weights, 1)


def test_samples_and_models_that_do_not_fit_are_refused(weights, samples):
    x, y = samples
    for wrong in ((x[:0], y[:0]), (x, y[1:]), ([x, x[1:]], y)):
        with pytest.raises(DataError, match="rows"):
            fit(TASK, net(), *wrong, weights, 1)
        with pytest.raises(DataError, match="rows"):
            evaluate(TASK, net(), *wrong, weights)
    with pytest.raises(DataError, match="Keras does not take the samples"):
        fit(TASK, net(), x[:, :3], y, weights, 1)
    with pytest.raises(DataError, match="Keras does not take the samples"):
        evaluate(TASK, net(), x[:, :3], y, weights)
    bare = keras.Sequential(net().layers, name="net")
    for of in (fit, evaluate):
        with pytest.raises(ConfigurationError, match="has no loss"):
            of(TASK, bare, x, y, weights, *([1] if of is fit else []))


TIGHT = """
import logging, resource, sys, threading
from dataclasses import replace
threading.stack_size(1 << 18)  # Keras starts threads whenever it measures, and a usual stack is a quarter of what is left
import keras, numpy as np, torch
from swarm_chain.errors import OutOfMemoryError
from swarm_chain.learning.keras_models import evaluate, fit, initial_weights, layout_of
from swarm_chain.learning.task import DIGITS

torch.set_num_threads(1)
logging.basicConfig(format="%(message)s")
task = replace(DIGITS, local=replace(DIGITS.local, batch=500, steps=1))
layers = keras.layers.Dense(32_768, "tanh", name="wide"), keras.layers.Dense(1, name="out")
model = keras.Sequential([keras.Input((4,)), *layers], name="net")
model.compile(loss="mse")
x = np.random.default_rng(1).random((500, 4), dtype=np.float32)
y = x[:, :1]
weights = initial_weights(layout_of(model), 24, 1)
work = {"fit": lambda: fit(task, model, x, y, weights, 1).loss, "evaluate": lambda: evaluate(task, model, x, y, weights)["loss"]}
roomy = work[sys.argv[1]]()
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (35 << 20), held + (35 << 20)))
try:
    assert np.isclose(work[sys.argv[1]](), roomy, rtol=1e-4), roomy
except OutOfMemoryError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not keep to RLIMIT_AS")
@pytest.mark.parametrize(
    ("work", "said"),
    [("fit", "There is too little memory for a step"), ("evaluate", "while measuring a model: goes on with 250 images at a time")],
)
def test_too_little_memory_is_told_and_measured_in_parts(work, said):
    one_arena = os.environ | {"MALLOC_ARENA_MAX": "1"}  # so that no thread reserves 64 MiB for its own
    ended = subprocess.run([sys.executable, "-c", TIGHT, work], env=one_arena, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert ("too little" in ended.stdout) == (work == "fit")
