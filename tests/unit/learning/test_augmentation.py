from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from swarm_chain.learning.augmentation import augment, drawn
from swarm_chain.learning.data import load
from swarm_chain.learning.devices import pick, use_threads
from swarm_chain.learning.memory import Portions
from swarm_chain.learning.passes import batches
from swarm_chain.learning.task import DIGITS
from swarm_chain.learning.training import train

IMAGES = replace(DIGITS.images, crop_padding=2, flip=True)
AUGMENTED = replace(DIGITS.with_steps(5), images=IMAGES)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


def by_hand(image, top, left, mirrored, padding):
    frame = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    cut = frame[:, top : top + image.shape[1], left : left + image.shape[2]]
    return cut[:, :, ::-1] if mirrored else cut


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7)])
def test_images_are_cut_out_and_mirrored_as_said(shape):
    images = np.random.default_rng(1).random((50, *shape), np.float32)
    how = np.random.default_rng(2).integers(0, [5, 5, 2], (50, 3))
    done = augment(torch.from_numpy(images), how, 2).numpy()
    assert done.shape == images.shape
    for image, one, came_to in zip(images, how, done, strict=True):
        assert np.array_equal(came_to, by_hand(image, *one, 2))


def test_nothing_moves_in_the_middle():
    images = torch.rand(4, 3, 8, 8)
    assert torch.equal(augment(images, np.array([[3, 3, 0]] * 4), 3), images)
    assert torch.equal(augment(images, np.array([[0, 0, 1]] * 4), 0), images.flip(3))


def rows(images, seed, count=400):
    return np.concatenate(list(islice(drawn(batches(500, 32, seed), images, seed), count)))


def test_every_corner_and_both_sides_are_drawn_alike():
    found = rows(IMAGES, 1)
    for column, values in ((1, 5), (2, 5), (3, 2)):
        counts = np.bincount(found[:, column], minlength=values)
        assert len(counts) == values
        assert counts.min() > 0.9 * len(found) / values
    assert set(rows(replace(IMAGES, flip=False), 1)[:, 3]) == {0}
    assert set(rows(replace(IMAGES, crop_padding=0), 1)[:, 1:3].ravel()) == {0}


def test_a_seed_draws_the_same_and_leaves_the_order_as_it_is():
    assert np.array_equal(rows(IMAGES, 7), rows(IMAGES, 7))
    assert not np.array_equal(rows(IMAGES, 7)[:, 1:], rows(IMAGES, 8)[:, 1:])
    assert np.array_equal(rows(IMAGES, 7)[:, 0], np.concatenate(list(islice(batches(500, 32, 7), 400))))


def test_training_on_what_is_made_of_images_can_be_repeated_bit_for_bit():
    data, weights = load("digits").train, DIGITS.initial_weights()
    device = pick()
    one, same, other = (train(AUGMENTED, weights, data, seed, device) for seed in (1, 1, 2))
    plain = train(DIGITS.with_steps(5), weights, data, 1, device)
    assert np.array_equal(one.delta, same.delta)
    assert not np.array_equal(one.delta, other.delta)
    assert np.abs(one.delta - plain.delta).max() > 1e-3
    assert (one.samples, one.steps) == (plain.samples, plain.steps)


def test_in_portions_images_are_made_the_same(monkeypatch):
    """As where memory is short."""
    data, weights = load("digits").train, DIGITS.initial_weights()
    whole = train(AUGMENTED, weights, data, 1)
    monkeypatch.setattr(Portions, "of", lambda self, count: (slice(start, min(start + 5, count)) for start in range(0, count, 5)))
    portions = train(AUGMENTED, weights, data, 1)
    assert np.abs(portions.delta - whole.delta).max() < 1e-3 * np.abs(whole.delta).max()
