"""What is shown: amounts, errors, questions."""

import io
import json
from pathlib import Path

import pytest

from swarm_chain.cli import present
from swarm_chain.errors import ChainError, ChainUnreachableError, UsageError


@pytest.mark.parametrize(
    ("wei", "shown"),
    [(0, "0"), (1, "0"), (10**18, "1"), (1_234_500_000_000_000_000_000, "1,234.5"), (-(10**18) // 2, "-0.5"), (99_999 * 10**13, "0.9999")],
)
def test_tokens_are_cut_not_rounded(wei: int, shown: str) -> None:
    assert present.tokens(wei) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 s"), (59, "59 s"), (90, "1 min 30 s"), (3600, "1 h"), (90061, "1 d 1 h")])
def test_seconds_in_words(count: int, shown: str) -> None:
    assert present.seconds(count) == shown


def test_an_error_says_what_happened_what_was_kept_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    present.error(ChainUnreachableError("No [answer].", "Kept it.", "Wait."))
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(None, 1)[1] for line in said.err.splitlines()] == ["No [answer].", "Kept it.", "Wait."]


def test_what_a_server_said_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    present.error(ChainError("Refused: \x1b]0;title\x07.", "\x1b[2J", "\u202eor\nwait"))
    present.say("\x1b[2J")
    present.done("\x1b[2J")
    present.table("\x1b[2J", ("what",), (("\x1b[2J",),))
    said = capsys.readouterr()
    assert (said.err + said.out).replace("\n", "").isprintable()
    assert "\\x1b]0;title" in said.err


def test_an_unexpected_error_leaves_its_traceback_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError as error:
        present.unexpected(tmp_path / "logs")(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    (log,) = (tmp_path / "logs").iterdir()
    assert "Traceback" not in said
    assert str(log) in said
    assert "Traceback" in log.read_text()
    assert "by nought" in log.read_text()


def test_nobody_to_ask_is_an_error_and_yes_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert present.agree("Delete it?", yes=True)
    with pytest.raises(UsageError, match="--yes"):
        present.agree("Delete it?", yes=False)
    with pytest.raises(UsageError, match="--password-file"):
        present.ask_secret("Password")


def test_json_holds_bytes_as_hex_and_paths_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    present.as_json({"hash": b"\x01\xff", "path": Path("/a b")})
    assert json.loads(capsys.readouterr().out) == {"hash": "0x01ff", "path": "/a b"}


def test_a_cell_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    present.table("T", ("a", ">b"), [("[red]x[/]", "1")])
    assert "[red]x[/]" in capsys.readouterr().out


def test_progress_without_a_terminal_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with present.progress("Deploying") as step:
        step("SwarmToken")
    assert capsys.readouterr().err == "Deploying: SwarmToken\n"
