"""One Anvil with the contracts for all end-to-end tests; a group and node processes for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_of_processes import Swarm

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender


@pytest.fixture(scope="session")
def e2e_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalChain, Path]]:
    """A running chain, and the file of the deployment on it."""
    folder = tmp_path_factory.mktemp("chain")
    with LocalChain(folder) as chain:
        web3 = connect(chain.url)
        deploy(web3, Sender(web3, chain.account(0)), folder / "deployment.json")
        yield chain, folder / "deployment.json"


@pytest.fixture
def swarm(e2e_chain: tuple[LocalChain, Path], tmp_path: Path) -> Iterator[Swarm]:
    """A swarm with no group and no nodes yet."""
    chain, deployment = e2e_chain
    web3 = connect(chain.url)
    from swarm_chain.chain.deployment import load_deployment

    swarm = Swarm(tmp_path, Contracts(web3, load_deployment(deployment)), Sender(web3, chain.account(0)), chain.url, deployment)
    yield swarm
    swarm.stop()
