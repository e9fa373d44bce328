#!/usr/bin/env python3
"""Mutation of the contracts: ``scripts/contract_mutation.py [--count N] [--changed] [--report]``.

Every mutant (see `mutants`) is compiled and the forge tests are run on it; a test must fail. Many are compiled together and switched
(see `mutant_switches`); those that can't be switched are compiled by themselves; what survives in a library meets the tests that compile
the library into themselves. Results are appended to docs/runs/mutation.jsonl, one a line, as they come: the command
can be stopped and goes on where it was. A result counts while the file it was for is as it was. Mutants come in an order drawn by a fixed
seed in which the files take turns by their size, so that any first N are a fair sample of all. Exits 1 where a mutant survived that
docs/runs/mutation-survivors.json does not explain, or below a score of 95 %.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import build_artifacts
import contract_copy
import mutant_switches
from contract_copy import ROOT, DoesNotCompileError, Json, Solc, log
from mutants import Mutant, mutants_of

RUNS = ROOT / "docs" / "runs"
RESULTS = RUNS / "mutation.jsonl"
EXPLAINED = RUNS / "mutation-survivors.json"
WORK = ROOT / "cache" / "mutation"
SEED = 0x5EED
GOAL = 95.0
OF_GAS = "gas_of|_a_transaction|_one_transaction"
"""Tests of what only the shipped code keeps to."""
TEST_LIMIT = 240
"""Seconds that the tests of a mutant may take. A mutant that makes them run for ever is noticed, too."""

BATCH = 192
"""Mutants that are compiled together."""

COPY = """
cache_path = "cache"
code_size_limit = 120000
"""
FEW = {"FOUNDRY_FUZZ_RUNS": "8", "FOUNDRY_GAS_LIMIT": str(3 * 10**9)}
"""The dearest test needs a sixth of that gas: a loop that a fault makes endless is out of it within seconds."""
PLAYS = "testFuzz_no_play"
"""Random plays, which take longer than all other tests together: for what those do not notice."""
OF_LIBRARIES = ("Coverage", "Fuzz", "Mixtures", "Vectors")
"""Test files that compile libraries into themselves."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed (by a test), survived, equivalent (the same code), invalid (does not compile)."""

    name: str
    path: str
    function: str
    operator: str
    line: int
    before: str
    text: str
    source: str
    outcome: str
    by: str
    seconds: float


