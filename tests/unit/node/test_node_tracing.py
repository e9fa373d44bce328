"""Traces, as a collector gets them: a real HTTP server takes what is sent, and OpenTelemetry's own schema reads it."""

import gzip
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from swarm_chain.chain.local import free_port
from swarm_chain.node.observing import Done, Observers, Work
from swarm_chain.node.tracing import OPEN_ROUNDS, Tracing
from swarm_chain.types import Address, GroupId, Round, Seat

NODE = Address("0x" + "11" * 20)
WHO = NODE, GroupId(7), Seat(2)
ERROR = 2


@pytest.fixture
def collector(monkeypatch):
    """A collector's URL, and the requests it got."""
    got = []
    monkeypatch.setattr("swarm_chain.node.tracing.EXPORT_SECONDS", 60.0)  # what is sent again comes twice

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            got.append((self.path, self.headers["content-type"], ExportTraceServiceRequest.FromString(body)))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    serving.join()
    server.server_close()


def spans(got):
    """Every span that came, the resource's attributes with it."""
    found = []
    for path, kind, request in got:
        assert (path, kind) == ("/v1/traces", "application/x-protobuf")
        for resource in request.resource_spans:
            who = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            assert (who["service.name"], who["service.instance.id"]) == ("swarm-chain", NODE)
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def attributes(span):
    return {attribute.key: attribute.value.int_value for attribute in span.attributes}


def test_a_round_is_one_trace_with_a_span_a_piece_of_work(collector):
    url, got = collector
    tracing, observers = Tracing(url, *WHO), Observers()
    observers.add(tracing)
    for work in Work:
        with observers.doing(work, Round(12)):
            pass
    tracing.close()
    sent = spans(got)
    (root,) = [span for span in sent if span.name == "round"]
    parts = [span for span in sent if span.name != "round"]
    assert [span.name for span in parts] == ["train", "commit", "reveal", "collect", "aggregate", "settle"]
    assert {span.trace_id for span in sent} == {root.trace_id}
    assert {span.parent_span_id for span in parts} == {root.span_id}
    assert root.parent_span_id == b""
    for span in sent:
        assert attributes(span) == {"swarm_chain.round": 12, "swarm_chain.group": 7, "swarm_chain.seat": 2}
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano


def test_times_and_failures_are_those_of_the_work(collector):
    url, got = collector
    tracing = Tracing(url, *WHO)
    tracing.did(Done(Work.TRAIN, Round(1), 1_000_000_000_000_000_000, 2.5))
    tracing.did(Done(Work.COMMIT, Round(1), 1_000_000_003_000_000_000, 0.5, "TransactionError"))
    tracing.close()
    train, commit, root = sorted(spans(got), key=lambda span: (span.name == "round", span.start_time_unix_nano))
    assert train.end_time_unix_nano - train.start_time_unix_nano == 2_500_000_000
    assert (commit.status.code, commit.status.message) == (ERROR, "TransactionError")
    assert train.status.code != ERROR
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (train.start_time_unix_nano, commit.end_time_unix_nano)


def test_a_round_that_others_settle_ends_as_well(collector):
    url, got = collector
    tracing = Tracing(url, *WHO)
    for number in range(1, OPEN_ROUNDS + 3):
        tracing.did(Done(Work.TRAIN, Round(number), number * 10**18, 1.0))
    tracing._provider.force_flush()
    assert sorted(attributes(span)["swarm_chain.round"] for span in spans(got) if span.name == "round") == [1, 2]
    tracing.close()
    assert len(spans(got)) == 2 * (OPEN_ROUNDS + 2)
    assert len({span.trace_id for span in spans(got)}) == OPEN_ROUNDS + 2


def test_a_collector_that_is_gone_holds_nothing_up():
    tracing = Tracing(f"http://127.0.0.1:{free_port()}", *WHO)
    tracing.did(Done(Work.TRAIN, Round(1), 10**18, 1.0))
    tracing.close()


def test_without_opentelemetry_a_node_does_all_but_trace():
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.exporter") or name.startswith("opentelemetry.sdk"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from swarm_chain.errors import ConfigurationError
from swarm_chain.node import monitoring
loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
try:
    monitoring.Tracing("http://127.0.0.1:4318", "0x", 1, 1)
except ConfigurationError as error:
    print(loaded, error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("[] Traces need OpenTelemetry")
    assert "pip install 'swarm-chain[otel]'" in ended.stdout
