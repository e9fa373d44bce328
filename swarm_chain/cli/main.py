"""The command line's entry: the commands, how errors end, the version."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from swarm_chain import __version__
from swarm_chain.cli import (
    claim,
    demo,
    deploy,
    doctor,
    down,
    gateway,
    group,
    league,
    node,
    present,
    relay,
    rewards,
    rounds,
    show_settings,
    up,
    watch,
)
from swarm_chain.errors import SwarmChainError

app = typer.Typer(
    name="swarm-chain",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
"""The exit code after Ctrl-C."""
TRY, OPERATE, LOOK = "Try it", "Take part", "Look"


def _version(asked: bool) -> None:
    if asked:
        present.print_plain(f"swarm-chain {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Swarm learning that trusts nobody: nodes train one model together and agree on an EVM chain, bit for bit, on what was learnt.

    See it work on this machine:  `swarm-chain demo`

    A swarm of your own, step by step:  `up --detach · group create · node init · group join · node run`

    Settings come from flags, else the environment (SWARM_CHAIN_*), else a YAML or TOML file. Exit codes: 0 done, 1 unexpected, 2 usage,
    3 configuration or key, 4 chain, 5 unknown group or node, 6 store or disk, 7 learning, 130 interrupted.
    """


app.command(rich_help_panel=TRY)(demo.demo)
app.command(rich_help_panel=TRY)(up.up)
app.command(rich_help_panel=TRY)(down.down)
app.add_typer(group.app, name="group", rich_help_panel=OPERATE)
app.add_typer(node.app, name="node", rich_help_panel=OPERATE)
app.command(rich_help_panel=OPERATE)(claim.claim)
app.command(rich_help_panel=OPERATE)(deploy.deploy)
app.command(rich_help_panel=OPERATE)(gateway.gateway)
app.command(rich_help_panel=OPERATE)(relay.relay)
app.command(rich_help_panel=OPERATE)(watch.watch)
app.command(rich_help_panel=LOOK)(rounds.rounds)
app.command(rich_help_panel=LOOK)(rewards.rewards)
app.command(rich_help_panel=LOOK)(doctor.doctor)
app.command(rich_help_panel=LOOK)(league.league)
app.command("settings", rich_help_panel=LOOK)(show_settings.show_settings)


def run() -> NoReturn:
    """Runs the command line, and ends the process with an exit code of the specification."""
    sys.excepthook = present.unexpected(Path(tempfile.gettempdir()))
    try:
        typer.main.get_command(app)(prog_name="swarm-chain")
    except SwarmChainError as problem:
        present.error(problem)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        # Where a Ctrl-C came amid an exec, as every dataclass has one, Python ends by that signal even so. Another exec makes it forget.
        exec("")
    sys.exit(0)


if __name__ == "__main__":
    run()
