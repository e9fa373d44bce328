#!/usr/bin/env python3
"""Slither over contracts/: ``scripts/run_slither.py``. Exits 1 where a finding is not explained in slither.config.json.

`kinds` there holds whole kinds of findings that say nothing here, `explained` findings one by one, each with its reason. An
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
    settings = os.environ | {"FOUNDRY_PROFILE": "slither"}
    # Slither's own way to call forge leaves out the folder named contracts.
    built = subprocess.run(
        [str(contract_copy.forge()), "build", "--build-info", "--force"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise SystemExit(f"{built.stdout[-2_000:]}{built.stderr[-2_000:]}\nThe contracts do not compile.")
    done = subprocess.run(
        [
            *(
                str(program),
                ".",
                "--ignore-compile",
                "--compile-force-framework",
                "foundry",
                "--foundry-out-directory",
                "cache/slither-out",
            ),
            *("--json", str(REPORT), "--exclude-dependencies", "--filter-paths", "node_modules", "--disable-color"),
            # The settings are read here, since each of them has a reason beside it.
            *("--config-file", "cache/none.json", *(("--exclude", ",".join(kinds)) if kinds else ())),
        ],
        cwd=ROOT,
        env=settings | {"PATH": f"{contract_copy.forge().parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not REPORT.exists() or not json.loads(REPORT.read_text(encoding="utf-8"))["success"]:
        raise SystemExit(f"{done.stdout[-2_000:]}{done.stderr[-4_000:]}\nSlither did not finish.")
    return list(json.loads(REPORT.read_text(encoding="utf-8"))["results"].get("detectors", []))


def key(finding: Json) -> str:
    """Names a finding by its kind and the function it is in, without lines."""
    element = finding["elements"][0]
    if element["type"] == "variable" and element["type_specific_fields"]["parent"]["type"] == "function":
        element = element["type_specific_fields"]["parent"]
    parent = element.get("type_specific_fields", {}).get("parent", {})
    return f"{finding['check']}: {parent['name']}.{element['name']}" if parent else f"{finding['check']}: {element['name']}"


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
