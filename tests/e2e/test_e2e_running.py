"""A node as it is run: watched through its port and a collector of traces, told to end by SIGTERM, started again, its models kept."""

import json
import re
import signal
import sqlite3
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from canary import hear
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from safetensors import safe_open
from swarm_of_processes import TASK, Swarm

from swarm_chain.chain.local import free_port
from swarm_chain.storage.embedded import EmbeddedStore

INTERRUPTED = 130
LINEAR = replace(TASK, network=replace(TASK.network, name="linear"))
"""It needs no torch, so processes start soon."""


@pytest.fixture
def collector() -> Any:
    """A collector's URL, and the spans it got so far."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hear(body)
            request = ExportTraceServiceRequest.FromString(body)
            spans.extend(span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    serving.join()
    server.server_close()


def ask(port: int, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10)
    except httpx.TransportError:
        return None


def test_a_node_is_watched_ended_and_started_again(swarm: Swarm, collector: Any) -> None:
    url, spans = collector
    ports = free_port(), free_port()
    swarm.create(LINEAR).add_nodes(2)

    def start(index: int) -> None:
        swarm.start(index, rounds=5, metrics_port=ports[index], otlp_endpoint=url, keep_checkpoints=2)

    for index in (0, 1):
        start(index)

    told = ""

    def is_well(*indices: int) -> bool:
        answers = [ask(ports[index], "/health") for index in indices]
        return all(answer is not None and answer.status_code == 200 for answer in answers)

    def are_done() -> bool:
        """Listens besides, for a node's figures end with it."""
        nonlocal told
        answer = ask(ports[1], "/metrics")
        told = answer.text if answer is not None else told
        hear(told)
        return all(process.poll() is not None for process in swarm.processes.values())

    swarm.until("both nodes are well", lambda: is_well(0, 1), timeout=90)
    swarm.until("a round is settled", lambda: swarm.settled() >= 1, timeout=90)

    ended = swarm.processes[0]
    ended.send_signal(signal.SIGTERM)
    assert swarm.ended(0, timeout=60) == INTERRUPTED
    left_a_clean_state(swarm, 0)
    assert ask(ports[0], "/health") is None
    assert len(spans) > 0, "what was not sent yet was sent at the end"
    start(0)
    swarm.until("all rounds are done", are_done, timeout=180)
    swarm.all_done(timeout=1)
    finals = {final.result.round: final.result_hash for final in swarm.contracts.rounds.finals(swarm.group)}
    assert len(finals) >= 2, "one may have come to nothing while a node was away"
    figures_are_those_of_the_chain(swarm, told)
    each_round_is_a_trace(spans, set(finals))
    for index in (0, 1):
        the_newest_models_were_written(swarm, index, finals)


def left_a_clean_state(swarm: Swarm, index: int) -> None:
    """Nothing is on its way, nothing is held, nothing needs repair."""
    web3, node = swarm.contracts.web3, swarm.contracts.web3.to_checksum_address(swarm.nodes[index])
    assert web3.eth.get_transaction_count(node, "pending") == web3.eth.get_transaction_count(node, "latest")
    with sqlite3.connect(swarm.home(index) / "journal.db") as journal:
        assert journal.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    EmbeddedStore(swarm.home(index) / "store").close()
    assert json.loads((swarm.home(index) / "status.json").read_text())["message"] == "stopped"
    assert "Traceback" not in swarm.log(index).read_text()


def figures_are_those_of_the_chain(swarm: Swarm, told: str) -> None:
    figures = {name: float(value) for name, value in re.findall(r"^(swarm_chain_\S+) (\S+)$", told, re.MULTILINE)}
    for duty in ("train", "commit", "reveal", "aggregate"):
        assert figures[f'swarm_chain_duties_total{{duty="{duty}",outcome="done"}}'] >= 2, duty
        assert figures[f'swarm_chain_duties_total{{duty="{duty}",outcome="failed"}}'] == 0, duty
    assert figures['swarm_chain_duty_seconds_sum{duty="train"}'] > 0
    assert figures["swarm_chain_round"] >= 3
    assert figures["swarm_chain_reputation"] >= 1000
    assert figures["swarm_chain_credit_base_units"] > 0
    assert 0 < figures["swarm_chain_accuracy"] <= 1
    assert 0 < figures["swarm_chain_block_number"] <= swarm.contracts.web3.eth.block_number
    assert figures["swarm_chain_store_bytes"] > 0
    assert figures['swarm_chain_transactions{state="mined"}'] + figures['swarm_chain_transactions{state="confirmed"}'] >= 5


def each_round_is_a_trace(spans: list[Any], finals: set[int]) -> None:
    roots = {span.span_id: span for span in spans if span.name == "round"}
    parts = [span for span in spans if span.name != "round"]
    assert {span.name for span in parts} >= {"train", "commit", "reveal", "aggregate", "settle"}
    for span in parts:
        root = roots[span.parent_span_id]
        assert (root.trace_id, root.attributes) == (span.trace_id, span.attributes)
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
    rounds = {attribute.value.int_value for span in roots.values() for attribute in span.attributes if attribute.key == "swarm_chain.round"}
    assert rounds >= finals


def the_newest_models_were_written(swarm: Swarm, index: int, finals: dict[int, bytes]) -> None:
    files = sorted((swarm.home(index) / "checkpoints").iterdir())
    assert len(files) == 2
    for file in files:
        with safe_open(file, "np") as opened:
            said = opened.metadata()
        if (round_ := int(said["round"])) in finals:
            assert said["result_hash"] == "0x" + finals[round_].hex()
