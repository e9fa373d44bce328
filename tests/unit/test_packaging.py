"""How a node runs as a service: systemd's own checks of the unit, the command in it, the container's health check against a real port."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from swarm_chain.node.health import Health
from swarm_chain.node.metrics import Metrics
from swarm_chain.node.monitoring import MonitoringServer
from swarm_chain.types import Address, GroupId, Seat

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "swarm-chain-node@.service"
EXPOSURE = 20
"""Most that `systemd-analyze security` may find, in tenths: 0 is sealed off, 100 is open."""

systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")


@systemd
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    """The program is one that is there, for systemd looks; the account may be missing here."""
    text = UNIT.read_text().replace("/opt/swarm-chain/bin/swarm-chain", "/bin/true").replace("User=swarm-chain", "User=root")
    for name, content in (("right", text), ("wrong", text.replace("ProtectClock", "ProtectClocks"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / UNIT.name).write_text(content)
    right, wrong = (
        subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(tmp_path / name / "swarm-chain-node@ada.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        for name in ("right", "wrong")
    )
    assert (right.returncode, right.stdout + right.stderr) == (0, "")
    assert "ProtectClocks" in wrong.stderr


@systemd
def test_systemd_finds_the_service_well_shut_in() -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(UNIT)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_what_the_unit_says_to_install_can_be_on_a_machine_that_has_none_of_it(tmp_path: Path) -> None:
    """Into a folder here instead of /, and for the account that runs this."""
    for folder in ("etc/systemd/system", "etc/sysusers.d", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("PASSWORD_FILE", "SETTINGS_FILE"):
        (tmp_path / name).write_text("secret")
    for line in re.findall(r"^#   (install .*)$", UNIT.read_text(), re.MULTILINE):
        command = re.split(r" {2,}| && ", line)[0]
        words = shlex.split(re.sub(r" -[og] swarm-chain", "", command))
        here = [re.sub("^/", f"{tmp_path}/", word).replace("packaging/", f"{ROOT}/packaging/") for word in words]
        subprocess.run(here, cwd=tmp_path, check=True)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "etc" / "swarm-chain").iterdir()}
    assert modes == {"ada.password": 0o600, "ada.toml": 0o640}, "API keys are in the settings"


def test_the_unit_runs_a_command_that_there_is(tmp_path: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    (tmp_path / "ada.toml").write_text("group = 1\nmetrics_port = 9101\n")
    (tmp_path / "password").write_text("correct horse\n")
    places = {"/etc/swarm-chain": str(tmp_path), "%S": str(tmp_path), "%d": str(tmp_path), "%i": "ada"}
    for place, here in places.items():
        line = line.replace(place, here)
    _, *words = shlex.split(line)
    others = {name: value for name, value in os.environ.items() if not name.startswith("SWARM_CHAIN_")}
    ended = subprocess.run([sys.executable, "-m", "swarm_chain.cli.main", *words], capture_output=True, text=True, env=others, check=False)
    assert "no key file" in ended.stderr, "it understood its settings, and lacks what it is to run with"
    assert ended.returncode == 3
    assert "3" in re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)[0].split()


def test_the_containers_health_check_is_that_of_the_node() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    health = Health()
    server = MonitoringServer(Metrics(Address("0x" + "11" * 20), GroupId(1), Seat(0)), health, "127.0.0.1", 0)
    server.start()
    try:
        for name in ("node-1", "node-2"):
            how, program, *words = services[name]["healthcheck"]["test"]
            assert (how, program) == ("CMD", "python")
            assert services[name]["environment"]["SWARM_CHAIN_METRICS_PORT"].isdecimal()
            words[-1] = words[-1].replace("timeout=5", "timeout=60")  # who asks and who answers are on this busy machine both
            environment = {**os.environ, "SWARM_CHAIN_METRICS_PORT": server.url.rpartition(":")[2]}
            ended = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
            assert (ended.returncode == 0) is (name == "node-2")
            assert ("503" in ended.stderr) is (name == "node-1")
            health.saw(1, 1)
    finally:
        server.stop()
