"""A node that comes back from a backup, and two machines with one key: homes and lock folders of their own."""

import os
import shutil

import pytest
from swarm_of_processes import Swarm

from swarm_chain.chain.deployment import load_deployment
from swarm_chain.node.backup import restore, write_backup
from swarm_chain.types import Round


@pytest.mark.slow
def test_a_restored_node_reveals_what_it_committed_before(swarm: Swarm) -> None:
    swarm.create().add_nodes(3)
    for index in (0, 1):
        swarm.start(index)
    swarm.until("two committed", lambda: all(swarm.committed(index, 1) for index in (0, 1)))
    keys = {"node": swarm.home(0) / "keys" / "node.json"}
    backup = swarm.folder / "backup"
    write_backup(backup, "ada", swarm.nodes[0], "now", keys, swarm.home(0), swarm.deployment)  # while it runs
    swarm.kill(0)
    shutil.move(swarm.home(0), swarm.folder / "lost")
    restore(backup, swarm.home(0) / "keys", swarm.home(0), swarm.folder / "restored.json")
    assert load_deployment(swarm.folder / "restored.json") == load_deployment(swarm.deployment)
    for index in (0, 2):  # the other that runs serves what the store had
        swarm.start(index)
    slot = swarm.contracts.views.slot
    swarm.until("it revealed", lambda: slot(swarm.group, swarm.nodes[0], Round(1)).revealed, 120)


@pytest.mark.slow
def test_of_two_machines_with_one_key_the_second_stops(swarm: Swarm, monkeypatch) -> None:
    swarm.create().add_nodes(2)
    # The same key in a third place, as on another machine: other home, other lock folder.
    shutil.copytree(swarm.home(0), swarm.home(2))
    swarm.nodes.append(swarm.nodes[0])
    swarm.start(0, rounds=1)
    swarm.until("the first committed", lambda: swarm.committed(0, 1))
    monkeypatch.setenv("XDG_STATE_HOME", str(swarm.folder / "state of another machine"))
    swarm.start(2, rounds=1)
    assert swarm.ended(2, 150) == 3
    said = swarm.log(2).read_text()
    assert "Another process uses the key of node" in said
    assert "a commit of round 1" in said
    swarm.processes.pop(2)
    swarm.start(1, rounds=1)
    swarm.all_done(120)
    assert swarm.finals(), "the first goes on as if nothing had been"
    assert "XDG_STATE_HOME" in os.environ


@pytest.mark.slow
def test_who_runs_stops_when_its_key_starts_elsewhere_before_it_committed(swarm: Swarm, monkeypatch) -> None:
    """It waits for a second member, so that there is no commit to see: the other's announcement is."""
    swarm.create().add_nodes(1)
    shutil.copytree(swarm.home(0), swarm.home(1))
    swarm.nodes.append(swarm.nodes[0])
    swarm.start(0)
    swarm.until("it waits", lambda: "waiting for" in str(swarm.status(0).get("message")))
    monkeypatch.setenv("XDG_STATE_HOME", str(swarm.folder / "state of another machine"))
    swarm.start(1)
    assert swarm.ended(0, 150) == 3
    assert "(announce) is not this process's" in swarm.log(0).read_text()
    swarm.processes.pop(0)
    swarm.until("the other waits", lambda: "waiting for" in str(swarm.status(1).get("message")))
    assert swarm.processes[1].poll() is None


@pytest.mark.slow
def test_a_node_whose_journal_was_lost_works_on_from_the_next_round(swarm: Swarm) -> None:
    swarm.create().add_nodes(3)
    swarm.start(0)
    swarm.until("it committed", lambda: swarm.committed(0, 1))
    swarm.kill(0)
    for path in swarm.home(0).glob("*.db*"):
        path.unlink()
    swarm.start(0)
    assert swarm.ended(0, 150) == 3
    assert "journal was lost" in swarm.log(0).read_text()
    swarm.processes.pop(0)
    for index in (1, 2):
        swarm.start(index)
    swarm.until("the others committed", lambda: all(swarm.committed(index, 1) for index in (1, 2)))
    swarm.pass_time(swarm.terms.reveal_duration + 1)
    swarm.until("the next round is open", lambda: swarm.contracts.views.phase(swarm.group).round >= 2)
    swarm.start(0)
    swarm.until("it takes part again", lambda: swarm.contracts.views.phase(swarm.group).round >= 3, 120)
    assert swarm.processes[0].poll() is None
