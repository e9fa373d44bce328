"""Leaves a swarm running while things go wrong at random, for as long as is asked, in parts of which each is a swarm of its own; resumable.

    python scripts/soak.py --minutes 120

A part is a line of the log. What it does is in tests/e2e/soak.py; parts that ran the same program count.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "e2e"
SOAK = [TESTS / name for name in ("soak.py", "troubles.py", "measuring.py", "pay.py", "books.py", "swarm_of_processes.py")]

REPORT = """# The soak's release run

**{minutes:.0f} of {wanted:.0f} minutes** of a swarm with random faults. {rounds:,} rounds: {final:,} final, {void:,} void. {rest}

```
python scripts/soak.py --minutes {wanted:.0f}
```

- Four nodes (processes) and a watcher on a chain that mines a block a second, every node behind a proxy of its own; two ask
  three RPC servers. Troubles come every six seconds on average, at most three at a time: of a node's connection, of its
  process, or of the chain.
- In every part: each round ended within {longest:.0f} seconds; no process ended by itself but those that found no chain when they
  started ({started_again}, started again); no traceback in any log; no result was struck; commits forfeited: {forfeits}.
- **The ledger is exact**: what tokens, stakes, budgets and credits came to equals, to the wei, the supply and what every final round
  had to pay, computed from the group's events by the specification (`tests/e2e/pay.py`, `books.py`).
- **Memory is flat**: below are the medians of the second and of the last quarter of a part, of the two processes that lived through it.
- What ran: `{subject}`, the digest of `swarm_chain` and the soak, at commit {commits}.
  Every part is a line of [{log}]({log}), with its seed.

| part | minutes | rounds | process | memory, MiB | threads | open files | databases, KiB | store, KiB |
| ---- | ------: | -----: | ------- | ----------: | ------: | ---------: | -------------: | ---------: |
{rows}

| trouble | times |
| ------- | ----: |
{troubles}
"""
REST = "The rest is still to be run: the command goes on where the log ends."


def subject() -> str:
    """Digest of what a part runs: the program, the shipped contracts, and the soak."""
    files = sorted((ROOT / "swarm_chain").rglob("*.py")) + sorted((ROOT / "swarm_chain" / "chain" / "artifacts").glob("*.json")) + SOAK
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(ROOT).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def commit() -> str:
    """The checkout's commit; `subject` says what ran exactly."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def earlier(log: Path) -> list[dict[str, Any]]:
    """Those parts of a log that ran what is there now."""
    if not log.exists():
        return []
    parts = [json.loads(line) for line in log.read_text().splitlines()]
    return [part for part in parts if part["subject"] == subject()]


def run_part(minutes: float, seed: str) -> dict[str, Any] | None:
    """A soak in a process of its own; None where something was not as it must be. Its folder stays then, with all logs."""
    folder = tempfile.mkdtemp(prefix="soak-")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "integration")]),
        "XDG_STATE_HOME": f"{folder}/state",
    }
    command = [sys.executable, str(TESTS / "soak.py"), str(minutes), seed, folder]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"The part with seed {seed} failed; see {folder}", file=sys.stderr)
        return None
    shutil.rmtree(folder)
    return {"subject": subject(), "commit": commit(), "seed": seed, **json.loads(done.stdout)}


def report(log: Path, parts: Sequence[dict[str, Any]], wanted: float) -> str:
    """What ran so far, as Markdown."""
    minutes = sum(part["minutes"] for part in parts)
    troubles: Counter[str] = Counter()
    for part in parts:
        troubles.update(part["troubles"])
    return REPORT.format(
        minutes=minutes,
        wanted=wanted,
        rounds=sum(part["rounds"] for part in parts),
        final=sum(part["final"] for part in parts),
        void=sum(part["void"] for part in parts),
        forfeits=sum(part["forfeits"] for part in parts),
        started_again=sum(part["started_again"] for part in parts),
        longest=max(part["longest_wait"] for part in parts),
        rest="" if minutes >= wanted else REST,
        log=log.name,
        subject=subject(),
        commits=", ".join(f"`{name}`" for name in dict.fromkeys(part["commit"] for part in parts)),
        rows="\n".join(_row(number, part, who) for number, part in enumerate(parts, 1) for who in part["held"]),
        troubles="\n".join(f"| {what} | {count} |" for what, count in sorted(troubles.items())),
    )


def _row(number: int, part: dict[str, Any], who: str) -> str:
    held = part["held"][who]
    units = {"memory": 1024, "threads": 1, "files": 1, "databases": 1024, "store": 1024}
    told = [
        f"{held[name][0] / unit:.{1 if name == 'memory' else 0}f} → {held[name][1] / unit:.{1 if name == 'memory' else 0}f}"
        for name, unit in units.items()
    ]
    return " | ".join([f"| {number}", f"{part['minutes']:.0f}", str(part["rounds"]), who, *told]) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where every part was as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120, help="in all, those of earlier parts included")
    parser.add_argument("--part", type=float, default=30, help="minutes a part")
    parser.add_argument("--seed", default="release", help="the parts' seeds follow from it")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "runs" / "soak-2026-11-23.jsonl")
    given = parser.parse_args(arguments)

    parts, ok = earlier(given.log), True
    given.log.parent.mkdir(parents=True, exist_ok=True)
    while ok and (left := given.minutes - sum(part["minutes"] for part in parts)) > 0:
        part = run_part(min(given.part, left), f"{given.seed} {len(parts)}")
        ok = part is not None
        if part is not None:
            parts.append(part)
            with given.log.open("a") as lines:
                lines.write(json.dumps(part) + "\n")
            print(f"{part['minutes']} minutes, {part['rounds']} rounds, seed {part['seed']}", flush=True)
            path = given.log.with_suffix(".md")
            path.write_text(report(given.log, parts, given.minutes), encoding="utf-8")
            subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", path], cwd=ROOT, check=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
