import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from swarm_chain.errors import ConfigurationError, DiskFullError, UnsupportedVersionError
from swarm_chain.node.journal import Journal, JournaledCommit, JournaledResult, PrivateSteps, count_on
from swarm_chain.types import Digest, Result, Round

BINDING = bytes([7]) * 32
SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5 = (Path(__file__).with_name(f"journal_of_version_{version}.sql") for version in (2, 3, 4, 5))


def a_commit(round_=1, salt=1, **changes):
    commit = JournaledCommit(
        round=Round(round_),
        commitment=bytes([salt, 1]) * 12,
        salt=bytes([salt]) * 32,
        parent=bytes([2]) * 32,
        update_root=bytes([3]) * 32,
        samples=40,
        metric=-5,
        sealed_digest=Digest(bytes([4]) * 32),
        residual=b"\x00\x00\x80\x3f",
    )
    return replace(commit, **changes)


def a_result(round_=1, **changes):
    result = Result(
        Round(round_),
        bytes([2]) * 32,
        Digest(bytes([5]) * 32),
        bytes([6]) * 32,
        bytes([7]) * 32,
        2**255 + 5,
        b"mixed",
        b"\x27\x10",
        -(2**63),
    )
    return replace(result, **changes)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.db", BINDING) as journal:
        yield journal


def reopened(tmp_path):
    return Journal(tmp_path / "journal.db", BINDING)


def test_a_commit_is_found_again_by_its_slot(tmp_path, journal):
    first, second = a_commit(salt=1), a_commit(salt=2)
    journal.record_commit(first)
    journal.record_commit(second)
    with reopened(tmp_path) as again:
        assert again.commits(Round(1)) == [second, first]
        assert again.commit_in_slot(Round(1), first.commitment) == first
        assert again.commit_in_slot(Round(1), bytes(24)) is None
        assert again.commit_in_slot(Round(2), first.commitment) is None


def test_a_salt_is_used_once(journal):
    journal.record_commit(a_commit(salt=1))
    with pytest.raises(ConfigurationError, match="salt"):
        journal.record_commit(a_commit(round_=2, salt=1, commitment=bytes([9]) * 24))


def test_a_salt_shows_nowhere():
    commit = a_commit(salt=0xAB, commitment=bytes(24), residual=bytes([0xAB]) * 40)
    assert "\\xab" not in repr(commit)


def test_a_reveal_opens_what_was_committed():
    commit = a_commit()
    opened = commit.reveal(available=0b101)
    assert (opened.salt, opened.parent, opened.update_root, opened.metric, opened.available) == (
        commit.salt,
        commit.parent,
        commit.update_root,
        commit.metric,
        0b101,
    )


def test_what_the_last_update_left_is_kept_over_empty_updates(tmp_path, journal):
    journal.record_commit(a_commit(round_=1, salt=1, residual=b"one.", momentum=b"mom1"))
    journal.record_commit(a_commit(round_=2, salt=2, residual=None))
    last = journal.last_update(Round(3))
    assert (last.residual, last.momentum) == (b"one.", b"mom1")
    assert journal.last_update(Round(1)) is None
    journal.record_commit(a_commit(round_=3, salt=3, residual=b"3rd.", momentum=b"mom3"))
    with reopened(tmp_path) as again:
        assert again.last_update(Round(3)).momentum == b"mom1", "a round that is trained again begins where it began before"
        assert again.last_update(Round(4)) == a_commit(round_=3, salt=3, residual=b"3rd.", momentum=b"mom3")
    journal.record_commit(a_commit(round_=4, salt=4, residual=b"4th.", momentum=None))
    assert journal.last_update(Round(5)).momentum is None, "residual and momentum are of one update"
    (first,), (third,) = journal.commits(Round(1)), journal.commits(Round(3))
    assert (first.residual, first.momentum) == (None, None)
    assert (third.residual, third.momentum) == (b"3rd.", b"mom3")


