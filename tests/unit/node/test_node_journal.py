import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from swarm_chain.errors import ConfigurationError, DiskFullError, UnsupportedVersionError
from swarm_chain.node.journal import Journal, JournaledCommit, JournaledResult
from swarm_chain.types import Digest, Result, Round

BINDING = bytes([7]) * 32


def a_commit(round_=1, salt=1, **changes):
    commit = JournaledCommit(
        round=Round(round_),
        commitment=bytes([salt, 1]) * 12,
        salt=bytes([salt]) * 32,
        parent=bytes([2]) * 32,
        update_root=bytes([3]) * 32,
        samples=40,
        metric=-5,
        scores=b"",
        sealed_digest=Digest(bytes([4]) * 32),
        residual=b"\x00\x00\x80\x3f",
        transaction=b"signed",
    )
    return replace(commit, **changes)


def a_result(round_=1, **changes):
    result = Result(
        Round(round_), bytes([2]) * 32, Digest(bytes([5]) * 32), bytes([6]) * 32, bytes([7]) * 32, 2**255 + 5, bytes(32), -(2**63)
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
    commit = a_commit(salt=0xAB, commitment=bytes(24), transaction=bytes([0xAB]) * 40)
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


def test_the_last_residual_is_kept_over_empty_updates(journal):
    journal.record_commit(a_commit(round_=1, salt=1, residual=b"one."))
    journal.record_commit(a_commit(round_=2, salt=2, residual=None))
    assert journal.residual(Round(3)) == b"one."
    assert journal.residual(Round(1)) is None
    journal.record_commit(a_commit(round_=3, salt=3, residual=b"3rd."))
    assert journal.residual(Round(4)) == b"3rd."
    assert journal.commits(Round(1))[0].residual is None


def test_a_commit_signed_again_keeps_the_later_transaction(journal):
    journal.record_commit(a_commit(transaction=b"first"))
    journal.record_commit(a_commit(transaction=b"second"))
    assert [commit.transaction for commit in journal.commits(Round(1))] == [b"second"]


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


def test_no_room_loses_nothing(tmp_path, journal):
    journal.record_commit(a_commit(salt=1))
    journal._database.execute("PRAGMA max_page_count = 1")  # no page more than there are: what a full disk comes to
    with pytest.raises(DiskFullError, match="No room"):
        journal.record_commit(a_commit(salt=2, round_=2, residual=bytes(10_000_000)))
    assert journal.commits(Round(1)) == [a_commit(salt=1)]


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
