"""What a process logs: each line whole and in its form, ours from the level asked for on, others' words only when they warn."""

import json
import logging
import re
import sys

import pytest

from swarm_chain.node import logs
from swarm_chain.node.status import NodeStatus
from swarm_chain.types import Address, Phase, Round, Seat

NODE = Address("0x" + "11" * 20)
ours, others = logging.getLogger("swarm_chain.node.daemon"), logging.getLogger("urllib3.connectionpool")


@pytest.fixture(autouse=True)
def _as_before():
    root, package = logging.getLogger(), logging.getLogger(logs.OURS)
    handlers, levels = root.handlers[:], (root.level, package.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    package.setLevel(levels[1])


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_of_json_says_when_what_who_and_where_in_the_round(capsys):
    context = logs.StatusContext(group=7)
    logs.begin("info", "json", context=context)
    ours.info("Starting %s.", "now")
    context.told(NodeStatus(NODE, Seat(2), Round(4), Phase.REVEAL, credit=10**20))
    ours.warning("two\nlines, “quoted” and\u2028broken")
    first, second = lines(capsys.readouterr().err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {"level": "info", "logger": "swarm_chain.node.daemon", "message": "Starting now.", "group": 7}
    assert second.pop("time")
    assert second == {
        "level": "warning",
        "logger": "swarm_chain.node.daemon",
        "message": "two\nlines, “quoted” and\u2028broken",
        "group": 7,
        "node": NODE,
        "seat": 2,
        "round": 4,
        "phase": "reveal",
    }


@pytest.mark.parametrize("mark", ["\x1b]0;title\x07", "\n2026-01-01 00:00:00,000 WARNING false", "\r", "\x9b2J", "\u202e", "\u2028", "\0"])
def test_what_others_say_can_neither_make_a_line_nor_steer_a_terminal(capsys, mark):
    """A server's message, say."""
    logs.begin("info")
    ours.warning("The chain refused: %s.", mark)
    said = capsys.readouterr().err
    assert said.endswith(".\n")
    assert said[:-1].isprintable()
    assert mark[1:].strip("\x07") in said
    logs.begin("info")
    ours.warning("Größe 5 µs, “quoted”…")
    assert "WARNING Größe 5 µs, “quoted”…\n" in capsys.readouterr().err


def test_a_file_of_lines_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LARGEST_FILE", 10_000)
    logs.begin("info", file=tmp_path / "node.log")
    for number in range(2_000):
        ours.info("line %d, and so on and on", number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["node.log", *(f"node.log.{number}" for number in range(1, 1 + logs.KEPT_FILES))]
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert "line 1999," in files[0].read_text()


def test_an_error_is_in_its_line(capsys):
    logs.begin("info", "json")
    try:
        raise ValueError("out of place")
    except ValueError:
        ours.exception("It failed.")
    (line,) = lines(capsys.readouterr().err)
    assert line["message"] == "It failed."
    assert "out of place" in line["error"]
    assert "Traceback" in line["error"]


@pytest.mark.parametrize("form", logs.FORMATS)
def test_the_level_is_that_of_our_words_alone(capsys, form):
    logs.begin("debug", form)
    ours.debug("ours, at length")
    others.debug("GET /v3/an-api-key")
    others.info("HTTP Request: POST https://rpc.invalid/v3/an-api-key")
    others.warning("a library warns")
    logs.begin("error", form)
    ours.warning("not asked for")
    said = capsys.readouterr().err
    assert "ours, at length" in said
    assert "a library warns" in said
    assert "an-api-key" not in said
    assert "not asked for" not in said


def test_lines_for_people_go_to_a_file_where_one_is_named(tmp_path, capsys):
    logs.begin("info", "human", tmp_path / "node.log")
    ours.info("Round 3: revealed.")
    logging.shutdown([])
    assert re.fullmatch(r"[\d-]+ [\d:,]+ INFO Round 3: revealed\.\n", (tmp_path / "node.log").read_text())
    assert capsys.readouterr().err == ""


def test_a_record_that_is_no_text_is_told_all_the_same(capsys):
    logs.begin("info", "json", context=lambda: {"of": {1, 2}.__class__})
    ours.info("%s and %r", b"bytes", sys)
    (line,) = lines(capsys.readouterr().err)
    assert line["message"].startswith("b'bytes' and <module 'sys'")
    assert line["of"] == "<class 'set'>"
