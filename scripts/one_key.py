"""Lets a hundred processes start with one node key, again and again, and counts how many go on; resumable.

    python scripts/one_key.py --races 100

A race is a line of the log, and counts for what ran in it: after a change of the node's program or locks all of them are to be run again.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RACE = ROOT / "tests" / "unit" / "node" / "key_race.py"
SUBJECT = (RACE, *(ROOT / "swarm_chain" / "node" / name for name in ("__main__.py", "lock.py", "keys.py")))
PART = 5
"""Races a part: what is lost at most where it is ended."""
ONE_WENT_ON = {"started": 1, "ended": {"3": 99}}

REPORT = """# A hundred processes with one key

**{won} of {races} races: exactly one process got the key**; the other 99 ended with exit code 3 while it went on.
{processes:,} processes in {minutes:.0f} minutes.

```
python scripts/one_key.py --races {wanted}
```

- A race forks the node's program ([key_race.py](../../tests/unit/node/key_race.py)) a hundred times and lets all of them go
  at one moment, each with a home of its own, all with one key file. The process that takes the lock stays until all others
  have ended; then it is killed, and the next race begins on the lock that it left.
- What ran: `{subject}`, the digest of that file and of `__main__.py`, `lock.py` and `keys.py` in `swarm_chain/node`.
  The log of every race is [{log}]({log}).
- The machine has two cores, and other campaigns ran on them. A race took {fastest} to {slowest} seconds.

| went on | others ended with | races |
| ---: | --- | ---: |
{rows}
"""


def subject() -> str:
    """Digest of what a race runs."""
    digest = hashlib.sha256()
    for path in SUBJECT:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def earlier(log: Path) -> list[dict[str, object]]:
    """Those races of a log that ran what is there now."""
    if not log.exists():
        return []
    races = [json.loads(line) for line in log.read_text().splitlines()]
    return [race for race in races if race["subject"] == subject()]


def run_part(races: int) -> list[dict[str, object]]:
    """Races, each as the line that it told."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(RACE), folder, str(races)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, env={"XDG_STATE_HOME": f"{folder}/state"}).stdout
    return [{"subject": subject(), **json.loads(line)} for line in told.splitlines()]


def is_right(race: dict[str, object]) -> bool:
    """Whether exactly one process got the key, and all others were refused."""
    return {name: race[name] for name in ONE_WENT_ON} == ONE_WENT_ON


def report(log: Path, races: Sequence[dict[str, object]], wanted: int) -> str:
    """What ran so far, as Markdown."""
    kinds = Counter((str(race["started"]), json.dumps(race["ended"])) for race in races)
    seconds = [float(str(race["seconds"])) for race in races]
    return REPORT.format(
        won=sum(map(is_right, races)),
        races=len(races),
        wanted=wanted,
        processes=100 * len(races),
        minutes=sum(seconds) / 60,
        subject=subject(),
        log=log.name,
        fastest=min(seconds),
        slowest=max(seconds),
        rows="\n".join(f"| {started} | `{ended}` | {count} |" for (started, ended), count in kinds.items()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where exactly one process went on in every race."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--races", type=int, default=100, help="in all, earlier ones included")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "runs" / "one-key-2026-11-23.jsonl")
    given = parser.parse_args(arguments)

    races = earlier(given.log)
    given.log.parent.mkdir(parents=True, exist_ok=True)
    while len(races) < given.races:
        part = run_part(min(PART, given.races - len(races)))
        races += part
        with given.log.open("a") as lines:
            lines.writelines(json.dumps(race) + "\n" for race in part)
        print(f"{len(races)} of {given.races} races, {sum(map(is_right, races))} with exactly one that went on", flush=True)
    path = given.log.with_suffix(".md")
    path.write_text(report(given.log, races, given.races), encoding="utf-8")
    subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", path], cwd=ROOT, check=True)
    return 0 if all(map(is_right, races)) else 1


if __name__ == "__main__":
    sys.exit(main())
