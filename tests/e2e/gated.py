"""A node that commits and reveals when it is let: ``python gated.py SETTINGS``. A test opens its gates with files in its home.

Everything else is the real node. It is the last in each phase, so a phase lasts until the test is done with it.
"""

import sys
from pathlib import Path

from swarm_chain.node import __main__ as program
from swarm_chain.node.daemon import Daemon
from swarm_chain.node.parents import current
from swarm_chain.node.wiring import wired
from swarm_chain.protocol.phases import round_to_commit


def open_gate(home, duty, round_):
    """Lets a node commit, or reveal, in a round."""
    (home / f"may {duty} {round_}").touch()


def open_all(home):
    (home / "may do all").touch()


class Gated(Daemon):
    def __init__(self, member, settings, stop):
        super().__init__(member, settings, None, stop)
        self.home = settings.home

    def may(self, duty, round_):
        return (self.home / f"may {duty} {round_}").exists() or (self.home / "may do all").exists()

    def _train_and_commit(self, snapshot):
        round_ = round_to_commit(current(snapshot), snapshot.block.time)
        return self.may("commit", round_) and super()._train_and_commit(snapshot)

    def _reveal(self, snapshot):
        return self.may("reveal", snapshot.phase.round) and super()._reveal(snapshot)


def run(settings, stop):
    with wired(settings) as member:
        daemon = Gated(member, settings, stop)
        try:
            return daemon.run()
        finally:
            daemon.close()


if __name__ == "__main__":
    program.run = run
    sys.exit(program.main(Path(sys.argv[1])))
