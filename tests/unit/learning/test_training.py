from dataclasses import replace

import numpy as np
import pytest
import torch

from swarm_chain.errors import ConfigurationError, DataError, NumericError
from swarm_chain.learning.data import Dataset, load
from swarm_chain.learning.devices import pick, use_threads
from swarm_chain.learning.task import DIGITS
from swarm_chain.learning.tensors import to_values, to_weights
from swarm_chain.learning.training import central, evaluate, train

SHORT = replace(DIGITS, local=replace(DIGITS.local, steps=5))


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


@pytest.fixture(scope="module")
def data():
    return load("digits")


@pytest.fixture
def weights():
    return DIGITS.initial_weights()


def test_training_makes_the_network_better(data, weights):
    before, loss_before = evaluate(DIGITS, weights, data.test)
    update = train(DIGITS, weights, data.train, seed=1)
    after = to_weights(to_values(weights, 24) + update.delta, 24, DIGITS.layout())
    accuracy, loss = evaluate(DIGITS, after, data.test)
    assert before < 0.3
    assert accuracy > 0.8
    assert loss < loss_before
    assert update.delta.dtype == np.float32
    assert update.delta.shape == weights.shape
    assert (update.samples, update.steps) == (1280, 40)


def test_the_same_seed_trains_the_same(data, weights):
    one, same, other = (train(SHORT, weights, data.train, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.delta, same.delta)
    assert not np.array_equal(one.delta, other.delta)


def test_the_rate_says_how_far_a_step_goes(data, weights):
    slow = replace(SHORT, local=replace(SHORT.local, learning_rate=SHORT.local.learning_rate / 10))
    assert np.abs(train(slow, weights, data.train, 1).delta).mean() < 0.3 * np.abs(train(SHORT, weights, data.train, 1).delta).mean()


def test_every_step_is_told_and_weights_stay(data, weights):
    told = []
    start = weights.copy()
    update = train(SHORT, weights, data.train, 1, on_step=lambda *step: told.append(step))
    assert [(step, steps) for step, steps, _ in told] == [(step, 5) for step in range(1, 6)]
    assert update.loss == pytest.approx(np.mean([loss for _, _, loss in told]))
    assert np.array_equal(weights, start)


def test_stopping_early_keeps_what_was_trained(data, weights):
    told = []
    update = train(SHORT, weights, data.train, 1, on_step=lambda *step: told.append(step), stop=lambda: len(told) == 2)
    assert (update.steps, update.samples) == (2, 64)
    assert np.array_equal(update.delta, train(replace(SHORT, local=replace(SHORT.local, steps=2)), weights, data.train, 1).delta)


def test_stopping_at_once_changes_nothing(data, weights):
    update = train(SHORT, weights, data.train, 1, stop=lambda: True)
    assert not update.delta.any()
    assert (update.steps, update.samples, update.loss) == (0, 0, 0)


def test_few_images_fill_a_batch(data, weights):
    update = train(SHORT, weights, data.train.take(np.arange(3)), 1)
    assert (update.steps, update.samples) == (5, 3)


def test_nan_in_the_data_is_an_error_that_names_a_tensor(data, weights):
    images = data.train.images.copy()
    images[:, 0, 0, 0] = np.nan
    start = weights.copy()
    with pytest.raises(NumericError, match=r"Tensor \d\.(weight|bias) holds nan"):
        train(SHORT, weights, Dataset(images, data.train.labels), 1)
    assert np.array_equal(weights, start)
    with pytest.raises(NumericError, match="while measuring"):
        evaluate(SHORT, weights, Dataset(images, data.train.labels))


def test_weights_that_grow_out_of_range_are_an_error(data, weights):
    wild = replace(SHORT, local=replace(SHORT.local, learning_rate=100.0))
    with pytest.raises(NumericError, match="Tensor"):
        train(wild, weights, data.train, 1)


def test_data_that_does_not_fit_is_refused(data, weights):
    for wrong in (
        Dataset(np.zeros((2, 1, 28, 28), np.float32), np.zeros(2, np.int64)),
        Dataset(np.zeros((0, 1, 8, 8), np.float32), np.zeros(0, np.int64)),
        Dataset(np.zeros((2, 1, 8, 8), np.float32), np.array([0, 10])),
        Dataset(np.zeros((2, 1, 8, 8), np.float32), np.array([0, -1])),
    ):
        with pytest.raises(DataError):
            train(SHORT, weights, wrong, 1)
        with pytest.raises(DataError):
            evaluate(SHORT, weights, wrong)


def test_a_model_of_another_length_is_refused(data, weights):
    with pytest.raises(NumericError, match="coordinates"):
        train(SHORT, weights[:-1], data.train, 1)


def test_central_training_learns(data):
    weights = central(DIGITS, data.train, steps=80)
    assert weights.dtype == np.int32
    assert evaluate(DIGITS, weights, data.test)[0] > 0.85


def test_auto_takes_the_best_device_there_is():
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick().type == best
    assert pick("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["", "tpu", "cuda:99", "cuda:x", "cpu:1", "cpu:-1"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ConfigurationError, match="cpu"):
        pick(name)


def test_the_best_device_there_is_trains(data, weights):
    update = train(DIGITS, weights, data.train, 1, pick())
    after = to_weights(to_values(weights, 24) + update.delta, 24, DIGITS.layout())
    assert evaluate(DIGITS, after, data.test, pick())[0] > 0.8
