import os
import signal
import subprocess
import sys

import pytest

from swarm_chain.errors import KeyFileError
from swarm_chain.node.lock import exclusive

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
