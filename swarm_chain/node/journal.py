"""The journal: what a node must find again after a crash, on disk before any transaction leaves.

A round can have several commits: a transaction that never arrived may be followed by another with a new salt. Which of them counts the
chain knows, so a commit is found again by the digest in its slot. The salt is in no repr.
"""

import sqlite3
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Self

from swarm_chain.errors import ConfigurationError, DiskFullError, SwarmChainError, UnsupportedVersionError
from swarm_chain.types import Digest, Result, Reveal, Round

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class JournaledCommit:
    """A commit as it was about to be sent, with all that a reveal needs.

    Attributes:
        residual: float32 bytes of what quantising left out of the update, for the next one; ``None`` for an empty update.
        transaction: the signed commit.
    """

    round: Round
    commitment: bytes
    salt: bytes = field(repr=False)
    parent: bytes
    update_root: bytes
    samples: int
    metric: int
    scores: bytes
    sealed_digest: Digest
    residual: bytes | None = field(repr=False)
    transaction: bytes = field(repr=False)

    def signed(self, transaction: bytes) -> "JournaledCommit":
        """The same commit with its signed transaction."""
        return replace(self, transaction=transaction)

    def reveal(self, available: int) -> Reveal:
        """What opens the commitment, with the bitmap of the seats whose sealed updates this node holds."""
        return Reveal(self.salt, self.parent, self.update_root, self.samples, self.metric, available, self.scores)


@dataclass(frozen=True, slots=True)
class JournaledResult:
    """What this node computed of a round; ``result`` is ``None`` where the round came to nothing."""

    round: Round
    parent: bytes
    hash: bytes | None
    result: Result | None


