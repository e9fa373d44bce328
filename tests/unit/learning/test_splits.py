from hashlib import sha256

import numpy as np
import pytest

from swarm_chain.errors import DataError
from swarm_chain.learning.splits import dirichlet_split, shard_split


@pytest.mark.parametrize(("parts", "alpha"), [(1, 0.5), (4, 0.5), (4, 100.0), (50, 0.01), (100, 0.5)])
def test_a_split_deals_out_every_image_once(parts, alpha):
    labels = np.arange(500) % 10
    split = dirichlet_split(labels, parts, alpha, seed=3)
    assert len(split) == parts
    assert min(map(len, split)) >= 2
    assert sorted(np.concatenate(split)) == list(range(500))
    again = dirichlet_split(labels, parts, alpha, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(split, again, strict=True))


def test_a_split_is_the_same_on_every_machine():
    split = dirichlet_split(np.arange(1000) % 10, 4, 0.5, seed=1)
    assert [len(part) for part in split] == [247, 236, 165, 352]
    assert (
        sha256(b"".join(part.astype(">i8").tobytes() for part in split)).hexdigest()
        == "1f00796a26d5a9a14f3dea4749470f7bc0ae010cf5d32d7ea6242e41eef110de"
    )


def test_alpha_says_how_one_sided_parts_are():
    labels = np.arange(2000) % 10

    def spread(alpha):
        counts = np.array([np.bincount(labels[part], minlength=10) for part in dirichlet_split(labels, 4, alpha, 1)])
        return counts.std()

    assert spread(0.1) > spread(1.0) > spread(100.0)


def test_too_few_images_are_not_split():
    with pytest.raises(DataError, match="7 images cannot be dealt out to 4"):
        dirichlet_split(np.zeros(7, np.int64), 4, 0.5, 1)


@pytest.mark.parametrize(("count", "parts", "shards"), [(500, 5, 2), (503, 5, 2), (500, 1, 3), (40, 20, 1), (12, 3, 4)])
def test_shards_deal_out_every_image_once_and_evenly(count, parts, shards):
    labels = np.random.default_rng(1).integers(0, 10, count)
    split = shard_split(labels, parts, shards, seed=3)
    assert sorted(np.concatenate(split)) == list(range(count))
    sizes = [len(part) for part in split]
    assert max(sizes) - min(sizes) <= shards
    again = shard_split(labels, parts, shards, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(split, again, strict=True))
    other = shard_split(labels, parts, shards, seed=4)
    assert any(set(one) != set(another) for one, another in zip(split, other, strict=True)) or parts == 1


def test_with_two_shards_each_node_sees_two_classes():
    """As in the paper: 60,000 images of ten classes, a hundred nodes."""
    labels = np.random.default_rng(2).permutation(np.arange(60_000) % 10)
    split = shard_split(labels, 100, 2, seed=1)
    assert {len(part) for part in split} == {600}
    assert {len(np.unique(labels[part])) for part in split} == {1, 2}


def test_shards_are_the_same_on_every_machine():
    split = shard_split(np.arange(1000) % 10, 4, 2, seed=1)
    assert (
        sha256(b"".join(part.astype(">i8").tobytes() for part in split)).hexdigest()
        == "58319ab2a5076bd37bdeabd99b916c15bbd84502ea443a0e10b8cea22a68b545"
    )


def test_too_few_images_are_not_cut_into_shards():
    with pytest.raises(DataError, match="100 images cannot be cut into 120 shards, 4 for each of 30 nodes"):
        shard_split(np.zeros(100, np.int64), 30, 4, 1)
    with pytest.raises(DataError, match="7 images cannot be dealt out to 4"):
        shard_split(np.zeros(7, np.int64), 4, 1, 1)
