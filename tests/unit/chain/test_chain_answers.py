"""What servers answer is checked, and compared in what the chain determines."""

from typing import Any

import pytest
from web3.types import RPCResponse

from swarm_chain.chain.answers import REFUSED, said

HASH = "0x" + "ab" * 32
LOG = {
    "address": "0x" + "Cd" * 20,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x10",
    "blockHash": HASH,
    "transactionHash": HASH,
    "transactionIndex": "0x0",
    "logIndex": "0x1",
}
BLOCK = {"number": "0x10", "hash": HASH, "parentHash": HASH, "timestamp": "0x5"}


def result(value: Any) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 1, "result": value}


def test_what_only_some_servers_add_makes_no_difference() -> None:
    mine, theirs = LOG | {"removed": False, "blockTimestamp": "0x5"}, LOG | {"address": "0x" + "cD" * 20, "blockNumber": "0x010"}
    assert said("eth_getLogs", result([mine])) == said("eth_getLogs", result([theirs]))
    assert said("eth_getBlockByNumber", result(BLOCK | {"size": "0x1"})) == said("eth_getBlockByNumber", result(BLOCK))


@pytest.mark.parametrize("name", LOG)
def test_what_the_chain_determines_does(name: str) -> None:
    changed: dict[str, Any] = {"topics": [], "data": "0x00", "address": "0x" + "00" * 20}
    other = changed.get(name, "0x2" if len(str(LOG[name])) < 10 else "0x" + "11" * 32)
    assert said("eth_getLogs", result([LOG])) != said("eth_getLogs", result([LOG | {name: other}]))


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("eth_chainId", None),
        ("eth_chainId", 1),
        ("eth_chainId", "0x"),
        ("eth_chainId", "one"),
        ("eth_chainId", "0x1" + "0" * 16),
        ("eth_call", "0xabc"),
        ("eth_call", "abcd"),
        ("eth_call", ["0x"]),
        ("eth_getBalance", "0x" + "f" * 65),
        ("eth_getLogs", {}),
        ("eth_getLogs", [LOG | {"blockNumber": "-0x1"}]),
        ("eth_getLogs", [{name: value for name, value in LOG.items() if name != "data"}]),
        ("eth_getBlockByNumber", BLOCK | {"hash": "0x00"}),
        ("eth_getBlockByNumber", BLOCK | {"number": "0x1" + "0" * 16}),
        ("eth_getBlockByNumber", BLOCK | {"transactions": [1]}),
        ("eth_getTransactionReceipt", LOG),
    ],
)
def test_malformed_answers_are_refused(method: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        said(method, result(value))


def test_reverts_are_answers_and_other_errors_are_refusals_whatever_their_words() -> None:
    error = {"code": 3, "message": "execution reverted", "data": "0x08c379a0" + "00" * 31 + "20" + "00" * 31 + "01" + "61" + "00" * 31}
    other = {"code": -32000, "message": "VM Exception: revert", "data": {"data": error["data"]}}
    response: Any = {"jsonrpc": "2.0", "id": 1, "error": error}
    same: Any = {"jsonrpc": "2.0", "id": 1, "error": other}
    busy: Any = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "rate limit"}}
    unknown: Any = {"jsonrpc": "2.0", "id": 1, "error": "no"}
    assert said("eth_call", response) == said("eth_call", same)
    assert said("eth_call", response) != said("eth_call", result("0x"))
    assert said("eth_call", busy) == said("eth_call", unknown) == REFUSED