class Journal:
    """A node's journal, in one SQLite file. For one thread.

    Args:
        path: of the file.
        binding: digest of the chain, contract, group and node it is for.

    Raises:
        UnsupportedVersionError: written by a newer release, or for the contracts of an older one.
        ConfigurationError: it belongs to another chain, group or node, or is no journal.
    """

    def __init__(self, path: Path, binding: bytes) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._prepare(binding)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _prepare(self, binding: bytes) -> None:
        version = int(self._database.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise UnsupportedVersionError(
                f"The journal {self._path} has version {version}, this release knows {SCHEMA_VERSION}.",
                "It was not changed.",
                "Install a newer release of swarm-chain.",
            )
        if 0 < version < SCHEMA_VERSION:
            raise UnsupportedVersionError(
                f"The journal {self._path} has version {version}: its commits are for contracts of an earlier release.",
                "It was not changed.",
                "Take another home for this release's contracts.",
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        if version == 0:
            schema = resources.files(__package__).joinpath("schema.sql").read_text()
            self._database.executescript(f"BEGIN; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        found = self._database.execute("SELECT chain FROM binding").fetchone()
        if found is None:
            self._write("INSERT INTO binding (chain) VALUES (?)", binding)
        elif found[0] != binding:
            raise ConfigurationError(
                f"The journal {self._path} belongs to another chain, group or node.",
                "It was not changed.",
                "Take another home for this one.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------------------------------------- commits

    def record_commit(self, commit: JournaledCommit) -> None:
        """Keeps a commit that is about to be sent, or its transaction where it was signed again. Older residuals are let go."""
        signed_again = "UPDATE commits SET commit_transaction = ? WHERE commitment = ?"
        if self._write(signed_again, commit.transaction, commit.commitment):
            return
        self._write(
            "INSERT INTO commits (round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual,"
            " commit_transaction) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            commit.round,
            commit.commitment,
            commit.salt,
            commit.parent,
            commit.update_root,
            commit.samples,
            commit.metric,
            commit.scores,
            commit.sealed_digest,
            commit.residual,
            commit.transaction,
        )
        if commit.residual is not None:
            self._write("UPDATE commits SET residual = NULL WHERE round < ?", commit.round - 1)

    def record_reveal(self, commit: JournaledCommit, transaction: bytes) -> None:
        """Keeps a signed reveal that is about to be sent."""
        self._write("UPDATE commits SET reveal_transaction = ? WHERE commitment = ?", transaction, commit.commitment)

    def commit_in_slot(self, round_: Round, slot_digest: bytes) -> JournaledCommit | None:
        """The commit of a round that the chain has, found by the commitment in its slot."""
        return next((commit for commit in self.commits(round_) if commit.commitment == slot_digest), None)

    def commits(self, round_: Round) -> list[JournaledCommit]:
        """Every commit this node made for a round, the latest first."""
        rows = self._read(
            "SELECT round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual, commit_transaction"
            " FROM commits WHERE round = ? ORDER BY id DESC",
            round_,
        )
        return [JournaledCommit(*row) for row in rows]

    def residual(self, before: Round) -> bytes | None:
        """What quantising left out of the last update before a round; ``None`` if there was none."""
        rows = self._read("SELECT residual FROM commits WHERE round < ? AND residual IS NOT NULL ORDER BY id DESC LIMIT 1", before)
        return bytes(rows[0][0]) if rows else None

    # ---------------------------------------------------------------------------------------------- results

    def record_result(self, computed: JournaledResult) -> None:
        """Keeps what a round came to. Computing it again replaces it: with more bytes at hand it may come to more."""
        result = computed.result
        fields: tuple[object, ...] = (None,) * 6
        if result is not None:
            included = result.included.to_bytes(32, "big")
            fields = (result.model_digest, result.model_root, result.columns_root, included, result.choice_root, result.metric)
        self._write(
            "INSERT OR REPLACE INTO results (round, parent, hash, model_digest, model_root, columns_root, included, choice_root, metric)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            computed.round,
            computed.parent,
            computed.hash,
            *fields,
        )

    def result_of(self, round_: Round) -> JournaledResult | None:
        """What this node computed of a round; ``None`` if it has not."""
        return next(iter(self._results("round = ?", round_)), None)

    def result_named(self, hash_: bytes) -> Result | None:
        """The result with a hash; ``None`` if this node never computed it."""
        return next((found.result for found in self._results("hash = ?", hash_)), None)

    def _results(self, condition: str, value: object) -> list[JournaledResult]:
        rows = self._read(
            "SELECT round, parent, hash, model_digest, model_root, columns_root, included, choice_root, metric"
            f" FROM results WHERE {condition}",
            value,
        )
        return [_journaled_result(row) for row in rows]

    # ---------------------------------------------------------------------------------------------- held bytes

    def record_held(self, digest: Digest, round_: Round) -> None:
        """Notes that the store holds bytes for a round; bytes for several rounds go with the last of them."""
        self._write(
            "INSERT INTO held (digest, round) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET round = max(round, excluded.round)",
            digest,
            round_,
        )

    def held_before(self, round_: Round) -> list[Digest]:
        """Digests of bytes that no round from ``round_`` on needs."""
        return [Digest(row[0]) for row in self._read("SELECT digest FROM held WHERE round < ?", round_)]

    def forget(self, digest: Digest) -> None:
        """Bytes are no longer in the store."""
        self._write("DELETE FROM held WHERE digest = ?", digest)

    def forget_commits_before(self, round_: Round) -> None:
        """Lets go of the commits of long settled rounds. Results stay."""
        self._write("DELETE FROM commits WHERE round < ?", round_)

    # ---------------------------------------------------------------------------------------------- the run in progress

    def begin_run(self, first_round: Round) -> Round:
        """The first round of the run in progress: the one given, or that of a run which a crash or a signal cut short."""
        rows = self._read("SELECT first_round FROM run")
        if rows:
            return Round(rows[0][0])
        self._write("INSERT INTO run (first_round) VALUES (?)", first_round)
        return first_round

    def end_run(self) -> None:
        """The run did all its rounds; the next begins anew."""
        self._write("DELETE FROM run")

    # ---------------------------------------------------------------------------------------------- SQLite

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _write(self, statement: str, *values: object) -> int:
        try:
            return self._database.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> SwarmChainError:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            return DiskFullError(f"No room to write the journal {self._path}.", "Nothing was sent.", "Make room and start again.")
        return ConfigurationError(f"The journal {self._path} cannot be used: {error}.", "Nothing was sent.")


def _journaled_result(row: tuple[Any, ...]) -> JournaledResult:
    round_, parent, hash_, model_digest, model_root, columns_root, included, choice_root, metric = row
    if hash_ is None:
        return JournaledResult(Round(round_), parent, None, None)
    result = Result(
        Round(round_),
        parent,
        Digest(model_digest),
        model_root,
        columns_root,
        int.from_bytes(included, "big"),
        choice_root,
        metric,
    )
    return JournaledResult(result.round, result.parent, hash_, result)
