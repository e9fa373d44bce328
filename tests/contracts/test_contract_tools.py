"""The tools that prove and measure the contracts: they notice what they are for, and the contracts pass them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.local import LocalChain

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import contract_copy  # noqa: E402
import contract_coverage  # noqa: E402
import mutant_switches  # noqa: E402
import prove  # noqa: E402
from contract_copy import Solc  # noqa: E402
from mutants import Mutant, mutants_of  # noqa: E402
from probes import Prober  # noqa: E402

SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// a + b in a comment is nobody's fault
contract Sample {
    uint256 public total;

    modifier onlySmall(uint256 a) {
        if (a > 10) revert("a + b");
        _;
    }

    function add(uint256 a, uint256 b) external onlySmall(a) returns (uint256, uint256) {
        if (a < b) total += a;
        return (a, b);
    }

    function sum(uint256 a, uint256 b) public pure returns (uint256) {
        return a == 0 ? b : a + b;
    }
}
"""
PATH = "contracts/Sample.sol"


@pytest.fixture(scope="module")
def found() -> list[Mutant]:
    with Solc() as solc:
        return mutants_of(PATH, SOURCE, contract_copy.syntax_trees(solc, {PATH: SOURCE})[PATH])


def test_every_kind_of_fault_is_made(found: list[Mutant]) -> None:
    made = {(mutant.operator, " ".join(mutant.before.split()), mutant.text) for mutant in found}
    assert ("operator", "<", "<=") in made
    assert ("operator", "+", "-") in made
    assert ("assignment", "+=", "-=") in made
    assert ("negation", "a < b", "!(a < b)") in made
    assert ("deletion", "total += a;", "{}") in made
    assert ("deletion", 'revert("a + b");', "{}") in made
    assert ("return", "a, b", "b, a") in made
    assert ("modifier", "onlySmall(a)", "") in made
    assert ("constant", "10", "(10 + 1)") in made


def test_mutants_compile_and_keep_comments_and_names(found: list[Mutant]) -> None:
    assert len({mutant.name for mutant in found}) == len(found)
    with Solc() as solc:
        for mutant in found:
            text = mutant.applied(SOURCE)
            assert text != SOURCE
            assert "/// a + b in a comment is nobody's fault" in text
            contract_copy.syntax_trees(solc, {PATH: text})


def test_a_mutant_keeps_its_name_where_code_above_moves(found: list[Mutant]) -> None:
    moved = SOURCE.replace("    uint256 public total;", "    uint256 public total;\n    uint256 public other;")
    with Solc() as solc:
        again = mutants_of(PATH, moved, contract_copy.syntax_trees(solc, {PATH: moved})[PATH])
    assert [mutant.name for mutant in again] == [mutant.name for mutant in found]
    assert [mutant.line for mutant in again] != [mutant.line for mutant in found]


def test_a_switched_mutant_does_what_it_does_alone(found: list[Mutant], tmp_path: Path) -> None:
    """Calls come to the same whether it is switched on among many or compiled by itself; with none on, to what is sound."""
    with Solc() as solc, LocalChain(tmp_path / "chain") as chain:
        web3 = connect(chain.url)

        def alone(source: str) -> list[str]:
            code = _deployed(web3, contract_copy.compile_contracts(solc, {PATH: source}, ["Sample"], contract_copy.LIGHT))
            return [_answer(web3, code, call, 0) for call in CALLS]

        sound, left, noticed = alone(SOURCE), found, 0
        # What overlaps goes into the next build.
        while batches := list(mutant_switches.batches_of(solc, {PATH: SOURCE}, ["Sample"], left, lambda _: True)):
            for batch in batches:
                code = _deployed(web3, batch.artifacts)
                assert [_answer(web3, code, call, 0) for call in CALLS] == sound
                for number, mutant in enumerate(batch.mutants, start=1):
                    expected = alone(mutant.applied(SOURCE))
                    assert [_answer(web3, code, call, number) for call in CALLS] == expected, mutant
                    noticed += expected != sound
                left = [mutant for mutant in left if mutant not in batch.mutants]
        assert {mutant.operator for mutant in left} == {"modifier"}
        assert noticed >= len(found) // 2


CALLS = [
    keccak(text=name)[:4] + a.to_bytes(32, "big") + b.to_bytes(32, "big")
    for name in ("add(uint256,uint256)", "sum(uint256,uint256)")
    for a, b in ((0, 5), (3, 4), (4, 3), (4, 4), (10, 11), (11, 12), (2**256 - 1, 1))
]


