"""Passwords of key files: from a setting, from the local swarm's own file, or asked for. None is ever shown."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.swarm_home import SwarmHome, write_whole, writing
from swarm_chain.errors import ConfigurationError, KeyFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eth_account.signers.local import LocalAccount

    from swarm_chain.cli.settings import Settings

GENERATED_SCRYPT_N = 2**12
"""Work factor where the password is 256 random bits: nothing is gained by making each guess slow."""
SHORTEST = 8


def open_key(path: Path, settings: "Settings", home: SwarmHome) -> "LocalAccount":
    """Opens a key file with the password that was set, or asks.

    Raises:
        KeyFileError: missing, or the password is wrong.
    """
    from swarm_chain.node.keys import key_address, load_key

    address = key_address(path)
    password = known_password(path, settings, home) or present.ask_secret(f"Password of {path.name} ({address})")
    return load_key(path, password)


def known_password(path: Path, settings: "Settings", home: SwarmHome) -> str:
    """What opens a key file without anybody being asked; empty where that is not known."""
    return _set(settings) or _of_home(path, home)


def create_keys(
    paths: list[Path], settings: "Settings", home: SwarmHome, *, local: bool, given: "Mapping[Path, LocalAccount] | None" = None
) -> list[Path]:
    """Makes those of the key files that are not there yet; returns which were made.

    Args:
        paths: of the key files.
        settings: may hold the password.
        home: whose password file is made and used where the swarm is local and no password was set.
        local: whether the keys are for a chain of this machine, where they hold play money.
        given: keys that exist already, by the file to write; all others are made new.
    """
    from swarm_chain.node.keys import SCRYPT_N, create_key, save_key

    missing = [path for path in paths if not path.exists()]
    if not missing:
        return []
    home.make()
    generated = not _set(settings) and (local or home.password_file.exists())
    password = _generated(home) if generated else _set(settings) or _asked_twice()
    scrypt_n, accounts = GENERATED_SCRYPT_N if generated else SCRYPT_N, given or {}
    for path in missing:
        if path in accounts:
            save_key(path, accounts[path], password, scrypt_n)
        else:
            create_key(path, password, scrypt_n)
    return missing


def _set(settings: "Settings") -> str:
    if settings.password_file:
        return first_line(settings.password_file)
    return settings.password.get_secret_value() if settings.password else ""


def _of_home(path: Path, home: SwarmHome) -> str:
    inside = home.keys in path.absolute().parents
    return first_line(home.password_file) if inside and home.password_file.exists() else ""


def first_line(path: Path) -> str:
    """What a file of a password begins with.

    Raises:
        ConfigurationError: it cannot be read, or has nothing there.
    """
    try:
        line = path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"The password file {path} cannot be read: {reason}.", "No key was touched.", "Check the path.") from None
    if not line:
        raise ConfigurationError(
            f"The first line of the password file {path} is empty.", "No key was touched.", "Write the password there."
        )
    return line


def _generated(home: SwarmHome) -> str:
    if not home.password_file.exists():
        with writing(home.password_file):
            write_whole(home.password_file, secrets.token_urlsafe(32).encode() + b"\n", mode=0o600)
    return first_line(home.password_file)


def _asked_twice() -> str:
    password = present.ask_secret("A password for the new keys (it cannot be recovered)")
    if len(password) < SHORTEST:
        raise UsageError(f"A password has at least {SHORTEST} characters.", "No key was made.", "Choose a longer one.")
    if present.ask_secret("The same password again") != password:
        raise KeyFileError("The two passwords differ.", "No key was made.", "Run this again.")
    return password
