"""Files of data, read with bounds: whatever is wrong with one is a DataError that names it."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from swarm_chain.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what the system or gzip says of a file into a DataError."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}.", do="Fetch the file again, or check its permissions.") from error


def at_most(path: Path, size: int) -> bytes:
    """The whole file. DataError if it is larger than ``size`` bytes, of which no more than one too many is read."""
    with reading(path), path.open("rb") as file:
        data = file.read(size + 1)
    if len(data) > size:
        raise DataError(f"{path} is larger than {size:,} bytes.", do="Fetch the file again.")
    return data


def exactly(file: BufferedIOBase, size: int, path: Path) -> bytes:
    """The next ``size`` bytes. DataError if there are fewer."""
    data = file.read(size)
    if len(data) != size:
        raise DataError(f"{path} is cut off: {len(data):,} bytes where {size:,} should be.", do="Fetch the file again.")
    return data
