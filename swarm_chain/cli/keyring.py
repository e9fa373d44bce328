"""Which keys a command works with: key files of the swarm folder, keys that the environment brings, an operator's signer elsewhere, or
none, where the operator is a contract.

A key from the environment stays in memory: nothing writes it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swarm_chain.cli.passwords import open_key
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import ConfigurationError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from swarm_chain.chain.signer import Signer
    from swarm_chain.cli.settings import Settings


def operator(settings: "Settings", home: SwarmHome, name: str | None = None) -> "Signer":
    """Who signs for a node's operator: ``--key``, else the operator key or the signer that is set, else the key file of the node named.

    Raises:
        KeyFileError: there is none, or its password is wrong.
        ConfigurationError: what is set is no key or no address.
        ChainError: the signer does not answer.
    """
    if settings.key is None and settings.operator_contract is not None:
        return _contract(settings.operator_contract)
    if settings.key is None and settings.operator_key is not None:
        return in_memory(settings.operator_key.get_secret_value(), "operator_key")
    if settings.key is None and settings.operator_signer is not None:
        from swarm_chain.chain.remote_signer import RemoteSigner

        return RemoteSigner(settings.operator_signer, settings.operator_address)
    return open_key(settings.key or home.operator_key(name or settings.name), settings, home)


def operator_address(settings: "Settings", home: SwarmHome, name: str | None = None) -> Address:
    """The address of who signs for a node's operator. Needs no password.

    Raises:
        KeyFileError, ChainError: as ``operator``.
    """
    if settings.key is None and is_elsewhere(settings):
        return Address(str(operator(settings, home, name).address))
    from swarm_chain.node.keys import key_address

    return key_address(settings.key or home.operator_key(name or settings.name))


def is_elsewhere(settings: "Settings") -> bool:
    """Whether an operator is set that has no key file here."""
    return (settings.operator_contract, settings.operator_key, settings.operator_signer) != (None, None, None)


def node(settings: "Settings", home: SwarmHome) -> "LocalAccount":
    """The key that the node runs with: the one that is set, else the key file of the node named.

    Raises:
        KeyFileError: there is none, or its password is wrong.
    """
    if settings.node_key is not None:
        return in_memory(settings.node_key.get_secret_value(), "node_key")
    return open_key(home.node_key(settings.name), settings, home)


def node_address(settings: "Settings", home: SwarmHome, name: str | None = None) -> Address:
    """The address of a node's key, by default of the node named in the settings. Needs no password, and loads nothing that takes time.

    Raises:
        KeyFileError: there is no such key.
    """
    if settings.node_key is None or name not in (None, settings.name):
        from swarm_chain.node.keys import key_address

        return key_address(home.node_key(name or settings.name))
    from coincurve import PublicKey

    from swarm_chain.protocol.addresses import address_of

    secret = _secret(settings.node_key.get_secret_value(), "node_key")
    return address_of(PublicKey.from_secret(secret).format(compressed=False)[1:])


@contextmanager
def held(settings: "Settings") -> Iterator[None]:
    """Holds the node of the settings for this process: its home, and its key on this machine.

    Raises:
        KeyFileError: another process holds it.
    """
    from swarm_chain.node.lock import locks_folder, one_process

    home = SwarmHome(settings.home)
    with one_process(home.node(settings.name), node_address(settings, home), locks_folder(os.environ)):
        yield


def in_memory(key: str, setting: str) -> "LocalAccount":
    """The account of a key in hexadecimal digits.

    Raises:
        ConfigurationError: it is no key; the message does not show it.
    """
    from eth_account import Account

    account: LocalAccount = Account.from_key(_secret(key, setting))
    return account


def _contract(address: str) -> "Signer":
    from eth_utils.address import to_checksum_address

    from swarm_chain.chain.signer import ContractAccount
    from swarm_chain.protocol.addresses import read_address

    try:
        return ContractAccount(to_checksum_address(read_address(address)))
    except ValueError as error:
        raise ConfigurationError(
            f"The setting operator_contract is no address, {address!r}: {error}.", do="Set it to the contract's address."
        ) from None


def _secret(key: str, setting: str) -> bytes:
    from coincurve.utils import validate_secret

    try:
        if re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", key.strip()):
            return validate_secret(bytes.fromhex(key.strip().removeprefix("0x")))
    except ValueError:
        pass
    raise ConfigurationError(
        f"The setting {setting} is no private key.", "It is not shown.", f"Set SWARM_CHAIN_{setting.upper()} to its 64 hexadecimal digits."
    )
