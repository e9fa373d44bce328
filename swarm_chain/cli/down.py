"""``swarm-chain down``: ends and removes what a swarm folder made, but never keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.cli import options, present
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import SwarmChainError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from web3 import Web3

    from swarm_chain.chain.contracts import Contracts


@dataclass(frozen=True, slots=True)
class Holding:
    """What a key owns, in wei."""

    name: str
    address: Address
    coin: int
    tokens: int
    stake: int
    unclaimed: int

    @property
    def empty(self) -> bool:
        """Whether nothing is lost with it."""
        return not (self.coin or self.tokens or self.stake or self.unclaimed)


def down(config: options.Config = None, home: options.Home = None, yes: options.Yes = False) -> None:
    """End every process of the swarm folder, and remove what the project made there.

    First lists the keys, and what they own on the folder's own chain, which goes with it: balances, stakes, rewards not yet claimed. Asks,
    unless --yes is given. Keys are never deleted: they stay in the folder, with the password file of a local swarm. What a node has on
    another chain is not touched, but its journal is removed: end nodes between rounds, or a commit cannot be revealed.

    Example: `swarm-chain down --yes`
    """
    from swarm_chain.cli.wiring import swarm_home

    settings = options.settings(config=config, home=home)
    folder = swarm_home(settings)
    folders = [found for found in (folder.demo, folder) if found.keys.is_dir()]
    if not folders:
        present.done(f"There is no swarm in {folder}.")
        return
    for found in folders:
        _list(found)
    if not present.agree(f"End these processes and remove all but the keys from {folder}?", yes=yes or not any(map(_has_losses, folders))):
        present.say("Nothing was changed.")
        return
    kept = []
    for found in folders:
        kept += found.remove()
    present.done(f"Ended and removed. Keys kept: {len(kept)}" + "".join(f"\n  {path}" for path in kept))


def _has_losses(folder: SwarmHome) -> bool:
    """Whether anything but keys, which stay, goes."""
    return bool(folder.processes()) or folder.chain_state.exists() or (folder.path / "nodes").exists()


def _list(folder: SwarmHome) -> None:
    if running := folder.processes():
        rows = [(record.role, str(record.pid), record.url or "–") for record in running]
        present.table(f"Processes of {folder}", ("role", ">process", "serves at"), rows)
    if not folder.key_files():
        return
    try:
        owned = holdings(folder)
    except SwarmChainError as problem:
        present.say(f"What the keys own on this swarm's chain is not known: {problem.what}", "yellow")
        present.table(f"Keys of {folder}", ("key",), [(str(path),) for path in folder.key_files()])
        return
    title = f"Keys of {folder}" + ("" if all(item.empty for item in owned) else ", and what is lost with its chain")
    lines = [[item.name, item.address, *map(present.tokens, (item.coin, item.tokens, item.stake, item.unclaimed))] for item in owned]
    present.table(title, ("key", "address", ">coin", ">tokens", ">stake", ">unclaimed"), lines)


def holdings(folder: SwarmHome) -> list[Holding]:
    """What every key of a folder owns on its own chain; all nothing where it has none.

    Raises:
        SwarmChainError: the chain cannot be asked.
    """
    from swarm_chain.node.keys import key_address

    # What an operator of several nodes owns is listed once.
    keys = [(f"{path.parent.name}/{path.stem}", key_address(path)) for path in folder.key_files() if not path.is_symlink()]
    if not (folder.deployment.exists() and (folder.process("chain") or folder.chain_state.exists())):
        return [Holding(name, address, 0, 0, 0, 0) for name, address in keys]
    with _own_chain(folder) as web3:
        from swarm_chain.chain.contracts import Contracts
        from swarm_chain.chain.deployment import load_deployment, verify_deployment

        deployment = load_deployment(folder.deployment)
        verify_deployment(web3, deployment)
        contracts = Contracts(web3, deployment)
        return [_holding(contracts, name, address) for name, address in keys]


def _holding(contracts: "Contracts", name: str, address: Address) -> Holding:
    """A node key stands for its identity's stake and its seat's credit, whoever owns them; an operator key for what it carries."""
    identity = contracts.identities.identity_of(address)
    stake = sum(contracts.stakes.stake_of(identity)) if identity else 0
    seat_credit = contracts.rewards.rewards(address).unclaimed if identity else contracts.rewards.settled_credit_of(address)
    coin = int(contracts.web3.eth.get_balance(contracts.web3.to_checksum_address(address)))
    return Holding(name, address, coin, contracts.token.balance_of(address), stake, seat_credit)


@contextmanager
def _own_chain(folder: SwarmHome) -> Iterator["Web3"]:
    """The folder's own chain, started for the moment if it does not run."""
    from swarm_chain.chain.connection import connect
    from swarm_chain.chain.local import LocalChain

    running = folder.process("chain")
    if running is not None:
        yield connect(running.url)
        return
    chain = LocalChain(folder.chain_state.parent)
    try:
        yield chain.start()
    finally:
        chain.stop()