def test_results_come_back_as_they_were(tmp_path, journal):
    result = a_result()
    computed = JournaledResult(Round(1), result.parent, bytes([9]) * 32, result)
    nothing = JournaledResult(Round(2), result.parent, None, None)
    journal.record_result(computed)
    journal.record_result(nothing)
    with reopened(tmp_path) as again:
        assert again.result_of(Round(1)) == computed
        assert again.result_of(Round(2)) == nothing
        assert again.result_of(Round(3)) is None
        assert again.result_named(bytes([9]) * 32) == result
        assert again.result_named(bytes([8]) * 32) is None


def test_a_result_computed_again_replaces_the_first(journal):
    result = a_result()
    journal.record_result(JournaledResult(Round(1), result.parent, None, None))
    journal.record_result(JournaledResult(Round(1), result.parent, bytes([9]) * 32, result))
    assert journal.result_of(Round(1)).result == result


def test_held_bytes_go_with_their_last_round(journal):
    digests = [Digest(bytes([n]) * 32) for n in range(3)]
    for round_, digest in enumerate(digests, start=1):
        journal.record_held(digest, Round(round_))
    journal.record_held(digests[0], Round(5))
    journal.record_held(digests[0], Round(4))
    assert journal.held_before(Round(4)) == digests[1:]
    journal.forget(digests[1])
    assert journal.held_before(Round(5)) == [digests[2]]


def test_pruned_commits_go_and_results_stay(journal):
    for round_ in (1, 2, 3):
        journal.record_commit(a_commit(round_=round_, salt=round_))
        journal.record_result(JournaledResult(Round(round_), bytes(32), None, None))
    journal.forget_commits_before(Round(3))
    assert [len(journal.commits(Round(n))) for n in (1, 2, 3)] == [0, 0, 1]
    assert journal.result_of(Round(1)) is not None


def test_private_steps_are_counted_with_their_commits_and_for_good(tmp_path, journal):
    assert journal.private_steps() == {}
    journal.record_commit(a_commit(round_=1, salt=1), PrivateSteps(0.25, 40))
    journal.record_commit(a_commit(round_=1, salt=2), PrivateSteps(0.25, 12))
    journal.record_commit(a_commit(round_=2, salt=3, residual=None))
    journal.record_commit(a_commit(round_=3, salt=4), PrivateSteps(1 / 3, 40))
    with pytest.raises(ConfigurationError, match="salt"):
        journal.record_commit(a_commit(round_=4, salt=4, commitment=bytes([9]) * 24), PrivateSteps(0.25, 40))
    journal.forget_commits_before(Round(9))
    with reopened(tmp_path) as again:
        assert again.private_steps() == {0.25: 52, 1 / 3: 40}


def test_steps_that_cannot_be_counted_are_of_no_commit(journal):
    """Both are written or neither: what is not counted must not be sent."""
    for wrong in (PrivateSteps(0.0, 1), PrivateSteps(1.5, 1), PrivateSteps(0.5, 0)):
        with pytest.raises(ConfigurationError, match="CHECK"):
            journal.record_commit(a_commit(), wrong)
        assert journal.commits(Round(1)) == []
    journal.record_commit(a_commit(), PrivateSteps(1.0, 1))
    assert len(journal.commits(Round(1))) == 1


def test_another_journal_counts_on(tmp_path, journal):
    """That of another key for the same seat: it is another's, and what was told stays told."""
    count_on(tmp_path / "journal.db", tmp_path / "next.db")
    assert not (tmp_path / "next.db").exists()
    journal.record_commit(a_commit(), PrivateSteps(0.25, 40))
    count_on(tmp_path / "journal.db", tmp_path / "next.db")
    with Journal(tmp_path / "next.db", bytes(32)) as following:
        assert following.commits(Round(1)) == []
        following.record_commit(a_commit(), PrivateSteps(0.25, 2))
        assert following.private_steps() == {0.25: 42}
    assert journal.private_steps() == {0.25: 40}


def test_a_run_cut_short_keeps_its_first_round(tmp_path, journal):
    assert journal.begin_run(Round(3)) == 3
    with reopened(tmp_path) as again:
        assert again.begin_run(Round(8)) == 3
        again.end_run()
        assert again.begin_run(Round(8)) == 8


def test_a_journal_of_another_group_is_refused(tmp_path, journal):
    with pytest.raises(ConfigurationError, match="another chain, group or node"):
        Journal(tmp_path / "journal.db", bytes(32))


