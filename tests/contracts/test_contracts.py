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

from swarm_chain.chain import artifacts

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "swarm_chain" / "chain" / "artifacts"
CONTRACTS = sorted(file.stem for file in ARTIFACTS.glob("[A-Z]*.json"))
CODE_LIMIT = 24_576
"""Bytes of code a contract may have (EIP-170)."""


def forge() -> Path:
    """The native binary inside the npm package of this platform."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    assert found, "forge is missing: run npm ci"
    return found[0]


def run(*command: str | Path, limit: float = 900, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=limit)


@pytest.mark.timeout(1_000)
def test_solidity_tests_pass() -> None:
    done = run(forge(), "test")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    passed, failed, skipped = map(int, re.findall(r"(\d+) tests passed, (\d+) failed, (\d+) skipped", done.stdout)[-1])
    assert (failed, skipped) == (0, 0)
    assert passed >= 250, "some test files were not run"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_half_a_million_calls_break_no_property(tmp_path: Path) -> None:
    """The campaign of the invariants, with its canary: every situation was reached."""
    log = tmp_path / "parts"
    jobs = str(min(8, os.cpu_count() or 1))
    done = run(sys.executable, "scripts/invariants.py", "--calls", "500000", "--jobs", jobs, "--seed", "ci", "--log", log, limit=1_700)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-8_000:]
    assert sum(json.loads(line)["calls"] for line in log.read_text().splitlines()) >= 500_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_canary_notices_what_is_left_out(tmp_path: Path) -> None:
    """A campaign in which nobody slashes fails, though every property holds."""
    log = tmp_path / "parts"
    done = run(sys.executable, "scripts/invariants.py", "--calls", "12000", "--log", log, INVARIANTS_CUT="slash")
    assert done.returncode == 1, done.stdout + done.stderr
    missing = set(done.stderr.strip().removeprefix("never reached: ").split(", "))
    assert missing == {"Slashed", "SlashedTwiceRefused", "SlashedToNothing", "CollectedByChallenger", "CollectedTainted"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_play_keeps_the_books() -> None:
    """Random calls by a few members, many of which are refused, with another seed than in every test run."""
    done = run(forge(), "test", "--match-path", "tests/contracts/Review.t.sol", FOUNDRY_FUZZ_SEED="0xca11")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_fuzzed_briefly_elsewhere_holds_for_ten_thousand_runs() -> None:
    """Relayed messages and what else `make test` runs 256 times. Whole swarms by chance are the campaign of invariants'."""
    command = [
        "test",
        "--match-test",
        "testFuzz_|test_bitmaps|test_of_updates_by_themselves",
        "--no-match-path",
        "tests/contracts/{Fuzz,Review}.t.sol",
    ]
    done = run(forge(), *command, FOUNDRY_FUZZ_RUNS="10000")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    runs = re.findall(r"\(runs: (\d+)", done.stdout)
    assert set(runs) == {"10000"}
    assert len(runs) >= 10


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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_py_solc_x_gives_the_same_bytes() -> None:
    """Given npm's compiler as its binary: its own are downloaded, which closed networks don't allow."""
    source = json.loads((ARTIFACTS / "standard-input.json").read_text())
    output = solcx.compile_standard(source, solc_binary=ROOT / "scripts" / "solc.js")
    found = {name: built for contracts in output["contracts"].values() for name, built in contracts.items()}
    for name in CONTRACTS:
        # The compiler names a library where its address will be; the artifacts have zeros there.
        built = re.sub(r"__\$[0-9a-f]{34}\$__", "00" * 20, found[name]["evm"]["bytecode"]["object"])
        assert "0x" + built == json.loads((ARTIFACTS / f"{name}.json").read_text())["bytecode"]


def test_every_contract_of_a_deployment_is_here() -> None:
    assert {*CONTRACTS} == {*artifacts.CONTRACTS, "Proofs"}


@pytest.mark.parametrize("name", CONTRACTS)
def test_artifact(name: str) -> None:
    artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
    assert artifact["contractName"] == name
    assert len(bytes.fromhex(artifact["deployedBytecode"][2:])) <= CODE_LIMIT
    assert artifact["deployedBytecode"][-128:] in artifact["bytecode"]
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
