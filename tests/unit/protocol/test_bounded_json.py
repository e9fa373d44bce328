"""Nesting is refused before it is parsed, whatever the recursion limit."""

import subprocess
import sys

import pytest

from swarm_chain.protocol.bounded_json import parse


def test_json_within_the_bound_is_parsed() -> None:
    assert parse(b'{"a": [1, {"b": null}]}', brackets=3) == {"a": [1, {"b": None}]}
    assert parse(b'{"a": 1, "a": 2}', brackets=1, pairs=list) == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("data", [b"[[[]]]", b'{"a": {"b": []}}', b"[" * 65_536, "[[[]]]".encode("utf-16")])
def test_more_brackets_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="opening brackets"):
        parse(data, brackets=2)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        parse(b"{]", brackets=9)


def test_a_deep_manifest_does_not_end_a_process_with_a_raised_recursion_limit() -> None:
    program = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from swarm_chain.errors import ConfigurationError\n"
        "from swarm_chain.learning.task import Task\n"
        "try:\n    Task.decode(b'[' * 65_536)\n"
        "except ConfigurationError as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "opening brackets" in ended.stdout) == (0, True), ended.stderr
