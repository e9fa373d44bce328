"""Key files: an operator's or a node's secp256k1 key, or a closed group's, under a password, as a keystore of version 3 (Web3 Secret
Storage).

A key file is written once, for its owner's eyes alone. Nothing here overwrites or deletes one. Keys and passwords appear in no message.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_chain.errors import KeyFileError
from swarm_chain.protocol.addresses import checksummed
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.types import Address

if TYPE_CHECKING:
    # Takes a second to load. Where only an address is asked for, as before a lock is taken, it is not.
    from eth_account.signers.local import LocalAccount

OPERATOR_KEY = "operator.json"
NODE_KEY = "node.json"
GROUP_KEYS = "group-*.json"

SCRYPT_N = 2**18
"""Work factor of key files unless asked otherwise: about a second and 256 MiB to open one."""
_LARGEST_SCRYPT_N = 2**20
_LARGEST_FILE = 65_536
_BRACKETS = 16


def key_path(home: Path, name: str) -> Path:
    """Where a home keeps a key file; ``name`` is ``OPERATOR_KEY`` or ``NODE_KEY``."""
    return home / "keys" / name


def group_key_path(folder: Path, commitment: str) -> Path:
    """Where a folder of key files keeps a closed group's key, by what the manifest says of it."""
    return folder / GROUP_KEYS.replace("*", commitment[:16])


def create_key(path: Path, password: str, scrypt_n: int = SCRYPT_N) -> "LocalAccount":
    """Makes a new key and its file.

    Args:
        path: of the file to write; its folder is made, for its owner alone.
        password: that opens it.
        scrypt_n: work factor, a power of two. A light one is for keys that hold nothing of value.

    Raises:
        KeyFileError: the file exists already, or cannot be written.
    """
    from eth_account import Account

    account: LocalAccount = Account.create()
    save_key(path, account, password, scrypt_n)
    return account


def save_key(path: Path, account: "LocalAccount", password: str, scrypt_n: int = SCRYPT_N) -> None:
    """Writes a key's file, complete on disk when this returns, with mode 0600 in a folder of mode 0700.

    Raises:
        KeyFileError: the file exists already, or cannot be written.
    """
    from eth_account import Account

    if path.exists():
        raise _exists(path)
    keystore = json.dumps(Account.encrypt(account.key, password, kdf="scrypt", iterations=scrypt_n)).encode()
    partial = path.with_name(path.name + f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(keystore)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where the name is taken, so that two racing processes cannot overwrite each other's key.
            os.link(partial, path)
        except FileExistsError:
            raise _exists(path) from None
        finally:
            partial.unlink()
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be written: {error.strerror}.", "No key was kept.") from error


def load_key(path: Path, password: str) -> "LocalAccount":
    """Opens a key file.

    Raises:
        KeyFileError: missing, unreadable, malformed, or the password does not open it; the file is not touched.
    """
    from eth_account import Account

    keystore = _read(path)
    try:
        key = Account.decrypt(keystore, password)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        if "MAC mismatch" in str(error):
            raise KeyFileError(f"The password does not open {path}.", "The key file was not changed.", "Try again.") from None
        raise _malformed(path) from None
    account: LocalAccount = Account.from_key(key)
    if str(account.address) != checksummed(keystore["address"]):
        raise _malformed(path)
    return account


def key_address(path: Path) -> Address:
    """The address a key file says it opens to; needs no password.

    Raises:
        KeyFileError: missing, unreadable or malformed.
    """
    return checksummed(_read(path)["address"])


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            keystore = parse(file.read(_LARGEST_FILE), _BRACKETS)
        well_formed = (
            keystore["version"] == 3
            and checksummed(keystore["address"])
            and keystore["crypto"]["cipher"] == "aes-128-ctr"
            and keystore["crypto"]["kdfparams"].get("n", 0) <= _LARGEST_SCRYPT_N  # more would take the machine's memory
        )
    except FileNotFoundError:
        raise KeyFileError(f"There is no key file {path}.", do="Make one with `swarm-chain node init`.") from None
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _malformed(path) from None
    if not well_formed:
        raise _malformed(path)
    return dict(keystore)


def _exists(path: Path) -> KeyFileError:
    return KeyFileError(f"There is a key file {path} already.", "It was kept.", "Use it, or take another home.")


def _malformed(path: Path) -> KeyFileError:
    return KeyFileError(f"{path} is no key file (keystore of version 3).", "It was not changed.", "Restore it from your backup.")
