"""The default store: blocks as files on this disk, pins in SQLite.

::

    path/blocks/<two letters>/<key>.data    one file a block, named and sharded as Kubo's flatfs does (next-to-last/2), so that
                                            a Kubo in process (kubo_process.py) serves the very same files
    path/partial/                           files being written; emptied when the store opens
    path/damaged/                           blocks whose bytes no longer gave their digest, set aside
    path/pins.sqlite                        which files are held and what blocks they use; locked while the store is open

Blocks are written to ``partial/``, synced, and renamed; then the pin is written in one transaction. A crash in between leaves blocks that
no pin uses, and opening the store removes them.
"""

import base64
import binascii
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from swarm_chain.errors import ConfigurationError, DiskFullError, IntegrityError, NotFoundError, StoreError
from swarm_chain.storage import retrieval, unixfs
from swarm_chain.storage.cid import CHUNK, RAW, Block, Cid, File, cut, sha256
from swarm_chain.types import Digest

_TOGETHER = 64
"""Blocks that are written before the disk is waited for; so many files are open then."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pin (digest BLOB PRIMARY KEY CHECK (length(digest) = 32)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (
    pin BLOB NOT NULL REFERENCES pin ON DELETE CASCADE,
    block BLOB NOT NULL CHECK (length(block) = 32),
    PRIMARY KEY (pin, block)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS part_by_block ON part (block);
"""


