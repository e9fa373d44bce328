"""The demo of devices, small, on synthetic traffic: a real chain, real nodes, and a report that says what the traffic is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from swarm_chain.cli.swarm_home import SwarmHome


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    cli = CommandLine(tmp_path)
    yield cli
    home = SwarmHome(cli.folder / ".swarm").demo
    home.end(home.processes())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_devices_agree_on_a_detector_and_its_report_says_that_the_traffic_is_synthetic(cli: CommandLine) -> None:
    shown = cli.done("demo", "iot", "--nodes", 2, "--rounds", 3, "--steps", 10).out
    for part in (
        "nodes alone (mean)",
        "all data in one place",
        "PCA-16",
        "own threshold",
        "mirai udp (synthetic)",
        "equal to the sum of credits",
    ):
        assert part in shown
    assert shown.count("iot-synthetic: SYNTHETIC traffic") == 3
    home = SwarmHome(cli.folder / ".swarm").demo
    assert (home.path / "pictures" / "detection.png").read_bytes().startswith(b"\x89PNG")
    assert home.processes() == []


def test_files_that_are_not_there_are_told_before_there_is_a_chain(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = cli("demo", "iot", "--data", tmp_path / "empty", "--nodes", 2)
    assert ended.code == 7
    for part in ("KDDTrain+.txt", "KDDTest+.txt", "benign_traffic.csv", "It is empty."):
        assert part in ended.err
    assert "Traceback" not in ended.err
    assert not SwarmHome(cli.folder / ".swarm").demo.deployment.exists()
