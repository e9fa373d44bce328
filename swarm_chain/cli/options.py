"""Flags that several commands share. All are None when not given, so that the environment and the file get their say."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_chain.cli import present

if TYPE_CHECKING:
    from swarm_chain.cli.settings import Settings

SETTINGS = "Where things are"
LOGS = "What is logged"

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in YAML or TOML.", show_default=False, rich_help_panel=SETTINGS)
]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="FOLDER", help="The swarm folder; `.swarm` if not given.", show_default=False, rich_help_panel=SETTINGS),
]
RpcUrl = Annotated[
    str | None,
    typer.Option(
        "--rpc",
        "--rpc-url",
        metavar="URL[,URL]",
        help="The chain's JSON-RPC, one or several; the swarm folder's local chain if not given.",
        show_default=False,
        rich_help_panel=SETTINGS,
    ),
]
DeploymentFile = Annotated[
    Path | None,
    typer.Option(
        "--deployment",
        metavar="FILE",
        help="The deployment file; the swarm folder's if not given.",
        show_default=False,
        rich_help_panel=SETTINGS,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The key file that signs and pays.", show_default=False, rich_help_panel=SETTINGS),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="Its first line opens the key files.", show_default=False, rich_help_panel=SETTINGS
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Which node of the swarm folder; `node` if not given.", show_default=False),
]
Group = Annotated[int | None, typer.Option("--group", "-g", metavar="NUMBER", help="The group's number.", show_default=False)]
Providers = Annotated[
    list[str] | None, typer.Option("--provider", metavar="URL", help="Gateway to fetch from besides.", show_default=False)
]
GroupArgument = Annotated[
    int | None, typer.Argument(metavar="GROUP", help="The group's number; or --group, SWARM_CHAIN_GROUP.", show_default=False)
]
LogLevel = Annotated[
    str | None,
    typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.", show_default=False, rich_help_panel=LOGS),
]
LogFormat = Annotated[
    str | None,
    typer.Option("--log-format", metavar="FORM", help="human, or json: a line of JSON each.", show_default=False, rich_help_panel=LOGS),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="mnist, digits, fashion, nsl-kdd, n-baiot, iot-synthetic; digits-linear where torch is not installed; or of your task_file.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]


def settings(**flags: Any) -> "Settings":
    """The settings, with these flags first. From here on an unexpected error leaves its traceback in the swarm folder."""
    from swarm_chain.cli.settings import Settings

    loaded = Settings.load(**flags)
    sys.excepthook = present.unexpected(loaded.home / "logs")
    if loaded.task_file is not None:
        from swarm_chain.learning.task import run_task_file

        run_task_file(loaded.task_file)
    return loaded
