"""What was played is kept, cell by cell, and told from what something else came to."""

import json
import os
from dataclasses import replace

import pytest

from swarm_chain.errors import ConfigurationError, LearningError
from swarm_chain.league import cells
from swarm_chain.league.cells import Line, Players, append, digest_of, read
from swarm_chain.league.play import Cell, Contest, play
from swarm_chain.league.table import accuracy, earnings, standings
from swarm_chain.learning.data import Data
from swarm_chain.learning.task import DIGITS_LINEAR

CONTEST = Contest(DIGITS_LINEAR.dealt_to(5), attackers=1, rounds=2)


def a_line(rule="mean", attack="zero", seed=1, left=0.9, **changes):
    line = Line(rule, attack, seed, ran="now", accuracy={10: 0.5, 20: left}, earned=1.0, model="a0", seconds=2.5)
    return replace(line, **changes)


def test_lines_come_back_as_they_were(tmp_path):
    path = tmp_path / "runs" / "league.jsonl"
    assert read(path, "now") == {}
    append(path, a_line())
    append(path, a_line(seed=2, ran="before"))
    append(path, a_line(left=0.8))
    assert read(path, "now") == {Cell("mean", "zero", 1): a_line(left=0.8)}, "the newest counts, of what would be played now"


def test_a_line_that_was_cut_off_is_played_again(tmp_path):
    path = tmp_path / "league.jsonl"
    append(path, a_line())
    whole = path.read_bytes()
    for cut in (1, 20, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        assert len(read(path, "now")) == 1
        append(path, a_line(seed=2))
        assert [json.loads(text)["seed"] for text in path.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("wrong", ["", "{}", "[]", "nonsense", '{"rule": "mean"}', a_line(accuracy={}).encode()])
def test_a_file_of_something_else_is_refused_and_kept(wrong, tmp_path):
    path = tmp_path / "league.jsonl"
    path.write_text(a_line().encode() + "\n" + wrong + "\n")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="Line 2"):
        read(path, "now")
    assert path.read_bytes() == before


def test_what_ran_is_named_by_all_that_decides_it(monkeypatch):
    data = CONTEST.task.load(None)
    other = Data(data.train, replace(data.test, labels=data.test.labels[::-1].copy()))
    contests = [CONTEST, replace(CONTEST, attackers=2), replace(CONTEST, rounds=3), replace(CONTEST, task=CONTEST.task.with_steps(3))]
    named = [digest_of(contest, data) for contest in contests] + [digest_of(CONTEST, other)]
    monkeypatch.setattr(cells, "_DECIDING", cells._DECIDING[1:])
    assert len({*named, digest_of(CONTEST, data)}) == 6


def test_words_about_code_are_not_code():
    code = '"""Says."""\n\ndef f(x):\n    """Does."""\n    return x + 1  # why\n'
    assert cells._code(code) == cells._code("def f(x):\n        return x+1\n")
    assert cells._code(code) != cells._code(code.replace("+ 1", "+ 2"))


def test_processes_come_to_the_same():
    wanted = [Cell(rule, "sign-flip", 1) for rule in ("mean", "aligned-mean", "median")]
    with Players(CONTEST, None, 2, os.environ) as players:
        lines = {line.cell: line for line in players.play(wanted, "now")}
    assert set(lines) == set(wanted)
    for cell in wanted:
        played = play(CONTEST, cell, CONTEST.task.load(None))
        assert (lines[cell].model, lines[cell].accuracy, lines[cell].ran) == (played.model, played.accuracy, "now")


def test_a_process_that_cannot_play_says_why(tmp_path):
    contest = replace(CONTEST, task=replace(CONTEST.task, images=replace(CONTEST.task.images, source="mnist")))
    with Players(contest, tmp_path, 1, os.environ) as players, pytest.raises(LearningError, match="No images of 'mnist'"):
        list(players.play([Cell("mean", "none", 1)], "now"))


def test_a_process_that_is_ended_is_told_of():
    with Players(CONTEST, None, 1, os.environ) as players:
        playing = players.play([Cell("mean", "none", seed) for seed in range(1, 2_000)], "now")
        next(playing)
        players._processes[0].kill()
        with pytest.raises(LearningError, match="ended"):
            list(playing)


def test_tables_give_means_over_seeds_and_the_worst_attack():
    lines = {
        line.cell: line
        for line in (
            a_line(attack="none", left=0.9),
            a_line(attack="zero", seed=1, left=0.8),
            a_line(attack="zero", seed=2, left=0.6),
            a_line(attack="ipm-2", left=0.75, earned=0.5),
            a_line(rule="median", attack="ipm-2", left=0.74, earned=0.0),
            a_line(rule="median", attack="zero", left=0.72),
        )
    }
    assert accuracy(lines, "mean", "zero") == pytest.approx(0.7)
    assert accuracy(lines, "mean", "mimic") is None
    first, second = standings(lines, ["mean", "median", "multi-krum"])
    assert (first.rule, first.worst, first.played) == ("median", ("zero", 0.72), 2)
    assert (second.rule, second.peace, second.worst) == ("mean", 0.9, ("zero", pytest.approx(0.7)))
    assert second.mean == pytest.approx(0.725)
    assert earnings(lines) == {"ipm-2": (0.25, 2), "zero": (1.0, 3)}
