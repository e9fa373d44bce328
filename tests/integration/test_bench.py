"""The bench's command, at tiny sizes: that it measures every case, resumes and writes its report. What it measures, no test looks at."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "scripts" / "bench.py"
RIVALS = ROOT / ".venv-bench"
"""Where what is compared with is installed, if it is (`make bench-tools`); without it ours is measured alone."""


def bench(folder: Path, *arguments: str) -> list[str]:
    """Runs it; the lines that it prints."""
    python = RIVALS / "bin" / "python" if (RIVALS / ".installed").exists() else Path(sys.executable)
    done = subprocess.run(
        [str(python), str(BENCH), "--folder", str(folder), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_it_measures_everything_once_and_writes_the_report(tmp_path):
    from swarm_chain.protocol.rules import RULES

    *measured, report = bench(tmp_path, "--quick")
    assert report == str(tmp_path / "bench.md")
    records = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert len(records) == len(measured) >= 2 * len(RULES) + 5
    assert {record["section"] for record in records} == {"rules", "codecs", "start", "round"}
    for record in records:
        if record["section"] in ("rules", "codecs"):
            assert all(ns > 0 for ns in record["ns"].values()), record["case"]
    compared = [record for record in records if record["section"] == "rules" and record["apart"]]
    assert {record["case"][0] for record in compared} == {"mean", "trimmed-mean", "median"}
    text = (tmp_path / "bench.md").read_text()
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["Rules", "Codecs", "A node's start", "A round of 16 nodes at 10M"]
    assert all(text.count(f"| {rule} |") == 2 for rule in RULES)
    assert str(ROOT) not in text
    assert str(tmp_path) not in text
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)
    assert bench(tmp_path, "--quick") == [report], "nothing is measured twice"
    assert bench(tmp_path, "--quick", "--only", "codecs", "--again")[0].startswith("codecs dense-int8")


def test_a_quick_run_cannot_take_the_report_s_place():
    done = subprocess.run([sys.executable, str(BENCH), "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--folder" in done.stderr


def test_the_lock_names_hashes_no_addresses_and_no_torch():
    text = (ROOT / "requirements-bench.lock").read_text()
    requirements = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
    names = {re.split(r"[=<>; ]", line)[0] for line in (ROOT / "requirements-bench.in").read_text().splitlines() if line[:1].isalpha()}
    assert {line.split("==")[0] for line in requirements} == names >= {"byzfl", "flwr", "hivemind"}
    assert all(line.rstrip().endswith("\\") for line in requirements), "every requirement is followed by its hashes"
    assert not re.search(r"https?://|--index|--find-links|^torch", text, re.MULTILINE)