def _deployed(web3: Web3, artifacts: dict[str, contract_copy.Json]) -> str:
    """The code that the constructor leaves on chain."""
    return str(web3.provider.make_request(RPCEndpoint("eth_call"), [{"data": artifacts["Sample"]["bytecode"]}, "latest"])["result"])


def _answer(web3: Web3, code: str, call: bytes, number: int) -> str:
    """What a call returns, or how it reverts, with the mutant of this number on."""
    at = "0x" + "5a" * 20
    blocks = {"coinbase": mutant_switches.coinbase(number)}
    answer = web3.provider.make_request(
        RPCEndpoint("eth_call"), [{"to": at, "data": "0x" + call.hex()}, "latest", {at: {"code": code}}, blocks]
    )
    return str(answer["result"]) if "result" in answer else str(answer["error"].get("data"))


def test_probes_are_at_every_statement_and_side() -> None:
    prober = Prober()
    with Solc() as solc:
        text = prober.probed(PATH, SOURCE, contract_copy.syntax_trees(solc, {PATH: SOURCE})[PATH])
    places = set(prober.places.values())
    assert len([place for place in places if place.branch]) == 6
    # Two conditions, what they guard, two returns.
    assert sorted({place.line for place in places if not place.branch}) == [9, 14, 15, 19]
    assert "pure" not in text
    # A side's two numbers are in one probe.
    assert text.count("Probe.ran(") + text.count("Probe.side(") == len(prober.places) - 3


def test_only_what_a_passing_test_ran_counts() -> None:
    output = "[PASS] test_a() (gas: 1)\nLogs:\n  7000001\n  12\n\n[FAIL: no] test_b() (gas: 2)\nLogs:\n  7000002\n"
    assert contract_coverage.numbers_of(output) == ({7_000_001}, ["test_b"])


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_everything_is_proven() -> None:
    _require_tools()
    done = subprocess.run([sys.executable, "scripts/prove.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


FAULTS = (
    ("Bitmap", "(bits >> 4)", "(bits >> 5)"),
    ("Weights", "<< PREVIOUS) | lanes", "<< PREVIOUS) & lanes"),
    ("Slots", "| REVEALED)", "| RETIRED)"),
    ("Commitment", "opened.salt", "opened.parent"),
    ("Merkle", "bytes1(0x01)", "bytes1(0x00)"),
    ("Aggregation", "(a * int256(1 << shift)) / b", "(a * int256(1 << shift) - 1) / b"),
    ("Round", "3 * weight >= 2", "2 * weight >= 2"),
    ("Presentation", "until <= dueFloor(presented)", "until >= dueFloor(presented)"),
    ("Standings", "START_REPUTATION | SEATED) << (lane", "START_REPUTATION) << (lane"),
)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("library", "sound", "fault"), FAULTS)
def test_a_fault_ends_a_proof(library: str, sound: str, fault: str, tmp_path: Path) -> None:
    """Each set of proofs can fail."""
    _require_tools()
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    (tmp_path / "tests").mkdir()
    # The set alone: the others need not compile.
    (tmp_path / "tests" / "proofs").mkdir()
    for name in ("Proof.sol", f"{library}.t.sol"):
        shutil.copy(ROOT / "tests" / "proofs" / name, tmp_path / "tests" / "proofs" / name)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    shutil.copy(ROOT / "foundry.toml", tmp_path / "foundry.toml")
    source = tmp_path / "contracts" / "libraries" / f"{library}.sol"
    text = source.read_text()
    assert sound in text, "the library has changed: choose another fault"
    source.write_text(text.replace(sound, fault, 1))
    verdicts = {prove.verdict(proof) for proof in prove.prove(tmp_path, f"^{library}Proofs$").values()}
    assert "FAILS" in verdicts, verdicts


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_line_and_branch_runs() -> None:
    done = subprocess.run([sys.executable, "scripts/contract_coverage.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_slither_finds_nothing_unexplained() -> None:
    _require_tools()
    done = subprocess.run([sys.executable, "scripts/run_slither.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    reasons = json.loads((ROOT / "slither.config.json").read_text())
    assert all(len(reason) > 20 for part in reasons.values() for reason in part.values())


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_faults_in_what_changed_are_noticed() -> None:
    """Mutants of files changed since the results were committed; ten at most, ten minutes at most."""
    done = subprocess.run(
        [sys.executable, "scripts/contract_mutation.py", "--changed", "--count", "10", "--minutes", "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]


def _require_tools() -> None:
    if not (ROOT / ".venv-contracts" / ".installed").exists():
        pytest.fail("Halmos and Slither are missing. Run make contracts-tools.")
