"""An account whose key is elsewhere: a signer with an Ethereum JSON-RPC, such as web3signer (``eth_…``) or Clef (``account_…``).

What it signed is compared with what it was asked to sign, so that a wrong signer can do no more than refuse. No key and no password goes
either way.
"""

from collections.abc import Mapping
from typing import Any, Literal

from eth_account import Account
from eth_account.datastructures import SignedMessage, SignedTransaction
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_typing import ChecksumAddress, HexAddress, HexStr
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3.types import RPCEndpoint

from swarm_chain.chain.endpoint import Endpoint
from swarm_chain.chain.urls import HTTP, is_usable, shown
from swarm_chain.errors import ChainError, ChainUnreachableError, ConfigurationError, KeyFileError
from swarm_chain.protocol.addresses import checksummed
from swarm_chain.types import Address

PATIENCE = 120.0
"""Seconds for an answer: with Clef a person gives it."""
LARGEST_ANSWER = 1 << 20
"""Bytes."""
_NO_SUCH_METHOD = -32601
_QUANTITIES = ("chainId", "nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")

Dialect = Literal["eth", "account"]


class RemoteSigner:
    """An account of a remote signer; a ``Signer``.

    Args:
        url: of its JSON-RPC, ``http://`` or ``https://``.
        address: of the account; ``None`` where the signer has one alone.
        timeout: seconds for an answer.

    Raises:
        ConfigurationError: the URL is not HTTP.
        KeyFileError: it has no such account, or several and none was named.
        ChainError: it does not answer, or answers something else.
    """

    def __init__(self, url: str, address: str | None = None, timeout: float = PATIENCE) -> None:
        if not is_usable(url, HTTP):
            raise ConfigurationError(
                f"{shown(url)} is no URL of a signer.", "Nothing was sent.", "Give one that starts with http:// or https://."
            )
        self._endpoint = Endpoint(url, "The signer", LARGEST_ANSWER)
        self._timeout = timeout
        self._dialect, accounts = self._accounts()
        if address is None and len(accounts) != 1:
            raise KeyFileError(
                f"The signer at {shown(url)} has {len(accounts)} accounts.", "Nothing was sent.", "Name one: SWARM_CHAIN_OPERATOR_ADDRESS."
            )
        try:
            self._address = checksummed(address) if address else accounts[0]
        except ValueError:
            raise ConfigurationError(f"{address!r} is no address.", "Nothing was sent.", "Give 0x and 40 hexadecimal digits.") from None
        if self._address not in accounts:
            raise KeyFileError(
                f"The signer at {shown(url)} has no account {self._address}.", "Nothing was sent.", "Check which keys it was given."
            )

    def __repr__(self) -> str:
        return f"RemoteSigner({self._address} at {self._endpoint.shown})"

    @property
    def address(self) -> ChecksumAddress:
        """The account's address, checksummed."""
        return ChecksumAddress(HexAddress(HexStr(self._address)))

    def sign_transaction(self, transaction_dict: dict[str, Any], /) -> SignedTransaction:
        """Has a transaction signed whose every field is given (EIP-1559).

        Raises:
            ChainError: the signer refused, does not answer, or signed something else.
        """
        asked = {"from": self._address, "data": HexBytes(transaction_dict["data"]).to_0x_hex()}
        asked |= {name: hex(transaction_dict[name]) for name in _QUANTITIES}
        if "to" in transaction_dict:
            asked["to"] = transaction_dict["to"]
        answer = self._ask(f"{self._dialect}_signTransaction", asked)
        raw = _bytes_of(answer["raw"] if isinstance(answer, Mapping) and "raw" in answer else answer)
        try:
            signed = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            same = all(int(signed[name]) == transaction_dict[name] for name in _QUANTITIES)
            same &= HexBytes(signed["data"]) == HexBytes(transaction_dict["data"]) and not signed["accessList"]
            same &= HexBytes(signed["to"]) == HexBytes(transaction_dict.get("to", b""))
            same &= Account.recover_transaction(HexBytes(raw)) == self._address
        except Exception as problem:  # noqa: BLE001 whatever the libraries say to bytes from outside
            raise self._wrong(f"a transaction that cannot be read ({type(problem).__name__})") from None
        if not same:
            raise self._wrong("another transaction than the one it was asked to sign")
        return SignedTransaction(HexBytes(raw), HexBytes(keccak(raw)), signed["r"], signed["s"], signed["v"])

    def sign_typed_data(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any], /) -> SignedMessage:
        """Has typed data signed (EIP-712).

        Raises:
            ChainError: the signer refused, does not answer, or signed something else.
        """
        signable = encode_typed_data(domain, types, message)
        (primary,) = types
        fields = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
        full = {
            "types": {"EIP712Domain": [{"name": name, "type": fields[name]} for name in domain], **types},
            "primaryType": primary,
            "domain": domain,
            "message": {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in message.items()},
        }
        signature = _bytes_of(self._ask(f"{self._dialect}_signTypedData", self._address, full))
        try:
            signer = Account.recover_message(signable, signature=signature)
        except Exception as problem:  # noqa: BLE001 as above
            raise self._wrong(f"a signature that cannot be read ({type(problem).__name__})") from None
        if signer != self._address:
            raise self._wrong("a signature of another account, or of something else")
        digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
        r, s, v = signature[:32], signature[32:64], signature[64]
        return SignedMessage(HexBytes(digest), int.from_bytes(r, "big"), int.from_bytes(s, "big"), v, HexBytes(signature))

    # ---------------------------------------------------------------------------------------------- JSON-RPC

    def _accounts(self) -> tuple[Dialect, list[Address]]:
        for dialect, method in (("eth", "eth_accounts"), ("account", "account_list")):
            try:
                answer = self._ask(method)
            except _NoSuchMethodError:
                continue
            try:
                return ("eth" if dialect == "eth" else "account"), [checksummed(str(account)) for account in answer]
            except (TypeError, ValueError):
                raise self._wrong("no list of accounts") from None
        raise self._wrong("neither eth_accounts nor account_list")

    def _ask(self, method: str, *parameters: object) -> Any:
        try:
            (answer,) = self._endpoint.ask([(RPCEndpoint(method), list(parameters))], self._timeout).result()
        except ChainUnreachableError as problem:
            raise ChainError(problem.what, "Nothing was sent.", "Check that it runs, and its URL; then try again.") from None
        if "error" in answer:
            error: Any = answer["error"]
            if error["code"] == _NO_SUCH_METHOD:
                raise _NoSuchMethodError(f"The signer at {self._endpoint.shown} does not know {method}.", "Nothing was sent.")
            said = str(error["message"])[:200]
            raise ChainError(f"The signer at {self._endpoint.shown} refused {method}: {said}.", "Nothing was sent.", "Approve it there.")
        return answer["result"]

    def _wrong(self, what: str) -> ChainError:
        return ChainError(f"The signer at {self._endpoint.shown} gave {what}.", "Nothing was sent.", "Check what runs there.")


class _NoSuchMethodError(ChainError):
    pass


def _bytes_of(value: object) -> bytes:
    """Bytes of a hexadecimal answer; none where it is something else."""
    try:
        return bytes.fromhex(str(value).removeprefix("0x"))
    except ValueError:
        return b""
