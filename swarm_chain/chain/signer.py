"""Who signs: an account whose key this process holds, or somebody else who is asked, or nobody: a contract makes its calls itself."""

from typing import Any, Protocol

from eth_account.datastructures import SignedMessage, SignedTransaction
from eth_typing import ChecksumAddress

from swarm_chain.errors import UsageError


class Signer(Protocol):
    """What sending and inviting need of an account. ``LocalAccount`` of eth-account is one."""

    @property
    def address(self) -> ChecksumAddress:
        """The account's address, checksummed."""

    def sign_transaction(self, transaction_dict: dict[str, Any], /) -> SignedTransaction:
        """Signs a transaction whose every field is given (EIP-1559)."""

    def sign_typed_data(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any], /) -> SignedMessage:
        """Signs typed data (EIP-712)."""


class ContractAccount:
    """An account that is a contract, such as a multisig (ERC-1271). It has no key: what it is to do, its own wallet sends."""

    def __init__(self, address: ChecksumAddress) -> None:
        self.address = address

    def sign_transaction(self, transaction_dict: dict[str, Any], /) -> SignedTransaction:
        """Raises UsageError: nothing here can sign for it."""
        raise self._refusal()

    def sign_typed_data(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any], /) -> SignedMessage:
        """Raises UsageError: nothing here can sign for it."""
        raise self._refusal()

    def _refusal(self) -> UsageError:
        return UsageError(f"{self.address} is a contract: no key signs for it.", "Nothing was signed.", "Sign with its own wallet.")
