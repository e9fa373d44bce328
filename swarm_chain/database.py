"""One SQLite file of ours: on disk when a write returns, for its owner's eyes alone, brought to this release's version beside a backup of
what it was, and with errors of ours. Whoever is refused room has lost nothing, and can write again when there is some."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarm_chain.errors import ConfigurationError, DiskFullError, SwarmChainError, UnsupportedVersionError

IN_MEMORY = Path(":memory:")
FOR_ITS_OWNER = 0o600


@dataclass(frozen=True, slots=True)
class Schema:
    """What is in a file.

    Attributes:
        version: of this release, as ``PRAGMA user_version`` keeps it.
        create: statements that make a new file.
        steps: by an older version, the statements that lead to the one after it.
    """

    version: int
    create: str
    steps: Mapping[int, str] = field(default_factory=dict)


class Database:
    """One file. For one thread.

    Args:
        path: of the file; ``IN_MEMORY`` is none.
        name: what it is, for messages: "the journal".
        schema: what is in it.
        is_scratch: whether to work on a copy in memory, and leave the file as it is.

    Raises:
        UnsupportedVersionError: written by a newer release, or by one too old; it was not changed.
        DiskFullError: no room to open it, or another program writes into it.
        ConfigurationError: it is something else.
    """

    def __init__(self, path: Path, name: str, schema: Schema, *, is_scratch: bool = False) -> None:
        self.path = path
        self._name = f"{name} {path}"
        self._schema = schema
        self._is_scratch = is_scratch
        with self._checked():
            if not is_scratch:
                _make_private(path)
            self._connection = sqlite3.connect(":memory:" if is_scratch else path, isolation_level=None)
            if is_scratch and path.exists():
                with closing(sqlite3.connect(path)) as original:
                    original.backup(self._connection)
            self._prepare()

    def close(self) -> None:
        self._connection.close()

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._checked():
            return self._connection.execute(statement, values).fetchall()

    def write(self, statement: str, *values: object) -> int:
        """Writes; on disk when it returns, unless a transaction is open. Returns how many rows it changed."""
        with self._checked():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Within, all is written or nothing."""
        self.write("BEGIN IMMEDIATE")
        try:
            yield
            self.write("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has undone it already
                self._connection.execute("ROLLBACK")
            raise

    # ---------------------------------------------------------------------------------------------- versions

    def _prepare(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        newest = self._schema.version
        if version > newest:
            raise UnsupportedVersionError(
                f"{_upper(self._name)} has version {version}, this release knows {newest}.",
                "It was not changed.",
                "Install a newer release of swarm-chain.",
            )
        if version and any(older not in self._schema.steps for older in range(version, newest)):
            raise UnsupportedVersionError(
                f"{_upper(self._name)} has version {version}: what it holds is for contracts of an earlier release.",
                "It was not changed.",
                "Take another home for this release's contracts.",
            )
        if 0 < version < newest and not self._is_scratch:
            self._back_up(version)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._run(self._schema.create, newest)
        for older in range(version or newest, newest):
            self._run(self._schema.steps[older], older + 1)

    def _back_up(self, version: int) -> None:
        """Copies the file as it is, whole or not at all."""
        backup = self.path.with_name(f"{self.path.name}.v{version}.backup")
        partial = backup.with_name(backup.name + ".partial")
        partial.unlink(missing_ok=True)
        _make_private(partial)
        with closing(sqlite3.connect(partial)) as copy:
            self._connection.backup(copy)
        partial.replace(backup)

    def _run(self, statements: str, version: int) -> None:
        try:
            self._connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {version}; COMMIT;")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    # ---------------------------------------------------------------------------------------------- errors

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            raise DiskFullError(f"{_upper(self._name)} cannot be written: {error.strerror}.", "Nothing was sent.") from error

    def _failed(self, error: sqlite3.Error) -> SwarmChainError:
        kind = getattr(error, "sqlite_errorname", "")
        if kind == "SQLITE_FULL":
            return DiskFullError(f"No room to write {self._name}.", "Nothing was sent.", "Make room.")
        if kind.startswith("SQLITE_BUSY"):
            return DiskFullError(f"{_upper(self._name)} is held by another program.", "Nothing was sent.", "End that program's work on it.")
        if kind.startswith("SQLITE_IOERR"):
            return DiskFullError(f"{_upper(self._name)} cannot be written: {error}.", "Nothing was sent.", "Look after the disk.")
        return ConfigurationError(f"{_upper(self._name)} cannot be used: {error}.", "Nothing was sent.")


def _make_private(path: Path) -> None:
    """Sees to it that only its owner can read a file, which SQLite then makes what it puts beside it like. Never opens one that is there:
    to close it would end the locks that other connections of this process hold."""
    if path == IN_MEMORY:
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, FOR_ITS_OWNER))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(FOR_ITS_OWNER)


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
