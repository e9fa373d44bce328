"""RPC services answer less than a node of one's own: here is one that knows no batches and hands out logs of few blocks at a time."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contract import read_all
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ChainError

LOG_LIMIT = 5


class Service(ThreadingHTTPServer):
    """Hands on to a real chain what its limits let through."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.asked: list[str] = []
        self.limited = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        refusal = self.refuse(request)
        if refusal is not None:
            answer = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": refusal}}).encode()
        else:
            self.server.asked.append(request["method"])
            upstream = urllib.request.Request(self.server.upstream, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(upstream, timeout=10) as response:
                answer = response.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def refuse(self, request: Any) -> str | None:
        if isinstance(request, list):
            return "batches are for paying customers"
        if self.server.limited:
            return "rate limit exceeded"
        if request["method"] == "eth_getLogs":
            wanted = request["params"][0]
            if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= LOG_LIMIT:
                return f"block range is limited to {LOG_LIMIT}"
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service(anvil: LocalChain) -> Iterator[Service]:
    server = Service(anvil.url)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_logs_come_in_the_pieces_that_a_service_allows(
    service: Service, deployment: Deployment, contracts: Contracts, new_account: Callable[[], LocalAccount]
) -> None:
    node = new_account()
    sender = Sender(contracts.web3, node)
    sender.send(contracts.identities.register(node, sender.address))
    for number in range(2 * LOG_LIMIT):
        sender.send(contracts.identities.announce(f"http://127.0.0.1:{number}"))
    limited = Contracts(connect(service.url), deployment)
    assert limited.identities.endpoints() == contracts.identities.endpoints()
    assert service.asked.count("eth_getLogs") > 1


def test_views_are_read_one_by_one_where_there_are_no_batches(service: Service, deployment: Deployment, contracts: Contracts) -> None:
    limited = Contracts(connect(service.url), deployment)
    views = [contracts.token.view("totalSupply"), contracts.groups.view("groupCount"), contracts.token.view("symbol")]
    at = block(contracts.web3).number
    assert read_all(limited.web3, views, at) == read_all(contracts.web3, views, at)
    assert service.asked.count("eth_call") == len(views)


def test_a_rate_limit_is_said(service: Service, deployment: Deployment) -> None:
    limited = Contracts(connect(service.url), deployment)
    service.limited = True
    for read in (limited.groups.group_count, limited.identities.endpoints, lambda: block(limited.web3), lambda: connect(service.url)):
        with pytest.raises(ChainError, match="rate limit"):
            read()
