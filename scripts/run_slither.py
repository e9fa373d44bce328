#!/usr/bin/env python3
"""Slither over contracts/: ``scripts/run_slither.py``. Exits 1 where a finding is not explained in slither.config.json.

`detectors_to_exclude` there holds whole kinds that say nothing here; `explained` holds findings one by one, each with its reason. An
explanation that no finding needs any more is refused too.
"""

import json
import os
import subprocess
import sys

import contract_copy
from contract_copy import ROOT, Json

SETTINGS = ROOT / "slither.config.json"
REPORT = ROOT / "cache" / "slither.json"


def findings() -> list[Json]:
    """What Slither found. Raises SystemExit where it did not run."""
    program = ROOT / ".venv-contracts" / "bin" / "slither"
    if not program.exists():
        raise SystemExit("Slither is missing. Run make contracts-tools.")
    kinds: dict[str, str] = json.loads(SETTINGS.read_text(encoding="utf-8"))["kinds"]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    path = f"{contract_copy.forge().parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [
            *(str(program), ".", "--json", str(REPORT), "--exclude", ",".join(kinds), "--exclude-dependencies"),
            *("--filter-paths", "node_modules,tests", "--foundry-out-directory", "cache/slither-out", "--disable-color"),
        ],
        cwd=ROOT,
        env=os.environ | {"FOUNDRY_PROFILE": "slither", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if not REPORT.exists() or not json.loads(REPORT.read_text(encoding="utf-8"))["success"]:
        raise SystemExit(f"{done.stdout[-2_000:]}{done.stderr[-4_000:]}\nSlither did not finish.")
    return list(json.loads(REPORT.read_text(encoding="utf-8"))["results"].get("detectors", []))


def key(finding: Json) -> str:
    """Names a finding by its kind and where it is, without lines."""
    names = []
    for element in finding["elements"]:
        if element["type"] in ("function", "variable", "contract", "event") and element["name"] not in names:
            names.append(element["name"])
    return f"{finding['check']}: {' '.join(names[:2])}"


def main() -> int:
    """Compares the findings with what is explained."""
    explained: dict[str, str] = json.loads(SETTINGS.read_text(encoding="utf-8"))["explained"]
    found = findings()
    new = [finding for finding in found if key(finding) not in explained]
    for finding in new:
        print(f"{key(finding)} ({finding['impact']})\n  {finding['description'].strip()}")
    stale = sorted(set(explained) - {key(finding) for finding in found})
    for name in stale:
        print(f"Explained, and no longer found: {name}")
    print(f"{len(found)} findings, {len(found) - len(new)} explained")
    return 1 if new or stale else 0


if __name__ == "__main__":
    sys.exit(main())
