import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from swarm_chain.errors import ConfigurationError, DataError
from swarm_chain.learning.data import load
from swarm_chain.learning.splits import shard_split
from swarm_chain.learning.task import CIFAR10, DIGITS, DIGITS_LINEAR, FASHION, Task


def with_images(task, **images):
    return replace(task, images=replace(task.images, **images))


def images_in(task):
    return json.loads(task.encode())["images"]


def test_what_is_at_its_default_is_left_out_of_a_manifest():
    assert set(images_in(DIGITS)) == {"source", "channels", "height", "width", "classes", "parts", "alpha", "seed", "held_out_one_in"}
    for name, value in {"shards": 2, "first": 100, "crop_padding": 1, "flip": True}.items():
        task = with_images(DIGITS, **{name: value})
        assert {key: images_in(task)[key] for key in set(images_in(task)) - set(images_in(DIGITS))} == {name: value}
        assert Task.decode(task.encode()) == task


def test_a_default_that_a_manifest_names_is_the_same_task():
    manifest = json.loads(DIGITS.encode())
    manifest["images"] |= {"shards": 0, "first": 0, "crop_padding": 0, "flip": False}
    assert Task.from_manifest(manifest).encode() == DIGITS.encode()


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ({"shards": -1}, "images.shards"),
        ({"shards": 1001}, "images.shards"),
        ({"shards": 2.0}, "images.shards"),
        ({"shards": None}, "images.shards"),
        ({"first": -1}, "images.first"),
        ({"first": "6000"}, "images.first"),
        ({"crop_padding": -1}, "images.crop_padding"),
        ({"crop_padding": 5}, "crop_padding must be at most half of the height and of the width"),
        ({"flip": 1}, "images.flip"),
        ({"rotate": True}, "images.rotate"),
    ],
)
def test_what_is_unknown_or_impossible_is_refused(images, reason):
    manifest = json.loads(DIGITS.encode())
    manifest["images"] |= images
    with pytest.raises(ConfigurationError, match=reason):
        Task.from_manifest(manifest)


def test_images_are_not_augmented_without_torch():
    with pytest.raises(ValidationError, match="the network linear needs no torch, and images are cropped and flipped in torch"):
        with_images(DIGITS_LINEAR, flip=True)


def test_nodes_get_shards_where_the_manifest_says_so():
    data, task = load("digits"), with_images(DIGITS, shards=1)
    split = shard_split(data.train.labels, 4, 1, DIGITS.images.seed)
    for node, share in enumerate(split):
        train, held = task.part(data, node)
        assert len(train) + len(held) == len(share)
        counts = np.bincount(np.concatenate([train.labels, held.labels]), minlength=10)
        assert np.array_equal(counts, np.bincount(data.train.labels[share], minlength=10))
        assert np.count_nonzero(counts) <= 4, "a quarter of the images by label"


def test_more_shards_than_images_are_refused():
    with pytest.raises(DataError, match=r"1,438 images cannot be cut into 4,000 shards, 1,000 for each of 4 nodes"):
        with_images(DIGITS, shards=1000).part(load("digits"), 0)


def test_the_first_so_many_training_images_are_used():
    everything, data = load("digits"), with_images(DIGITS, first=100).load(None)
    assert np.array_equal(data.train.images, everything.train.images[:100])
    assert np.array_equal(data.train.labels, everything.train.labels[:100])
    assert np.array_equal(data.test.images, everything.test.images)
    with pytest.raises(DataError, match=r"the first 1,439 training images; there are 1,438"):
        with_images(DIGITS, first=1439).load(None)


def test_cifar10_is_learnt_from_what_is_made_of_the_images():
    assert CIFAR10.images.augmented
    assert (CIFAR10.images.crop_padding, CIFAR10.images.flip) == (4, True)
    assert not DIGITS.images.augmented


@pytest.fixture
def fashion():
    if "SWARM_CHAIN_FASHION" not in os.environ:
        pytest.skip("SWARM_CHAIN_FASHION, the folder of Fashion-MNIST's files (Debian's package dataset-fashion-mnist), is not set.")
    return Path(os.environ["SWARM_CHAIN_FASHION"])


def test_the_real_fashion_mnist_is_read(fashion):
    data = FASHION.load(fashion)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert data.train.shape == FASHION.shape
    assert data.train.images.min() == 0
    assert data.train.images.max() == 1
    assert data.train.images.mean() == pytest.approx(0.286, abs=0.001), "as published"
