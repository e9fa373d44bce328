"""One Anvil with the contracts for all end-to-end tests; a group and node processes for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_of_processes import Swarm

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender


def deployed(chain: LocalChain, folder: Path) -> Path:
    """Deploys on a running chain; the file of the deployment."""
    web3 = connect(chain.url)
    deploy(web3, Sender(web3, chain.account(0)), folder / "deployment.json")
    return folder / "deployment.json"


def swarm_on(chain: LocalChain, deployment: Path, folder: Path) -> Iterator[Swarm]:
    """A swarm with no group and no nodes yet."""
    web3 = connect(chain.url, timeout=60)  # many processes that start at once leave a small machine's chain no time
    swarm = Swarm(folder, Contracts(web3, load_deployment(deployment)), Sender(web3, chain.account(0)), chain.url, deployment)
    yield swarm
    swarm.stop()


@pytest.fixture(scope="session")
def e2e_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalChain, Path]]:
    """A running chain, and the file of the deployment on it."""
    folder = tmp_path_factory.mktemp("chain")
    with LocalChain(folder) as chain:
        yield chain, deployed(chain, folder)


@pytest.fixture
def swarm(e2e_chain: tuple[LocalChain, Path], tmp_path: Path) -> Iterator[Swarm]:
    """A swarm on the chain of all tests."""
    yield from swarm_on(*e2e_chain, tmp_path)


@pytest.fixture
def own_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """A chain that may be stopped, reorganised and looked at by its clock: no other test has it."""
    with LocalChain(tmp_path_factory.mktemp("own")) as chain:
        yield chain


@pytest.fixture
def lone_swarm(own_chain: LocalChain, tmp_path: Path) -> Iterator[Swarm]:
    """A swarm on a chain of its own."""
    yield from swarm_on(own_chain, deployed(own_chain, own_chain.directory), tmp_path)
