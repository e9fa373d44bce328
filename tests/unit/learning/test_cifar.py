import numpy as np
import pytest

from swarm_chain.errors import DataError
from swarm_chain.learning.cifar import FOLDER, MOST_RECORDS, RECORD, TEST, TRAIN
from swarm_chain.learning.data import load
from swarm_chain.learning.task import CIFAR10

REMEDY = "cifar-10-binary.tar.gz"


def written(folder, count=4):
    """Files of the published layout; the records, uint8[6, count, 3073], training files first."""
    records = np.random.default_rng(1).integers(0, 256, (6, count, RECORD), np.uint8)
    records[:, :, 0] %= 10
    folder.mkdir(exist_ok=True)
    for name, of_file in zip((*TRAIN, TEST), records, strict=True):
        (folder / name).write_bytes(of_file.tobytes())
    return records


@pytest.mark.parametrize("inside", [".", FOLDER])
def test_binary_files_are_read_in_order_from_a_folder_or_what_the_archive_unpacks_to(tmp_path, inside):
    records = written(tmp_path / inside)
    data = CIFAR10.load(tmp_path)
    assert data.train.images.shape == (20, 3, 32, 32)
    assert data.test.images.shape == (4, 3, 32, 32)
    assert data.train.images.dtype == np.float32
    assert data.train.labels.tolist() == records[:5, :, 0].ravel().tolist()
    assert data.test.labels.tolist() == records[5, :, 0].tolist()
    red, green, blue = data.train.images[5]  # the second file's second image
    raw = records[1, 1]
    assert red[0, 0] == np.float32(raw[1]) / np.float32(255)
    assert red[31, 31] == np.float32(raw[1024]) / np.float32(255)
    assert green[0, 1] == np.float32(raw[1026]) / np.float32(255)
    assert blue[1, 0] == np.float32(raw[2049 + 32]) / np.float32(255)


def cut_in_a_record(folder):
    (folder / TRAIN[2]).write_bytes((folder / TRAIN[2]).read_bytes()[:-7])


def cut_between_records(folder):
    (folder / TRAIN[2]).write_bytes((folder / TRAIN[2]).read_bytes()[:-RECORD])


def too_large(folder):
    (folder / TEST).write_bytes(bytes((MOST_RECORDS + 1) * RECORD))


def wrong_label(folder):
    (folder / TRAIN[4]).write_bytes(b"\x0a" + (folder / TRAIN[4]).read_bytes()[1:])


def empty(folder):
    (folder / TEST).write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_in_a_record, r"data_batch_3\.bin is cut off, or no such file: 12,285 bytes are not a whole number of records of 3,073"),
        (cut_between_records, r"data_batch_3\.bin holds 3 images, another file 4"),
        (too_large, r"test_batch\.bin is larger than 30,730,000 bytes"),
        (wrong_label, r"data_batch_5\.bin holds the label 10; labels are 0 to 9"),
        (empty, r"test_batch\.bin is cut off, or no such file: 0 bytes"),
        (lambda folder: (folder / TEST).unlink(), r"test_batch\.bin of CIFAR-10 is missing in"),
        (lambda folder: [(folder / name).unlink() for name in TRAIN[1:3]], r"data_batch_2\.bin, data_batch_3\.bin of CIFAR-10 are missing"),
    ],
)
def test_wrong_files_are_refused(tmp_path, damage, reason):
    written(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=reason):
        load("cifar10", tmp_path)


TRAP = b"cpytest\nfail\n(S'a pickle was opened'\ntR."
"""A pickle that tells on whoever reads it."""


@pytest.mark.parametrize("inside", [".", "cifar-10-batches-py"])
def test_the_python_version_is_not_opened_and_said_to_be_the_wrong_one(tmp_path, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / inside / name).write_bytes(TRAP)
    with pytest.raises(DataError, match=r"Python version .*pickles.*none is opened; the binary version is needed") as caught:
        load("cifar10", tmp_path)
    assert REMEDY in caught.value.do
    assert "data_batch_1.bin to data_batch_5.bin and test_batch.bin" in caught.value.do


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match="No images of 'cifar10' were found in") as caught:
        load("cifar10", tmp_path)
    assert REMEDY in caught.value.do
    with pytest.raises(DataError, match="There is no folder"):
        load("cifar10", tmp_path / "nowhere")
    with pytest.raises(DataError, match="No images of 'cifar10' were found") as caught:
        load("cifar10")
    assert "--data" in caught.value.do
    (tmp_path / REMEDY).touch()
    with pytest.raises(DataError, match="is not unpacked"):
        load("cifar10", tmp_path)
