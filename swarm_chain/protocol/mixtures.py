"""How a result says what its updates are mixed into (specification, section 5), as ``Mixtures`` reads it on chain.

```
divisor (4 bytes) │ a factor for each update (2 bytes) │ rows (32 bytes each): bitmaps of the updates that a row takes
```

Updates are in the order of their nodes' addresses; all numbers are big-endian.
"""

import numpy as np

from swarm_chain.protocol.choice import FACTOR_MAX, Choice

_DIVISOR = 4
_FACTOR = 2
_ROW = 32
_DIVISOR_MAX = FACTOR_MAX + 1


def encode_choice(choice: Choice) -> bytes:
    """What a result carries of a choice."""
    factors = choice.factors.astype(">u2").tobytes()
    rows = (sum(1 << int(update) for update in np.flatnonzero(row)) for row in choice.takes)
    return choice.divisor.to_bytes(_DIVISOR, "big") + factors + b"".join(row.to_bytes(_ROW, "big") for row in rows)


def decode_choice(data: bytes, updates: int) -> Choice | None:
    """The choice for so many updates; ``None`` where the bytes are none: who claims them can be struck."""
    start = _DIVISOR + _FACTOR * updates
    rows, rest = divmod(len(data) - start, _ROW)
    divisor = int.from_bytes(data[:_DIVISOR], "big")
    if rest or not 1 <= rows <= updates or not 1 <= divisor <= _DIVISOR_MAX:
        return None
    bitmaps = [int.from_bytes(data[start + _ROW * row : start + _ROW * (row + 1)], "big") for row in range(rows)]
    if any(bitmap >> updates for bitmap in bitmaps):
        return None
    factors = np.frombuffer(data, ">u2", updates, _DIVISOR).astype(np.int64)
    takes = np.array([[bitmap >> update & 1 for update in range(updates)] for bitmap in bitmaps], np.bool_)
    if (takes @ factors > divisor).any():
        return None  # a mixture could be longer than the longest update in it
    return Choice(factors, takes, divisor)
