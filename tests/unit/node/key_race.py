"""A hundred processes of the node's program start with one key: ``python key_race.py FOLDER RACES`` tells a line of JSON for each race."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from swarm_chain.node.keys import create_key

PROCESSES = 100
PASSWORD = "p"

RACE = """
import os, sys
from pathlib import Path
from swarm_chain.node import __main__ as program
settings, count = sys.argv[1:3]
program.read_settings = lambda path: None
program.run = lambda settings, stop: stop.wait()
program.key_address(Path(settings).with_name("node.json"))  # loads what hashes, once for all
ready, go = os.pipe()
for index in range(int(count)):
    if os.fork() == 0:
        os.close(go)
        os.read(ready, 1)  # until the parent lets all of them go at once
        code = program.main(Path(settings + str(index)))
        os._exit(code)
os.close(ready)
os.close(go)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(int(count) - 1)]
print(*codes, flush=True)
os.wait()
"""
"""Forks the node's program, so that all its processes take the lock at the same moment. The one that gets it stays as it is then."""


def write_settings(folder: Path, index: int) -> Path:
    """A node's settings: the homes differ, the key is one. Nothing listens at the chain's URL."""
    path, home, key = folder / f"settings-{index}", folder / "homes" / str(index), folder / "node.json"
    values = {"home": str(home), "rpc_url": "http://127.0.0.1:1", "deployment": "none", "group": 1, "key_file": str(key)}
    path.write_text(json.dumps(values | {"password": PASSWORD}))
    return path


def race(folder: Path) -> tuple[list[str], int]:
    """Lets a hundred processes start with one key; returns how all but one ended, while that one goes on, and how many got the key."""
    for index in range(PROCESSES):
        write_settings(folder, index)
    command = [sys.executable, "-c", RACE, str(folder / "settings-"), str(PROCESSES)]
    with (folder / "log").open("w") as log:
        parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        assert parent.stdout is not None
        try:
            codes = parent.stdout.readline().split()
            until = time.monotonic() + 60
            while "is starting" not in (folder / "log").read_text() and time.monotonic() < until:
                time.sleep(0.01)  # the others may have ended while the one had the lock and had not said so yet
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
            parent.communicate()
    return codes, (folder / "log").read_text().count("is starting")


def main(folder: Path, races: int) -> None:
    """Races, one after the other, for one key."""
    create_key(folder / "node.json", PASSWORD, scrypt_n=2)
    for _ in range(races):
        began = time.monotonic()
        codes, started = race(folder)
        ended = {code: codes.count(code) for code in sorted(set(codes))}
        print(json.dumps({"started": started, "ended": ended, "seconds": round(time.monotonic() - began, 2)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
