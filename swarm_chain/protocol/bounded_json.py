"""JSON whose nesting is bounded before it is parsed.

Python's parser recurses in C and trusts the interpreter's recursion limit. A library may have raised that limit (py_ecc, which web3 brings,
sets 100,000), and 64 KiB of ``[`` then end the process with a segmentation fault. Nesting is at most the number of opening brackets.
"""

import json
import re
from collections.abc import Callable
from typing import Any

# One that nothing closes goes on to the end, so that no part of it is searched again.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def parse(data: bytes, brackets: int, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value of a JSON document.

    Args:
        data: of a size the caller has bounded.
        brackets: most ``[`` and ``{`` it may have.
        pairs: makes each object, as ``object_pairs_hook`` of :func:`json.loads`.

    Raises:
        ValueError: not JSON, or more brackets.
    """
    found = data.count(b"[") + data.count(b"{")
    if found > brackets:
        raise ValueError(f"it has {found:,} opening brackets, and {brackets:,} are allowed")
    return json.loads(data, object_pairs_hook=pairs)


def parse_shallow(data: bytes, depth: int) -> Any:
    """The value of a JSON document with as many values as it likes, but nested at most so deep.

    Args:
        data: of a size the caller has bounded.
        depth: most ``[`` and ``{`` that are open at a time.

    Raises:
        ValueError: not JSON in UTF-8, or nested deeper.
    """
    if data.count(b"[") + data.count(b"{") > depth:
        brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
        for _ in range(depth):
            brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if brackets:
            raise ValueError(f"it is nested deeper than {depth}")
    # As text: in UTF-16, which json.loads would take, a bracket or a quote can hide among the bytes of other characters.
    return json.loads(data.decode("utf-8"))
