"""What contracts refuse with: custom errors (as Solidity 0.8.4 encodes them) turned into ours."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector, get_abi_input_names, get_abi_input_types
from web3.exceptions import ContractLogicError, Web3RPCError

from swarm_chain.chain import artifacts
from swarm_chain.errors import ChainError, SwarmChainError, TransactionError, UnknownError
from swarm_chain.types import Phase

UNKNOWN = {"UnknownGroup", "UnknownNode", "NotSeated"}
"""Refusals that say that what was asked for isn't there."""

DO = {
    "ERC20InsufficientBalance": "Put more tokens into the account, or ask for less.",
    "ERC20InsufficientAllowance": "Approve the contract for the amount first.",
    "InsufficientStake": "Deposit the missing stake first.",
    "GroupFull": "Wait for a seat to come free, or join another group.",
    "InvitationNeeded": "Ask the group's creator for an invitation.",
    "InvitationExpired": "Ask the group's creator for a new invitation.",
    "NodeKeyTaken": "Make a new node key: each is registered once.",
    "WindowOpen": "Try again when the window is over.",
    "NothingToClaim": "Claim when rounds have become final.",
}
"""What to do about the refusals that users meet."""


@dataclass(frozen=True, slots=True)
class Revert:
    """Why a call was reverted. ``error`` is empty when the contract gave no custom error; ``text`` is then all there is."""

    error: str
    arguments: tuple[Any, ...]
    text: str

    def as_error(self, what: str, kept: str = "") -> SwarmChainError:
        """The refusal as an exception. ``what`` says what was asked, without a full stop: "Group 7 refused to be funded"."""
        sentence = f"{what}: {self.text}."
        if self.error in UNKNOWN:
            return UnknownError(sentence, kept)
        return TransactionError(sentence, kept, DO.get(self.error, ""), reverted_with=self.error, arguments=self.arguments)


def revert_of(problem: ContractLogicError | Web3RPCError) -> Revert | None:
    """The revert behind an exception of web3.py, or None if the RPC refused for another reason."""
    if isinstance(problem, ContractLogicError):
        return read_revert(problem.data, str(problem.message or ""))
    response = problem.rpc_response
    return revert_in(response.get("error")) if response else None


def revert_in(error: Any) -> Revert | None:
    """The revert in the ``error`` of a JSON-RPC response, or None if it is about something else."""
    if not isinstance(error, dict):
        return None
    message = str(error.get("message", ""))
    # Code 3 is geth's for a revert (EIP-1474 has none); others say it in words.
    if error.get("code") == 3 or "revert" in message.lower():
        return read_revert(error.get("data"), message)
    return None


def read_revert(data: Any, message: str = "") -> Revert:
    """Decodes revert data, which servers hand over in several wrappings."""
    if isinstance(data, dict):
        data = data.get("data", data.get("result", ""))
    raw = _bytes_of(data)
    found = _errors().get(raw[:4])
    if found is None:
        return Revert("", (), f"the contract reverted ({message[:200] or 'no reason given'})")
    name, types, names = found
    try:
        values = decode(types, raw[4:])
    except DecodingError:
        return Revert("", (), f"the contract reverted with a malformed {name}")
    if name == "Error":
        return Revert("", (), f"the contract reverted ({str(values[0])[:200]})")
    if name == "Panic":
        return Revert("", (), f"the contract failed with panic 0x{int(values[0]):02x}, which is a bug: please report it")
    words = ", ".join(f"{key} {_shown(name, key, value)}" for key, value in zip(names, values, strict=True))
    return Revert(name, tuple(values), f"{name}({words})")


def _bytes_of(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        return b""
    try:
        return bytes.fromhex(data.removeprefix("Reverted ").removeprefix("0x"))
    except ValueError:
        return b""


def _shown(error: str, name: str, value: Any) -> str:
    if error == "UnexpectedPhase" and name == "phase":
        return Phase(value).name.lower()
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)[:200]


@cache
def _errors() -> dict[bytes, tuple[str, list[str], list[str]]]:
    """Every error of every contract by selector: name, argument types and argument names."""
    found = {
        function_signature_to_4byte_selector("Error(string)"): ("Error", ["string"], ["reason"]),
        function_signature_to_4byte_selector("Panic(uint256)"): ("Panic", ["uint256"], ["code"]),
    }
    for contract in artifacts.CONTRACTS:
        for entry in artifacts.load(contract).abi:
            if entry["type"] == "error":
                selector = function_signature_to_4byte_selector(abi_to_signature(entry))
                found[selector] = (entry["name"], get_abi_input_types(entry), [name or "" for name in get_abi_input_names(entry)])
    return found


def refusal_in_words(message: str) -> ChainError | None:
    """The usual refusals of an RPC server, which come as free text, as errors of ours; None for others."""
    low = message.lower()
    if "insufficient funds" in low:
        return TransactionError(
            "The account does not hold enough of the chain's coin to pay for the transaction.",
            "Nothing was sent.",
            "Send it some, then try again.",
        )
    if "nonce too low" in low or "nonce is too low" in low:
        return TransactionError(
            "Another transaction of the same account was mined with the same nonce.",
            "This one was not carried out.",
            "Try again; use an account from one program only.",
        )
    if "underpriced" in low or "fee too low" in low or "less than block base fee" in low:
        return TransactionError(
            "The offered fee is too low for the chain at the moment.",
            "The transaction was not carried out.",
            "Try again, or raise the fee cap.",
        )
    if "rate limit" in low or "too many requests" in low:
        return ChainError("The RPC service answers no more requests for now (rate limit).", do="Wait, or use another RPC URL.")
    return None
