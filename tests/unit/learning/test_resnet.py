from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch

from swarm_chain.learning.data import Dataset
from swarm_chain.learning.devices import use_threads
from swarm_chain.learning.task import CIFAR10
from swarm_chain.learning.tensors import load_into, to_values, to_weights
from swarm_chain.learning.training import evaluate, train

LEARNING = replace(CIFAR10.with_steps(25), images=replace(CIFAR10.images, crop_padding=0, flip=False))


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


def stripes(count, seed):
    """Images of 3 x 32 x 32 in noise, whose class says how fine stripes are and of which colour."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    images = random.random((count, 3, 32, 32), np.float32) * np.float32(0.3)
    along = np.arange(32)
    for image, label in zip(images, labels, strict=True):
        image[label % 3] += ((along + random.integers(32)) // (1 + label // 3) % 2)[None].astype(np.float32) * np.float32(0.7)
    return Dataset(images, labels)


def test_it_has_the_parameters_it_says():
    assert CIFAR10.layout().dimension == 308_266


def test_first_weights_scale_by_one_and_let_scores_begin_small():
    parts = CIFAR10.layout().parts(to_values(CIFAR10.initial_weights(), 24))
    scales = {name: tensor for name, tensor in parts.items() if name.endswith("weight") and tensor.ndim == 1}
    assert len(scales) == 7
    assert all((scale == 1).all() for scale in scales.values())
    accuracy, loss = evaluate(CIFAR10, CIFAR10.initial_weights(), stripes(200, 1))
    assert accuracy < 0.3
    assert loss < log(10) + 1


def test_an_image_is_scored_by_itself_and_nothing_is_kept_of_it():
    model = CIFAR10.model()
    load_into(model, CIFAR10.initial_weights(), 24)
    assert not list(model.buffers())
    images = torch.from_numpy(stripes(8, 2).images)
    with torch.no_grad():
        together = model.train()(images)
        alone = model.eval()(images[3:4])
    assert torch.allclose(together[3:4], alone, atol=1e-4)


def test_it_learns_in_seconds_the_same_every_time():
    weights, data = LEARNING.initial_weights(), stripes(300, 3)
    one = train(LEARNING, weights, data, 1)
    after = to_weights(to_values(weights, 24) + one.delta, 24, LEARNING.layout())
    assert evaluate(LEARNING, after, stripes(200, 4))[0] > 0.5
    short = LEARNING.with_steps(3)
    assert np.array_equal(train(short, weights, data, 1).delta, train(short, weights, data, 1).delta)
