"""The built wheel alone runs a node: no source checkout, no Node."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_chain.chain.local import LocalChain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``swarm-chain`` of an environment that holds the wheel; its dependencies are those of the environment that runs the tests."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    # A path in a .pth file is searched, but the .pth files there (the checkout's editable install) are not read.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ask = [python, "-c", "import swarm_chain; print(swarm_chain.__file__)"]
    where = subprocess.run(ask, cwd=environment, check=True, capture_output=True, text=True)
    assert Path(where.stdout.strip()).is_relative_to(environment)
    return environment / "bin" / "swarm-chain"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[LocalChain]:
    chain = LocalChain(tmp_path / "chain")
    chain.start()
    yield chain
    chain.stop()


def test_the_wheel_holds_the_package_and_no_secret(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "swarm_chain/chain/artifacts/RoundManager.json" in names
    assert "swarm_chain/py.typed" in names
    assert all(name.startswith(("swarm_chain/", "swarm_chain-")) for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".log", ".db"))]


def test_a_node_runs_from_the_wheel(installed: Path, chain: LocalChain, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SWARM_CHAIN_", "PYTHON"))}
    environment = kept | {"PATH": "/nonexistent", "OMP_NUM_THREADS": "1", "SWARM_CHAIN_RPC_URL": chain.url}

    def swarm_chain(*words: str) -> str:
        ended = subprocess.run([installed, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, f"{words}: {ended.stderr}"
        return ended.stdout

    swarm_chain("deploy", "--yes")
    swarm_chain("group", "create", "--task", "digits", "--parts", "2", "--capacity", "2")
    for name in ("ada", "bob"):  # nobody opens a round alone
        swarm_chain("node", "init", "--name", name, "--fund-local")
        swarm_chain("group", "join", "1", "--name", name)
    node = subprocess.Popen([installed, "node", "run", "--name", "ada"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 90
        while not json.loads(swarm_chain("rounds", "--json")):
            assert node.poll() is None, node.communicate()[1]
            assert time.monotonic() < deadline, "it did not commit"
    finally:
        node.send_signal(signal.SIGINT)
        _, said = node.communicate(timeout=60)
    assert node.returncode == 130, said
