"""``python -m swarm_chain.league`` plays cells for :mod:`swarm_chain.league.cells`: one line of JSON in, one out.

The first line says what is played; every other is a cell. People use ``swarm-chain league``.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from swarm_chain.errors import SwarmChainError
from swarm_chain.league.play import Cell, Contest, play
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.task import Task


def main() -> None:
    """Plays until the input ends."""
    said = json.loads(sys.stdin.readline())
    try:
        task = Task.from_manifest(said["manifest"])
        assert isinstance(task, ImageTask)
        contest = Contest(task, said["attackers"], said["rounds"])
        data = task.load(said["data"] and Path(said["data"]))
        for line in sys.stdin:
            begun = time.monotonic()
            played = play(contest, Cell(**json.loads(line)), data)
            print(json.dumps({**asdict(played), "seconds": round(time.monotonic() - begun, 1)}), flush=True)  # noqa: T201 its answer
    except SwarmChainError as error:
        print(json.dumps({"failed": [error.what, error.kept, error.do]}), flush=True)  # noqa: T201 its answer


if __name__ == "__main__":
    main()
