import os
import signal
import stat
import subprocess
import sys

import pytest
from key_race import PASSWORD, PROCESSES, race, write_settings

from swarm_chain.errors import KeyFileError
from swarm_chain.node.keys import create_key, key_address
from swarm_chain.node.lock import exclusive, locks_folder, one_process

HOLDER = """
import sys, time
from pathlib import Path
from swarm_chain.node.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_home_held_by_another_process_names_it(tmp_path, holder):
    with pytest.raises(KeyFileError, match=f"in use by process {holder.pid}") as caught, exclusive(tmp_path):
        pass
    assert caught.value.exit_code == 3


def test_a_killed_holder_leaves_the_home_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with exclusive(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_home_can_be_held_again(tmp_path):
    for _ in range(2):
        with exclusive(tmp_path):
            pass


def test_two_holders_in_one_process_exclude_each_other(tmp_path):
    with exclusive(tmp_path), pytest.raises(KeyFileError), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


# ------------------------------------------------------------------------------------------------ one process a key

NODE = "0x" + "Ab" * 20


def test_a_key_is_held_whatever_its_home_and_its_letters_case(tmp_path):
    locks = tmp_path / "locks"
    with one_process(tmp_path / "one", NODE, locks):
        in_use = pytest.raises(KeyFileError, match=f"in use by process {os.getpid()}, in this home or another")
        with in_use as caught, one_process(tmp_path / "two", NODE.lower(), locks):
            pass
        assert caught.value.exit_code == 3
        with one_process(tmp_path / "three", "0x" + "cd" * 20, locks):
            pass
    with one_process(tmp_path / "two", NODE.lower(), locks):
        assert stat.S_IMODE(locks.stat().st_mode) == 0o700


def test_a_home_is_held_whatever_the_key(tmp_path):
    locks, in_use = tmp_path / "locks", pytest.raises(KeyFileError, match="node home")
    with one_process(tmp_path, NODE, locks), in_use, one_process(tmp_path, "0x" + "cd" * 20, locks):
        pass


def test_locks_lie_in_the_users_state_folder(tmp_path):
    assert locks_folder({"XDG_STATE_HOME": str(tmp_path / "state")}) == tmp_path / "state/swarm-chain/locks"
    assert locks_folder({"HOME": str(tmp_path)}) == tmp_path / ".local/state/swarm-chain/locks"
    relative = locks_folder({"HOME": str(tmp_path), "XDG_STATE_HOME": "state"})
    assert relative == tmp_path / ".local/state/swarm-chain/locks", "the XDG specification says to pass over relative paths"


def test_without_a_home_locks_lie_in_the_temporary_folder_for_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").write_text("")
    for environment in ({}, {"HOME": str(tmp_path / "file")}):
        assert locks_folder(environment) == tmp_path / f"swarm-chain-{os.getuid()}-locks"


def test_a_folder_of_locks_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "theirs")
    with pytest.raises(KeyFileError, match="somebody else"), one_process(tmp_path / "home", NODE, tmp_path / "locks"):
        pass


def test_a_lock_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(KeyFileError, match="cannot be opened"), exclusive(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for home, locks in ((file / "home", tmp_path / "locks"), (file, tmp_path / "locks"), (tmp_path / "home", file / "locks")):
        with pytest.raises(KeyFileError, match=r"file.* cannot be (made|opened)") as caught, one_process(home, NODE, locks):
            pytest.fail("it was held")
        assert caught.value.kept


# ------------------------------------------------------------------------------------------------ a hundred processes


def test_of_a_hundred_processes_with_one_key_exactly_one_goes_on_ten_times(tmp_path):
    create_key(tmp_path / "node.json", PASSWORD, scrypt_n=2)
    for _ in range(10):
        assert race(tmp_path) == (["3"] * (PROCESSES - 1), 1)


HEAVY = {"torch", "numpy", "web3", "eth_account", "eth_utils", "httpx", "pydantic", "requests"}


def loading(folder):
    """Runs the node's program; returns what it said, and the modules that it loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "swarm_chain.node", str(write_settings(folder, 0))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    return ended.returncode, lines, [line.rpartition("|")[2].strip() if line.startswith("import time:") else "" for line in lines]


def test_a_second_process_is_refused_before_anything_heavy_is_loaded(tmp_path):
    create_key(tmp_path / "node.json", PASSWORD, scrypt_n=2)
    with one_process(tmp_path / "elsewhere", key_address(tmp_path / "node.json"), locks_folder(os.environ)):
        code, lines, loaded = loading(tmp_path)
    assert code == 3
    assert f"in use by process {os.getpid()}" in lines[-1]
    assert "swarm_chain.node.lock" in loaded
    assert not HEAVY & set(loaded)


def test_a_node_is_starting_before_anything_heavy_is_loaded(tmp_path):
    create_key(tmp_path / "node.json", PASSWORD, scrypt_n=2)
    code, lines, loaded = loading(tmp_path)
    assert code == 4, "there is no chain"
    (starting,) = [number for number, line in enumerate(lines) if "is starting" in line]
    assert not HEAVY & set(loaded[:starting])
    assert set(loaded[starting:]) >= HEAVY - {"pydantic", "torch"}, "torch is loaded when the task is known"
