"""What lies open on chain of a group's results is remembered while somebody may build on it, and no longer."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from chain_swarm import Swarm

from swarm_chain.chain.contracts import Contracts
from swarm_chain.node.follower import Follower
from swarm_chain.node.journal import Journal
from swarm_chain.node.parents import REMEMBERED, Parents
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.types import Result, Round


@pytest.fixture
def follower(swarm: Swarm, contracts: Contracts):
    """One that computed nothing itself."""
    with Journal(Path(":memory:"), bytes(32)) as journal:
        yield cast(Follower, SimpleNamespace(contracts=contracts, genesis=None, genesis_hash=b"", group=swarm.group, journal=journal))


def test_results_long_before_the_last_final_one_are_let_go(swarm: Swarm, contracts: Contracts, follower: Follower) -> None:
    parent, shown = contracts.views.head(swarm.group).result_hash, None
    results: dict[bytes, Result] = {}
    for round_ in (Round(1), Round(2), Round(3)):
        swarm.commit(round_, parent)
        for node in swarm.nodes:
            node.sender.send(contracts.rounds.reveal(swarm.group, round_, node.opened[round_], shown))
            shown = None
        shown = swarm.result(round_, parent)
        parent = result_hash(contracts.domain(swarm.group), shown)
        results[parent] = shown
    one, two, _ = results
    parents = Parents(follower)
    assert [parents.result(hash_) for hash_ in results] == [results[one], results[two], None]  # nobody has presented the third
    parents.forget(Round(1 + REMEMBERED))
    assert [parents.result(hash_) for hash_ in (one, two)] == [results[one], results[two]]
    parents.forget(Round(2 + REMEMBERED))
    assert [parents.result(hash_) for hash_ in (one, two)] == [None, results[two]]
