"""The journal: what a node must find again after a crash, on disk before any transaction leaves.

A round can have several commits: one that never arrived may be followed by another with a new salt. Which of them counts the chain knows,
so a commit is found again by the digest in its slot. The salt is in no repr. Signed transactions are in the outbox.
"""

from contextlib import closing
from dataclasses import astuple, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Self

from swarm_chain.database import Database, Schema
from swarm_chain.errors import ConfigurationError
from swarm_chain.types import Digest, Result, Reveal, Round


@dataclass(frozen=True, slots=True)
class JournaledCommit:
    """A commit as it was about to be sent, with all that a reveal needs.

    Attributes:
        residual: float32 bytes of what quantising left out of the update, for the next one; ``None`` for an empty update.
        momentum: float32 bytes of the worker momentum that was sent, for the next one; ``None`` for an empty update, and without one.
    """

    round: Round
    commitment: bytes
    salt: bytes = field(repr=False)
    parent: bytes
    update_root: bytes
    samples: int
    metric: int
    sealed_digest: Digest
    residual: bytes | None = field(repr=False)
    momentum: bytes | None = field(default=None, repr=False)

    def reveal(self, available: int) -> Reveal:
        """What opens the commitment, with the bitmap of the seats whose sealed updates this node holds."""
        return Reveal(self.salt, self.parent, self.update_root, self.samples, self.metric, available)


@dataclass(frozen=True, slots=True)
class PrivateSteps:
    """Steps of training with differential privacy, and the rate that they sampled with."""

    rate: float
    steps: int


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
        is_scratch: whether to write into a copy in memory alone.

    Raises:
        UnsupportedVersionError: written by a newer release, or for the contracts of an older one.
        DiskFullError: no room to open it.
        ConfigurationError: it belongs to another chain, group or node, or is no journal.
    """

    def __init__(self, path: Path, binding: bytes, *, is_scratch: bool = False) -> None:
        self._database = Database(path, "the journal", _schema(), is_scratch=is_scratch)
        found = self._read("SELECT chain FROM binding")
        if not found:
            self._write("INSERT INTO binding (chain) VALUES (?)", binding)
        elif found[0][0] != binding:
            raise ConfigurationError(
                f"The journal {path} belongs to another chain, group or node.",
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

    def record_commit(self, commit: JournaledCommit, privately: PrivateSteps | None = None) -> None:
        """Keeps a commit that is about to be sent, and counts its private steps, all or nothing. Older residuals and momenta are let go."""
        with self._database.transaction():
            self._write(
                "INSERT INTO commits"
                " (round, commitment, salt, parent, update_root, samples, metric, sealed_digest, residual, momentum)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *astuple(commit),
            )
            if commit.residual is not None:
                # The update before stays: if this round is trained again, it begins from that one again.
                self._write(
                    "UPDATE commits SET residual = NULL, momentum = NULL"
                    " WHERE round < (SELECT max(round) FROM commits WHERE round < ? AND residual IS NOT NULL)",
                    commit.round,
                )
            if privately is not None:
                self._write(
                    "INSERT INTO private_steps (rate, steps) VALUES (?, ?) ON CONFLICT (rate) DO UPDATE SET steps = steps + excluded.steps",
                    *astuple(privately),
                )

    def private_steps(self) -> dict[float, int]:
        """Private steps of every update that was ever committed, by their sampling rate; those of forgotten commits too."""
        return {float(rate): int(steps) for rate, steps in self._read("SELECT rate, steps FROM private_steps")}

    def commit_in_slot(self, round_: Round, slot_digest: bytes) -> JournaledCommit | None:
        """The commit of a round that the chain has, found by the commitment in its slot."""
        return next((commit for commit in self.commits(round_) if commit.commitment == slot_digest), None)

    def commits(self, round_: Round) -> list[JournaledCommit]:
        """Every commit this node made for a round, the latest first."""
        return self._commits("round = ? ORDER BY id DESC", round_)

    def last_update(self, before: Round) -> JournaledCommit | None:
        """The last commit before a round that was of an update, with its residual and momentum; ``None`` if there was none."""
        return next(iter(self._commits("round < ? AND residual IS NOT NULL ORDER BY id DESC LIMIT 1", before)), None)

    def _commits(self, condition: str, round_: Round) -> list[JournaledCommit]:
        rows = self._read(
            "SELECT round, commitment, salt, parent, update_root, samples, metric, sealed_digest, residual, momentum"
            f" FROM commits WHERE {condition}",
            round_,
        )
        return [JournaledCommit(*row) for row in rows]

    # ---------------------------------------------------------------------------------------------- results

    def record_result(self, computed: JournaledResult) -> None:
        """Keeps what a round came to. Computing it again replaces it: with more bytes at hand it may come to more."""
        result = computed.result
        fields: tuple[object, ...] = (None,) * 7
        if result is not None:
            included = result.included.to_bytes(32, "big")
            digests = (result.model_digest, result.model_root, result.columns_root)
            fields = (*digests, included, result.choice, result.scores, result.metric)
        self._write(
            "INSERT OR REPLACE INTO results"
            " (round, parent, hash, model_digest, model_root, columns_root, included, choice, scores, metric)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            "SELECT round, parent, hash, model_digest, model_root, columns_root, included, choice, scores, metric"
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
        return self._database.read(statement, *values)

    def _write(self, statement: str, *values: object) -> int:
        return self._database.write(statement, *values)


def count_on(before: Path, path: Path) -> None:
    """Makes a journal that is nobody's yet and goes on with the private steps of another; none where that one counted none.

    Raises:
        ConfigurationError, UnsupportedVersionError, DiskFullError: as :class:`Journal`.
    """
    with closing(Database(before, "the journal", _schema())) as old:
        steps = old.read("SELECT rate, steps FROM private_steps")
    if steps:
        with closing(Database(path, "the journal", _schema())) as new, new.transaction():
            for row in steps:
                new.write("INSERT INTO private_steps (rate, steps) VALUES (?, ?)", *row)


def _schema() -> Schema:
    """Version 1 was for other contracts, so nothing leads from it."""
    here = resources.files(__package__)
    steps = {older: here.joinpath(f"schema_{older}_to_{older + 1}.sql").read_text() for older in (2, 3, 4, 5)}
    return Schema(6, here.joinpath("schema.sql").read_text(), steps)


def _journaled_result(row: tuple[Any, ...]) -> JournaledResult:
    round_, parent, hash_, model_digest, model_root, columns_root, included, choice, scores, metric = row
    if hash_ is None:
        return JournaledResult(Round(round_), parent, None, None)
    result = Result(
        Round(round_),
        parent,
        Digest(model_digest),
        model_root,
        columns_root,
        int.from_bytes(included, "big"),
        choice,
        scores,
        metric,
    )
    return JournaledResult(result.round, result.parent, hash_, result)
