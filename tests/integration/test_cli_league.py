"""``swarm-chain league`` as a person runs it, with the mistakes that a person makes."""

import json
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine

pytest.importorskip("torch")
FIVE_NODES = ("--nodes", 5, "--attackers", 1, "--rounds", 1, "--seeds", 1, "--jobs", 1)


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    """A folder with 60 images of noise, as MNIST's files are."""
    draw = np.random.default_rng(1)
    for which in ("train", "t10k"):
        images, labels = draw.integers(0, 256, (60, 28, 28), np.uint8), np.arange(60, dtype=np.uint8) % 10
        (tmp_path / f"{which}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x0803, 60, 28, 28) + images.tobytes())
        (tmp_path / f"{which}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x0801, 60) + labels.tobytes())
    return CommandLine(tmp_path)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--rule", "aligned-men"), 2, "Did you mean aligned-mean?"),
        (("--attack", "sign-flop"), 2, "Did you mean sign-flip?"),
        (("--attack", "a"), 2, "Choose of: none, sign-flip"),
        (("--attackers", 10), 2, "no honest majority"),
        (("--report", "league.txt"), 2, "does not end with .md"),
        (("--data", "nowhere"), 7, "No images of 'mnist' were found"),
        (("--data", ".", "--show"), 3, "Nothing of this was played yet"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(here: CommandLine, words: tuple[object, ...], code: int, told: str) -> None:
    ended = here("league", *words)
    assert ended.code == code
    assert told in ended.err
    assert not list(here.folder.glob("league*"))


@pytest.mark.slow
def test_a_league_that_was_ended_goes_on(here: CommandLine) -> None:
    """One cell, then Ctrl-C: what was played is kept, and is not played again."""
    words = (
        "league",
        *FIVE_NODES,
        "--data",
        ".",
        "--attack",
        "zero",
        "--rule",
        "mean",
        "--rule",
        "median",
        "--rule",
        "multi-krum",
        "--report",
        "runs/noise.md",
    )
    process = here.start(*words)
    assert process.stderr is not None
    for line in process.stderr:
        if "mean against zero" in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "the same command goes on" in err
    cells = here.folder / "runs" / "noise.jsonl"
    before = cells.read_text()
    assert 1 <= before.count("\n") < 3

    shown = here(*words, "--show")
    assert shown.code == 0
    assert f"{3 - before.count(chr(10))} of 3 cells are still to be played: swarm-chain league" in shown.err
    assert "still to be played" in (here.folder / "runs" / "noise.md").read_text()

    done = here(*words)
    assert done.code == 0, done.err
    assert cells.read_text().startswith(before)
    lines = [json.loads(text) for text in cells.read_text().splitlines()]
    assert len({(line["rule"], line["attack"], line["seed"]) for line in lines}) == len(lines) == 3
    page = (here.folder / "runs" / "noise.md").read_text()
    assert "Every cell was played" in page
    assert "| multi-krum |" in page
    assert (here.folder / "runs" / "noise.png").read_bytes().startswith(b"\x89PNG")
    assert "zero" in done.out
