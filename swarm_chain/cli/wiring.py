"""Joins settings, swarm folder and chain for a command: what it works with, and who signs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from swarm_chain.cli import keyring, present, spending
from swarm_chain.cli.passwords import create_keys, open_key
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import ChainError, ChainUnreachableError, KeyFileError, UnknownError, UsageError
from swarm_chain.types import Address, GroupId, SeatView

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3 import Web3
    from web3.contract.contract import ContractFunction
    from web3.types import TxReceipt

    from swarm_chain.chain.contracts import Contracts
    from swarm_chain.chain.groups import Group
    from swarm_chain.chain.sender import Call
    from swarm_chain.chain.signer import Signer
    from swarm_chain.cli.settings import Settings

LOCAL_CHAIN_IDS = (31337, 1337)
PLAY_COIN = 100 * 10**18
"""What a local chain gives an account that asks, in wei."""
CALL_IS_WAITING = 8
"""Exit code of a command whose next call is another wallet's to send."""


@dataclass(frozen=True)
class Swarm:
    """One deployment seen from one swarm folder."""

    settings: "Settings"
    home: SwarmHome
    web3: "Web3"
    contracts: "Contracts"
    local: bool
    agreed: set[str] = field(default_factory=set)
    """Calls that the user agreed to pay for."""

    def account(self, name: str | None = None) -> "Signer":
        """Who signs for a node's operator: ``--key``, else as the keyring says."""
        return keyring.operator(self.settings, self.home, name)

    def sponsor(self) -> "Signer":
        """The key that creates and funds groups: ``--key``, else a local chain's treasury, else the operator's."""
        return sponsor(self.settings, self.home, self.local)

    def node_address(self, name: str | None = None) -> Address:
        """The address of a node of this folder; needs no password."""
        return keyring.node_address(self.settings, self.home, name)

    def agree(self, what: str, calls: Sequence[str], *, payer: Address | None = None, tokens: int = 0, yes: bool = False) -> None:
        """Shows what calls are about to cost and asks, unless the chain is local; they can be sent afterwards.

        Args:
            what: they do, as a person would say it.
            calls: names of the contracts' functions; nothing is asked where there are none.
            payer: by default the operator.
            tokens: at most, in wei.
            yes: whether ``--yes`` was given.

        Raises:
            UsageError: nobody is there to answer.
        """
        pays_itself = payer is None and self.settings.key is None and self.settings.operator_contract is not None
        if calls and not self.local and not pays_itself:
            payer = payer or keyring.operator_address(self.settings, self.home)
            fee = spending.fee(self.web3, calls)
            spending.ask(self.web3, spending.Spending(what, payer, fee, tokens), local=self.local, yes=yes)
        self.agreed.update(calls)

    @property
    def confirmations(self) -> int:
        """Blocks to wait before acting on what the chain says."""
        return confirmations(self.settings, self.contracts.deployment.chain_id)

    def send(self, account: "Signer", function: "ContractFunction") -> "TxReceipt":
        """Sends from an account, and waits until it counts. What nobody agreed to pay for is asked for now.

        Raises:
            TransactionError: refused, reverted or not mined in time.
            typer.Exit: the account is a contract: the call was printed, for its own wallet to send.
        """
        from swarm_chain.chain.fees import GWEI
        from swarm_chain.chain.sender import Sender
        from swarm_chain.chain.signer import ContractAccount

        if isinstance(account, ContractAccount):
            hand_over(Sender(self.web3, account).call(function), account.address)
        if function.fn_name not in self.agreed:
            self.agree(f"Send {function.fn_name}", [function.fn_name], payer=Address(str(account.address)))
        fee_cap = int(self.settings.fee_cap * GWEI)
        return Sender(self.web3, account, confirmations=self.confirmations, fee_cap=fee_cap).send(function)

    def group(self, argument: int | None = None) -> "Group":
        """The group that is meant. UsageError when none was named, UnknownError when there is none of that number."""
        number = argument if argument is not None else self.settings.group
        if number is None:
            count = self.contracts.groups.group_count()
            if count != 1:
                raise UsageError(
                    f"Which group? This chain has {count}.", "Nothing was changed.", "Give --group NUMBER; `swarm-chain group list`."
                )
            number = 1
        return self.contracts.groups.group(GroupId(number))

    def seats(self, group: "Group") -> list[SeatView]:
        """Who sits in a group, by seat."""
        return self.contracts.views.seats(group.group, group.terms.capacity)

    @cached_property
    def names(self) -> dict[Address, str]:
        """Names of the nodes whose keys lie in this folder, by their addresses."""
        given = {self.node_address(): self.settings.name} if self.settings.node_key is not None else {}
        return node_names(self.home) | given


def hand_over(call: "Call", contract: str) -> NoReturn:
    """Prints a call that a contract is to make, which would go through now, and ends the command."""
    present.say(f"{contract} is a contract. Let its wallet send this call ({call.what}), then run the same command again:")
    present.as_json({"from": contract, "to": call.to, "value": "0", "data": call.data})
    raise typer.Exit(CALL_IS_WAITING)


