"""What detectors of unusual traffic reach: areas, thresholds, rates an attack, and one picture of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from swarm_chain.cli.live_table import percent
from swarm_chain.learning.detection import (
    Curves,
    adaptive_alarms,
    baselines,
    curves,
    global_threshold,
    quantile_threshold,
    rates,
    threshold,
)
from swarm_chain.learning.traffic import BENIGN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from swarm_chain.learning.anomaly import AnomalyTask
    from swarm_chain.learning.traffic import Observed

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, names of columns (a ``>`` before one that is figures), rows."""
FALSE_POSITIVES = 0.05
"""Of the threshold at which several models are compared."""
RAREST = 20
"""Attacks with fewer test rows are counted together."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Curves of every detector by its name; of nodes alone one each."""

    curves: dict[str, Curves]
    alone: list[Curves]

    def alone_mean(self) -> float:
        """Mean area under the ROC of the nodes alone."""
        return float(np.mean([curve.auc for curve in self.alone]))


def compare(
    task: "AnomalyTask",
    data: "Observed",
    swarm: "NDArray[np.int32]",
    central: "NDArray[np.int32]",
    alone: Sequence["NDArray[np.int32]"],
) -> Compared:
    """Measures models, int32[d] each, and the baselines on all test rows of all devices."""
    attacks = data.test.kinds != BENIGN
    found = {
        "swarm": curves(task.errors(swarm, data.test.rows), attacks),
        "all data in one place": curves(task.errors(central, data.test.rows), attacks),
    }
    train, test = (task.standardised(central, rows) for rows in (data.train.benign().rows, data.test.rows))
    found |= {name: curves(errors, attacks) for name, errors in baselines(train, test, task.network.seed)}
    return Compared(found, [curves(task.errors(weights, data.test.rows), attacks) for weights in alone])


def areas(compared: Compared) -> Table:
    """ROC and PR as a table."""

    def row(name: str, of: Sequence[Curves]) -> tuple[str, ...]:
        at = [float(np.interp(FALSE_POSITIVES, curve.false_positive_rate, curve.detection_rate)) for curve in of]
        means = [np.mean([curve.auc for curve in of]), np.mean([curve.average_precision for curve in of])]
        return (name, *(f"{mean:.4f}" for mean in means), percent(float(np.mean(at))))

    rows = [row(name, [curve]) for name, curve in compared.curves.items()]
    if compared.alone:
        rows.insert(1, row("nodes alone (mean)", compared.alone))
    title = "Detectors, on all test rows"
    return title, ("detector", ">ROC area", ">PR area", f">detected at {FALSE_POSITIVES:.0%} false positives"), rows


def alarms(task: "AnomalyTask", data: "Observed", weights: "NDArray[np.int32]") -> list[Table]:
    """What the model's thresholds come to, a device and an attack. Thresholds are set on the benign rows that nodes hold out."""
    errors, kinds, devices = task.errors(weights, data.test.rows), data.test.kinds, data.test.devices
    calm = [task.errors(weights, task.part(data, node)[1].rows) for node in range(task.parts)]
    own = [threshold(of_node) for of_node in calm]
    everyones = global_threshold(np.array(own))
    strict = global_threshold(np.array([quantile_threshold(of_node, FALSE_POSITIVES) for of_node in calm]))
    raised: dict[str, NDArray[np.bool_]] = {name: np.zeros(len(errors), np.bool_) for name in ("own", "adaptive")}
    by_device = []
    for node, name in enumerate(data.names[: task.parts]):
        here = devices == node
        raised["own"][here] = errors[here] > own[node]
        raised["adaptive"][here] = adaptive_alarms(errors[here], calm[node])
        share = {alarm: [rates(of[here], np.where(kinds[here] == BENIGN, BENIGN, "attack"))] for alarm, of in raised.items()}
        by_device.append((name, f"{own[node]:.4f}", *(_pair(share[alarm][0]) for alarm in raised)))
    seen = devices < task.parts
    raised["global"], raised["global, 5 % false positives"] = errors > everyones, errors > strict
    names, counts = np.unique(kinds[seen], return_counts=True)
    rare = set(names[counts < RAREST].tolist())
    grouped = np.array([f"rarer ({len(rare)} attacks)" if kind in rare else kind for kind in kinds[seen].tolist()])
    table = {alarm: rates(of[seen], grouped) for alarm, of in raised.items()}
    by_kind = [
        (
            rate.kind if rate.kind != BENIGN else "benign: false positives",
            f"{rate.rows:,}",
            *(percent(table[alarm][place].share) for alarm in table),
        )
        for place, rate in enumerate(table["own"])
    ]
    return [
        (
            "Thresholds of devices (detected / false positives)",
            ("device", ">own threshold", *(f">{name}" for name in ("own", "adaptive"))),
            by_device,
        ),
        ("Alarms of the swarm's model, by threshold", ("traffic", ">test rows", *(f">{name}" for name in table)), by_kind),
    ]


def _pair(shares: Sequence[object]) -> str:
    from swarm_chain.learning.detection import Rate

    by_kind: Mapping[str, float] = {rate.kind: rate.share for rate in shares if isinstance(rate, Rate)}
    return f"{percent(by_kind.get('attack'))} / {percent(by_kind.get(BENIGN))}"


def markdown(table: Table) -> str:
    """A table for a file."""
    title, columns, rows = table
    rule = ["---:" if column.startswith(">") else "---" for column in columns]
    lines = [[column.removeprefix(">") for column in columns], rule, *map(list, rows)]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def png(path: Path, compared: Compared, title: str) -> None:
    """Draws ROC and precision-recall of the swarm, each node alone, all data in one place, and the baselines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    roc, pr = figure.subplots(1, 2)
    for index, curve in enumerate(compared.alone):
        label = f"nodes alone (mean {compared.alone_mean():.3f})" if index == 0 else None
        roc.plot(curve.false_positive_rate, curve.detection_rate, color="0.75", linewidth=1, label=label)
        pr.plot(curve.detection_rate[1:], curve.precision[1:], color="0.75", linewidth=1)
    styles = ({"color": "#1f6feb", "linewidth": 2.2}, {"color": "#d9822b", "linestyle": "--"})
    for index, (name, curve) in enumerate(compared.curves.items()):
        style = styles[index] if index < len(styles) else {"linewidth": 1, "linestyle": ":"}
        roc.plot(curve.false_positive_rate, curve.detection_rate, label=f"{name} ({curve.auc:.3f})", **style)
        pr.plot(curve.detection_rate[1:], curve.precision[1:], **style)
    roc.set(xlabel="false-positive rate", ylabel="detection rate", title="ROC (area)")
    pr.set(xlabel="detection rate", ylabel="precision", title="precision and recall")
    for axes in (roc, pr):
        axes.grid(alpha=0.25)
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
    roc.legend(loc="lower right", frameon=False, fontsize=8)
    figure.suptitle(title)
    figure.savefig(path)
