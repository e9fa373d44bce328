"""Nesting is refused before it is parsed, whatever the recursion limit."""

import json
import subprocess
import sys

import pytest

from swarm_chain.protocol.bounded_json import parse, parse_shallow


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


def test_as_many_values_as_one_likes_are_parsed_if_they_lie_shallow() -> None:
    assert parse_shallow(json.dumps([[{"a": "[{"}]] * 1_000).encode(), depth=3) == [[{"a": "[{"}]] * 1_000


@pytest.mark.parametrize(
    "data",
    [
        b"[[[[]]]]",
        b"[" * 1_000_000,
        b'{"a":' * 4 + b"1" + b"}" * 4,
        b'["]",["]",["]",["]"]]]]',  # brackets in strings close nothing
        b'["\\"]",["\\"]",["\\"]",[1]]]]',
        "[" * 4 + "]" * 4,
    ],
    ids=range(6),
)
def test_deeper_is_refused_however_it_hides(data: bytes | str) -> None:
    with pytest.raises(ValueError, match="nested deeper"):
        parse_shallow(data if isinstance(data, bytes) else data.encode("utf-16"), depth=3)


def test_brackets_in_a_string_that_nothing_closes_are_no_nesting() -> None:
    with pytest.raises(ValueError, match="Unterminated string"):
        parse_shallow(b'"' + b"[" * 4, depth=3)


def test_quotes_that_nothing_closes_are_read_once() -> None:
    """A search that begins anew at each of them takes days, in which the whole process stands still."""
    program = (
        "from swarm_chain.protocol.bounded_json import parse_shallow\n"
        "for end in (b'', b'\\\\', b'\\n'):\n"
        "    try:\n        parse_shallow(b'[' * 40 + b'\"' + b'\\\\\"' * 4_000_000 + end, depth=32)\n"
        "    except ValueError as error:\n        print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.count("nested deeper") == 3, ended.stderr


def test_brackets_do_not_hide_among_the_bytes_of_other_encodings() -> None:
    hidden = "\u2222[\u2222" * 4  # in UTF-16 the bytes of two quotes around a bracket
    with pytest.raises(ValueError):  # noqa: PT011  # nested deeper, or not UTF-8: either way it is refused
        parse_shallow(hidden.encode("utf-16-le"), depth=3)