def node_names(home: SwarmHome) -> dict[Address, str]:
    """Names of the nodes whose keys lie in a folder, by their addresses."""
    from swarm_chain.node.keys import key_address

    return {key_address(path): path.parent.name for path in home.key_files() if path.name == "node.json"}


def swarm_home(settings: "Settings") -> SwarmHome:
    """The swarm folder of the settings."""
    return SwarmHome(settings.home)


def confirmations(settings: "Settings", chain_id: int) -> int:
    """Blocks to wait on a chain: as set, else the network's."""
    from swarm_chain.chain import networks

    return networks.confirmations(chain_id, settings.confirmations)


def rpc_urls(settings: "Settings", home: SwarmHome) -> tuple[str, ...]:
    """The chain's URLs: as set, else that of the folder's own running chain."""
    if settings.rpc_url:
        return settings.rpc_url
    chain = home.process("chain")
    if chain is None:
        raise ChainUnreachableError(
            f"No chain runs in {home}, and no RPC URL is set.", "Nothing was changed.", "Run `swarm-chain up --detach`, or give --rpc URL."
        )
    return (chain.url,)


def is_local(urls: tuple[str, ...], chain_id: int) -> bool:
    """Whether a chain is one of this machine for trying things: by its ID and all its addresses, both."""
    from swarm_chain.chain.connection import is_loopback

    return chain_id in LOCAL_CHAIN_IDS and all(map(is_loopback, urls))


def open_swarm(settings: "Settings") -> Swarm:
    """Connects to the chain and makes sure that the deployment's contracts are there.

    Raises:
        ConfigurationError: there is no deployment file.
        ChainUnreachableError, WrongChainError: no chain, or another one.
    """
    from swarm_chain.chain.connection import connect
    from swarm_chain.chain.contracts import Contracts
    from swarm_chain.chain.deployment import load_deployment, verify_deployment

    home = swarm_home(settings)
    urls = rpc_urls(settings, home)
    deployment = load_deployment(settings.deployment or home.deployment)
    web3 = connect(urls, settings.rpc_timeout, settings.rpc_quorum)
    verify_deployment(web3, deployment)
    return Swarm(settings, home, web3, Contracts(web3, deployment), is_local(urls, deployment.chain_id))


def sponsor(settings: "Settings", home: SwarmHome, local: bool) -> "Signer":
    """``--key``, else a local chain's treasury, else who signs for the operator of the node named."""
    from swarm_chain.chain.local import play_account

    if settings.key is None and local:
        return play_account(0)
    return keyring.operator(settings, home)


def give_coin(web3: "Web3", account: Address, wei: int = PLAY_COIN) -> None:
    """Sees to it that an account of a local chain holds some of its coin, which Anvil and Hardhat make from nothing.

    Raises:
        ChainError: the chain does not.
    """
    from web3.types import RPCEndpoint

    if int(web3.eth.get_balance(web3.to_checksum_address(account))) >= wei // 2:
        return
    for method in ("anvil_setBalance", "hardhat_setBalance"):
        if "error" not in web3.provider.make_request(RPCEndpoint(method), [account, hex(wei)]):
            return
    raise ChainError(f"This chain gives no play coin to {account}.", "Nothing was changed.", "Send it some by hand.")


def own_seat(swarm: Swarm, group: "Group", node: Address) -> SeatView:
    """A node's seat. UnknownError if it has none."""
    seat = swarm.contracts.views.seat(group.group, node)
    if seat is None:
        raise no_seat(group, node)
    return seat


def no_seat(group: "Group", node: Address) -> UnknownError:
    """That a node has no seat in a group."""
    return UnknownError(
        f"The node {node} has no seat in group {group.group}.",
        "Nothing was changed.",
        f"`swarm-chain group join {group.group}` takes one.",
    )


def known_nodes(swarm: Swarm) -> dict[Address, str]:
    """The folder's nodes. KeyFileError if it has none."""
    if not swarm.names:
        raise KeyFileError(f"There are no keys in {swarm.home.keys}.", "Nothing was changed.", "Make some with `swarm-chain node init`.")
    return swarm.names


def paying_account(swarm: Swarm, path: Path, what_for: str) -> "LocalAccount":
    """Who pays: ``--key``, else the folder's key at ``path``, which is made where there is none and given coin where that is play money."""
    settings, home = swarm.settings, swarm.home
    if settings.key is not None:
        return open_key(settings.key, settings, home)
    made = create_keys([path], settings, home, local=swarm.local)
    account = open_key(path, settings, home)
    if made:
        present.done(f"Made {path}")
    if swarm.local:
        give_coin(swarm.web3, Address(account.address))
    elif made:
        present.say(f"Send some of the chain's coin to {account.address}: it pays {what_for}.")
    return account
