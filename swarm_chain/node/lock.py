"""One process a home: two that share a key would commit against each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swarm_chain.errors import KeyFileError


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Holds a home for this process. The lock goes with the process, however it ends; the file ``lock`` stays and names the last holder.

    Raises:
        KeyFileError: another process holds it.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise KeyFileError(
                f"The node home {home} is in use by process {holder or 'unknown'}.", "Nothing was changed.", "Stop that process first."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
