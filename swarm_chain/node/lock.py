"""One process a key: two that share one would commit against each other.

A node holds its home, and on this machine its key, whatever home that lies in. Nothing heavy is loaded for it, so that a second process is
refused at once. On another machine only the chain shows the other process: see ``rivals.py``.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from swarm_chain.errors import KeyFileError

PRIVATE = 0o700


@contextmanager
def one_process(home: Path, node: str, locks: Path) -> Iterator[None]:
    """Holds a node's home and its key for this process.

    Args:
        home: of the node.
        node: its address, in any case.
        locks: folder of the locks of this user's keys on this machine, as ``locks_folder`` finds it.

    Raises:
        KeyFileError: another process holds one of them, or a folder cannot be made.
    """
    with exclusive(home), one_key(node, locks, "node"):
        yield


@contextmanager
def one_key(account: str, locks: Path, what: str) -> Iterator[None]:
    """Holds a key for this process, on this machine.

    Args:
        account: the key's address, in any case.
        locks: as of ``one_process``.
        what: whose key it is, for messages.

    Raises:
        KeyFileError: as ``one_process``.
    """
    _make_private(locks)
    with _held(locks / account.lower().removeprefix("0x"), f"The key of {what} {account} is in use", "in this home or another"):
        yield


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Holds a home for this process. The lock goes with the process, however it ends; the file ``lock`` stays and names the last holder.

    Raises:
        KeyFileError: another process holds it.
    """
    _make(home)
    with _held(home / "lock", f"The node home {home} is in use"):
        yield


def locks_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's keys are locked on this machine: below ``XDG_STATE_HOME`` or ``~/.local/state``, else in the temporary folder.

    Args:
        environment: the process's variables. Processes whose variables differ lock in different places.
    """
    given, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    state = Path(given) if Path(given).is_absolute() else Path(home) / ".local" / "state"
    folder = state / "swarm-chain" / "locks"
    try:
        if state.is_absolute():
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    except OSError:  # no home, or one that is read-only, as in some containers
        pass
    return Path(tempfile.gettempdir()) / f"swarm-chain-{os.getuid()}-locks"


def _make_private(folder: Path) -> None:
    """Anybody can make folders in the temporary one; who could write into ours could keep a node from starting."""
    _make(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise KeyFileError(
            f"{folder} belongs to somebody else, and keys are locked there.",
            "Nothing was changed.",
            "Set XDG_STATE_HOME to your own folder.",
        )
    if stat.S_IMODE(found.st_mode) != PRIVATE:
        folder.chmod(PRIVATE)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Nothing was changed.", "Name another, or mend its permissions."
        ) from error


@contextmanager
def _held(path: Path, taken: str, where: str = "") -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise KeyFileError(
            f"The lock {path} cannot be opened: {error.strerror}.", "Nothing was changed.", "Mend its permissions."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            message = f"{taken} by process {holder or 'unknown'}" + (f", {where}." if where else ".")
            raise KeyFileError(message, "Nothing was changed.", "Stop that process first.") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
