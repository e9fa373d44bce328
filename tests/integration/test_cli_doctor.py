"""The doctor: all that it can say, on real keys, locks, ports, chains, journals and stores; and how to mend what is broken."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, seated
from eth_account import Account
from fault_proxy import FaultProxy
from faults import Fault
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.local import LocalChain, free_port
from swarm_chain.cli import check_machine
from swarm_chain.cli.passwords import first_line
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.node.journal import Journal
from swarm_chain.node.keys import load_key
from swarm_chain.node.lock import locks_folder
from swarm_chain.storage.embedded import EmbeddedStore

HOLD = """
import sys
from pathlib import Path
from swarm_chain.node.lock import one_process
with one_process(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm with a group and a seated node, and a state folder for its locks."""
    folder = tmp_path_factory.mktemp("doctor")
    with seated(CommandLine(folder, {"XDG_STATE_HOME": str(folder / "state")})) as cli:
        yield cli


@pytest.fixture
def home(cli: CommandLine) -> SwarmHome:
    return SwarmHome(cli.folder / ".swarm")


@pytest.fixture
def ask(cli: CommandLine, home: SwarmHome) -> Any:
    """Asks the swarm's chain."""
    chain = home.process("chain")
    assert chain is not None
    provider = connect(chain.url).provider

    def asked(method: str, *parameters: object) -> object:
        return provider.make_request(RPCEndpoint(method), list(parameters))["result"]

    return asked


def look(cli: CommandLine, what: str, *words: object) -> tuple[int, str, str, str]:
    """The doctor's exit code, and a finding's verdict, words and remedy."""
    ended = cli("doctor", "--json", *words)
    (found,) = [item for item in json.loads(ended.out) if item["what"] == what]
    return ended.code, found["verdict"], found["found"], found["mend"]


def test_a_swarm_that_is_well(cli: CommandLine) -> None:
    found = {item["what"]: item["verdict"] for item in cli.done("doctor", "--json").json}
    parts = ("keys of node", "processes of node", "node node", "journal of node", "chain and contracts", "contracts' beginning", "clock")
    assert {found[part] for part in (*parts, "swarm folder", "device")} == {"good"}


def test_a_folder_that_is_not_there_and_no_chain(tmp_path: Path) -> None:
    assert look(CommandLine(tmp_path), "swarm folder")[:2] == (4, "note")
    code, verdict, found, mend = look(CommandLine(tmp_path), "chain and contracts")
    assert (code, verdict) == (4, "broken")
    assert "No chain runs" in found
    assert "swarm-chain up" in mend
    assert not (tmp_path / ".swarm").exists(), "looking changes nothing"


@pytest.mark.parametrize(("factor", "code", "verdict"), [(64, 6, "broken"), (4, 0, "note")])
def test_little_room_on_the_disk(cli: CommandLine, monkeypatch: pytest.MonkeyPatch, factor: int, code: int, verdict: str) -> None:
    """The disk is what it is; what counts as little is not."""
    monkeypatch.setattr(check_machine, "LITTLE_DISK", factor * shutil.disk_usage(cli.folder).free)
    ended, found, words, mend = look(cli, "disk")
    assert (ended, found) == (code, verdict)
    assert "GB free" in words
    assert mend


def test_a_password_that_does_not_open_and_one_that_is_not_known(cli: CommandLine, home: SwarmHome) -> None:
    code, verdict, found, _ = look(cli.with_settings(password="not this one"), "keys of node")
    assert (code, verdict) == (3, "broken")
    assert "does not open" in found
    assert "not this one" not in found
    aside = home.password_file.rename(home.password_file.with_name("aside"))
    try:
        assert look(cli, "keys of node")[:2] == (0, "note")
    finally:
        aside.rename(home.password_file)


def test_a_key_file_that_is_none(cli: CommandLine, home: SwarmHome) -> None:
    key = home.node_key("node")
    before = key.read_bytes()
    key.write_text("{}")
    try:
        code, verdict, found, _ = look(cli, "keys of node")
    finally:
        key.write_bytes(before)
    assert (code, verdict) == (3, "broken")
    assert str(key) in found


@pytest.mark.parametrize("where", ["this home", "another home"])
def test_another_process_with_the_key(cli: CommandLine, home: SwarmHome, tmp_path: Path, where: str) -> None:
    node = json.loads(home.node_key("node").read_text())["address"]
    place = home.node("node") if where == "this home" else tmp_path / "elsewhere"
    command = [sys.executable, "-c", HOLD, str(place), node, str(locks_folder(cli.settings))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        code, verdict, found, mend = look(cli, "processes of node")
        assert (code, verdict) == (3, "broken")
        assert f"Process {holder.pid}," in found
        assert "End that process" in mend
        record = home.record("node-node", holder.pid)
        assert look(cli, "processes of node")[:2] == (0, "good"), "it is this folder's own node"
        home.forget([record])
        holder.communicate()
    assert look(cli, "processes of node")[:2] == (0, "good")


def test_ports_that_are_free_taken_or_of_another_machine(cli: CommandLine, home: SwarmHome) -> None:
    assert look(cli.with_settings(metrics_port=str(free_port())), "metrics_port")[:2] == (0, "good")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = cli.with_settings(gateway_port=str(taken.getsockname()[1]))
        code, verdict, found, mend = look(busy, "gateway_port")
        assert (code, verdict) == (3, "broken")
        assert "in use" in found
        assert "another gateway_port" in mend
        record = home.record("node-node", os.getpid())
        assert look(busy, "gateway_port")[1] == "good", "this folder's node runs, and uses it"
        home.forget([record])
    elsewhere = cli.with_settings(relay_host="192.0.2.1", relay_port="4200")
    assert look(elsewhere, "relay_port")[:2] == (3, "broken")


def test_a_gateway_that_nobody_can_be_told_of(cli: CommandLine) -> None:
    everywhere = cli.with_settings(gateway_host="0.0.0.0")
    code, verdict, _, mend = look(everywhere, "gateway")
    assert (code, verdict) == (3, "broken")
    assert "--gateway-url" in mend
    reachable = everywhere.with_settings(gateway_url="http://ada.example:4100")
    assert "gateway" not in {item["what"] for item in reachable.done("doctor", "--json").json}


def test_another_chain_and_one_without_the_contracts(cli: CommandLine, tmp_path: Path) -> None:
    for chain_id, says in ((1337, "ID 1337, not 31337"), (31337, "There is no SwarmToken")):
        with LocalChain(tmp_path / str(chain_id), chain_id=chain_id) as other:
            code, verdict, found, mend = look(cli, "chain and contracts", "--rpc", other.url)
        assert (code, verdict) == (4, "broken")
        assert says in found
        assert mend


def test_each_rpc_url_by_itself(cli: CommandLine, home: SwarmHome, ask: Any) -> None:
    chain = home.process("chain")
    assert chain is not None
    while int(str(ask("eth_blockNumber")), 16) < 62:
        ask("evm_mine")
    with ExitStack() as ending:
        proxies = [ending.enter_context(FaultProxy(chain.url)) for _ in range(3)]
        urls = ",".join(proxy.url for proxy in proxies)
        assert [look(cli, f"RPC URL {number} of 3", "--rpc", urls)[:2] for number in (1, 3)] == [(0, "good")] * 2
        proxies[1].back = 50  # the clock may mine some while the URLs are asked
        proxies[1].begin(Fault.BEHIND)
        code, verdict, found, mend = look(cli, "RPC URL 2 of 3", "--rpc", urls)
        assert (code, verdict) == (0, "note")
        assert "blocks behind" in found
        assert "quorum of 2" in mend
        proxies[0].begin(Fault.OTHER_CHAIN)
        code, verdict, found, _ = look(cli, "RPC URL 1 of 3", "--rpc", urls)
        assert (code, verdict) == (4, "broken"), "one of three is left, and two must agree"
        assert "is of chain 31338, the others are of 31337" in found
        for proxy in proxies:
            proxy.begin(Fault.BROKEN)
        ended = cli("doctor", "--json", "--rpc", urls)
        urls_found = [item for item in json.loads(ended.out) if item["what"].startswith("RPC URL")]
        assert [item["verdict"] for item in urls_found] == ["broken"] * 3
        assert all(f"http://127.0.0.1:{proxy.port}" in item["found"] for proxy, item in zip(proxies, urls_found, strict=True))
        assert "HTTP 500" in urls_found[0]["found"]
        assert "secret-key" not in ended.out + ended.err


def test_a_node_that_is_not_registered_one_without_seat_and_one_without_coin(cli: CommandLine, home: SwarmHome, ask: Any) -> None:
    cli.done("node", "init", "--name", "new")
    code, verdict, _, mend = look(cli, "node new")
    assert (code, verdict) == (0, "note")
    assert "group join GROUP --name new" in mend
    node = "0x" + json.loads(home.node_key("node").read_text())["address"].removeprefix("0x")
    before = ask("eth_getBalance", node, "latest")
    ask("anvil_setBalance", node, "0x1")
    try:
        code, verdict, _, mend = look(cli, "node node")
    finally:
        ask("anvil_setBalance", node, before)
    assert (code, verdict) == (4, "broken")
    assert "Send the chain's coin" in mend


def test_transactions_that_wait_for_a_node_which_does_not_run(cli: CommandLine, home: SwarmHome, ask: Any) -> None:
    account = load_key(home.node_key("node"), first_line(home.password_file))
    ask("evm_setAutomine", False)
    ask("evm_setIntervalMining", 0)
    try:
        price = int(ask("eth_gasPrice"), 16)
        nonce = int(ask("eth_getTransactionCount", account.address, "latest"), 16)
        plain = {"to": account.address, "value": 0, "gas": 21_000, "gasPrice": 2 * price, "nonce": nonce, "chainId": 31337}
        ask("eth_sendRawTransaction", Account.sign_transaction(plain, account.key).raw_transaction.to_0x_hex())
        code, verdict, found, mend = look(cli, "node node")
    finally:
        ask("evm_setAutomine", True)
        ask("evm_setIntervalMining", 1)
        ask("evm_mine")
    assert (code, verdict) == (0, "note")
    assert "1 transactions of it wait" in found
    assert "another machine has its key" in mend


def test_a_journal_that_is_another_ones_damaged_or_of_a_newer_release(cli: CommandLine, home: SwarmHome) -> None:
    path = home.node("node") / "journal.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    Journal(path, b"of another node").close()
    code, verdict, found, mend = look(cli, "journal of node")
    assert (code, verdict) == (3, "broken")
    assert "belongs to another" in found
    assert "another home" in mend
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 999")
    assert "version 999" in look(cli, "journal of node")[2]
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + os.urandom(len(whole) - 100))
    code, verdict, found, mend = look(cli, "journal of node")
    assert (code, verdict) == (3, "broken")
    assert "damaged" in found
    assert "Keep a copy" in mend
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def test_a_store_that_lost_a_block(cli: CommandLine, home: SwarmHome) -> None:
    path = home.node("node") / "store"
    store = EmbeddedStore(path)
    cid = store.put(b"what nodes agreed on")
    store.close()
    assert look(cli, "store of node")[:2] == (0, "good")
    (block,) = path.glob("blocks/*/*.data")
    block.unlink()
    code, verdict, found, mend = look(cli, "store of node")
    assert (code, verdict) == (6, "broken")
    assert "incomplete: 1" in found
    assert "Check the disk" in mend
    store = EmbeddedStore(path)
    store.remove(cid.digest)
    store.close()


def test_a_device_that_is_not_here(cli: CommandLine) -> None:
    code, verdict, found, mend = look(cli.with_settings(device="cuda:99"), "device")
    assert (code, verdict) == (3, "broken")
    assert "cuda:99" in found
    assert "cpu" in mend


def test_a_clock_that_is_off(cli: CommandLine, ask: Any) -> None:
    """The chain's, here; last, for it does not go back."""
    ask("evm_increaseTime", 3600)
    ask("evm_mine")
    code, verdict, found, _ = look(cli, "clock")
    assert (code, verdict) == (0, "note")
    assert found.startswith("-3")
