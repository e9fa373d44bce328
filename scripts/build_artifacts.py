#!/usr/bin/env python3
"""Builds the contracts' ABI and bytecode into the Python package: ``scripts/build_artifacts.py [--check] [--compiler node|solcx]``.

The same standard-JSON input goes to npm's solc (the default) or, where Node is missing, to the compiler of py-solc-x; both
give the same bytes. ``--check`` writes nothing and exits 1 where the artifacts differ from the sources.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "swarm_chain" / "chain" / "artifacts"
CONTRACTS = (
    "SwarmToken",
    "IdentityRegistry",
    "StakeVault",
    "RewardDistributor",
    "GroupRegistry",
    "Seating",
    "RoundManager",
    "Disputes",
    "Relay",
    "RoundViews",
)
PARTS = {"Proofs": "contracts/disputes/Proofs.sol"}
"""Contracts that others create, and where they are."""
COMPILER_VERSION = "0.8.37"
# Also in hardhat.config.js and foundry.toml; a test holds the three equal.
SETTINGS: dict[str, Any] = {
    "evmVersion": "prague",
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "optimizer": {"enabled": True, "runs": 20_000},
    "viaIR": True,
    "outputSelection": {
        "*": {
            "": ["ast"],
            "*": [
                "abi",
                "evm.bytecode.object",
                "evm.bytecode.linkReferences",
                "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
                "evm.deployedBytecode.linkReferences",
            ],
        }
    },
}
OWN_ADDRESS = {"start": 1, "length": 20}
_IMPORT = re.compile(r"^\s*import\s[^;]*?[\"']([^\"']+)[\"']\s*;", re.MULTILINE)


def standard_input() -> dict[str, Any]:
    """The compiler's input: every source that the contracts import, by the path it is imported by."""
    sources: dict[str, str] = {}
    waiting = [f"contracts/{name}.sol" for name in CONTRACTS]
    while waiting:
        path = waiting.pop()
        if path in sources:
            continue
        file = ROOT / ("node_modules" if path.startswith("@") else "") / path
        sources[path] = file.read_text(encoding="utf-8")
        for target in _IMPORT.findall(sources[path]):
            waiting.append(_resolve(path, target))
    return {"language": "Solidity", "settings": SETTINGS, "sources": {path: {"content": sources[path]} for path in sorted(sources)}}


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    parts = importer.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def compile_with_node(source: dict[str, Any]) -> dict[str, Any]:
    """The output of npm's solc."""
    done = subprocess.run(
        ["node", "scripts/solc.js", "--standard-json"], cwd=ROOT, input=json.dumps(source), capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def compile_with_solcx(source: dict[str, Any]) -> dict[str, Any]:
    """The output of py-solc-x's compiler, which is downloaded if it is not there."""
    import solcx

    if COMPILER_VERSION not in map(str, solcx.get_installed_solc_versions()):
        solcx.install_solc(COMPILER_VERSION)
    return dict(solcx.compile_standard(source, solc_version=COMPILER_VERSION))


def build(compiler: str) -> dict[str, str]:
    """The artifacts' texts by file name."""
    source = standard_input()
    output = compile_with_node(source) if compiler == "node" else compile_with_solcx(source)
    problems = [error["formattedMessage"] for error in output.get("errors", []) if "promoted to keyword" not in error["message"]]
    if any(error["severity"] == "error" for error in output.get("errors", [])):
        raise SystemExit("The contracts do not compile:\n" + "\n".join(problems))
    for problem in problems:
        print(problem, file=sys.stderr)
    texts = {"standard-input.json": _input_text(source)}
    variables = dict(_immutables(output["sources"]))
    for name in (*CONTRACTS, *PARTS):
        contract = output["contracts"][PARTS.get(name, f"contracts/{name}.sol")][name]
        created, deployed = contract["evm"]["bytecode"], contract["evm"]["deployedBytecode"]
        is_library = not any(entry["type"] == "constructor" for entry in contract["abi"]) and _is_library(deployed["object"])
        blanks = {variables.get(key, key): places for key, places in deployed.get("immutableReferences", {}).items()}
        artifact = {
            "contractName": name,
            "compiler": COMPILER_VERSION,
            # A library's functions take storage; only the contract that is linked to it can call them.
            "abi": [] if is_library else contract["abi"],
            "bytecode": "0x" + _unlinked(created),
            "deployedBytecode": "0x" + _unlinked(deployed),
            "immutableReferences": {"library_deploy_address": [OWN_ADDRESS], **blanks} if is_library else blanks,
            "links": _links(created),
            "deployedLinks": _links(deployed),
        }
        texts[f"{name}.json"] = json.dumps(artifact, indent=1, sort_keys=True) + "\n"
    return texts


def _immutables(tree: Any) -> Iterator[tuple[str, str]]:
    """Every immutable variable's name, by its number in the compiler's tree."""
    if isinstance(tree, dict):
        if tree.get("mutability") == "immutable":
            yield str(tree["id"]), tree["name"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _immutables(branch)


def _links(code: dict[str, Any]) -> dict[str, list[int]]:
    """Where a linked library's address goes, in bytes, by the library's name."""
    return {
        name: sorted(place["start"] for place in places)
        for libraries in code.get("linkReferences", {}).values()
        for name, places in libraries.items()
    }


def _unlinked(code: dict[str, Any]) -> str:
    """The code with zeros where the compiler put the names of libraries."""
    text = code["object"]
    for starts in _links(code).values():
        for start in starts:
            text = text[: 2 * start] + "00" * 20 + text[2 * start + 40 :]
    return str(text)


def _is_library(deployed: str) -> bool:
    """A library's code begins by comparing its own address, put there when it is deployed, so that nobody calls it directly."""
    return deployed.startswith("73" + "00" * 20 + "3014")


def _input_text(source: dict[str, Any]) -> str:
    return json.dumps(source, indent=1, sort_keys=True) + "\n"


def _is_stale(name: str, text: str) -> bool:
    file = ARTIFACTS / name
    return not file.is_file() or file.read_text(encoding="utf-8") != text


def main() -> int:
    """Builds, or with ``--check`` compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the artifacts differ from the sources")
    parser.add_argument("--compiler", choices=("node", "solcx"), default="node" if shutil.which("node") else "solcx")
    arguments = parser.parse_args()
    if arguments.check and _is_stale("standard-input.json", _input_text(standard_input())):
        print("The artifacts are of other sources than contracts/. Run scripts/build_artifacts.py.", file=sys.stderr)
        return 1
    texts = build(arguments.compiler)
    stale = [name for name, text in texts.items() if _is_stale(name, text)]
    if arguments.check:
        if stale:
            print(f"Artifacts differ from contracts/: {', '.join(sorted(stale))}. Run scripts/build_artifacts.py.", file=sys.stderr)
        return 1 if stale else 0
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (ARTIFACTS / name).write_text(texts[name], encoding="utf-8")
    print(f"{len(stale)} of {len(texts)} artifacts written to {ARTIFACTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
