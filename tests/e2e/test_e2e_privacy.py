"""Nodes of a group with differential privacy train until their budget is spent, and end as after so many rounds."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from swarm_of_processes import Swarm

from swarm_chain.learning.accounting import epsilon, rounds_within
from swarm_chain.learning.manifest import Privacy
from swarm_chain.learning.task import DIGITS_LINEAR

PRIVACY = Privacy(clip=1.0, noise=1.0, delta=1e-5, epsilon=4.0)
TASK = replace(DIGITS_LINEAR, local=replace(DIGITS_LINEAR.local, batch=32, steps=20, privacy=PRIVACY)).dealt_to(2)


def counted(swarm: Swarm, index: int) -> dict[float, int]:
    """Private steps in a node's journal, by their rate."""
    with closing(sqlite3.connect(swarm.home(index) / "journal.db")) as journal:
        return dict(journal.execute("SELECT rate, steps FROM private_steps").fetchall())


def test_nodes_end_when_their_budget_is_spent(swarm: Swarm) -> None:
    data = TASK.load(None)
    rates = [32 / len(TASK.part(data, node)[0]) for node in range(2)]
    rounds = [rounds_within(PRIVACY, rate, 20, {}) for rate in rates]
    assert min(rounds) > 1
    swarm.create(TASK).add_nodes(2)
    for index in range(2):
        swarm.start(index)  # for ever, as far as its settings go
    first = min(range(2), key=rounds.__getitem__)
    assert swarm.ended(first, timeout=200) == 0

    assert counted(swarm, first) == {rates[first]: 20 * rounds[first]}
    status = json.loads((swarm.home(first) / "status.json").read_text())
    assert status["epsilon"] == pytest.approx(epsilon(PRIVACY, counted(swarm, first)))
    assert status["epsilon"] <= 4
    assert "The privacy budget is spent" in status["message"]
    log = swarm.log(first).read_text()
    assert f"{rounds[first]} updates more may be sent" in log
    assert f"epsilon {status['epsilon']:.2f} of 4 is spent" in log

    finals = swarm.finals()
    assert [result.round for result in finals] == [*range(1, rounds[first] + 1)], "its closing vote settled its last round"
    assert all(result.included == 0b11 for result in finals)
    before = counted(swarm, first)
    swarm.start(first)
    assert swarm.ended(first, timeout=150) == 0, "started again it has nothing to do"
    assert counted(swarm, first) == before


def test_a_node_that_could_not_count_does_not_start(swarm: Swarm, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "dp_accounting.py").write_text("raise ModuleNotFoundError(__name__)\n")
    swarm.create(TASK).add_nodes(1)
    swarm.environments[0] = {"PYTHONPATH": os.pathsep.join(filter(None, [str(hidden), os.environ.get("PYTHONPATH")]))}
    swarm.start(0)
    assert swarm.ended(0, timeout=150) == 3
    assert "pip install 'swarm-chain[privacy]'" in swarm.log(0).read_text()
    assert "Traceback" not in swarm.log(0).read_text()
    assert swarm.contracts.web3.eth.get_transaction_count(swarm.contracts.web3.to_checksum_address(swarm.nodes[0])) == 0, "nothing was paid"