def test_an_older_contract_s_journal_is_refused_and_kept(tmp_path):
    Journal(tmp_path / "journal.db", BINDING).close()
    database = sqlite3.connect(tmp_path / "journal.db")
    database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(UnsupportedVersionError, match="version 1"):
        Journal(tmp_path / "journal.db", BINDING)
    assert sqlite3.connect(tmp_path / "journal.db").execute("PRAGMA user_version").fetchone() == (1,)


def test_a_newer_version_is_refused_and_kept(tmp_path):
    path = tmp_path / "journal.db"
    Journal(path, BINDING).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(UnsupportedVersionError, match="99"):
        Journal(path, BINDING)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"not a database, whatever it is called" * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Journal(tmp_path / "journal.db", BINDING)


def test_no_room_loses_nothing_and_with_room_it_goes_on(tmp_path, journal):
    journal.record_commit(a_commit(salt=1))
    large = a_commit(salt=2, round_=2, residual=bytes(10_000_000))
    journal._database.write("PRAGMA max_page_count = 1")  # no page more than there are: what a full disk comes to
    for _ in range(2):
        with pytest.raises(DiskFullError, match="No room"):
            journal.record_commit(large)
    assert journal.commits(Round(1)) == [a_commit(salt=1)]
    assert journal.commits(Round(2)) == []
    journal._database.write("PRAGMA max_page_count = 1000000")
    journal.record_commit(large)
    assert journal.commits(Round(2)) == [large]


FAILING = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_node_journal import BINDING, a_commit
from swarm_chain.errors import DiskFullError
from swarm_chain.node.journal import Journal
journal = Journal(Path(sys.argv[1]), BINDING)
journal.record_commit(a_commit(salt=1))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # what is behind the first 200 kB cannot be written
try:
    journal.record_commit(a_commit(round_=2, salt=2, residual=bytes(1_000_000)))
except DiskFullError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print([commit.round for round_ in (1, 2) for commit in journal.commits(round_)])
journal.record_commit(a_commit(round_=2, salt=2, residual=bytes(1_000_000)))
print([commit.round for round_ in (1, 2) for commit in journal.commits(round_)])
"""


def test_an_input_or_output_error_loses_nothing_and_afterwards_it_goes_on(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path / "journal.db"), os.path.dirname(__file__)],  # noqa: PTH120 text for argv
        capture_output=True,
        text=True,
        check=True,
    )
    error, before, after = ended.stdout.splitlines()
    assert "cannot be written: disk I/O error" in error
    assert "Nothing was sent" in error
    assert (before, after) == ("[1]", "[1, 2]")


def test_another_program_that_writes_into_it_is_waited_for(tmp_path, journal):
    """A person's, say: the node must not end for it."""
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DiskFullError, match="another program") as caught:
            journal.record_commit(a_commit())
        assert caught.value.kept
        other.execute("ROLLBACK")
    journal.record_commit(a_commit())
    assert journal.commits(Round(1)) == [a_commit()]


@pytest.mark.parametrize("is_new", [True, False])
def test_only_its_owner_can_read_it_whatever_the_folder(tmp_path, is_new):
    """Salts are in it, and whoever knows one can open the sealed update that goes with it."""
    tmp_path.chmod(0o755)
    path, before = tmp_path / "journal.db", os.umask(0)
    try:
        if not is_new:
            a_journal_of_version_2(path).close()
            assert path.stat().st_mode & 0o044
        with Journal(path, BINDING) as journal:
            journal.record_commit(a_commit())
            files = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert {"journal.db", "journal.db-wal"} | (set() if is_new else {"journal.db.v2.backup"}) <= set(files)
    assert set(files.values()) == {0o600}


def test_a_scratch_journal_leaves_the_file_as_it_is(tmp_path, journal):
    journal.record_commit(a_commit(salt=1))
    with Journal(tmp_path / "journal.db", BINDING, is_scratch=True) as scratch:
        assert scratch.commits(Round(1)) == [a_commit(salt=1)]
        scratch.record_commit(a_commit(salt=2))
        assert len(scratch.commits(Round(1))) == 2
    assert journal.commits(Round(1)) == [a_commit(salt=1)]
    with Journal(tmp_path / "new.db", BINDING, is_scratch=True) as scratch:
        scratch.begin_run(Round(3))
    assert not (tmp_path / "new.db").exists()


