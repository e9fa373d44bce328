"""A node's journal is put aside when its key or its group changes, and its private steps are counted on where it learns the same."""

from pathlib import Path

import pytest

from swarm_chain.cli.aside import put_aside
from swarm_chain.node.journal import Journal, JournaledCommit, PrivateSteps
from swarm_chain.types import ZERO32, Digest, Round

BINDING, NEXT = bytes([1]) * 32, bytes([2]) * 32


def a_journal(folder: Path, privately: PrivateSteps | None) -> None:
    with Journal(folder / "journal.db", BINDING) as journal:
        commit = JournaledCommit(Round(1), b"c" * 24, b"s" * 32, ZERO32, ZERO32, 1, 0, Digest(ZERO32), b"res.")
        journal.record_commit(commit, privately)


@pytest.mark.parametrize(
    ("privately", "learns_the_same", "counted"),
    [(PrivateSteps(0.5, 40), True, {0.5: 40}), (PrivateSteps(0.5, 40), False, {}), (None, True, {})],
)
def test_the_next_journal_begins_anew_and_counts_on(
    tmp_path: Path, privately: PrivateSteps | None, learns_the_same: bool, counted: dict[float, int]
) -> None:
    assert put_aside(tmp_path, learns_the_same=learns_the_same) is None
    a_journal(tmp_path, privately)
    (tmp_path / "journal.db.next").write_bytes(b"what a process that was killed left")
    aside = put_aside(tmp_path, learns_the_same=learns_the_same)
    assert aside is not None
    assert (tmp_path / "journal.db").exists() == bool(counted)
    with Journal(aside, BINDING) as before, Journal(tmp_path / "journal.db", NEXT) as after:
        assert len(before.commits(Round(1))) == 1
        assert after.commits(Round(1)) == []
        assert after.private_steps() == counted
    assert not (tmp_path / "journal.db.next").exists()
