#!/usr/bin/env python3
"""The symbolic proofs of tests/proofs: ``scripts/prove.py``. Exits 1 if one fails, times out or is inconclusive, or if some are missing.

Halmos runs every `check_` function for all values of its arguments at once. It lives in an environment of its own (`make contracts-tools`).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import contract_copy
from contract_copy import ROOT, Json

TOOLS = ROOT / ".venv-contracts" / "bin"
LEAST = 70
"""Proofs that must have run: a file that is no longer compiled must not go unnoticed."""
LIMIT = 1_500
"""Seconds for all of it."""
VERDICTS = {0: "proven", 1: "FAILS", 2: "TIMED OUT", 3: "STUCK", 4: "ALL PATHS REVERT", 5: "ERROR"}


def command(root: Path, contract: str, results: Path) -> list[str]:
    """Halmos on the proofs below `root`. No loop of theirs turns more than 300 times."""
    return [
        *(str(TOOLS / "python"), str(ROOT / "tests" / "proofs" / "halmos_sha256.py")),
        *("--root", str(root), "--forge-build-out", "cache/proofs-out", "--match-contract", contract, "--json-output", str(results)),
        *("--solver-command", "yices-smt2", "--solver-timeout-assertion", "300s", "--loop", "300", "--no-status"),
    ]


def prove(root: Path, contract: str = "Proofs$") -> dict[str, Json]:
    """Results by name. Raises SystemExit where Halmos gave none."""
    if not (TOOLS / "halmos").exists():
        raise SystemExit("Halmos is missing. Run make contracts-tools.")
    results = root / "cache" / "proofs.json"
    results.parent.mkdir(exist_ok=True)
    results.unlink(missing_ok=True)
    # Halmos cuts the solver's command at spaces, and this folder's name may have some.
    path = os.pathsep.join([str(TOOLS), str(contract_copy.forge().parent), os.environ["PATH"]])
    settings = os.environ | {"FOUNDRY_PROFILE": "proofs", "PATH": path}
    process = subprocess.Popen(
        command(root, contract, results), cwd=root, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        # Halmos does not end by itself while its solvers run.
        process.kill()
        output, _ = process.communicate()
        raise SystemExit(f"{output[-3_000:]}\nThe proofs took more than {LIMIT} s.") from None
    if not results.exists():
        raise SystemExit(f"{output[-3_000:]}\nHalmos wrote no results.")
    found: dict[str, Json] = {}
    for suite, proofs in json.loads(results.read_text(encoding="utf-8"))["test_results"].items():
        for proof in proofs:
            found[f"{suite.split(':')[1]}.{proof['name'].split('(')[0].removeprefix('check_')}"] = proof
    return found


def verdict(proof: Json) -> str:
    """In words. A proof whose loops were cut short is none."""
    if proof["exitcode"] == 0 and proof["num_bounded_loops"]:
        return "LOOP CUT"
    return VERDICTS.get(proof["exitcode"], "ERROR")


def main() -> int:
    """Proves and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--match-contract", help="only proofs of contracts that match; their number is not checked")
    arguments = parser.parse_args()
    started = time.monotonic()
    found = prove(ROOT, arguments.match_contract or "Proofs$")
    for name, proof in found.items():
        print(f"{name:<78} {verdict(proof):<10} {proof['num_paths'][0]:>5} paths {proof['time'][0]:>6.1f} s")
    proven = [proof for proof in found.values() if verdict(proof) == "proven"]
    print(f"{len(proven)} of {len(found)} proven in {time.monotonic() - started:.0f} s")
    if len(found) < LEAST and not arguments.match_contract:
        print(f"At least {LEAST} were expected.", file=sys.stderr)
        return 1
    return 0 if len(proven) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
