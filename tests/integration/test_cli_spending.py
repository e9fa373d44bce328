"""Commands that spend, on a chain that is not local: network, amount and fee are shown, and nothing is sent before somebody agreed."""

import json
import os
import pty
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import COMMAND, CommandLine
from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.artifacts import CONTRACTS, load
from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.local import LocalChain
from swarm_chain.cli.spending import GAS
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.types import GroupId

TERMS = ("--task", "digits", "--parts", 2, "--capacity", 2, "--stake", 100)
COIN = 10**18


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A chain whose ID is of no local one."""
    with LocalChain(tmp_path_factory.mktemp("chain"), chain_id=424_243) as chain:
        yield chain


@pytest.fixture
def web3(chain: LocalChain) -> Web3:
    return connect(chain.url)


@pytest.fixture(scope="module")
def cli(chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """An operator with coin, who deployed, so that all tokens are its own."""
    cli = CommandLine(tmp_path_factory.mktemp("spending")).with_settings(rpc_url=chain.url, confirmations="0")
    home = SwarmHome(cli.folder / ".swarm")
    home.make()
    home.password_file.write_text(secrets.token_urlsafe(32))  # with it, opening a key takes no second
    keys = cli.done("node", "init", "--json").json
    for key in ("operator", "node"):
        connect(chain.url).provider.make_request(RPCEndpoint("anvil_setBalance"), [keys[key], hex(10 * COIN)])
    cli.done("deploy", "--yes")
    return cli


def sent(web3: Web3, cli: CommandLine) -> int:
    """Transactions of the operator so far."""
    return web3.eth.get_transaction_count(web3.to_checksum_address(json.loads(operator_file(cli).read_text())["address"]))


def operator_file(cli: CommandLine) -> Path:
    return SwarmHome(cli.folder / ".swarm").operator_key("node")


def test_every_command_shows_what_it_spends_and_asks(cli: CommandLine, web3: Web3) -> None:
    contracts = Contracts(web3, load_deployment(SwarmHome(cli.folder / ".swarm").deployment))
    for words, amount, question in (
        (("group", "create", *TERMS), "0", "Create a group that learns digits?"),
        (("group", "create", *TERMS), "0", "Create a group that learns digits?"),
        (("group", "fund", 1, "--amount", 12.5), "12.5", "Fund group 1?"),
        (("group", "join", 1), "100", "Join group 1?"),
        (("node", "rotate-key"), "0", "Give node a new key?"),
        (("group", "migrate", "--from", 1, "--to", 2), "100", "Migrate from group 1 to group 2?"),
        (("group", "leave", 2), "0", "Leave group 2?"),
    ):
        before = sent(web3, cli)
        refused = cli(*words)
        assert refused.code == 2, refused.err
        for shown in ("Network  chain 424243 at http://127.0.0.1", f"Amount   {amount} tokens", "Fee      about 0.0", question, "--yes"):
            assert shown in refused.err, (words, refused.err)
        assert sent(web3, cli) == before, "nothing was sent"
        begun = web3.eth.block_number
        cli.done(*words, "--yes")
        assert sent(web3, cli) > before
        for block in range(begun + 1, web3.eth.block_number + 1):
            for hash_ in web3.eth.get_block(block)["transactions"]:
                used = web3.eth.get_transaction_receipt(hash_)["gasUsed"]  # type: ignore[arg-type]
                call = names()[bytes(web3.eth.get_transaction(hash_)["input"])[:4]]  # type: ignore[arg-type]
                assert GAS[call] / 3 < used < GAS[call], f"{call} took {used} gas"
    assert contracts.rewards.budget_of(GroupId(1)) == 12.5 * COIN


def names() -> dict[bytes, str]:
    """Functions of the contracts by their selectors."""
    functions = [part for name in CONTRACTS for part in load(name).abi if part["type"] == "function"]
    return {bytes(function_abi_to_4byte_selector(part)): part["name"] for part in functions}


@pytest.mark.parametrize(("answer", "code"), [("", 130), ("y", 0)])
def test_a_person_answers(cli: CommandLine, web3: Web3, answer: str, code: int) -> None:
    before = sent(web3, cli)
    terminal, end = pty.openpty()
    try:
        command = [*COMMAND, "group", "fund", "1", "--amount", "1"]
        process = subprocess.Popen(
            command, cwd=cli.folder, env=cli.environment, stdin=end, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        os.write(terminal, answer.encode() + b"\n")
        said = process.communicate(timeout=120)[1]
    finally:
        os.close(terminal)
        os.close(end)
    assert process.returncode == code, said
    assert "Fund group 1?" in said
    assert ("Nothing was sent." in said) == (code == 130)
    assert sent(web3, cli) - before == (2 if code == 0 else 0)


def test_what_no_command_announced_is_asked_for_as_well(cli: CommandLine, web3: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a command comes to send, it goes through one place."""
    monkeypatch.setattr("swarm_chain.cli.wiring.Swarm.agree", swarm_agree_only_when_sending())
    before = sent(web3, cli)
    refused = cli("group", "fund", 1, "--amount", 1)
    assert refused.code == 2
    assert "Send approve?" in refused.err
    assert sent(web3, cli) == before


def swarm_agree_only_when_sending() -> object:
    from swarm_chain.cli.wiring import Swarm

    real = Swarm.agree

    def agree(self: Swarm, what: str, calls: list[str], **details: object) -> None:
        if what.startswith("Send "):
            real(self, what, calls, **details)  # type: ignore[arg-type]

    return agree
