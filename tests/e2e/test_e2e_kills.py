"""Nodes that die at every step of a round, and at random moments, lose nothing and do nothing twice; ``make kills`` kills more of them."""

import importlib

import httpx
import pytest
from kill_campaign import NODES, Kills
from kill_steps import STEPS
from swarm_of_processes import Swarm

DELICATE = (
    "announcement waits in the outbox",
    "blocks in place, not pinned",
    "commit in the journal",
    "commit on disk, not out",
    "commit out, not noted",
    "reveal signed, not on disk",
    "reveal out, not noted",
    "round computed, its model not stored",
)


def test_every_step_is_a_place_in_the_product() -> None:
    assert len(STEPS) >= 24
    for name, step in STEPS.items():
        module, path = step.where.split(":")
        found = importlib.import_module(module)
        for attribute in path.split("."):
            assert hasattr(found, attribute), f"{name}: {step.where}"
            found = getattr(found, attribute)


def test_nodes_killed_at_delicate_steps_lose_nothing(swarm: Swarm) -> None:
    killed = Kills(swarm, "delicate", steps=DELICATE).set_up().kill(len(DELICATE), until_all=True)
    killed.finish(every_gateway_answers).check()
    assert not killed.missing()


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_nodes_killed_at_every_step_and_at_random_lose_nothing(swarm: Swarm) -> None:
    killed = Kills(swarm, "every step").set_up().kill(150, until_all=True).finish()
    assert killed.check() >= 3
    assert not killed.missing()
    assert killed.kills.total() >= 150


def every_gateway_answers(swarm: Swarm) -> None:
    """Where the chain says that a node's bytes are, it serves them."""
    for node in swarm.nodes[:NODES]:
        identity = swarm.contracts.identities.identity_of(node)
        assert httpx.get(f"{swarm.contracts.identities.endpoint(identity)}/health", trust_env=False, timeout=60).status_code == 200
