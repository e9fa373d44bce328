"""What a watcher sent: signed transactions by the step they take, on disk before they leave, so that a crash sends none twice."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError, DiskFullError, TransactionError

log = logging.getLogger(__name__)

SENT_BOOK = "sent.db"
"""Its file in a home."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sent (
    chain BLOB NOT NULL,                     -- digest of chain, contract, group and account
    step TEXT NOT NULL,
    raw BLOB NOT NULL,                       -- signed, as it was or will be sent
    PRIMARY KEY (chain, step)
) STRICT;
"""


class SentBook:
    """In one SQLite file. For one thread.

    Args:
        path: of the file.
        binding: digest of the chain, contract, group and account that it is for; others' entries are left alone.

    Raises:
        ConfigurationError: the file cannot be used.
    """

    def __init__(self, path: Path, binding: bytes) -> None:
        self._path = path
        self._binding = binding
        with self._checked():
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def record(self, step: str, raw: bytes) -> None:
        """Keeps a transaction that is about to leave, in place of an earlier one of the same step."""
        with self._checked():
            self._database.execute("INSERT OR REPLACE INTO sent (chain, step, raw) VALUES (?, ?, ?)", (self._binding, step, raw))

    def transaction(self, step: str) -> bytes | None:
        """The transaction of a step, if one was signed."""
        with self._checked():
            row = self._database.execute("SELECT raw FROM sent WHERE chain = ? AND step = ?", (self._binding, step)).fetchone()
        return bytes(row[0]) if row else None

    def forget(self, step: str) -> None:
        """The transaction did not, and will not, do what it was for."""
        with self._checked():
            self._database.execute("DELETE FROM sent WHERE chain = ? AND step = ?", (self._binding, step))

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
                raise DiskFullError(f"No room to write {self._path}.", "Nothing was sent.", "Make room and start again.") from error
            raise ConfigurationError(f"{self._path} cannot be used: {error}.", "Nothing was sent.") from error


class Steps:
    """Takes each step with one transaction, whatever crashes happen.

    Args:
        sender: who pays.
        book: what was signed so far.
    """

    def __init__(self, sender: Sender, book: SentBook) -> None:
        self._sender = sender
        self._book = book
        self._refused: set[tuple[str, str]] = set()

    def take(self, step: str, function: ContractFunction) -> TxReceipt | None:
        """Sends what a step takes, or what was signed for it before a crash.

        Args:
            step: its name, of which there is one for each thing to be done.
            function: that does it.

        Returns:
            ``None`` where it was refused: somebody else did it, or it is too late.
        """
        earlier = self._book.transaction(step)
        if earlier is not None:
            try:
                return self._sender.wait(self._sender.broadcast(earlier, step), step)
            except TransactionError as error:
                log.info("What was signed before did not arrive, or failed: %s", error.what)
                self._book.forget(step)
        try:
            return self._sender.send(function, before=lambda signed: self._book.record(step, signed.raw))
        except TransactionError as error:
            self._book.forget(step)
            if (step, error.what) not in self._refused:
                self._refused.add((step, error.what))
                log.info("Could not %s: %s", step, error.what)
            return None
