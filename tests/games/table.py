"""What the games are played on: the real contracts on one Anvil, whose clock stands still but for a second a block, and who plays."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender
from swarm_chain.types import Address

TOKEN = 10**18
PLAYERS = 12
DEPOSIT = 10_000 * TOKEN
GAS = 14_000_000
WATCHER, FUZZER = 13, 14
"""Accounts of the mnemonic."""


@dataclass(frozen=True)
class Player:
    """Who can take a seat; its node key is its operator's too."""

    address: Address
    identity: int
    endpoint: str


class Table:
    """One chain with the contracts and registered players; every game starts from the same block."""

    def __init__(self, folder: Path) -> None:
        self.chain = LocalChain(folder)
        self.chain.start()
        self.web3 = connect(self.chain.url)
        self.deployer = Sender(self.web3, self.chain.account(0), poll=0.002)
        self.deployment = deploy(self.web3, self.deployer, folder / "deployment.json")
        self.contracts = Contracts(self.web3, self.deployment)
        # From here on a block is mined with each transaction alone, a second after the one before.
        self.rpc("evm_setIntervalMining", 0)
        self.rpc("evm_setAutomine", True)
        self.rpc("anvil_setBlockTimestampInterval", 1)
        self.players = [self._register(index) for index in range(1, PLAYERS + 1)]
        for account in (WATCHER, FUZZER):
            self.deployer.send(self.contracts.token.transfer(Address(self.chain.account(account).address), 100 * TOKEN))
        self.rpc("anvil_autoImpersonateAccount", True)
        self._start = self.rpc("evm_snapshot")

    def close(self) -> None:
        self.chain.stop()

    def reset(self) -> None:
        """Back to where every game starts."""
        assert self.rpc("evm_revert", self._start) is True
        self._start = self.rpc("evm_snapshot")
        self.contracts = Contracts(self.web3, self.deployment)

    def rpc(self, method: str, *arguments: Any) -> Any:
        response = self.web3.provider.make_request(RPCEndpoint(method), list(arguments))
        assert "error" not in response, (method, response["error"])
        return response.get("result")

    @property
    def now(self) -> int:
        return block(self.web3).time

    def pass_until(self, time_: int) -> None:
        """The next block is mined at this time, or later where it is over."""
        if time_ > self.now:
            self.rpc("evm_setNextBlockTimestamp", time_)
            self.rpc("evm_mine")

    def send_all(self, calls: Sequence[tuple[Address, Any]], at: int | None = None) -> list[Any]:
        """Transactions of accounts that need no key here; their receipts, of refused ones too.

        Args:
            calls: sender and function.
            at: time of the first one's block.
        """
        if not calls:
            return []
        if at is not None and at > self.now:
            self.rpc("evm_setNextBlockTimestamp", at)
        # One after the other, with falling tips, so that they are mined in this order: requests of a batch are served at once, and
        # transactions that wait together go by their tips.
        hashes = [
            self.rpc("eth_sendTransaction", {"from": account, "to": function.address, "data": data_of(function), **_fees(index)})
            for index, (account, function) in enumerate(calls)
        ]
        receipts: list[Any] = [None] * len(hashes)
        until = time.monotonic() + 30
        while None in receipts:
            assert time.monotonic() < until, "a transaction was not mined"
            asked = [(RPCEndpoint("eth_getTransactionReceipt"), [hash_]) for hash_ in hashes]
            receipts = [answer["result"] for answer in self._batch(asked)]
        return receipts

    def must(self, calls: Sequence[tuple[Address, Any]]) -> list[Any]:
        """Sends what has to succeed."""
        receipts = self.send_all(calls)
        for receipt, (account, function) in zip(receipts, calls, strict=True):
            assert receipt["status"] == "0x1", f"{function.fn_name} of {account} failed: {self.why(account, function)}"
        return receipts

    def succeeds(self, account: Address, function: Any, at: int | None = None) -> bool:
        """Whether a transaction is carried out."""
        (receipt,) = self.send_all([(account, function)], at)
        return receipt["status"] == "0x1"

    def refusals(self, calls: Sequence[tuple[Address, Any]]) -> list[bool]:
        """Whether each call, made now and changing nothing, is refused."""
        requests = [
            (RPCEndpoint("eth_call"), [{"from": account, "to": function.address, "data": data_of(function)}, "latest"])
            for account, function in calls
        ]
        return ["error" in answer for answer in self._batch(requests)]

    def why(self, account: Address, function: Any) -> str:
        answer = self.web3.provider.make_request(
            RPCEndpoint("eth_call"), [{"from": account, "to": function.address, "data": data_of(function)}, "latest"]
        )
        return str(answer.get("error", "it succeeds by now"))

    def _batch(self, requests: list[Any]) -> list[Any]:
        return list(self.web3.provider.make_batch_request(requests))  # type: ignore[attr-defined]  # QuorumRpc has it

    def _register(self, index: int) -> Player:
        account = self.chain.account(index)
        sender, contracts = Sender(self.web3, account, poll=0.002), self.contracts
        sender.send(contracts.identities.register(account, sender.address))
        identity, endpoint = contracts.identities.identity_of(sender.address), f"memory:{index}"
        self.deployer.send(contracts.token.transfer(sender.address, DEPOSIT + 100 * TOKEN))
        sender.send(contracts.token.approve(contracts.stakes.address, DEPOSIT))
        sender.send(contracts.stakes.deposit(identity, DEPOSIT))
        sender.send(contracts.identities.announce(endpoint))
        return Player(sender.address, identity, endpoint)


def _fees(index: int) -> dict[str, str]:
    return {"gas": hex(GAS), "maxFeePerGas": hex(10**11), "maxPriorityFeePerGas": hex(10**9 - index * 10**6)}


def data_of(function: Any) -> str:
    """A call's data. web3.py's own way looks at every argument for so long that the games would take twice the time."""
    selector, types = _shape(function.address, function.fn_name, function.abi)
    return "0x" + (selector + encode(types, function.args)).hex()


_SHAPES: dict[tuple[str, str], tuple[bytes, list[str]]] = {}


def _shape(address: str, name: str, abi: Any) -> tuple[bytes, list[str]]:
    if (address, name) not in _SHAPES:
        _SHAPES[address, name] = function_abi_to_4byte_selector(abi), get_abi_input_types(abi)
    return _SHAPES[address, name]
