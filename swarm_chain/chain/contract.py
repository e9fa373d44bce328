"""A deployed contract: views read at one block, functions to send, logs in bounded ranges of blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types, get_abi_output_types
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError
from web3.types import BlockIdentifier, FilterParams, LogReceipt, RPCEndpoint, RPCResponse

from swarm_chain.chain import artifacts
from swarm_chain.chain.connection import provider_name
from swarm_chain.chain.reverts import Revert, refusal_in_words, revert_in
from swarm_chain.chain.rpc import QuorumRpc
from swarm_chain.errors import ChainError, WrongChainError
from swarm_chain.types import Address

LOG_BLOCKS = 10_000
"""Blocks asked for at once; half as many, and half again, where a service answers only for fewer."""


@dataclass(frozen=True, slots=True)
class View:
    """A call of a view, not made yet."""

    contract: str
    name: str
    to: Address
    data: str
    outputs: tuple[str, ...]


class DeployedContract:
    """What the classes of single contracts have in common."""

    name: str

    def __init__(self, web3: Web3, address: Address) -> None:
        self.web3 = web3
        self.address = address
        self.contract: Contract = web3.eth.contract(address=Web3.to_checksum_address(address), abi=artifacts.load(self.name).abi)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def view(self, name: str, *arguments: Any) -> View:
        """A view's call, to be read by ``read`` or together with others by ``read_all``."""
        shape = _views(self.name)[name]
        data = "0x" + (shape.selector + encode(shape.inputs, arguments)).hex()
        return View(self.name, name, self.address, data, shape.outputs)

    def read(self, name: str, *arguments: Any, block: BlockIdentifier = "latest") -> Any:
        """What a view returns at a block: one value, or a tuple of several."""
        return read_all(self.web3, [self.view(name, *arguments)], block)[0]

    def function(self, name: str, *arguments: Any) -> ContractFunction:
        """A call for ``Sender`` to send."""
        function: ContractFunction = self.contract.get_function_by_name(name)(*arguments)
        return function

    def logs(self, topics: Sequence[Any], first: int, last: int) -> Iterator[LogReceipt]:
        """This contract's logs of the blocks ``first`` to ``last``, both included, in order.

        Args:
            topics: as ``eth_getLogs`` takes them: 32 bytes in hex, a list of alternatives, or None for any.
            first: number of a block.
            last: number of a block.
        """
        span = LOG_BLOCKS
        while first <= last:
            until = min(first + span - 1, last)
            try:
                found = self.web3.eth.get_logs(
                    FilterParams(address=Web3.to_checksum_address(self.address), topics=list(topics), fromBlock=first, toBlock=until)
                )
            except Web3RPCError as problem:
                if span == 1:
                    raise ChainError(f"{provider_name(self.web3)} does not hand out logs: {str(problem.message)[:200]}.") from problem
                span //= 2
                continue
            yield from found
            first = until + 1


class _Shape(NamedTuple):
    """How a function's call and answer are encoded."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@cache
def _views(contract: str) -> dict[str, _Shape]:
    """A contract's functions by name; ours have no two of one name. web3.py would look each up again at every call."""
    return {
        entry["name"]: _Shape(function_abi_to_4byte_selector(entry), tuple(get_abi_input_types(entry)), tuple(get_abi_output_types(entry)))
        for entry in artifacts.load(contract).abi
        if entry["type"] == "function"
    }


def read_all(web3: Web3, views: Sequence[View], block: BlockIdentifier = "latest") -> list[Any]:
    """Reads several views at one block, in one request.

    Returns:
        For each view its value, or a tuple where it has several. Addresses come in lower case, as ``eth_abi`` decodes them.

    Raises:
        UnknownError, TransactionError: a view reverted.
        WrongChainError: there is no such contract.
    """
    values = try_all(web3, views, block)
    for view, value in zip(views, values, strict=True):
        if isinstance(value, Revert):
            raise value.as_error(f"{view.contract} has no answer to {view.name}")
    return values


def try_all(web3: Web3, views: Sequence[View], block: BlockIdentifier = "latest") -> list[Any]:
    """Like ``read_all``, but a view that reverted gives its ``Revert``."""
    where = _place(block)
    requests = [(RPCEndpoint("eth_call"), [{"to": view.to, "data": view.data}, where]) for view in views]
    return [_value(view, response) for view, response in zip(views, _responses(web3, requests), strict=True)]


def _place(block: BlockIdentifier) -> object:
    """A block as requests name it; one named by its hash must be of the chain (EIP-1898)."""
    if isinstance(block, bytes):
        return {"blockHash": "0x" + bytes(block).hex(), "requireCanonical": True}
    return hex(block) if isinstance(block, int) else block


def _responses(web3: Web3, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
    if not requests:
        return []
    provider = web3.provider
    assert isinstance(provider, QuorumRpc)
    return provider.make_batch_request(requests)


def _value(view: View, response: RPCResponse) -> Any:
    if "error" in response:
        error: Any = response["error"]
        revert = revert_in(error)
        if revert is not None:
            return revert
        message = str(error.get("message", error) if isinstance(error, dict) else error)
        raise refusal_in_words(message) or ChainError(f"{view.contract}.{view.name} could not be read: {message[:200]}.")
    data = bytes.fromhex(str(response["result"]).removeprefix("0x"))
    if not data and view.outputs:
        raise WrongChainError(
            f"There is no {view.contract} at {view.to} on this chain.",
            do="Check the deployment file, the RPC URL and that the chain was not reset.",
        )
    try:
        values = decode(view.outputs, data)
    except DecodingError as problem:
        raise WrongChainError(f"What is at {view.to} is not this release's {view.contract}.", do="Check the deployment file.") from problem
    return values[0] if len(values) == 1 else values