def digest(path: str) -> str:
    """Names a state of a source."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:12]


def all_mutants(solc: Solc) -> list[Mutant]:
    """Those of every contract and library, files taking turns."""
    sources = contract_copy.sources_of(contract_copy.paths_of(build_artifacts.CONTRACTS))
    trees = contract_copy.syntax_trees(solc, sources)
    ranked: list[tuple[float, str, Mutant]] = []
    for path in sorted(sources):
        if not path.startswith("contracts/"):
            continue
        found = mutants_of(path, sources[path], trees[path])
        random.Random(f"{SEED} {path}").shuffle(found)
        ranked += [((place + 0.5) / len(found), path, mutant) for place, mutant in enumerate(found)]
    return [mutant for _, _, mutant in sorted(ranked, key=lambda entry: entry[:2])]


def recorded() -> dict[str, Result]:
    """Results that still hold, by mutant."""
    if not RESULTS.exists():
        return {}
    results = [Result(**json.loads(line)) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    current: dict[str, str] = {path: digest(path) for path in {result.path for result in results} if (ROOT / path).exists()}
    return {result.name: result for result in results if current.get(result.path) == result.source}


class Campaign:
    """Copies to work in, and the code of the contracts without a fault."""

    def __init__(self, workers: int) -> None:
        self._lock = Lock()
        self._left_out = OF_GAS
        self._free: SimpleQueue[tuple[Path, Solc]] = SimpleQueue()
        self._closures = {name: contract_copy.sources_of(contract_copy.paths_of([name])) for name in build_artifacts.CONTRACTS}
        self._solcs = [Solc().__enter__() for _ in range(workers)]
        sources = {path: text for closure in self._closures.values() for path, text in closure.items()}
        self._sound = contract_copy.compile_contracts(self._solcs[0], sources, build_artifacts.CONTRACTS, contract_copy.LIGHT)
        for index, solc in enumerate(self._solcs):
            folder = WORK / str(index)
            contract_copy.make_copy(folder, COPY)
            _copy_of_libraries(folder)
            contract_copy.replace(folder / "tests" / "contracts" / "Swarm.sol", contract_copy.CODE_LIMIT, "<= 120_000")
            contract_copy.write_artifacts(folder, self._sound)
            # A test that fails without a fault shows nothing of faults.
            while failed := self._failed_test(folder):
                if failed == "timeout":
                    raise SystemExit(f"Without any fault the tests take more than {TEST_LIMIT} s. Nothing was recorded.")
                log(f"Left out, since it fails without any fault: {failed}")
                self._left_out += f"|{failed}"
            self._free.put((folder, solc))

    def close(self) -> None:
        """Ends the compilers."""
        for solc in self._solcs:
            solc.__exit__(None, None, None)

    def judge(self, mutants: list[Mutant], until: float, *, is_quick: bool) -> None:
        """Tests and records these mutants: first those that can be switched, in as few builds as compile; then the others, one by one.

        Quickly, the others are left for another time, and so are those that no test noticed.
        """
        folder, solc = self._free.get()
        try:
            noticed = self._switched(mutants, folder, solc, until)
            for mutant in () if is_quick else mutants:
                if not noticed.get(mutant.name) and time.monotonic() < until:
                    started = time.monotonic()
                    outcome, by = self._outcome(mutant, folder, solc, is_tested=mutant.name in noticed)
                    self._record(mutant, outcome, by, started)
        finally:
            self._free.put((folder, solc))

    def _switched(self, mutants: list[Mutant], folder: Path, solc: Solc, until: float) -> dict[str, bool]:
        """Whether a test noticed them, of those that were tested in a build of many."""
        names = [name for name, closure in self._closures.items() if any(mutant.path in closure for mutant in mutants)]
        sources = {path: text for name in names for path, text in self._closures[name].items()}
        noticed = {}

        def is_sound(artifacts: dict[str, Json]) -> bool:
            contract_copy.write_artifacts(folder, artifacts)
            return not self._failed_test(folder)

        for batch in mutant_switches.batches_of(solc, sources, names, mutants, is_sound):
            log(f"{len(batch.mutants)} mutants in one build")
            for number, mutant in enumerate(batch.mutants, start=1):
                started = time.monotonic()
                if started >= until:
                    break
                by = self._failed_test(folder, number)
                if by:
                    self._record(mutant, "killed", by, started)
                noticed[mutant.name] = bool(by)
        contract_copy.write_artifacts(folder, self._sound)
        return noticed

    def _record(self, mutant: Mutant, outcome: str, by: str, started: float) -> None:
        fields = {key: value for key, value in asdict(mutant).items() if key in ("path", "function", "operator", "line", "before", "text")}
        seconds = round(time.monotonic() - started, 1)
        result = Result(mutant.name, **fields, source=digest(mutant.path), outcome=outcome, by=by, seconds=seconds)
        with self._lock:
            RUNS.mkdir(exist_ok=True)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            log(f"{result.outcome:<10} {result.seconds:>6.1f} s  {mutant.path}:{mutant.line} {mutant.function} {mutant.operator} {by}")

    def _outcome(self, mutant: Mutant, folder: Path, solc: Solc, *, is_tested: bool) -> tuple[str, str]:
        """What becomes of it in a build of its own; what the tests of contracts did not notice among many is not shown to them again."""
        names = [name for name, closure in self._closures.items() if mutant.path in closure]
        sources = {path: text for name in names for path, text in self._closures[name].items()}
        sources[mutant.path] = mutant.applied(sources[mutant.path])
        try:
            artifacts = contract_copy.compile_contracts(solc, sources, names, contract_copy.LIGHT)
        except DoesNotCompileError:
            return "invalid", ""
        if all(artifacts[name] == self._sound[name] for name in names):
            return "equivalent", ""
        by = ""
        if not is_tested:
            contract_copy.write_artifacts(folder, artifacts)
            try:
                by = self._failed_test(folder)
            finally:
                contract_copy.write_artifacts(folder, {name: self._sound[name] for name in names})
        by = by or _failed_test_of_library(mutant, folder)
        return ("killed", by) if by else ("survived", "")

    def _failed_test(self, folder: Path, number: int = 0) -> str:
        """A test that fails, or ""; `number` is of the mutant that is switched on."""
        chosen = {"FOUNDRY_BLOCK_COINBASE": mutant_switches.coinbase(number)}
        quick = _first_failure(folder, FEW | chosen, "--no-match-test", f"{self._left_out}|{PLAYS}")
        return quick or _first_failure(folder, FEW | chosen, "--match-test", PLAYS, "--no-match-test", self._left_out)


def _copy_of_libraries(folder: Path) -> None:
    """A copy beside `folder` for the tests that compile libraries into themselves. What they deploy has no fault."""
    copy = folder / "libraries"
    contract_copy.make_copy(copy, 'cache_path = "cache"')
    shutil.copy(ROOT / "tests" / "contracts" / "Fuzz.t.sol", copy / "tests" / "contracts")
    shutil.copytree(ROOT / "swarm_chain" / "chain" / "artifacts", copy / "swarm_chain" / "chain" / "artifacts", dirs_exist_ok=True)


def _failed_test_of_library(mutant: Mutant, folder: Path) -> str:
    """A test that fails where it has this fault compiled in, or ""."""
    if not mutant.path.startswith(("contracts/libraries/", "contracts/types/")):
        return ""
    copy = folder / "libraries"
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    (copy / mutant.path).write_text(mutant.applied(source), encoding="utf-8")
    try:
        return _first_failure(copy, {}, "--match-path", f"tests/contracts/{{{','.join(OF_LIBRARIES)}}}.t.sol")
    finally:
        (copy / mutant.path).write_text(source, encoding="utf-8")


def _first_failure(folder: Path, settings: dict[str, str], *chosen: str) -> str:
    """The first of these tests that fails, "timeout" where they take too long, "" where all pass."""
    command = [str(contract_copy.forge()), "test", "--fail-fast", *chosen]
    environment = os.environ | settings
    # A busy machine is slow now and then; what runs for ever does so again.
    for limit in (TEST_LIMIT, 3 * TEST_LIMIT):
        try:
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit, check=False)
            break
        except subprocess.TimeoutExpired:
            continue
    else:
        return "timeout"
    if done.returncode == 0:
        return ""
    failed = re.findall(r"^\[FAIL.*?\] (\w+)\(", done.stdout, re.MULTILINE)
    if not failed:
        raise SystemExit(f"forge failed without a failing test:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return str(failed[0])


def changed_paths() -> set[str]:
    """Sources changed since the results were last committed."""

    def git(*arguments: str) -> list[str]:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    last = git("log", "-1", "--format=%H", "--", "docs/runs/mutation.jsonl")
    return set(git("diff", "--name-only", *last, "--", "contracts")) if last else set()


def report(mutants: list[Mutant], results: dict[str, Result]) -> tuple[str, bool]:
    """The report's text, and whether the goal is reached."""
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8")) if EXPLAINED.exists() else {}
    rows: dict[str, list[Result]] = {mutant.path: [] for mutant in mutants}
    for result in results.values():
        rows.setdefault(result.path, []).append(result)
    survivors = [result for result in results.values() if result.outcome == "survived"]
    same = [result for result in survivors if explained.get(result.name, "").startswith("Equivalent")]
    killed = sum(result.outcome == "killed" for result in results.values())
    counted = killed + len(survivors) - len(same)
    score = 100 * killed / counted if counted else 0.0
    judged = [result for result in results.values() if result.outcome in ("killed", "survived")]
    lines = [
        "# Mutation of the contracts",
        "",
        f"Written on {datetime.now(UTC):%Y-%m-%d} by `make mutate`: {len(results)} of {len(mutants)} mutants,",
        f"the first ones in an order drawn by seed {SEED:#x} in which the files take turns by their size.",
        f"{len(judged)} were tested; the rest compile to the same code or not at all. Each took {_mean(judged):.1f} s.",
        "Random plays, proofs and the tests of gas are not run: so the score is a lower bound.",
        ""
        if len(results) >= len(mutants)
        else "**Not all mutants were judged: the score is an estimate, and too high as long as `--quick` left survivors for later.**",
        "",
        f"**Score {score:.1f} %**: {killed} of {counted} killed. {len(same)} more change nothing that can be seen, as explained below.",
        "",
        f"| {'file':<34} | mutants | judged | killed | survived |",
        f"| {'-' * 34} | ------: | -----: | -----: | -------: |",
    ]
    for path, found in sorted(rows.items()):
        total = sum(mutant.path == path for mutant in mutants)
        counts = [sum(result.outcome == outcome for result in found) for outcome in ("killed", "survived")]
        lines.append(f"| {path.removeprefix('contracts/'):<34} | {total:>7} | {sum(counts):>6} | {counts[0]:>6} | {counts[1]:>8} |")
    lines += ["", "## Survivors", ""]
    for result in sorted(survivors, key=lambda result: (result.path, result.line)):
        place = f"{result.path}:{result.line}, {result.function}, {result.operator}"
        change = f"`{_short(result.before)}` → `{_short(result.text)}`"
        lines += [f"- `{result.name}` {place}: {change}", f"  {explained.get(result.name, 'NOT EXPLAINED')}"]
    is_reached = score >= GOAL and all(result.name in explained for result in survivors)
    return "\n".join(lines) + "\n", is_reached


