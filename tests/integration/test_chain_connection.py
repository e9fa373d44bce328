import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from web3 import Web3

from swarm_chain.chain.connection import chain_time, check_chain_id, connect
from swarm_chain.chain.local import CHAIN_ID, LocalChain, free_port
from swarm_chain.errors import ChainUnreachableError, ConfigurationError, WrongChainError


class NotAChain(BaseHTTPRequestHandler):
    """Answers every request with a page."""

    def do_POST(self) -> None:
        self.send_response(502)
        self.end_headers()
        self.wfile.write(b"<html>Bad gateway</html>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), NotAChain)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v3/secret-key"
    server.shutdown()
    thread.join()
    server.server_close()


def test_connects_and_knows_the_chain(anvil: LocalChain) -> None:
    check_chain_id(connect(anvil.url), CHAIN_ID)


def test_another_chain_is_refused(web3: Web3) -> None:
    with pytest.raises(WrongChainError, match=f"ID {CHAIN_ID}, not 1"):
        check_chain_id(web3, 1)


def test_chain_time_passes_without_transactions(web3: Web3) -> None:
    before = chain_time(web3)
    until = time.monotonic() + 30
    while chain_time(web3) < before + 2:
        assert time.monotonic() < until, "no blocks come"
        time.sleep(0.1)


def test_nobody_there_is_said_without_the_url_s_secrets() -> None:
    with pytest.raises(ChainUnreachableError) as caught:
        connect(f"http://user:password@127.0.0.1:{free_port()}/v3/secret-key?token=secret")
    assert caught.value.exit_code == 4
    assert "http://127.0.0.1:" in str(caught.value)
    assert caught.value.__cause__ is None
    for secret in ("user", "password", "secret", "token"):
        assert secret not in str(caught.value)


def test_a_web_server_is_no_chain(web_server: str) -> None:
    with pytest.raises(ChainUnreachableError, match="HTTP 502") as caught:
        connect(web_server)
    assert "secret-key" not in str(caught.value)


def test_a_chain_that_goes_down_is_unreachable(tmp_path_factory: pytest.TempPathFactory) -> None:
    with LocalChain(tmp_path_factory.mktemp("going down")) as chain:
        web3 = connect(chain.url)
        assert chain_time(web3) > 0
    with pytest.raises(ChainUnreachableError):
        chain_time(web3)


@pytest.mark.parametrize("read", ["block(web3)", "web3.eth.max_priority_fee"])
def test_a_process_without_the_thread_that_asks_waits_for_nothing_for_ever(anvil: LocalChain, read: str) -> None:
    """As after a fork."""
    program = (
        "import os, sys\n"
        "from swarm_chain.chain.connection import block, connect\n"
        "from swarm_chain.errors import ChainError\n"
        "web3 = connect([sys.argv[1], sys.argv[1] + '/?2'], timeout=30)\n"
        "web3.provider._timeout = 1\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    try:\n"
        f"        {read}\n"
        "    except ChainError as error:\n"
        "        os._exit(7)\n"
        "    os._exit(8)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, anvil.url], start_new_session=True) as process:
        try:
            assert process.wait(90) == 7
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8545", "http://", "127.0.0.1:8545", "", "file:///tmp/geth.ipc"])
def test_only_http_is_taken(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http://"):
        connect(url)
