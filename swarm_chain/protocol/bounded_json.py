"""JSON whose nesting is bounded before it is parsed.

Python's parser recurses in C and trusts the interpreter's recursion limit. A library may have raised that limit (py_ecc, which web3 brings,
sets 100,000), and 64 KiB of ``[`` then end the process with a segmentation fault. Nesting is at most the number of opening brackets.
"""

import json
from collections.abc import Callable
from typing import Any


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
