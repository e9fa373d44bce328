"""The canary sings: a secret is found however it is written, in what was said and in files."""

import base64
import re
import secrets

import pytest
from canary import Canary, told

KEY = secrets.token_bytes(32)
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
NOWHERE = re.compile("(?!)")
WRITTEN = {
    "hexadecimal": f"key=0x{KEY.hex()},".encode(),
    "hexadecimal ": f"key {KEY.hex().upper()}".encode(),
    "hexadecimal  ": b"0x" + b"ab" * 40 + KEY.hex().encode() + b"cd" * 9,
    "decimal": str(int.from_bytes(KEY, "big")).encode(),
    "base64": base64.b64encode(KEY),
    "base64 ": base64.urlsafe_b64encode(b"before" + KEY + b"after"),
    "base64  ": base64.b64encode(b"7 bytes" + KEY),
    "base64   ": base64.b64encode(b"8 bytes." + KEY + b"."),
    "repr": f"an account of {KEY!r}".encode(),
    "bytes": b"\x0a\x20" + KEY + b"\x12",
}


@pytest.fixture
def canary():
    found = Canary()
    found.keep(KEY, "the key")
    found.keep_phrase("correct-horse-battery", "the password")
    found.keep_phrase(WORDS, "the mnemonic")
    return found


@pytest.mark.parametrize("how", WRITTEN)
def test_a_key_is_found_however_it_is_written(canary, tmp_path, how):
    (finding,) = canary.found_in(b"WARNING something happened: " + WRITTEN[how] + b"\n")
    assert finding == f"the key {'as a' if how == 'repr' else 'as' if how == 'bytes' else 'in'} {how.strip()}"
    (tmp_path / "node 1").mkdir()
    (tmp_path / "node 1" / "log").write_bytes(b"first line\n" + WRITTEN[how])
    assert canary.found_below(tmp_path, NOWHERE) == [f"node 1/log holds {finding}"]
    assert canary.found_below(tmp_path, re.compile("^node 1/")) == []


def test_passwords_and_mnemonics_are_found(canary):
    assert canary.found_in(b"It was opened with correct-horse-battery.") == {"the password in words"}
    assert canary.found_in(f"Your words are: {WORDS}.".encode()) == {"the mnemonic in words"}


def test_what_looks_like_a_secret_and_is_none_is_not_found(canary):
    other = secrets.token_bytes(32)
    said = [
        other.hex(),
        str(int.from_bytes(other, "big")),
        base64.b64encode(other).decode(),
        repr(other),
        KEY.hex()[1:],
        "correct-horse",
        WORDS[1:],
    ]
    assert canary.found_in(" ".join(said).encode()) == set()
    assert canary.found_in(other) == set()


def test_what_is_told_to_a_test_is_heard(no_secret_is_told):
    """The run's own canary, on what the run's own ears hear."""
    import subprocess
    import sys

    from eth_account import Account

    from swarm_chain.errors import ConfigurationError

    before = set(told)
    key = Account.create().key
    other = Account.create().key
    words = [sys.executable, "-c", f"print('0x{key.hex()}')"]
    subprocess.run(words, capture_output=True, check=True)
    ConfigurationError(f"The key {other.hex()} is wrong.")
    new = told - before
    found = [finding for text in new for finding in no_secret_is_told.found_in(text)]
    assert sorted(found) == sorted(f"the key of {Account.from_key(each).address} in hexadecimal" for each in (key, other))
    told.difference_update(new)
