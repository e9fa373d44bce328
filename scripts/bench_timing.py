"""How the bench measures: CPU seconds of this process, candidates in turns, against what memory allows.

CPU time counts all threads and leaves out what other processes take, so it says more than a clock on a busy machine. It does not leave
out that they push our data out of the caches; so candidates run in turns, and a ratio is of two medians of one run.
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np

Run = Callable[[], object]
Times = dict[str, list[float]]
"""Seconds of each run, by candidate."""
MEMCPY = "memcpy"


def in_turns(candidates: Mapping[str, Run], repeats: int, budget: float) -> Times:
    """CPU seconds of each candidate's runs, taken in turns.

    The first run of each is not counted: it compiles, and touches memory for the first time. A candidate that has used its ``budget``
    (CPU seconds) sits out the rest; where the first run alone does so, it is what counts.
    """
    taken: Times = {name: [] for name in candidates}
    spent = dict.fromkeys(candidates, 0.0)
    for turn in range(repeats + 1):
        for name, run in candidates.items():
            if spent[name] > budget and taken[name]:
                continue
            seconds = cpu_seconds(run)
            spent[name] += seconds
            if turn or seconds > budget:
                taken[name].append(seconds)
    return taken


def cpu_seconds(run: Run) -> float:
    """What one run takes, of all threads; letting go of its result is not counted."""
    begun = time.process_time()
    kept = run()
    seconds = time.process_time() - begun
    del kept
    return seconds


def memcpy(size: int) -> Run:
    """Copies ``size`` bytes between two places that were touched before."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)

    def copy() -> None:
        np.copyto(target, source)

    return copy


def spread(seconds: list[float]) -> float:
    """How far the slowest run is from the quickest, as a part of the median."""
    return (max(seconds) - min(seconds)) / median(seconds)


def peak_gib() -> float:
    """Most memory that this process ever held, GiB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (2**30 if sys.platform == "darwin" else 2**20)


def machine() -> dict[str, object]:
    """What this ran on: nothing that names the machine itself."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        names = [line.partition(":")[2].strip() for line in described.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}


def load() -> float | None:
    """Processes that want to run, on average over a minute: ours alone would be 1."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