# ---------------------------------------------------------------------------------------------------- older journals


def a_journal_of_version_2(path):
    """As the release before wrote it, with a commit and its transactions; its connection."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(SCHEMA_2.read_text())
    database.execute("INSERT INTO binding VALUES (?)", (BINDING,))
    commit = a_commit(round_=3, salt=3)
    database.execute(
        "INSERT INTO commits (round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual,"
        " commit_transaction, reveal_transaction) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*reporting_nothing(commit)[:-1], b"signed commit", b"signed reveal"),
    )
    database.execute("INSERT INTO held VALUES (?, 3)", (bytes([4]) * 32,))
    database.execute("INSERT INTO run VALUES (2)")
    database.execute("PRAGMA user_version = 2")
    database.commit()
    return database


def reporting_nothing(commit):
    """A commit's values until version 5, when a committee's scores were among them."""
    values = astuple(commit)
    return *values[:7], b"", *values[7:]


def rows(path, table):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()


def test_an_older_journal_is_brought_up_and_backed_up(tmp_path):
    path, backup = tmp_path / "journal.db", tmp_path / "journal.db.v2.backup"
    a_journal_of_version_2(path).close()
    before = rows(path, "commits")
    with Journal(path, BINDING) as journal:
        assert journal.commits(Round(3)) == [a_commit(round_=3, salt=3)]
        assert journal.held_before(Round(4)) == [bytes([4]) * 32]
        assert journal.begin_run(Round(9)) == 2
        journal.record_commit(a_commit(round_=4, salt=4))
    assert rows(backup, "commits") == before
    assert before[0][-2:] == (b"signed commit", b"signed reveal")
    with closing(sqlite3.connect(backup)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
    with Journal(path, BINDING) as again:  # once
        assert len(again.commits(Round(4))) == 1
    assert rows(backup, "commits") == before


def test_a_journal_from_before_worker_momentum_is_brought_up(tmp_path):
    path, backup = tmp_path / "journal.db", tmp_path / "journal.db.v3.backup"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA_3.read_text())
        database.execute("INSERT INTO binding VALUES (?)", (BINDING,))
        columns = "round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual"
        values = reporting_nothing(a_commit(round_=3, salt=3))[:-1]
        database.execute(f"INSERT INTO commits ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("PRAGMA user_version = 3")
    before = rows(path, "commits")
    with Journal(path, BINDING) as journal:
        assert journal.last_update(Round(4)) == a_commit(round_=3, salt=3)
        journal.record_commit(a_commit(round_=4, salt=4, momentum=b"mom4"))
    with reopened(tmp_path) as again:
        assert again.last_update(Round(5)).momentum == b"mom4"
    assert rows(backup, "commits") == before


def test_a_journal_from_before_privacy_is_brought_up(tmp_path):
    path, backup = tmp_path / "journal.db", tmp_path / "journal.db.v4.backup"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA_4.read_text())
        database.execute("INSERT INTO binding VALUES (?)", (BINDING,))
        columns = "round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual, momentum"
        values = reporting_nothing(a_commit(round_=3, salt=3, momentum=b"mom3"))
        database.execute(f"INSERT INTO commits ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("PRAGMA user_version = 4")
    before = rows(path, "commits")
    with Journal(path, BINDING) as journal:
        assert journal.last_update(Round(4)) == a_commit(round_=3, salt=3, momentum=b"mom3")
        assert journal.private_steps() == {}
        journal.record_commit(a_commit(round_=4, salt=4), PrivateSteps(0.5, 7))
    with reopened(tmp_path) as again:
        assert again.private_steps() == {0.5: 7}
    assert rows(backup, "commits") == before


def test_a_journal_from_before_choices_and_scores_is_brought_up(tmp_path):
    path, backup = tmp_path / "journal.db", tmp_path / "journal.db.v5.backup"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA_5.read_text())
        database.execute("INSERT INTO binding VALUES (?)", (BINDING,))
        columns = "round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual, momentum"
        values = reporting_nothing(a_commit(round_=3, salt=3, momentum=b"mom3"))
        database.execute(f"INSERT INTO commits ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("INSERT INTO private_steps (rate, steps) VALUES (0.5, 7)")
        columns = "round, hash, parent, model_digest, model_root, columns_root, included, choice_root, metric"
        values = (3, b"h" * 32, b"p" * 32, b"d" * 32, b"m" * 32, b"c" * 32, (5).to_bytes(32, "big"), bytes(32), -1)
        database.execute(f"INSERT INTO results ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("INSERT INTO results (round, parent) VALUES (4, ?)", (b"p" * 32,))
        database.execute("PRAGMA user_version = 5")
    before = rows(path, "results")
    with Journal(path, BINDING) as journal:
        assert journal.last_update(Round(4)) == a_commit(round_=3, salt=3, momentum=b"mom3")
        assert journal.private_steps() == {0.5: 7}
        result = Result(Round(3), b"p" * 32, Digest(b"d" * 32), b"m" * 32, b"c" * 32, 5, b"", b"", -1)
        assert journal.result_of(Round(3)) == JournaledResult(Round(3), b"p" * 32, b"h" * 32, result)
        assert journal.result_of(Round(4)) == JournaledResult(Round(4), b"p" * 32, None, None)
    assert rows(backup, "results") == before


def test_an_older_journal_brought_up_is_what_a_new_one_is(tmp_path):
    def schema(path):
        with closing(sqlite3.connect(path)) as database:
            return {
                (table, tuple(column[1:]))
                for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
                for column in database.execute(f"PRAGMA table_info({table})").fetchall()
            }

    a_journal_of_version_2(tmp_path / "older.db").close()
    for name in ("older.db", "new.db"):
        Journal(tmp_path / name, BINDING).close()
    assert schema(tmp_path / "older.db") == schema(tmp_path / "new.db")


def test_what_was_not_in_the_file_itself_yet_is_in_the_backup(tmp_path):
    """A process that was killed leaves its last commits in the write-ahead log."""
    path = tmp_path / "journal.db"
    open_still = a_journal_of_version_2(path)
    assert (tmp_path / "journal.db-wal").stat().st_size > 0
    copied = tmp_path / "copy"
    copied.mkdir()
    for part in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / part, copied / part)
    open_still.close()
    with Journal(copied / "journal.db", BINDING) as journal:
        assert len(journal.commits(Round(3))) == 1
    assert len(rows(copied / "journal.db.v2.backup", "commits")) == 1


@pytest.mark.parametrize("fails", ["the migration", "the backup"])
def test_a_migration_that_fails_leaves_the_old_journal_as_it_was(tmp_path, fails):
    path = tmp_path / "journal.db"
    database = a_journal_of_version_2(path)
    if fails == "the migration":
        # A view on what is to go keeps SQLite from giving the new table its name, when all is copied.
        database.execute("CREATE VIEW revealed AS SELECT reveal_transaction FROM commits")
        database.commit()
    else:
        (tmp_path / "journal.db.v2.backup").mkdir()
        (tmp_path / "journal.db.v2.backup" / "in the way").touch()
    database.close()
    before = rows(path, "commits")
    with pytest.raises((ConfigurationError, DiskFullError)):
        Journal(path, BINDING)
    assert rows(path, "commits") == before
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        database.execute("DROP VIEW IF EXISTS revealed")
    if fails == "the backup":
        shutil.rmtree(tmp_path / "journal.db.v2.backup")
    with Journal(path, BINDING) as journal:  # once the cause is mended
        assert len(journal.commits(Round(3))) == 1


CRASHING = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_node_journal import BINDING, a_commit
from swarm_chain.node.journal import Journal
journal = Journal(Path(sys.argv[1]), BINDING)
journal.record_commit(a_commit(round_=3, salt=3))
print("journaled", flush=True)
sys.stdin.read()
"""


def test_a_process_killed_between_writing_and_sending_finds_its_commit(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path / "journal.db"), os.path.dirname(__file__)],  # noqa: PTH120 text for argv
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "journaled\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with reopened(tmp_path) as again:
        assert again.commits(Round(3)) == [a_commit(round_=3, salt=3)]
