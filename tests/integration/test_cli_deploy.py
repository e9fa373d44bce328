"""Deploying where it costs: the price first, then the question; interrupted, it goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.local import LocalChain

PASSWORD = "a password for the test"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A chain whose ID is of no local one."""
    with LocalChain(tmp_path_factory.mktemp("chain"), chain_id=424_242) as chain:
        yield chain


@pytest.fixture
def cli(chain: LocalChain, tmp_path: Path) -> CommandLine:
    cli = CommandLine(tmp_path).with_settings(password=PASSWORD, rpc_url=chain.url, confirmations="0")
    cli.done("node", "init")
    return cli


def give(chain: LocalChain, cli: CommandLine, wei: int) -> str:
    """Coin for the operator, who deploys; its address."""
    operator = str(cli.done("node", "init", "--json").json["operator"])
    connect(chain.url).provider.make_request(RPCEndpoint("anvil_setBalance"), [operator, hex(wei)])
    return operator


def test_it_says_the_price_and_asks(chain: LocalChain, cli: CommandLine) -> None:
    operator = give(chain, cli, 10**18)
    asked = cli("deploy")
    assert asked.code == 2
    for part in ("chain 424242 at http://127.0.0.1", operator, "holds 1 of", "Fee      about 0.0", "Deploy 10 contracts?", "--yes"):
        assert part in asked.err
    assert connect(chain.url).eth.get_transaction_count(connect(chain.url).to_checksum_address(operator)) == 0
    assert not list(cli.folder.rglob("deployment.json"))


def test_who_cannot_pay_is_told_before_anything_is_sent(cli: CommandLine) -> None:
    refused = cli("deploy", "--yes")
    assert refused.code == 4
    assert "holds less than deploying costs" in refused.err


def test_an_interrupted_deployment_goes_on(chain: LocalChain, cli: CommandLine) -> None:
    operator = give(chain, cli, 10**18)
    path = cli.folder / "a folder" / "deployment.json"
    whole = cli.done("deploy", "--yes", "--json", "--deployment", path).json
    assert whole["deployer"] == operator
    written = json.loads(path.read_text())
    for part in ("code_hashes", "blocks"):  # as if it had been killed after the fourth contract was sent
        written[part] = dict(list(written[part].items())[:3])
    path.write_text(json.dumps(written))
    again = cli.done("deploy", "--yes", "--json", "--deployment", path)
    assert again.json["addresses"] == whole["addresses"]
    assert "Already deployed" in cli.done("deploy", "--deployment", path).err
    assert cli.done("group", "list", "--json", "--deployment", path).json == []


def test_play_money_is_for_local_chains(chain: LocalChain, cli: CommandLine) -> None:
    give(chain, cli, 10**18)
    cli.done("deploy", "--yes")
    refused = cli("node", "init", "--fund-local")
    assert refused.code == 2
    assert "is for local chains" in refused.err
