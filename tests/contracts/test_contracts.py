"""The contracts: forge runs their tests in Solidity, on the artifacts that people install, which must be what the sources give."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import solcx

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "swarm_chain" / "chain" / "artifacts"
CONTRACTS = ("SwarmToken", "IdentityRegistry", "StakeVault", "RewardDistributor", "GroupRegistry", "RoundManager")
CODE_LIMIT = 24_576
"""Bytes of code a contract may have (EIP-170)."""


def forge() -> Path:
    """The native binary inside the npm package of this platform."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    assert found, "forge is missing: run npm ci"
    return found[0]


def run(*command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=900)


@pytest.mark.timeout(300)
def test_solidity_tests_pass() -> None:
    done = run(forge(), "test")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    passed, failed, skipped = map(int, re.findall(r"(\d+) tests passed, (\d+) failed, (\d+) skipped", done.stdout)[-1])
    assert (failed, skipped) == (0, 0)
    assert passed >= 80, "some test files were not run"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_play_keeps_the_books() -> None:
    """The campaign: far more random runs and another seed than in every test run."""
    done = run(
        forge(),
        "test",
        "--match-path",
        "tests/contracts/{Invariant,Review}.t.sol",
        FOUNDRY_INVARIANT_RUNS="200",
        FOUNDRY_FUZZ_RUNS="512",
        FOUNDRY_FUZZ_SEED="0xca11",
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    assert "(runs: 200, calls: 16000, reverts: 0)" in done.stdout


@pytest.mark.timeout(300)
def test_artifacts_are_what_the_sources_give() -> None:
    done = run(sys.executable, "scripts/build_artifacts.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    for name in ("contracts", "scripts", "swarm_chain/chain/artifacts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    token = tmp_path / "contracts" / "SwarmToken.sol"
    token.write_text(token.read_text().replace("1_000_000_000e18", "1_000_000_001e18"))
    done = run(sys.executable, tmp_path / "scripts" / "build_artifacts.py", "--check")
    assert done.returncode == 1
    assert "scripts/build_artifacts.py" in done.stderr


@pytest.mark.timeout(300)
def test_py_solc_x_gives_the_same_bytes() -> None:
    """Given npm's compiler as its binary: its own are downloaded, which closed networks don't allow."""
    source = json.loads((ARTIFACTS / "standard-input.json").read_text())
    output = solcx.compile_standard(source, solc_binary=ROOT / "scripts" / "solc.js")
    for name in CONTRACTS:
        built = output["contracts"][f"contracts/{name}.sol"][name]["evm"]["bytecode"]["object"]
        assert "0x" + built == json.loads((ARTIFACTS / f"{name}.json").read_text())["bytecode"]


@pytest.mark.parametrize("name", CONTRACTS)
def test_artifact(name: str) -> None:
    artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
    assert artifact["contractName"] == name
    assert len(bytes.fromhex(artifact["deployedBytecode"][2:])) <= CODE_LIMIT
    assert bytes.fromhex(artifact["bytecode"][2:]).endswith(bytes.fromhex(artifact["deployedBytecode"][2:])[-64:])
    named = {entry["name"] for entry in artifact["abi"] if "name" in entry}
    assert not named & {"owner", "transferOwnership", "upgradeTo", "pause", "mint"}, "nobody administers a contract"


def test_all_compilers_have_the_same_settings() -> None:
    settings = json.loads((ARTIFACTS / "standard-input.json").read_text())["settings"]
    hardhat = (ROOT / "hardhat.config.js").read_text()
    assert f"runs: {settings['optimizer']['runs']} " in hardhat
    assert f'evmVersion: "{settings["evmVersion"]}"' in hardhat
    assert "viaIR: true" in hardhat
    assert settings["viaIR"] is True
    assert f'evm_version = "{settings["evmVersion"]}"' in (ROOT / "foundry.toml").read_text()