def _mean(results: list[Result]) -> float:
    return sum(result.seconds for result in results) / len(results) if results else 0.0


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def main() -> int:
    """Runs what is not recorded, and reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, help="judge the first N mutants only")
    parser.add_argument("--changed", action="store_true", help="only those of files changed since the results were committed")
    parser.add_argument("--survivors", action="store_true", help="judge again those that survived")
    parser.add_argument("--minutes", type=float, help="begin no mutant after this time")
    parser.add_argument("--quick", action="store_true", help="only those that a test notices among many in one build")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--report", action="store_true", help="judge nothing, write docs/runs/mutation-DATE.md")
    arguments = parser.parse_args()
    with Solc() as solc:
        mutants = all_mutants(solc)
    chosen = mutants
    if arguments.changed:
        paths = changed_paths()
        chosen = [mutant for mutant in mutants if mutant.path in paths]
    results = recorded()
    waiting = [mutant for mutant in chosen[: arguments.count] if mutant.name not in results]
    if arguments.survivors:
        waiting = [mutant for mutant in mutants if mutant.name in results and results[mutant.name].outcome == "survived"]
    log(f"{len(mutants)} mutants, {len(results)} recorded, {len(waiting)} to judge")
    if waiting and not arguments.report:
        campaign = Campaign(min(arguments.parallel, len(waiting)))
        end = time.monotonic() + 60 * arguments.minutes if arguments.minutes else float("inf")
        try:
            # Few mutants do not pay for a build of all contracts, and each worker gets its part.
            size = min(BATCH, -(-len(waiting) // arguments.parallel))
            batches = [waiting[first : first + size] for first in range(0, len(waiting), size)]
            with ThreadPoolExecutor(arguments.parallel) as pool:
                list(
                    pool.map(
                        lambda batch: campaign.judge(batch, end, is_quick=arguments.quick) if time.monotonic() < end else None, batches
                    )
                )
        finally:
            campaign.close()
    results = {name: result for name, result in recorded().items() if name in {mutant.name for mutant in mutants}}
    text, is_reached = report(mutants, results)
    if not arguments.changed:
        path = RUNS / f"mutation-{datetime.now(UTC):%Y-%m-%d}.md"
        path.write_text(text, encoding="utf-8")
        subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", path], cwd=ROOT, check=True)
    print(text)
    if arguments.changed:
        # The score is of the whole campaign; here a fault that nothing noticed counts.
        return 1 if "NOT EXPLAINED" in text else 0
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
