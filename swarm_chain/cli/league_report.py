"""What ``swarm-chain league`` shows: two tables, every cell, a picture, and the page that has them all."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from swarm_chain.cli.detection_report import Table, markdown
from swarm_chain.cli.live_table import percent
from swarm_chain.league.attacks import ATTACKS
from swarm_chain.league.cells import Line
from swarm_chain.league.play import Cell, Contest
from swarm_chain.league.table import PEACE, Standing, accuracy, earnings, standings

LEFT_OUT = """- **Wrong metric**: what a node says of the parent's metric moves neither the model nor rewards.
- **Committee members who lie**: there is no committee. What an update is worth follows from the updates alone.
- **Sealing**: on chain nobody can read an update of the round at hand before all are committed. The league's attackers see them all
  the same (omniscient, as in the literature), so what copies or answers them is weaker on chain than here."""


def of_rules(lines: Mapping[Cell, Line], rules: Sequence[str]) -> Table:
    """Worst case and mean a rule."""
    columns = ("rule", ">nobody attacks", ">worst", "by", ">mean over attacks", ">attacks")
    return "Test accuracy by rule", columns, [_row(standing) for standing in standings(lines, rules)]


def _row(standing: Standing) -> tuple[str, ...]:
    by, worst = standing.worst or ("–", None)
    return (
        standing.rule,
        percent(standing.peace),
        percent(worst),
        by,
        percent(standing.mean),
        f"{standing.played} of {len(ATTACKS) - 1}",
    )


def of_attackers(lines: Mapping[Cell, Line]) -> Table:
    """What attackers earned beside honest nodes."""
    rows: list[tuple[str, ...]] = [
        (attack, ATTACKS[attack].what, f"{share:.2f}", str(cells)) for attack, (share, cells) in earnings(lines).items()
    ]
    return "Earned by an attacker, an honest node's reward = 1", ("attack", "what is sent", ">earned", ">cells"), rows


def of_cells(lines: Mapping[Cell, Line], rules: Sequence[str]) -> Table:
    """Accuracy of every attack against every rule, mean of the seeds."""
    played = [standing.rule for standing in standings(lines, rules)]
    rows = [(attack, *(percent(accuracy(lines, rule, attack)) for rule in played)) for attack in ATTACKS]
    return "Test accuracy, attack by rule", ("attack", *(f">{rule}" for rule in played)), rows


def page(
    lines: Mapping[Cell, Line], wanted: Sequence[Cell], contest: Contest, rules: Sequence[str], path: Path, command: str, today: date
) -> str:
    """The report, Markdown. Its picture and its lines are beside it, with other endings."""
    local, images = contest.task.local, contest.task.images
    missing = [cell for cell in wanted if cell not in lines]
    seeds = sorted({cell.seed for cell in lines})
    median = float(np.median([line.seconds for line in lines.values()]))
    still = f"{len(missing)} of {len(wanted)} cells are still to be played: `{command}` goes on." if missing else "Every cell was played."
    return f"""# Attack league, {today:%Y-%m-%d}

{still} Every cell is a line of [{path.with_suffix(".jsonl").name}]({path.with_suffix(".jsonl").name}). What the rules are:
[rules.md](../rules.md).

{images.source}, {contest.task.layout().dimension:,} parameters ({contest.task.network.name}); {contest.nodes} nodes, {contest.attackers} of
them attack; Dirichlet {images.alpha:g}; {contest.rounds} rounds of {local.steps} steps of {local.batch} images at rate
{local.learning_rate:g}, worker momentum {local.worker_momentum:g}; one image in {images.held_out_one_in} of a node's own is held out. Seeds
played: {", ".join(map(str, seeds)) or "none"}. A cell took {median:.0f} s (the median), on one core and beside other work.

Nodes train by the task's own local pass and encode with worker momentum and error feedback; a round comes to what `protocol/outcome.py`
says, with the compiled passes and the next grid: the functions of real nodes. Chain, sealing and store are left out.

![Test accuracy of every rule]({path.with_suffix(".png").name})

{markdown(of_rules(lines, rules))}

{markdown(of_attackers(lines))}

Rewards here are split by what `protocol/novelty.py` says an update is worth: how far what is new in it goes the way of what is new in the
others ([rules.md](../rules.md#what-updates-are-worth)): a group with `--scoring novelty`. In one without, every included update earns the
same, so all of these would read 1.00 wherever an attacker's update is included.

{markdown(of_cells(lines, rules))}

## What is left out

{LEFT_OUT}
"""


def png(path: Path, lines: Mapping[Cell, Line], rules: Sequence[str]) -> None:
    """Draws every attack's accuracy a rule, with worst, mean and peace."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    found = standings(lines, rules)[::-1]
    figure = Figure(figsize=(9, 1.6 + 0.45 * len(found)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, standing in enumerate(found):
        left = [share for attack in ATTACKS if attack != PEACE and (share := accuracy(lines, standing.rule, attack)) is not None]
        axes.scatter(left, [place] * len(left), color="0.7", s=22, zorder=2, label="an attack" if place == 0 else None)
        marks = ((standing.worst and standing.worst[1], "#c9302c", "|", "worst"), (standing.mean, "#1f6feb", "D", "mean over attacks"))
        for value, colour, marker, label in (*marks, (standing.peace, "#2da44e", "o", "nobody attacks")):
            if value is not None:
                size = 260 if marker == "|" else 46
                axes.scatter([value], [place], color=colour, marker=marker, s=size, zorder=3, label=label if place == 0 else None)
    axes.set_yticks(range(len(found)), [standing.rule for standing in found])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="test accuracy", xlim=(0, 1))
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path)
