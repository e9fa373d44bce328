"""What a node tells those who watch it, over real HTTP: each figure by its documented name, its health, and to its own machine alone."""

import math
import re
from pathlib import Path
from time import monotonic

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from swarm_chain.node import health as health_module
from swarm_chain.node.health import Health
from swarm_chain.node.metrics import Metrics
from swarm_chain.node.monitoring import MonitoringServer
from swarm_chain.node.observing import Done, Observers, Work
from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Address, GroupId, Phase, Round, Seat

NODE = Address("0x" + "11" * 20)
WHO = NODE, GroupId(7), Seat(2)
BLOCK = 1234, 1_800_000_000
DOCUMENTED = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.fixture
def served():
    """A node's observers, and what its port tells."""
    metrics, health, observers = Metrics(*WHO, lambda: 4096, lambda: {"sent": 1, "mined": 9}), Health(), Observers()
    observers.add(metrics)
    observers.add(health)
    server = MonitoringServer(metrics, health, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield observers, client
    server.stop()


def figures(client):
    """What is told: figure by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.values())] = sample.value
    return found


def test_before_anything_happened_figures_are_zero_or_unknown(served):
    _, client = served
    told = figures(client)
    assert told["swarm_chain_duties_total", "done", "train"] == told["swarm_chain_duty_seconds_count", "commit"] == 0
    assert all(
        math.isnan(told[name,])
        for name in ("swarm_chain_loss", "swarm_chain_accuracy", "swarm_chain_privacy_epsilon", "swarm_chain_chain_seen_age_seconds")
    )
    assert told["swarm_chain_node_info", *sorted(["0.1.0", NODE, "7", "2"])] == 1


def test_figures_follow_what_the_node_tells(served):
    observers, client = served
    observers.status(NodeStatus(NODE, Seat(2), Round(4), Phase.REVEAL, loss=0.25, accuracy=0.75, reputation=1300, credit=5 * 10**18))
    observers.saw(*BLOCK)
    for round_ in (3, 4):
        with observers.doing(Work.TRAIN, Round(round_)):
            pass
    with pytest.raises(ValueError, match="refused"), observers.doing(Work.COMMIT, Round(4)):
        raise ValueError("refused")
    observers.status(NodeStatus(NODE, Seat(2), Round(4), Phase.REVEAL, reputation=1300, credit=5 * 10**18, epsilon=1.5))
    told = figures(client)
    expected = {
        "swarm_chain_privacy_epsilon": 1.5,
        "swarm_chain_round": 4,
        "swarm_chain_loss": 0.25,
        "swarm_chain_accuracy": 0.75,
        "swarm_chain_reputation": 1300,
        "swarm_chain_credit_base_units": 5e18,
        "swarm_chain_block_number": 1234,
        "swarm_chain_block_time_seconds": 1_800_000_000,
        "swarm_chain_store_bytes": 4096,
    }
    assert {name: told[name,] for name in expected} == expected
    assert [told["swarm_chain_phase", phase] for phase in ("closed", "commit", "reveal")] == [0, 0, 1]
    assert (told["swarm_chain_transactions", "sent"], told["swarm_chain_transactions", "mined"]) == (1, 9)
    assert (told["swarm_chain_duties_total", "done", "train"], told["swarm_chain_duties_total", "failed", "train"]) == (2, 0)
    assert (told["swarm_chain_duties_total", "commit", "done"], told["swarm_chain_duties_total", "commit", "failed"]) == (0, 1)
    assert told["swarm_chain_duty_seconds_count", "train"] == 2
    assert told["swarm_chain_chain_seen_age_seconds",] >= 0
    assert told.get(("process_resident_memory_bytes",), 1) > 0


def test_the_documentation_names_what_is_told_and_nothing_else(served):
    observers, client = served
    observers.saw(*BLOCK)
    text = client.get("/metrics").text
    told = {name: kind for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE) if name.startswith("swarm_chain_")}
    rows = re.findall(r"^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|", DOCUMENTED.read_text(), re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == told
    for name, _, labels in rows:
        shown = re.findall(r"(\w+)=\"", "".join(re.findall(rf"^{name}(?:_count)?{{.*$", text, re.MULTILINE)))
        assert set(re.findall(r"\w+", labels)) == set(shown), name
    process = set(re.findall(r"^# TYPE (process_\w+) ", text, re.MULTILINE))
    assert process <= set(re.findall(r"`(process_\w+)`", DOCUMENTED.read_text()))


def test_a_node_is_well_while_it_sees_the_chain(served, monkeypatch):
    observers, client = served
    before = client.get("/health")
    assert (before.status_code, before.json()["reason"]) == (503, "The chain has not been seen yet.")
    observers.saw(*BLOCK)
    observers.status(NodeStatus(NODE, Seat(2), Round(4), Phase.COMMIT, message="training"))
    well = client.get("/health")
    assert well.status_code == 200
    assert well.json() == {
        "status": "ok",
        "reason": "",
        "chain_seen_seconds_ago": well.json()["chain_seen_seconds_ago"],
        "round": 4,
        "phase": "commit",
        "message": "training",
    }
    later = monotonic() + 3600
    monkeypatch.setattr(health_module, "monotonic", lambda: later)
    unwell = client.get("/health")
    monkeypatch.undo()
    assert unwell.status_code == 503
    assert re.fullmatch(r"The chain was last seen 3[56]\d\d s ago: .*hangs\.", unwell.json()["reason"])
    observers.did(Done(Work.TRAIN, Round(4), 0, 1.0))
    observers.saw(*BLOCK)
    assert client.get("/health").status_code == 200, "it recovered by itself"


@pytest.mark.parametrize("host", ["127.0.0.1:9", "[::1]:9", "localhost", "LOCALHOST:80", "192.0.2.7"])
def test_programs_of_this_machine_are_answered(served, host):
    assert served[-1].get("/metrics", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a@b"])
@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_a_web_page_whose_name_was_made_to_lead_here_is_not(served, host, path):
    """DNS rebinding: a page's own name comes to stand for this machine, and its browser hands over what is answered."""
    refused = served[-1].get(path, headers={"Host": host})
    assert (refused.status_code, "swarm_chain" in refused.text, "status" in refused.text) == (421, False, False)


def test_nothing_else_is_answered(served):
    _, client = served
    assert client.get("/").status_code == 404
    assert client.post("/metrics").status_code == 405