class EmbeddedStore:
    """A :class:`~swarm_chain.storage.store.Store` and :class:`~swarm_chain.storage.store.Blocks` in a folder of its own.

    Every read is verified against the digest. Safe for threads of one process; a second process that opens the folder gets a
    ConfigurationError.

    Args:
        path: the folder; made when missing.
        capacity_bytes: of blocks at most; None for as much as the disk holds.
        allow_private: whether providers may have private or loopback addresses, as those of a swarm on one machine or network have.
        Otherwise they are
            refused, because a provider's URL comes from strangers.
        keep_unknown: whether blocks that no pin uses stay when the store opens.
    """

    def __init__(self, path: Path, capacity_bytes: int | None = None, *, allow_private: bool = False, keep_unknown: bool = False) -> None:
        self.path = path
        self._capacity = capacity_bytes
        self._allow_private = allow_private
        self._blocks = path / "blocks"
        self._partial = path / "partial"
        self._damaged = path / "damaged"
        self._lock = threading.RLock()
        with _disk_errors():
            for folder in (self._blocks, self._partial, self._damaged):
                folder.mkdir(parents=True, exist_ok=True)
            self._pins = _open_pins(path / "pins.sqlite")
            for leftover in self._partial.iterdir():
                leftover.unlink()
            self._size = self._settle(keep_unknown)

    def close(self) -> None:
        """Lets another process open the folder. The store is of no use afterwards."""
        with self._lock:
            self._pins.close()

    def put(self, data: bytes | File) -> Cid:
        """As :meth:`Store.put`."""
        file = data if isinstance(data, File) else cut(data)
        if file.is_node():
            raise IntegrityError(
                "These bytes are the root node of a larger file, so their digest would name two files.", "Nothing was stored."
            )
        written: list[tuple[Path, int]] = []
        blocks = {cid.digest: block for cid, block in file.blocks}
        with self._lock, _disk_errors():
            try:
                missing = [(digest, block) for digest, block in blocks.items() if not self._is_whole(digest, block)]
                for first in range(0, len(missing), _TOGETHER):
                    some = missing[first : first + _TOGETHER]
                    self._check_room(sum(len(block) for _, block in some))
                    for place, length in self._write(some):
                        written.append((place, length))
                        self._size += length
                for folder in {place.parent for place, _ in written}:
                    _sync_folder(folder)
                with self._pins:
                    self._pins.execute("INSERT OR IGNORE INTO pin VALUES (?)", (file.cid.digest,))
                    self._pins.executemany("INSERT OR IGNORE INTO part VALUES (?, ?)", ((file.cid.digest, block) for block in blocks))
            except BaseException:
                for place, length in written:
                    place.unlink(missing_ok=True)
                    self._size -= length
                raise
        return file.cid

    def get(self, digest: Digest, max_bytes: int, *, verified: bool = True) -> bytes:
        """As :meth:`Store.get`. A block that rotted is set aside, so that :meth:`has` turns false and :meth:`fetch` brings it anew."""
        if not self._is_pinned(digest):
            raise _not_found(digest)
        load = self.block if verified else self._as_it_is
        try:
            return unixfs.read(load(digest), load, max_bytes)
        except NotFoundError:
            if not self._is_pinned(digest):
                raise _not_found(digest) from None
            raise IntegrityError(
                f"A block of the file {Cid(RAW, digest)} is missing from {self._blocks}.", "", "Fetch the file again."
            ) from None

    def fetch(self, digest: Digest, max_bytes: int, providers: Sequence[str], timeout: float) -> bytes:
        """As :meth:`Store.fetch`."""
        with suppress(NotFoundError, IntegrityError):
            return self.get(digest, max_bytes)
        file = retrieval.retrieve(digest, max_bytes, providers, timeout, allow_private=self._allow_private)
        self.put(file)
        return file.data()

    def has(self, digest: Digest) -> bool:
        """As :meth:`Store.has`."""
        with self._lock:
            blocks = self._pins.execute("SELECT block FROM part WHERE pin = ?", (digest,)).fetchall()
        return bool(blocks) and all(self._file(Digest(block)).is_file() for (block,) in blocks)

    def remove(self, digest: Digest) -> None:
        """As :meth:`Store.remove`."""
        with self._lock, _disk_errors():
            with self._pins:
                unused = self._pins.execute(
                    "SELECT block FROM part WHERE pin = ?1 AND block NOT IN (SELECT block FROM part WHERE pin <> ?1)", (digest,)
                ).fetchall()
                self._pins.execute("DELETE FROM pin WHERE digest = ?", (digest,))
            for (block,) in unused:
                self._drop(self._file(Digest(block)))

    def size(self) -> int:
        """As :meth:`Store.size`."""
        with self._lock:
            return self._size

    def pinned(self) -> list[Digest]:
        """The digests of the files that are held, in ascending order."""
        with self._lock:
            return [Digest(digest) for (digest,) in self._pins.execute("SELECT digest FROM pin ORDER BY digest")]

    def block(self, digest: Digest) -> bytes:
        """As :meth:`Blocks.block`."""
        block = self._as_it_is(digest)
        if sha256(block) == digest:
            return block
        file = self._file(digest)
        with _disk_errors():
            self._set_aside(file)
        raise IntegrityError(
            f"The block {file.name} no longer has the bytes that its digest names.",
            f"It was set aside in {self._damaged}.",
            "Check the disk; the file is fetched again from other nodes when it is needed.",
        )

    def _as_it_is(self, digest: Digest) -> bytes:
        with _disk_errors():
            try:
                with self._file(digest).open("rb") as opened:
                    return opened.read(CHUNK + 1)
            except FileNotFoundError:
                raise _not_found(digest) from None

    def _is_pinned(self, digest: Digest) -> bool:
        with self._lock:
            return self._pins.execute("SELECT 1 FROM pin WHERE digest = ?", (digest,)).fetchone() is not None

    def _is_whole(self, digest: Digest, block: Block) -> bool:
        file = self._file(digest)
        try:
            with file.open("rb") as opened:
                if opened.read(len(block) + 1) == block:
                    return True
        except FileNotFoundError:
            return False
        self._set_aside(file)
        return False

    def _check_room(self, length: int) -> None:
        if self._capacity is not None and self._size + length > self._capacity:
            raise DiskFullError(
                f"The store may hold {self._capacity} bytes and has {self._size}; {length} more do not fit.",
                "What was stored before is unchanged.",
                "Raise the store's capacity, or keep fewer rounds.",
            )

    def _write(self, blocks: Sequence[tuple[Digest, Block]]) -> Iterator[tuple[Path, int]]:
        """Writes blocks aside and, once all are on the disk, moves each to its place, which it gives with the length."""
        partials = [self._partial / self._file(digest).name for digest, _ in blocks]
        try:
            with ExitStack() as files:
                handles = []
                for partial, (_, block) in zip(partials, blocks, strict=True):
                    file = files.enter_context(partial.open("wb"))
                    file.write(block)
                    file.flush()
                    handles.append(file.fileno())
                for handle in handles:
                    os.fsync(handle)  # the first waits for the disk, and for most of what the others wrote
            for partial, (digest, block) in zip(partials, blocks, strict=True):
                place = self._file(digest)
                place.parent.mkdir(exist_ok=True)
                partial.replace(place)
                yield place, len(block)
        except BaseException:
            for partial in partials:
                partial.unlink(missing_ok=True)
            raise

    def _set_aside(self, file: Path) -> None:
        with self._lock, suppress(FileNotFoundError):
            length = file.stat().st_size
            file.replace(self._damaged / file.name)
            self._size -= length

    def _drop(self, file: Path) -> None:
        with suppress(FileNotFoundError):
            length = file.stat().st_size
            file.unlink()
            self._size -= length

    def _file(self, digest: Digest) -> Path:
        key = base64.b32encode(b"\x12\x20" + digest).decode("ascii").rstrip("=")
        return self._blocks / key[-3:-1] / f"{key}.data"

    def _settle(self, keep_unknown: bool) -> int:
        """Removes blocks that no pin uses and sums up the rest."""
        size = 0
        for file in self._blocks.glob("*/*.data"):
            digest = _digest_of_name(file.stem)
            known = digest and self._pins.execute("SELECT 1 FROM part WHERE block = ? LIMIT 1", (digest,)).fetchone()
            if known or keep_unknown:
                size += file.stat().st_size
            elif digest:
                file.unlink()
        return size


