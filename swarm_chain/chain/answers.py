"""What an RPC server may answer: of each kind of answer the fields that the chain determines, checked and in one form.

So answers of servers of different makers can be compared, what only some of them add is left out, and nothing malformed goes further.
"""

from collections.abc import Callable, Mapping
from typing import Any

from web3.types import RPCResponse

from swarm_chain.chain.reverts import revert_in

Shape = Callable[[Any], Any]
"""Takes a value of an answer; returns it in one form, or raises ``ValueError``."""

REFUSED = ("refused",)
"""What every error comes to that is not a contract's revert, whatever its words."""


def said(method: str, response: RPCResponse) -> object:
    """What a response comes to, comparable with what others say; ``REFUSED`` for an error that is not a contract's revert.

    Raises:
        ValueError: it is malformed.
    """
    if "error" in response:
        revert = revert_in(response["error"])
        if revert is None:
            return REFUSED
        return ("reverted", revert.error, revert.arguments) if revert.error else ("reverted",)
    return SHAPES[method](response["result"]) if method in SHAPES else response["result"]


def quantity(value: Any) -> str:
    """A number of at most 256 bits, in hex."""
    if not isinstance(value, str) or not value.startswith("0x") or not 3 <= len(value) <= 66:
        raise ValueError("not a quantity")
    return hex(int(value, 16))


def uint64(value: Any) -> str:
    """A number of at most 64 bits, in hex: nothing that is counted block by block may be larger."""
    found = quantity(value)
    if int(found, 16) >= 2**64:
        raise ValueError("not a number of 64 bits")
    return found


def data(value: Any) -> str:
    """Bytes, in hex."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("not hex data")
    return "0x" + bytes.fromhex(value[2:]).hex()


def fixed(size: int) -> Shape:
    """So many bytes, in hex."""

    def shape(value: Any) -> str:
        found = data(value)
        if len(found) != 2 + 2 * size:
            raise ValueError(f"not {size} bytes")
        return found

    return shape


def nullable(shape: Shape) -> Shape:
    """That, or null."""
    return lambda value: None if value is None else shape(value)


def each(shape: Shape) -> Shape:
    """A list of that."""

    def of_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("not a list")
        return [shape(item) for item in value]

    return of_list


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """An object of these fields; others are left out."""
    known = {**required, **(optional or {})}

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not required.keys() <= value.keys():
            raise ValueError("not an object with all its fields")
        return {name: check(value[name]) for name, check in known.items() if name in value}

    return shape


def either(first: Shape, second: Shape) -> Shape:
    """One or the other."""

    def shape(value: Any) -> Any:
        try:
            return first(value)
        except ValueError:
            return second(value)

    return shape


HASH, ADDRESS = fixed(32), fixed(20)

LOG = fields(
    {
        "address": ADDRESS,
        "topics": each(HASH),
        "data": data,
        "blockNumber": uint64,
        "blockHash": HASH,
        "transactionHash": HASH,
        "transactionIndex": uint64,
        "logIndex": uint64,
    }
)
TRANSACTION = fields(
    {"hash": HASH, "from": ADDRESS, "to": nullable(ADDRESS), "input": data, "nonce": uint64, "gas": uint64, "value": quantity},
    {
        "blockHash": nullable(HASH),
        "blockNumber": nullable(uint64),
        "transactionIndex": nullable(uint64),
        "type": quantity,
        "gasPrice": quantity,
        "maxFeePerGas": nullable(quantity),
        "maxPriorityFeePerGas": nullable(quantity),
    },
)
RECEIPT = fields(
    {
        "transactionHash": HASH,
        "transactionIndex": uint64,
        "blockHash": HASH,
        "blockNumber": uint64,
        "from": ADDRESS,
        "gasUsed": uint64,
        "status": quantity,
        "logs": each(LOG),
    },
    {
        "to": nullable(ADDRESS),
        "contractAddress": nullable(ADDRESS),
        "cumulativeGasUsed": uint64,
        "effectiveGasPrice": quantity,
        "type": quantity,
    },
)
BLOCK = fields(
    {"number": uint64, "hash": HASH, "parentHash": HASH, "timestamp": uint64},
    {
        "baseFeePerGas": quantity,
        "gasLimit": uint64,
        "gasUsed": uint64,
        "miner": ADDRESS,
        "transactions": each(either(HASH, TRANSACTION)),
    },
)
FEES = fields({"oldestBlock": quantity, "baseFeePerGas": each(quantity)}, {"reward": nullable(each(each(quantity)))})

SHAPES: Mapping[str, Shape] = {
    "eth_chainId": uint64,
    "eth_blockNumber": uint64,
    "eth_gasPrice": quantity,
    "eth_maxPriorityFeePerGas": quantity,
    "eth_estimateGas": uint64,
    "eth_feeHistory": FEES,
    "eth_getBalance": quantity,
    "eth_getTransactionCount": uint64,
    "eth_getCode": data,
    "eth_getStorageAt": data,
    "eth_call": data,
    "eth_sendRawTransaction": HASH,
    "eth_getLogs": each(LOG),
    "eth_getTransactionByHash": nullable(TRANSACTION),
    "eth_getTransactionReceipt": nullable(RECEIPT),
    "eth_getBlockByNumber": nullable(BLOCK),
    "eth_getBlockByHash": nullable(BLOCK),
}
