"""What every test of the project has in common: locks of keys go to a folder of the test run's own, and no secret is told by anything."""

import contextlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canary import Canary, hear, told
from eth_account import Account
from eth_account.signers.local import LocalAccount

from swarm_chain.errors import SwarmChainError

HOLD_SECRETS = re.compile(
    r"(^|/)(keys|store|blocks|checkpoints|chain)/"  # passwords, bytes of updates and models, a chain's state with revealed salts
    r"|\.db(-wal|-shm|-journal)?$"  # salts before they are revealed
    r"|(^|/)settings[^/]*\.json$|(password|mnemonic|backup)[^/]*$|words$|state\.json$"
)
"""Files that are there to hold secrets, or what is sealed by them, by their path in the folder of a test run."""
LIGHT = 2**13
"""The largest work factor of a key file that is opened to know its key."""


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    """Fails the test run where a log, an error, a metric or a trace holds a key, a password, a mnemonic or a salt that a test made.

    With several workers each looks after its own. It comes first, so that it ends when all that could tell something has ended.
    """
    canary = Canary()
    with pytest.MonkeyPatch.context() as patch:
        _learn_secrets(canary, patch)
        _listen(patch)
        yield canary
    base = tmp_path_factory.getbasetemp()
    _learn_from_files(canary, base)
    found = [f"what was said holds {what}" for text in told for what in canary.found_in(text)]
    found += canary.found_below(base, HOLD_SECRETS)
    assert not found, "\n".join(found)


@pytest.fixture(scope="session", autouse=True)
def own_state_folder(no_secret_is_told: Canary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Node processes that tests start take over the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Hears what a test captured, passed or failed, and why it failed."""
    hear(report.longreprtext, *(text for _, text in report.sections))


def _learn_secrets(canary: Canary, patch: pytest.MonkeyPatch) -> None:
    """Keeps every key that this process makes or opens, and passwords and mnemonics of such."""
    begin, encrypt, decrypt, derive = LocalAccount.__init__, Account.encrypt, Account.decrypt, Account.from_mnemonic

    def account(self: LocalAccount, key: Any, *rest: Any) -> None:
        begin(self, key, *rest)
        canary.keep(key.to_bytes(), f"the key of {self.address}")

    def encrypted(key: Any, password: str, *rest: Any, **more: Any) -> Any:
        canary.keep_phrase(password, "a password")
        return encrypt(key, password, *rest, **more)

    def decrypted(keystore: Any, password: str) -> Any:
        opened = decrypt(keystore, password)
        canary.keep_phrase(password, "a password")
        return opened

    def derived(mnemonic: str, *rest: Any, **more: Any) -> Any:
        made = derive(mnemonic, *rest, **more)
        canary.keep_phrase(mnemonic, "a mnemonic")
        return made

    patch.setattr(LocalAccount, "__init__", account)
    for name, function in (("encrypt", encrypted), ("decrypt", decrypted), ("from_mnemonic", derived)):
        patch.setattr(Account, name, staticmethod(function))


def _listen(patch: pytest.MonkeyPatch) -> None:
    """Hears what processes say that a test waits for, and errors of ours that it catches."""
    communicate, begin = subprocess.Popen.communicate, SwarmChainError.__init__

    def heard(self: Any, *rest: Any, **more: Any) -> Any:
        said = communicate(self, *rest, **more)
        hear(*(text for text in said if text))
        return said

    def error(self: SwarmChainError, *words: str, **more: Any) -> None:
        begin(self, *words, **more)
        hear(str(self))

    patch.setattr(subprocess.Popen, "communicate", heard)
    patch.setattr(SwarmChainError, "__init__", error)


def _learn_from_files(canary: Canary, base: Path) -> None:
    """Keeps what other processes made: passwords and keys of swarm folders, salts of journals."""
    for path in base.rglob("keys/password"):
        canary.keep_phrase(path.read_text().strip(), f"the password in {path.relative_to(base)}")
    for path in base.rglob("journal.db"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
            for (salt,) in journal.execute("SELECT salt FROM commits").fetchall():
                canary.keep(salt, f"a salt of {path.parent.relative_to(base)}")
    for password in base.rglob("keys/password"):
        for path in password.parent.rglob("*.json"):
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
                keystore = json.loads(path.read_text())
                if keystore["crypto"]["kdfparams"]["n"] <= LIGHT:
                    canary.keep(bytes(Account.decrypt(keystore, password.read_text().strip())), f"the key in {path.relative_to(base)}")
