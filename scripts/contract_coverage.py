#!/usr/bin/env python3
"""Line and branch coverage of contracts/ by the contracts' own tests: ``scripts/contract_coverage.py``. Exits 1 below 100 %.

The tests deploy artifacts from a folder. In a copy of the project these are compiled from sources with probes (see `probes`), which tell
what runs. A line counts as covered when every statement that begins on it ran, a branch when its side of a condition was taken. Tests of
gas are about the shipped code: with probes they fail, and what a failing test ran does not count.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterable

import build_artifacts
import contract_copy
from contract_copy import ROOT, Solc, log
from probes import LIBRARY, LIBRARY_PATH, Place, Prober, unrestricted

WORK = ROOT / "cache" / "coverage"
SETTINGS = """
cache_path = "cache"
code_size_limit = 1000000
"""
# Few random inputs: what one of them covers and no written test does would be luck.
FEW = {"FOUNDRY_FUZZ_RUNS": "4"}


def measure(match: str | None) -> tuple[set[Place], set[Place]]:
    """All places and those that ran. Raises SystemExit where a test fails."""
    prober = Prober()
    sources = contract_copy.sources_of(contract_copy.paths_of(build_artifacts.CONTRACTS))
    contract_copy.make_copy(WORK, SETTINGS)
    with Solc() as solc:
        trees = contract_copy.syntax_trees(solc, sources)
        for path, text in sources.items():
            if path.startswith("contracts/"):
                sources[path] = prober.probed(path, text, trees[path])
        sources[LIBRARY_PATH] = LIBRARY
        artifacts = contract_copy.compile_contracts(solc, sources, build_artifacts.CONTRACTS, contract_copy.LIGHT)
        # The tests call libraries themselves, too: those are the probed ones, and no test may promise not to log.
        tests = contract_copy.sources_of(
            path.relative_to(WORK).as_posix() for path in sorted((WORK / "tests" / "contracts").rglob("*.sol"))
        )
        trees = contract_copy.syntax_trees(solc, tests)
        for path, text in tests.items():
            if path.startswith("tests/"):
                (WORK / path).write_text(unrestricted(path, text, trees[path]), encoding="utf-8")
    contract_copy.replace(WORK / "tests" / "contracts" / "Swarm.sol", contract_copy.CODE_LIMIT, "<= 1_000_000")
    for path, text in sources.items():
        if path.startswith("contracts/"):
            (WORK / path).write_text(text, encoding="utf-8")
    contract_copy.write_artifacts(WORK, artifacts)
    command = [str(contract_copy.forge()), "test", "-vv", *(["--match-contract", match] if match else [])]
    done = subprocess.run(command, cwd=WORK, env=os.environ | FEW, capture_output=True, text=True, check=False)
    (WORK / "forge.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    ran, failed = numbers_of(done.stdout)
    if not ran:
        raise SystemExit(f"{done.stderr[-3_000:]}\nThe tests did not run; all they wrote is in {WORK / 'forge.log'}")
    for name in failed:
        log(f"Not counted, since it fails with probes: {name}")
    everything = set(prober.places.values())
    return everything, everything - {place for number, place in prober.places.items() if number not in ran}


def numbers_of(output: str) -> tuple[set[int], list[str]]:
    """Numbers that tests logged which passed, and the names of those that did not."""
    ran: set[int] = set()
    failed: list[str] = []
    passed = False
    for line in output.splitlines():
        if line.startswith(("[PASS]", "[FAIL")):
            passed = line.startswith("[PASS]")
            name = re.search(r"\] (\w+)\(", line)
            if not passed and name and name[1] not in failed:
                failed.append(name[1])
        elif passed and re.fullmatch(r"\s+7\d{6}", line):
            ran.add(int(line))
    return ran, failed


def missed_lines(everything: set[Place], numbers_ran: set[Place]) -> list[Place]:
    """Lines and sides that did not run, in order."""
    return sorted(everything - numbers_ran, key=lambda place: (place.path, place.line, place.branch))


def share(everything: Iterable[Place], ran: set[Place]) -> str:
    """As in `97.50 % (39/40)`."""
    places = list(everything)
    hit = sum(place in ran for place in places)
    return f"{100 * hit / len(places):.2f} % ({hit}/{len(places)})" if places else "-"


def table(everything: set[Place], ran: set[Place]) -> str:
    """The table and, below it, what did not run."""
    rows = [f"| {'file':<34} | {'lines':>18} | {'branches':>18} |", f"| {'-' * 34} | {'-' * 17}: | {'-' * 17}: |"]
    for path in [*sorted({place.path for place in everything}), ""]:
        here = [place for place in everything if path in (place.path, "")]
        lines, branches = ([place for place in here if bool(place.branch) is is_branch] for is_branch in (False, True))
        rows.append(f"| {path.removeprefix('contracts/') or 'all':<34} | {share(lines, ran):>18} | {share(branches, ran):>18} |")
    for place in missed_lines(everything, ran):
        text = (ROOT / place.path).read_text(encoding="utf-8").splitlines()[place.line - 1].strip()
        rows.append(f"{place.path}:{place.line}: {'never ' + place.branch if place.branch else 'did not run'}: {text}")
    return "\n".join(rows)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--match-contract", help="only test contracts that match, to see what they cover")
    arguments = parser.parse_args()
    everything, ran = measure(arguments.match_contract)
    print(table(everything, ran))
    return 0 if everything == ran else 1


if __name__ == "__main__":
    sys.exit(main())
