"""Secrets that tests make, and whether what was told holds one: in hexadecimal, decimal, base64, as bytes or their repr."""

import ast
import base64
import re
from binascii import hexlify
from collections.abc import Iterator
from pathlib import Path

KEY_BYTES = 32
SHORTEST_PHRASE = 12
"""Characters. What is shorter, or two or three words that people say, stands in any text."""
PLAIN = 12
"""Distinct bytes that a secret has at least: 32 random ones have about 30, those that a test writes down may be all one."""

_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
_DECIMAL = re.compile(rb"\d{60,78}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{42,}")
_REPR = re.compile(rb"""b'(?:[^'\\\n]|\\.){32,}'|b"(?:[^"\\\n]|\\.){32,}\"""")
_INNER = 40
"""Characters of base64 that 32 bytes make by themselves, wherever they stand in what was encoded."""

told: set[bytes] = set()
"""What was said in this test run and did not go to a file: outputs of commands, captured output, errors of ours, metrics, traces."""


def hear(*texts: str | bytes) -> None:
    """Keeps what was said for the end of the run."""
    told.update(text if isinstance(text, bytes) else text.encode(errors="surrogateescape") for text in texts)


class Canary:
    """What nobody may tell: keys and salts of 32 bytes, passwords, mnemonics."""

    def __init__(self) -> None:
        self._bytes: dict[bytes, str] = {}
        self._hex: dict[bytes, str] = {}
        self._numbers: dict[int, str] = {}
        self._base64: dict[bytes, str] = {}
        self._phrases: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._bytes) + len(self._phrases)

    def keep(self, secret: bytes, name: str) -> None:
        """Takes a key or a salt; ``name`` is what a finding calls it."""
        if len(secret) == KEY_BYTES and len(set(secret)) >= PLAIN:
            self._bytes[secret] = name
            self._hex[hexlify(secret)] = name
            self._numbers[int.from_bytes(secret, "big")] = name
            for before in range(3):
                encoded = base64.b64encode(bytes(before) + secret + bytes(3))
                first = -(-8 * before // 6)  # the first character that is the secret's alone
                self._base64[encoded[first : first + _INNER]] = name

    def keep_phrase(self, phrase: str, name: str) -> None:
        """Takes a password or a mnemonic."""
        if len(phrase) >= SHORTEST_PHRASE and phrase.count(" ") not in range(1, 11):
            self._phrases[phrase.encode()] = name

    def found_in(self, told: bytes) -> set[str]:
        """Names of the secrets that are in there, each with how it is written."""
        found = {f"{name} in words" for phrase, name in self._phrases.items() if phrase in told}
        found |= {f"{name} in hexadecimal" for name in _names(self._hex, _HEX.findall(told.lower()), 2 * KEY_BYTES)}
        found |= {f"{name} in decimal" for run in _DECIMAL.findall(told) if (name := self._numbers.get(int(run)))}
        plain = (run.replace(b"-", b"+").replace(b"_", b"/") for run in _BASE64.findall(told))
        found |= {f"{name} in base64" for name in _names(self._base64, plain, _INNER)}
        found |= {f"{name} as a repr" for name in _names(self._bytes, _reprs(told), KEY_BYTES)}
        if not _is_text(told):  # 32 random bytes never are
            found |= {f"{name} as bytes" for name in _names(self._bytes, [told], KEY_BYTES)}
        return found

    def found_below(self, folder: Path, but: "re.Pattern[str]") -> list[str]:
        """Findings in all files of a folder and those below, except where ``but`` matches what leads there from the folder."""
        found = []
        for path in sorted(folder.rglob("*")):
            where = path.relative_to(folder).as_posix()
            if path.is_file() and not path.is_symlink() and not but.search(where):
                found += [f"{where} holds {what}" for what in sorted(self.found_in(path.read_bytes()))]
        return found


def _names(secrets: dict[bytes, str], runs: "Iterator[bytes] | list[bytes]", size: int) -> Iterator[str]:
    for run in runs:
        for start in range(len(run) - size + 1):
            if (name := secrets.get(run[start : start + size])) is not None:
                yield name


def _reprs(told: bytes) -> Iterator[bytes]:
    for written in _REPR.findall(told):
        try:
            value = ast.literal_eval(written.decode())
        except (ValueError, SyntaxError):
            continue
        yield value


def _is_text(told: bytes) -> bool:
    try:
        told.decode()
    except UnicodeDecodeError:
        return False
    return True
