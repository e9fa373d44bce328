"""Runs the contracts' invariant campaign in seeded parts, and checks that it went through every situation it should.

    python scripts/invariants.py --calls 10000000

A part is one run of forge with a seed of its own. What it did is appended to a file of JSON lines, so that a campaign that is
ended goes on where it was: parts that ran the same contracts and the same handlers count. It fails where a property does not
hold, and where a situation of `Situation` in tests/contracts/handlers/Model.sol was never reached (the canary).
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "swarm_chain" / "chain" / "artifacts"
HANDLERS = ROOT / "tests" / "contracts" / "handlers"
DEPTH = 400
"""Calls a run; after the last one the group must move on and everything come free."""


class CampaignError(Exception):
    """A property did not hold, or forge did not run. Earlier parts are kept; run again to go on."""


def forge() -> Path:
    """The native binary inside the npm package of this platform."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    if not found:
        raise CampaignError("forge is missing: run make install")
    return found[0]


def situations() -> list[str]:
    """Names of the situations, in the order in which handlers count them."""
    source = (HANDLERS / "Model.sol").read_text()
    found = re.search(r"enum Situation \{([^}]*)\}", source)
    if found is None:
        raise CampaignError("enum Situation is not in Model.sol")
    names = [name.strip() for name in found[1].split(",")]
    return names[: names.index("End")]


def subject() -> str:
    """Digest of what a campaign runs: contracts as they are shipped, handlers, properties."""
    files = [*ARTIFACTS.glob("*.json"), *HANDLERS.glob("*.sol"), ROOT / "tests" / "contracts" / "Invariant.t.sol"]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def commit() -> str:
    """The checkout's commit; `subject` says what ran exactly."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def run_part(seed: str, calls: int, depth: int, timeout: float) -> dict[str, object]:
    """One run of forge. Raises CampaignError with forge's last words where a property does not hold."""
    runs = calls // depth
    cache = ROOT / "cache" / "invariants"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        log = Path(folder) / "situations"
        settings = {
            "FOUNDRY_PROFILE": "campaign",
            "FOUNDRY_FUZZ_SEED": seed,
            "FOUNDRY_INVARIANT_RUNS": str(runs),
            "FOUNDRY_INVARIANT_DEPTH": str(depth),
            "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": str(Path(folder) / "failures"),
            "INVARIANTS_LOG": str(log.relative_to(ROOT)),
        }
        began = time.monotonic()
        command = [str(forge()), "test", "--match-contract", "InvariantCampaign", "--threads", "1"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=timeout, check=False)
        seconds = time.monotonic() - began
        told = re.search(r"\(runs: (\d+), calls: (\d+), reverts: (\d+)\)", done.stdout)
        if done.returncode != 0 or told is None or told[3] != "0":
            raise CampaignError(f"seed {seed}: {done.stdout[-6_000:]}{done.stderr[-2_000:]}")
        names = situations()
        counts = [0] * len(names)
        for line in log.read_text().splitlines():
            for index, count in enumerate(line.split()):
                counts[index] += int(count)
    return {
        "subject": subject(),
        "commit": commit(),
        "seed": seed,
        "runs": int(told[1]),
        "depth": depth,
        "calls": int(told[2]),
        "seconds": round(seconds, 1),
        "situations": dict(zip(names, counts, strict=True)),
    }


def earlier_parts(log: Path) -> list[dict[str, object]]:
    """Those parts of a log that ran what is there now."""
    if not log.exists():
        return []
    parts = [json.loads(line) for line in log.read_text().splitlines()]
    return [part for part in parts if part["subject"] == subject()]


def reached(parts: Sequence[dict[str, object]]) -> dict[str, int]:
    """How often each situation was reached in all parts."""
    total = dict.fromkeys(situations(), 0)
    for part in parts:
        counts = part["situations"]
        assert isinstance(counts, dict)
        for name, count in counts.items():
            total[name] += count
    return total


