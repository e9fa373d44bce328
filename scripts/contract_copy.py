"""A copy of the contracts and their tests, in which the tools that change sources or compiler settings work.

The tests deploy artifacts from their folder. In the copy these are compiled by `Solc`, with other settings than the shipped ones.
"""

import json
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import build_artifacts

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]

LEFT_OUT = ("*.py", "__pycache__", "*Gas.t.sol", "Invariant.t.sol", "handlers", "Fuzz.t.sol", "History.t.sol")
"""Tests of gas are about the shipped code. Random plays are long, and what only luck would reach is not shown by them."""
CODE_LIMIT = "<= 24_576"
"""How the tests' `deploy` checks the size of the code."""


# The shipped pipeline with the few optimizations without which the code does not fit the stack: three times as fast to compile.
_STEPS = {"yul": True, "yulDetails": {"stackAllocation": True, "optimizerSteps": "dhfoDgvulfnTUtnIf:"}}
LIGHT: Json = {"viaIR": True, "optimizer": {"enabled": True, "runs": 1, "details": _STEPS}}


def forge() -> Path:
    """The native binary inside the npm package of this platform."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    if not found:
        raise SystemExit("forge is missing: run make install")
    return found[0]


class Solc:
    """npm's compiler, kept warm."""

    def __enter__(self) -> "Solc":
        self._process = subprocess.Popen(
            ["node", "scripts/solc_server.js"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def compile(self, source: Json) -> Json:
        """The output for a standard-JSON input."""
        stdin, stdout = self._pipes()
        stdin.write(json.dumps(source) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError("The compiler ended before it answered. Nothing was written; run the command again.")
        return dict(json.loads(line))

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The compiler has no pipes. This is a defect of scripts/contract_copy.py.")
        return stdin, stdout


def make_copy(folder: Path, settings: str) -> None:
    """Copies sources and tests to `folder`; `settings` are lines of foundry.toml's default profile that replace the project's."""
    for name in ("contracts", "tests", "scripts", "swarm_chain"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "contracts", folder / "contracts")
    (folder / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "contracts", folder / "tests" / "contracts", ignore=shutil.ignore_patterns(*LEFT_OUT))
    (folder / "tests" / "vectors").symlink_to(ROOT / "tests" / "vectors")
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "solc.js", folder / "scripts" / "solc.js")
    (folder / "swarm_chain" / "chain" / "artifacts").mkdir(parents=True)
    if not (folder / "node_modules").is_symlink():
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
    changed = {line.split(" = ")[0] for line in settings.splitlines()}
    kept = [line for line in (ROOT / "foundry.toml").read_text(encoding="utf-8").splitlines() if line.split(" = ")[0] not in changed]
    kept.insert(kept.index("[profile.default]") + 1, settings.strip())
    (folder / "foundry.toml").write_text("\n".join(kept) + "\n", encoding="utf-8")


_IMPORT = re.compile(r"^\s*import\s[^;]*?[\"']([^\"']+)[\"']\s*;", re.MULTILINE)


def _resolved(importer: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target)) if target.startswith(".") else target


def paths_of(names: Iterable[str]) -> list[str]:
    """Where contracts are."""
    return [f"contracts/{name}.sol" for name in names]


def sources_of(paths: Iterable[str]) -> dict[str, str]:
    """Texts of these sources and all they import, by the path they are imported by."""
    found: dict[str, str] = {}
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = (ROOT / ("node_modules" if path.startswith("@") else "") / path).read_text(encoding="utf-8")
            waiting += [_resolved(path, target) for target in _IMPORT.findall(found[path])]
    return found


class DoesNotCompileError(Exception):
    """The compiler refused the sources; its messages, and what they are about (path, from byte, to byte), where it names any."""

    def __init__(self, errors: list[Json]) -> None:
        super().__init__("\n".join(error["formattedMessage"] for error in errors))
        found = [place for error in errors for place in (error.get("sourceLocation") or {}, *error.get("secondarySourceLocations", []))]
        self.places: list[tuple[str, int, int]] = [(place["file"], place["start"], place["end"]) for place in found if "file" in place]


def compile_contracts(solc: Solc, sources: dict[str, str], names: Iterable[str], settings: Json) -> dict[str, Json]:
    """What the tests read of an artifact, by contract. Raises DoesNotCompileError."""
    wanted = ["evm.bytecode.object", "evm.bytecode.linkReferences", "evm.deployedBytecode.object"]
    output = solc.compile(
        {
            "language": "Solidity",
            "settings": {
                "evmVersion": build_artifacts.SETTINGS["evmVersion"],
                "metadata": build_artifacts.SETTINGS["metadata"],
                **settings,
                "outputSelection": {f"contracts/{name}.sol": {name: wanted} for name in names},
            },
            "sources": {path: {"content": text} for path, text in sources.items()},
        }
    )
    errors = [error for error in output.get("errors", []) if error["severity"] == "error"]
    if errors:
        raise DoesNotCompileError(errors)
    artifacts = {}
    for name in names:
        code = output["contracts"][f"contracts/{name}.sol"][name]["evm"]["bytecode"]
        text, links = code["object"], {}
        for libraries in code.get("linkReferences", {}).values():
            for library, places in libraries.items():
                links[library] = sorted(place["start"] for place in places)
                for start in links[library]:
                    text = text[: 2 * start] + "00" * 20 + text[2 * start + 40 :]
        artifacts[name] = {"contractName": name, "bytecode": "0x" + text, "links": links}
    return artifacts


def syntax_trees(solc: Solc, sources: dict[str, str]) -> dict[str, Json]:
    """Every source's AST, by path."""
    output = solc.compile(
        {
            "language": "Solidity",
            "settings": {"outputSelection": {"*": {"": ["ast"]}}},
            "sources": {path: {"content": text} for path, text in sources.items()},
        }
    )
    problems = [error["formattedMessage"] for error in output.get("errors", []) if error["severity"] == "error"]
    if problems:
        raise SystemExit("The contracts do not compile:\n" + "\n".join(problems))
    return {path: output["sources"][path]["ast"] for path in sources}


def write_artifacts(folder: Path, artifacts: dict[str, Json]) -> None:
    """Puts artifacts where the copy's tests deploy them from."""
    for name, artifact in artifacts.items():
        (folder / "swarm_chain" / "chain" / "artifacts" / f"{name}.json").write_text(json.dumps(artifact), encoding="utf-8")


def replace(file: Path, old: str, new: str) -> None:
    """Replaces what stands once in a file of the copy. Raises SystemExit where it stands there no longer."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise SystemExit(f"{file} does not have this once:\n{old}\nNothing was measured. Change the script that replaces it.")
    file.write_text(text.replace(old, new), encoding="utf-8")


def log(message: str) -> None:
    """A line of progress."""
    print(message, file=sys.stderr, flush=True)
