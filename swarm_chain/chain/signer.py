"""Who signs: an account whose key this process holds, or somebody else who is asked."""

from typing import Any, Protocol

from eth_account.datastructures import SignedMessage, SignedTransaction
from eth_typing import ChecksumAddress


class Signer(Protocol):
    """What sending and inviting need of an account. ``LocalAccount`` of eth-account is one."""

    @property
    def address(self) -> ChecksumAddress:
        """The account's address, checksummed."""

    def sign_transaction(self, transaction_dict: dict[str, Any], /) -> SignedTransaction:
        """Signs a transaction whose every field is given (EIP-1559)."""

    def sign_typed_data(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any], /) -> SignedMessage:
        """Signs typed data (EIP-712)."""
