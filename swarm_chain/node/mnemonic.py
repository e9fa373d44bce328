"""Keys from a mnemonic: words of BIP-39, and the path of Ethereum's accounts by BIP-44."""

from contextlib import suppress
from typing import TYPE_CHECKING

from swarm_chain.errors import KeyFileError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

PATH = "m/44'/60'/0'/0/"
"""What wallets use; the account's number follows."""


def account_of(mnemonic: str, index: int) -> "LocalAccount":
    """An account of a mnemonic, as wallets number them from 0.

    Raises:
        KeyFileError: these are no words of BIP-39 with a right checksum. The message shows none of them.
    """
    from eth_account import Account
    from eth_utils.exceptions import ValidationError

    Account.enable_unaudited_hdwallet_features()
    found: LocalAccount | None = None
    with suppress(ValidationError):  # which quotes the words, so ours has it neither as cause nor as context
        found = Account.from_mnemonic(" ".join(mnemonic.split()), account_path=f"{PATH}{index}")
    if found is None:
        raise KeyFileError("These words are no mnemonic (BIP-39).", "No key was made.", "Check their spelling, order and number.")
    return found
