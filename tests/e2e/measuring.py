"""What a process holds, and whether it holds more and more. Linux alone tells."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Measured(NamedTuple):
    """What a process holds at a moment: memory in KiB, threads, open files; bytes of its databases, and of its store."""

    memory: int
    threads: int
    files: int
    databases: int
    store: int


GROWTH = {"memory": 8 * 1024, "threads": 3, "files": 8, "databases": 12 << 20, "store": 64 << 10}
"""What may come between the second quarter of a soak and its last, in the units of ``Measured``.

Measured in 12 minutes: 1 MiB of memory, less with every round. SQLite fills two caches of 2 MB, and the chain's last 256 blocks are
remembered; a node that kept its models (12 KB with what is computed of them) or what it read at every look would pass 8 MiB in an hour.
A thread or a file more is at hand while others' bytes are fetched: four threads, a connection each. Two write-ahead logs grow to 4 MB
each and then stay; a round adds half a KiB to databases. The store keeps four rounds of updates and models, 3 to 13 KB each.
"""


def measure(pid: int, home: Path) -> Measured:
    """What a running process holds, and what its home does."""
    told = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    databases = sum(size_of(path) for path in home.rglob("*.db*"))
    store = sum(size_of(path) for folder in home.rglob("store") for path in folder.rglob("*"))
    return Measured(int(told["VmRSS"]), int(told["Threads"]), files, databases, store)


def size_of(path: Path) -> int:
    """Bytes of a file; none where it has gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def quarters(measured: Sequence[Measured]) -> dict[str, tuple[float, float]]:
    """The medians of the second and of the last quarter, by name. The first is left out: a process that starts grows."""
    quarter = max(len(measured) // 4, 1)
    return {
        name: (median(values[quarter : 2 * quarter] or values), median(values[-quarter:]))
        for name, values in ((name, [getattr(each, name) for each in measured]) for name in Measured._fields)
    }


def check_flat(held: dict[str, tuple[float, float]]) -> None:
    """Fails where a process, or its home, holds clearly more at the end than it did early."""
    for name, (early, late) in held.items():
        assert late <= early + GROWTH[name], f"{name}: {early} became {late}"
