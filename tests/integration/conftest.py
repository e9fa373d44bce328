"""A real chain for the tests: one Anvil for the session, with the contracts deployed, and accounts of each test's own."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chain_swarm import TERMS, Swarm, create, register
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.events import SeatTaken, read_events
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A running local chain."""
    with LocalChain(tmp_path_factory.mktemp("anvil")) as chain:
        yield chain


@pytest.fixture(scope="session")
def web3(anvil: LocalChain) -> Web3:
    return connect(anvil.url)


@pytest.fixture(scope="session")
def treasury(anvil: LocalChain, web3: Web3) -> Sender:
    """Who deployed, and holds all tokens."""
    return Sender(web3, anvil.account(0))


@pytest.fixture(scope="session")
def deployment(web3: Web3, treasury: Sender, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    path: Path = tmp_path_factory.mktemp("deployment") / "deployment.json"
    return deploy(web3, treasury, path)


@pytest.fixture(scope="session")
def contracts(web3: Web3, deployment: Deployment) -> Contracts:
    return Contracts(web3, deployment)


@pytest.fixture
def new_account(web3: Web3) -> Callable[[], LocalAccount]:
    """Makes accounts that hold 100 coins."""

    def make() -> LocalAccount:
        account: LocalAccount = Account.from_key(secrets.token_bytes(32))
        web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [account.address, hex(100 * 10**18)])
        return account

    return make


@pytest.fixture
def pass_time(web3: Web3) -> Callable[[int], None]:
    """Lets chain time pass, in seconds."""

    def go(seconds: int) -> None:
        web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [seconds])
        web3.provider.make_request(RPCEndpoint("evm_mine"), [])

    return go


@pytest.fixture
def swarm(web3: Web3, contracts: Contracts, treasury: Sender, new_account: Callable[[], LocalAccount]) -> Swarm:
    """A group with 1,000 tokens and three members."""
    group = create(contracts, treasury)
    budget = 1_000 * 10**18
    treasury.send(contracts.token.approve(contracts.groups.address, budget))
    treasury.send(contracts.groups.fund(group, budget))
    assert contracts.rewards.budget_of(group) == budget
    nodes = [register(contracts, web3, new_account(), treasury, TERMS.stake) for _ in range(3)]
    for node in nodes:
        receipt = node.sender.send(contracts.rounds.join(group, node.address))
        (event,) = [event for event in read_events(receipt["logs"]) if isinstance(event, SeatTaken)]
        assert (event.node, event.identity) == (node.address, node.identity)
        node.seat = event.seat
    return Swarm(contracts, group, nodes)
