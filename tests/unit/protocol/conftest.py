import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

VECTORS = Path(__file__).parents[2] / "vectors"

# The same examples in every run, so that a red test is red for everyone.
settings.register_profile("protocol", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("protocol")


@pytest.fixture
def vectors() -> Callable[[str], dict[str, Any]]:
    """Reads a vector file, hex strings as bytes."""
    return lambda name: _bytes_of(json.loads((VECTORS / f"{name}.json").read_text()))


def _bytes_of(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _bytes_of(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_bytes_of(inner, key) for inner in value]
    if isinstance(value, str) and value.startswith("0x") and key not in {"node", "roundManager"}:
        data = bytes.fromhex(value[2:])
        return int.from_bytes(data, "big") if key in {"chainId", "available", "included", "roundId", "report"} else data
    return value
