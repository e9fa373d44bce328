"""Help that teaches: every command has a summary, an explanation and an example; every flag says what it does. And starting is quick."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from swarm_chain import __version__
from swarm_chain.cli.main import app


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield " ".join(words), command
    for name, child in children.items():
        yield from commands(child, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_the_commands_are_these() -> None:
    families = {
        "group": {"create", "list", "show", "fund", "join", "leave", "invite", "migrate", "move", "follow"},
        "node": {"init", "run", "status", "rotate-key", "backup", "restore"},
        "": {"up", "down", "deploy", "gateway", "relay", "rewards", "claim", "rounds", "doctor", "demo", "settings", "watch", "league"},
    }
    assert set(ALL) == {f"{family} {name}".strip() for family, names in families.items() for name in names}


@pytest.mark.parametrize("name", ALL)
def test_a_command_has_a_summary_an_explanation_and_an_example(name: str) -> None:
    summary, *explanation, example = (ALL[name].help or "").strip().split("\n\n")
    assert len(summary) <= 100
    assert summary.endswith(".")
    assert explanation or name in ("group list", "group show", "node status"), "what a list shows is plain"
    assert example.strip().startswith("Example: `"), example
    assert f"swarm-chain {name}" in example


@pytest.mark.parametrize("name", ALL)
def test_every_flag_says_what_it_does(name: str) -> None:
    assert not [parameter.name for parameter in ALL[name].params if not parameter.help]


def test_the_version_is_told_without_loading_what_is_slow() -> None:
    slow = ("torch", "web3", "numpy", "matplotlib", "pydantic")
    program = f"import sys; from swarm_chain.cli import main; print([name for name in {slow} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
    told = subprocess.run([sys.executable, "-m", "swarm_chain.cli.main", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"swarm-chain {__version__}\n"
