"""The live table, from what nodes write."""

import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from swarm_chain.cli.live_table import NodeRow, percent, read_rounds, read_row, render
from swarm_chain.node.status import NodeStatus, RoundFigures, RoundsFile, StatusFile
from swarm_chain.types import Address, Phase, Round, Seat

NODE = Address("0x" + "11" * 20)


def test_a_row_is_what_the_node_wrote(tmp_path: Path) -> None:
    StatusFile(tmp_path)(NodeStatus(NODE, Seat(1), Round(3), Phase.COMMIT, 5, 60, 0.25, 0.9, 1900, 10**18, "training"))
    assert read_row("ada", tmp_path) == NodeRow("ada", 3, "commit", 5, 60, 0.25, 0.9, 1900, 10**18, "training")


def test_what_privacy_cost_is_shown_where_there_is_some(tmp_path: Path) -> None:
    StatusFile(tmp_path)(NodeStatus(NODE, epsilon=1.234))
    private, other = read_row("ada", tmp_path), NodeRow("bob")
    assert private.epsilon == 1.234
    console = Console(width=120)
    for rows, is_shown in (([private, other], True), ([other], False)):
        with console.capture() as capture:
            console.print(render(rows, None, time.monotonic()))
        shown = capture.get()
        assert ("epsilon" in shown, "1.23" in shown) == (is_shown, is_shown)


def test_a_status_of_the_release_before_is_read(tmp_path: Path) -> None:
    status = NodeStatus(NODE, Seat(1), Round(3)).as_json()
    del status["epsilon"]
    assert NodeRow.of("ada", status).round == 3


def test_a_node_that_wrote_nothing_is_starting(tmp_path: Path) -> None:
    assert read_row("ada", tmp_path) == NodeRow("ada")
    assert read_rounds(tmp_path) == {}


def test_a_line_still_being_written_waits(tmp_path: Path) -> None:
    RoundsFile(tmp_path).append(RoundFigures(Round(1), b"\x01" * 32, b"\x02" * 32, None, 0.5, 0.75))
    with (tmp_path / "rounds.jsonl").open("a") as file:
        file.write('{"round": 2, "acc')
    rounds = read_rounds(tmp_path)
    assert list(rounds) == [1]
    assert (rounds[1]["result_hash"], rounds[1]["accuracy"]) == ("0x" + "02" * 32, 0.75)
    assert json.dumps(rounds)


def test_the_picture_shows_every_node_and_the_round() -> None:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    rows = [
        NodeRow("ada", 2, "commit", 30, 60, 0.5, 0.81, 1125, 25 * 10**18, "training [1]"),
        NodeRow("bob", 2, "commit", message="waiting"),
    ]
    with console.capture() as capture:
        console.print(render(rows, 8, time.monotonic(), "note"))
    shown = capture.get()
    for words in ("round 2 of 8", "commit", "ada", "bob", "0.500", "81.0 %", "1,125", "25", "training [1]", "waiting", "note"):
        assert words in shown


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (NodeRow("ada"), "round 1 of 8 train"),
        (NodeRow("ada", 1, "closed", 5, 10), "round 2 of 8 train"),
        (NodeRow("ada", 2, "reveal"), "round 2 of 8 reveal"),
        (NodeRow("ada", 8, "closed"), "closing vote train"),
    ],
)
def test_a_closed_round_means_that_the_next_is_trained(row: NodeRow, shown: str) -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render([row], 8, time.monotonic()))
    assert shown in capture.get()


def test_the_closing_vote_is_named() -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render([NodeRow("ada", 9, "reveal")], 8, time.monotonic()))
    assert "closing vote" in capture.get()


def test_no_share_is_a_dash() -> None:
    assert percent(None) == "–"
    assert percent(0.9312) == "93.1 %"
