"""CIFAR-10's binary version (Krizhevsky 2009): five files of training images and one of test images, 3,073 bytes a record.

A record is a label and 3,072 bytes: 32 x 32 of red, then of green, then of blue, row by row. The Python version holds pickles, which may
run any code when they are read; none is ever opened.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError
from swarm_chain.learning.reading import at_most

CLASSES = 10
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
MOST_RECORDS = 10_000
"""Of one file; the published ones have as many."""
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
FOLDER = "cifar-10-batches-bin"
"""What the published archive unpacks to."""
FILES = "data_batch_1.bin to data_batch_5.bin and test_batch.bin"
ARCHIVE = "cifar-10-binary.tar.gz"
PYTHONS = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1", "test_batch")

Bytes = NDArray[np.uint8]


def read_sets(folder: Path) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Training and test images, uint8[n, 3, 32, 32], each with labels uint8[n], of the files in ``folder`` or in its cifar-10-batches-bin.

    Raises DataError unless all six are there and hold whole records, as many each: so a file cut off between two records is found, too.
    """
    inside = folder / FOLDER
    place = inside if inside.is_dir() else folder
    missing = [name for name in (*TRAIN, TEST) if not (place / name).is_file()]
    if missing:
        raise _missing(folder, place, missing)
    sets = {name: _read_file(place / name) for name in (*TRAIN, TEST)}
    usual = max(len(labels) for _, labels in sets.values())
    for name, (_, labels) in sets.items():
        if len(labels) != usual:
            raise DataError(f"{place / name} holds {len(labels):,} images, another file {usual:,}.", do=f"Unpack {ARCHIVE} again.")
    images, labels = (np.concatenate(arrays) for arrays in zip(*(sets[name] for name in TRAIN), strict=True))
    return (images, labels), sets[TEST]


def _read_file(path: Path) -> tuple[Bytes, Bytes]:
    data = at_most(path, MOST_RECORDS * RECORD)
    if not data or len(data) % RECORD:
        raise DataError(
            f"{path} is cut off, or no such file: {len(data):,} bytes are not a whole number of records of {RECORD:,}.",
            do=f"Unpack {ARCHIVE} again.",
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if labels.max() >= CLASSES:
        raise DataError(f"{path} holds the label {labels.max()}; labels are 0 to {CLASSES - 1}.", do=f"Unpack {ARCHIVE} again.")
    return records[:, 1:].reshape(-1, *SHAPE), labels


def _missing(folder: Path, place: Path, missing: list[str]) -> DataError:
    """Says what is missing, and what is there instead."""
    remedy = f"Unpack {ARCHIVE} and give the folder of {FILES} with --data."
    if not folder.is_dir():
        return DataError(f"There is no folder {folder}.", do=remedy)
    pythons = [name for name in PYTHONS if (folder / name).exists()]
    if pythons:
        what = f"{folder} holds CIFAR-10's Python version ({pythons[0]}), whose files are pickles."
        return DataError(f"{what} A pickle can run any code when it is read, so none is opened; the binary version is needed.", do=remedy)
    if (folder / ARCHIVE).is_file():
        return DataError(f"{ARCHIVE} in {folder} is not unpacked.", do=remedy)
    if len(missing) > len(TRAIN):
        return DataError(f"No images of 'cifar10' were found in {folder}.", do=remedy)
    return DataError(f"{', '.join(missing)} of CIFAR-10 {'is' if len(missing) == 1 else 'are'} missing in {place}.", do=remedy)
