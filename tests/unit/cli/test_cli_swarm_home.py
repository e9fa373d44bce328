"""The swarm folder: processes are ended by ID and start time; keys outlive everything."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from swarm_chain.cli.processes import ProcessRecord, end_processes, is_running, started
from swarm_chain.cli.swarm_home import SwarmHome, write_whole, writing
from swarm_chain.errors import ConfigurationError, DiskFullError, UnsupportedVersionError

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-u", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"]


@pytest.fixture
def home(tmp_path: Path) -> SwarmHome:
    return SwarmHome(tmp_path / "a swarm")


def test_a_spawned_process_is_recorded_and_ended(home: SwarmHome) -> None:
    child = home.spawn("chain", SLEEP)
    record = home.process("chain")
    assert record is not None
    assert (record.pid, is_running(record)) == (child.pid, True)
    home.end([record])
    assert child.wait(5) == -signal.SIGTERM
    assert home.processes() == []


def test_a_process_that_ignores_the_request_is_killed(home: SwarmHome) -> None:
    child = subprocess.Popen(DEAF, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    assert child.stdout.readline() == b"deaf\n"
    end_processes([home.record("deaf", child.pid)], patience=0.2)
    assert child.wait(5) == -signal.SIGKILL
    child.stdout.close()


def test_a_process_that_got_the_id_later_is_left_alone(home: SwarmHome) -> None:
    child = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        stranger = replace(home.record("chain", child.pid), started="an earlier time")
        assert not is_running(stranger)
        end_processes([stranger], patience=0.1)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_an_ended_process_has_no_start_time(home: SwarmHome) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started(child.pid) is None, "a process nobody has waited for yet has ended all the same"
    child.wait()
    assert started(child.pid) is None


def test_two_swarms_know_only_their_own_processes(tmp_path: Path) -> None:
    one, other = SwarmHome(tmp_path / "one"), SwarmHome(tmp_path / "other")
    child = one.spawn("chain", SLEEP)
    assert other.processes() == []
    one.end(one.processes())
    child.wait(5)


def test_removing_keeps_keys_and_what_is_not_ours(home: SwarmHome) -> None:
    home.make()
    key = home.node_key("node")
    key.parent.mkdir()
    key.write_text("{}")
    home.password_file.write_text("x")
    (home.node("node")).mkdir(parents=True)
    (home.path / "notes.txt").write_text("mine")
    home.deployment.write_text("{}")
    assert home.remove() == [key]
    assert key.exists()
    assert home.password_file.exists(), "without it the keys would be lost"
    assert (home.path / "notes.txt").exists()
    assert not home.deployment.exists()
    assert not home.node("node").exists()


def test_removing_leaves_nothing_of_ours_where_there_are_no_keys(home: SwarmHome) -> None:
    home.make()
    home.record("gone", 2**22 + 1)
    assert home.remove() == []
    assert not home.path.exists()


def test_a_folder_that_is_no_swarm_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(ConfigurationError, match="not a swarm folder"):
        SwarmHome(tmp_path).remove()
    assert (tmp_path / "logs").exists()


def test_a_newer_record_file_is_refused(home: SwarmHome) -> None:
    home.make()
    (home.path / "processes.json").write_text(json.dumps({"version": 2, "processes": []}))
    with pytest.raises(UnsupportedVersionError):
        home.processes()


def test_a_broken_record_file_is_refused(home: SwarmHome) -> None:
    home.make()
    (home.path / "processes.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"processes\.json"):
        home.processes()


def test_folders_of_keys_are_for_their_owner(home: SwarmHome) -> None:
    home.make()
    assert home.keys.stat().st_mode & 0o077 == 0


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="No room"), writing(tmp_path / "x"), Path("/dev/full").open("w") as full:
        full.write("x" * 100_000)


def test_what_cannot_be_recorded_does_not_run(home: SwarmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    children = []
    monkeypatch.setattr("swarm_chain.cli.swarm_home.write_whole", lambda *_: Path("/dev/full").write_bytes(b"x" * 100_000))
    real = subprocess.Popen
    monkeypatch.setattr("subprocess.Popen", lambda *words, **named: children.append(real(*words, **named)) or children[-1])
    with pytest.raises(DiskFullError):
        home.spawn("chain", SLEEP)
    assert [child.returncode for child in children] == [-signal.SIGTERM]


def test_removing_ends_what_runs(home: SwarmHome) -> None:
    child = home.spawn("chain", SLEEP)
    home.remove()
    assert child.wait(5) == -signal.SIGTERM


def test_a_file_where_a_folder_should_be_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        SwarmHome(tmp_path / "file").make()


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_records_are_equal_by_what_they_say() -> None:
    assert ProcessRecord("a", 1, "x") == ProcessRecord("a", 1, "x", "")
