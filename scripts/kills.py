"""Kills nodes by SIGKILL at every named step and at random moments, in seeded parts, and checks that nothing is lost or done twice.

    python scripts/kills.py --kills 10000

A part is a chain and a swarm of its own (tests/e2e/kill_campaign.py). What was killed is appended to a file of JSON lines, so that a
campaign that is ended goes on where it was. A part counts where all that must hold held at its end. It fails where something did not, and
where a step of tests/e2e/kill_steps.py was never reached (the canary).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
E2E = ROOT / "tests" / "e2e"
RANDOM = "a random moment"
TIMEOUT = 3_600


class CampaignError(Exception):
    """A part failed."""


def steps() -> list[str]:
    """Names of the steps, in the order of their table."""
    told = subprocess.run(
        [sys.executable, "-c", "import json, kill_steps; print(json.dumps(list(kill_steps.STEPS)))"],
        env=os.environ | {"PYTHONPATH": str(E2E)},
        capture_output=True,
        text=True,
        check=True,
    )
    names: list[str] = json.loads(told.stdout)
    return names


def commit() -> str:
    """The checkout's commit, with a plus where the product or the campaign was changed since."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "swarm_chain", "tests/e2e"], cwd=ROOT, check=False)
    return head.stdout.strip() + ("+" if changed.returncode else "")


def run_part(seed: str, kills: int, before: Counter[str]) -> dict[str, Any]:
    """One part. Raises CampaignError with its last words where something did not hold."""
    done = subprocess.run(
        [sys.executable, "-c", "from kill_campaign import main; main()", str(kills), seed],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{E2E}"},
        input=json.dumps(before),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        raise CampaignError(f"seed {seed}: {done.stdout[-2_000:]}{done.stderr[-12_000:]}")
    return {"commit": commit(), "seed": seed, **json.loads(done.stdout.splitlines()[-1])}


def earlier_parts(log: Path) -> list[dict[str, Any]]:
    """The parts of a log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def killed(parts: Sequence[dict[str, Any]]) -> Counter[str]:
    """How often nodes were killed at which step in all parts."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part["kills"])
    return total


REPORT = """# The campaign of kills

**{kills:,} of {wanted:,} kills**, {rounds:,} rounds settled by nodes that were killed, in {parts} parts and {minutes:.0f} minutes.
Nothing was lost and nothing done twice. {rest}

```
python scripts/kills.py --kills {wanted}
```

- Four nodes of a group that learns `digits-linear` die by `SIGKILL`: at one of {steps} named steps
  ([kill_steps.py](../../tests/e2e/kill_steps.py)) by their own hand, or at a random moment by another's. Each is started again at once.
  The steps that were reached most seldom come first. Their journals are of the release before, so that the first starts migrate them, and
  now and then a fifth member vanishes, which they evict.
- Phases are long and end early, so there was time left for every reveal. At the end of each part the nodes go on unharmed until every
  round in which any was killed is settled. Then, by the chain's events: each node has one commit and one reveal in each round; each round
  is final, includes all four and is paid once, in full, and the credits are the sums of what was paid; nobody is struck, slashed or
  forfeits; the books of every contract are right to the wei. Each node's outbox has nothing left to send, and its journal the results
  that became final.
- Commits of the parts: {commits}. A plus says that the checkout was changed since. The log of every part is [{log}]({log}).
- Processes are forked from one that has loaded the program, so that a start costs little. So nothing is killed while Python loads modules,
  when a node has opened nothing yet.

How often nodes were killed at each step:

| step | kills |
| --- | ---: |
{rows}
"""
REST = "The rest is still to be run: the command goes on where the log ends."


def report(log: Path, parts: Sequence[dict[str, Any]], wanted: int) -> str:
    """What ran so far, as Markdown."""
    total, names = killed(parts), steps()
    return REPORT.format(
        kills=total.total(),
        wanted=wanted,
        rounds=sum(part["rounds"] for part in parts),
        parts=len(parts),
        minutes=sum(part["seconds"] for part in parts) / 60,
        rest="" if total.total() >= wanted else REST,
        steps=len(names),
        commits=", ".join(f"`{name}`" for name in dict.fromkeys(part["commit"] for part in parts)) or "none yet",
        log=log.name,
        rows="\n".join(f"| {name} | {total[name]:,} |" for name in [*names, RANDOM]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where everything held and every step was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1_000, help="in all, those of earlier parts included")
    parser.add_argument("--part", type=int, default=250, help="kills a part")
    parser.add_argument("--seed", default="release", help="the parts' seeds follow from it")
    parser.add_argument("--minutes", type=float, help="begin no part after so many minutes")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "runs" / "kills-2026-11-22.jsonl")
    parser.add_argument("--report", action="store_true", help="run nothing; write what ran beside the log")
    given = parser.parse_args(arguments)

    parts = earlier_parts(given.log)
    if given.report:
        path = given.log.with_suffix(".md")
        path.write_text(report(given.log, parts, given.kills), encoding="utf-8")
        subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", path], cwd=ROOT, check=True)
        return 0
    until = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    given.log.parent.mkdir(parents=True, exist_ok=True)
    while (left := given.kills - killed(parts).total()) > 0 and (until is None or time.monotonic() < until):
        try:
            part = run_part(f"{given.seed} {len(parts)}", min(given.part, left), killed(parts))
        except CampaignError as problem:
            print(problem, file=sys.stderr)
            return 1
        parts.append(part)
        with given.log.open("a") as lines:
            lines.write(json.dumps(part) + "\n")
        print(f"{sum(part['kills'].values())} kills, {part['rounds']} rounds in {part['seconds']} s, seed {part['seed']}", flush=True)

    total = killed(parts)
    missing = [name for name in steps() if not total[name]]
    print(f"{total.total()} kills, {len(steps()) - len(missing)} of {len(steps())} steps reached")
    if missing:
        print(f"never reached: {', '.join(missing)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
