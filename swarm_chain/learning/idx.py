"""The IDX files in which MNIST and Fashion-MNIST are published.

LeCun, Cortes, Burges 1998; Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError
from swarm_chain.learning.reading import exactly, reading

CLASSES = 10
LARGEST = 1 << 28
FILES = "train-images-idx3-ubyte and the other three, .gz or not"

Bytes = NDArray[np.uint8]


def there(folder: Path) -> bool:
    """Whether the folder has such images."""
    return _file(folder, "train-images") is not None


def read_set(folder: Path, which: str) -> tuple[Bytes, Bytes]:
    """Images uint8[n, 1, height, width] and labels uint8[n] of ``which``: "train" or "t10k".

    Raises DataError unless both files are there, are IDX files, and belong together.
    """
    paths = {kind: _file(folder, f"{which}-{kind}") for kind in ("images", "labels")}
    for kind, path in paths.items():
        if path is None:
            raise DataError(f"There is no {which}-{kind} IDX file in {folder}.", do="Put all four files there.")
    images, labels = (read_idx(path, dimensions) for path, dimensions in zip(paths.values(), (3, 1), strict=True) if path)
    if len(images) != len(labels):
        raise DataError(f"{folder} has {len(images):,} {which} images but {len(labels):,} labels.", do="Fetch the files again.")
    if labels.max() >= CLASSES:
        raise DataError(f"{paths['labels']} holds the label {labels.max()}; labels are 0 to {CLASSES - 1}.", do="Fetch the file again.")
    return images[:, None], labels


def read_idx(path: Path, dimensions: int) -> Bytes:
    """An IDX file of bytes, gzipped if its name ends so.

    Raises DataError unless it is exactly one array of uint8 of so many dimensions, none of them 0, and at most 256 MiB.
    Never reads more than the header announces.
    """
    with reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        magic, *shape = struct.unpack(f">{1 + dimensions}I", exactly(file, 4 + 4 * dimensions, path))
        if magic != 0x0800 + dimensions:
            raise DataError(
                f"{path} is not an IDX file of {dimensions} dimensions of bytes (it begins {magic:08x}).", do="Fetch the file again."
            )
        size = int(np.prod(shape, dtype=object))
        if not 0 < size <= LARGEST:
            raise DataError(f"{path} announces {size:,} bytes; 1 to {LARGEST:,} are allowed.", do="Fetch the file again.")
        values = np.frombuffer(exactly(file, size, path), np.uint8).reshape(shape)
        if file.read(1):
            raise DataError(f"{path} goes on behind the {size:,} bytes it announces.", do="Fetch the file again.")
    return values


def _file(folder: Path, stem: str) -> Path | None:
    kind = "idx3" if stem.endswith("images") else "idx1"
    names = [f"{stem}{dot}{kind}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)