REPORT = """# The invariants' release run

**{calls:,} of {wanted:,} calls**, {runs:,} runs, in {minutes:.0f} minutes of a core. No property broke. {rest}

```
python scripts/invariants.py --calls {wanted}
```

- What ran: `{subject}`, the digest of the shipped artifacts, `tests/contracts/handlers` and `tests/contracts/Invariant.t.sol`.
  The log of every part, with seed and commit, is [{log}]({log}).
- A call is one of sixteen actions, of one transaction or of whole rounds. Every few calls (`check_interval` in `foundry.toml`) and at the
  end of each run all 28 properties are checked; then both groups have to settle, get an honest round final with every slashable voter
  slashed, and give everything back.
- The handlers keep a second set of books by the rules of the specification. What is compared is equal to the wei, so that what once went
  wrong stays seen.
- The canary was seen to fail: with slashing cut out (`INVARIANTS_CUT=slash`, 12,000 calls) the campaign ends with an error and names the
  five situations it missed. With all proofs but demands and expiry cut out (`INVARIANTS_CUT=strike`) a group got stuck on a wrong result,
  and the run failed.

How often each situation was reached:

| situation | times |
| --- | ---: |
{rows}
"""
REST = "The rest is still to be run: the command goes on where the log ends, while contracts and handlers stay as they are."


def report(log: Path, parts: Sequence[dict[str, object]], wanted: int) -> str:
    """What ran so far, as Markdown."""
    calls = sum(int(str(part["calls"])) for part in parts)
    return REPORT.format(
        calls=calls,
        wanted=wanted,
        runs=sum(int(str(part["runs"])) for part in parts),
        minutes=sum(float(str(part["seconds"])) for part in parts) / 60,
        rest="" if calls >= wanted else REST,
        subject=subject(),
        log=log.name,
        rows="\n".join(f"| {name} | {count:,} |" for name, count in reached(parts).items()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where every property held and every situation was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=500_000, help="in all, those of earlier parts included")
    parser.add_argument("--part", type=int, default=25_000, help="calls a part")
    parser.add_argument("--depth", type=int, default=DEPTH, help="calls a run")
    parser.add_argument("--jobs", type=int, default=1, help="parts at a time, a core each")
    parser.add_argument("--seed", default="release", help="the parts' seeds follow from it")
    parser.add_argument("--minutes", type=float, help="begin no part after so many minutes")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "runs" / "invariants-2026-11-22.jsonl")
    parser.add_argument("--report", action="store_true", help="run nothing; write what ran beside the log")
    given = parser.parse_args(arguments)

    parts = earlier_parts(given.log)
    if given.report:
        path = given.log.with_suffix(".md")
        path.write_text(report(given.log, parts, given.calls), encoding="utf-8")
        subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", path], cwd=ROOT, check=True)
        return 0
    seeds = {part["seed"] for part in parts}
    left = given.calls - sum(int(str(part["calls"])) for part in parts)
    until = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    index = 0
    given.log.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        while left > 0 and (until is None or time.monotonic() < until):
            batch: list[Future[dict[str, object]]] = []
            while left > 0 and len(batch) < given.jobs:
                seed = "0x" + hashlib.sha256(f"{given.seed} {index}".encode()).hexdigest()[:16]
                index += 1
                if seed in seeds:
                    continue
                # Whole runs, rounded up: a part of 25,000 calls is 63 runs of 400, or the parts would fall short of what was asked.
                size = -(-min(given.part, left) // given.depth) * given.depth
                left -= size
                batch.append(pool.submit(run_part, seed, size, given.depth, 3_600))
            for running in batch:
                try:
                    part = running.result()
                except CampaignError as problem:
                    print(problem, file=sys.stderr)
                    return 1
                parts.append(part)
                with given.log.open("a") as lines:
                    lines.write(json.dumps(part) + "\n")
                print(f"{part['calls']} calls in {part['seconds']} s, seed {part['seed']}", flush=True)

    total = reached(parts)
    missing = [name for name, count in total.items() if count == 0]
    print(f"{sum(int(str(part['calls'])) for part in parts)} calls, {len(total) - len(missing)} of {len(total)} situations reached")
    if missing:
        print(f"never reached: {', '.join(missing)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