def _open_pins(path: Path) -> sqlite3.Connection:
    pins = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        # Taken by the first transaction and held until close: two processes in one folder would remove each other's blocks.
        pins.execute("PRAGMA locking_mode = EXCLUSIVE")
        pins.execute("PRAGMA synchronous = FULL")
        pins.execute("PRAGMA foreign_keys = ON")
        pins.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} COMMIT;")
    except BaseException:
        pins.close()
        raise
    return pins


@contextmanager
def _disk_errors() -> Iterator[None]:
    """What the disk says, as errors of ours."""
    kept = "What was stored before is unchanged."
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("The disk is full.", kept, "Make room, or move the store.") from error
        raise StoreError(f"The store's disk failed: {error.strerror}.", kept, "Check the folder and its permissions.") from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise DiskFullError("The disk is full.", kept, "Make room, or move the store.") from error
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise ConfigurationError(
                "The store's folder is in use by another process.", kept, "Stop it, or give this one a folder of its own."
            ) from error
        raise StoreError(f"The store's list of pins failed: {error}.", kept, "Check the folder and its permissions.") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"The store's list of pins cannot be read: {error}.",
            "The blocks are unchanged.",
            "Move pins.sqlite away to begin with an empty store; files are fetched again when they are needed.",
        ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest_of_name(key: str) -> Digest | None:
    try:
        multihash = base64.b32decode(key + "=" * (-len(key) % 8))
    except binascii.Error:
        return None
    return Digest(multihash[2:]) if len(multihash) == 34 and multihash[:2] == b"\x12\x20" else None


def _not_found(digest: Digest) -> NotFoundError:
    return NotFoundError(f"The store does not hold {Cid(RAW, digest)}.", "", "Fetch it from the nodes that have it.")
