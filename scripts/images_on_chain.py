"""Measures what a swarm learns of images on a chain, beside nodes alone and all data in one place; resumable.

    .venv/bin/python scripts/images_on_chain.py fashion --data FOLDER

A seed is a swarm of its own, made and run by the commands that people use: a chain, the contracts, a group, nodes as processes. It is a
line of the log; the command goes on where the log ends, and writes a report and a picture beside it. The models that are measured are those
that the chain says are final.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from on_chain import commit, learnt

from swarm_chain.learning.data import Dataset
from swarm_chain.learning.devices import use_threads
from swarm_chain.learning.task import TASKS, ImageTask
from swarm_chain.learning.training import central, evaluate

ROOT = Path(__file__).resolve().parents[1]
FAR = 0.15
"""How far the swarm is to be above the nodes alone."""
Row = dict[str, Any]


def main() -> int:
    """Returns 0 where the goal is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=[name for name, task in TASKS.items() if isinstance(task, ImageTask)])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="of the deal and of the first weights: 1 to this")
    parser.add_argument("--first", type=int, default=6000, help="only so many training images; 0: all")
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--alpha", type=float, default=0.3)
    parser.add_argument("--shards", type=int, default=0, help="shards a node in place of Dirichlet")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rule", default="aligned-mean", help="of group create")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time")
    parser.add_argument("--log", type=Path, help="docs/runs/images-TASK-DATE.jsonl; the report and the picture lie beside it")
    chosen = parser.parse_args()
    log = chosen.log or ROOT / "docs" / "runs" / f"images-{chosen.task}-{time.strftime('%Y-%m-%d')}.jsonl"
    done = {row["seed"] for row in rows_of(log, chosen)}
    with ProcessPoolExecutor(chosen.jobs) as seeds:
        running = [seeds.submit(measure, chosen, seed) for seed in range(1, chosen.seeds + 1) if seed not in done]
        for finished in as_completed(running):
            row = finished.result()
            with log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
            print(line(row), flush=True)
            publish(chosen, log)
    publish(chosen, log)
    return 0 if above(rows_of(log, chosen)) >= FAR else 1


def publish(chosen: argparse.Namespace, log: Path) -> None:
    """Writes the report and the picture of the seeds that were run."""
    rows = rows_of(log, chosen)
    picture(log.with_suffix(".png"), rows)
    log.with_suffix(".md").write_text(report(chosen, log, rows), encoding="utf-8")
    subprocess.run(["npx", "--no-install", "prettier", "--log-level", "warn", "--write", log.with_suffix(".md")], cwd=ROOT, check=True)


def task_of(chosen: argparse.Namespace, seed: int) -> ImageTask:
    """What the swarm of a seed learns."""
    task = TASKS[chosen.task]
    assert isinstance(task, ImageTask)  # the parser's choices
    images = replace(task.images, first=chosen.first, parts=chosen.nodes, alpha=chosen.alpha, shards=chosen.shards, seed=seed)
    return replace(task, images=images, network=replace(task.network, seed=seed)).with_steps(chosen.steps)


def asked(chosen: argparse.Namespace) -> Row:
    """What must be the same for lines to belong together."""
    return {name: getattr(chosen, name) for name in ("task", "first", "nodes", "alpha", "shards", "rounds", "steps", "rule")}


def rows_of(log: Path, chosen: argparse.Namespace) -> list[Row]:
    """The log's lines that were run with what is asked for, by seed."""
    if not log.exists():
        return []
    rows = [json.loads(text) for text in log.read_text(encoding="utf-8").splitlines()]
    of_these = [row for row in rows if all(row[name] == value for name, value in asked(chosen).items())]
    return sorted((row for row in of_these if row["seed"] <= chosen.seeds), key=lambda row: row["seed"])


# ------------------------------------------------------------------------------------------------ one seed


def measure(chosen: argparse.Namespace, seed: int) -> Row:
    """Runs a seed's swarm, and beside it trains to compare with; accuracies on all test images."""
    task, begun = task_of(chosen, seed), time.monotonic()
    with ProcessPoolExecutor(1) as beside:
        others = beside.submit(compare, chosen, task)
        finals = learnt(task, chosen.nodes, chosen.rounds, chosen.rule, chosen.data)
        seconds = time.monotonic() - begun
        use_threads(1)
        test = task.load(chosen.data).test
        swarm = [evaluate(task, weights, test)[0] for weights in finals.values()]
        hashes = ["0x" + hash_.hex() for hash_ in finals]
        row = {"seed": seed, "commit": commit(), **asked(chosen), "seconds": round(seconds), "hashes": hashes, "swarm": swarm}
        return row | others.result()


def compare(chosen: argparse.Namespace, task: ImageTask) -> Row:
    """What the nodes reach alone, and all data in one place."""
    use_threads(1)
    data = task.load(chosen.data)
    parts = [task.part(data, node)[0] for node in range(task.parts)]
    steps = chosen.rounds * chosen.steps

    def reached(dataset: Dataset, steps: int) -> float:
        return evaluate(task, central(task, dataset, steps), data.test)[0]

    return {
        "images": [len(part) for part in parts],
        "alone": [reached(part, steps) for part in parts],
        "one_place": reached(data.train, steps),
        "one_place_all_steps": reached(data.train, steps * chosen.nodes),
    }


# ------------------------------------------------------------------------------------------------ what it came to


def above(rows: Sequence[Row]) -> float:
    """How far the swarm's accuracy is above the nodes' alone, mean of the seeds."""
    return float(np.mean([row["swarm"][-1] - np.mean(row["alone"]) for row in rows]))


def line(row: Row) -> str:
    """One seed's accuracies."""
    alone = row["alone"]
    figures = [f"{row['swarm'][-1]:.3f}", f"{np.mean(alone):.3f}", f"{min(alone):.3f}–{max(alone):.3f}"]
    figures += [f"{row['one_place']:.3f}", f"{row['one_place_all_steps']:.3f}", " ".join(map(str, row["images"])), str(row["seconds"])]
    return f"| {row['seed']} | " + " | ".join(figures) + " |"


def report(chosen: argparse.Namespace, log: Path, rows: Sequence[Row]) -> str:
    """The report as Markdown."""
    task = task_of(chosen, 1)
    deal = f"{chosen.shards} shards a node" if chosen.shards else f"Dirichlet {chosen.alpha}"
    which = f"the first {chosen.first:,} training images" if chosen.first else "all training images"
    flags = " ".join(f"--{name} {value}" for name, value in asked(chosen).items() if name != "task")
    columns = [
        "seed",
        "swarm",
        "alone (mean)",
        "(from–to)",
        "one place, a node's steps",
        "one place, all steps",
        "images a node",
        "seconds",
    ]
    rounds = [
        f"| {number} | " + " | ".join(f"{row['swarm'][number - 1]:.3f}" for row in rows) + " |" for number in range(1, chosen.rounds + 1)
    ]
    commits = ", ".join(f"`{name}`" for name in dict.fromkeys(row["commit"] for row in rows))
    difference = above(rows)
    rest = "." if len(rows) == chosen.seeds else "; the command goes on with the others."
    return "\n\n".join(
        [
            f"# Images on a chain: {chosen.task}",
            f"Run on {log.stem[-10:]} at commit {commits}: `scripts/images_on_chain.py {chosen.task} --data FOLDER {flags}"
            f" --seeds {chosen.seeds}`. **{len(rows)} of {chosen.seeds} seeds were run**{rest}",
            f"{chosen.nodes} nodes as processes of their own on Anvil, by swarm-chain's own commands; {which}, {deal};"
            f" `{task.network.name}` of {task.layout().dimension:,} parameters; {chosen.rounds} rounds of {chosen.steps} steps of"
            f" {task.local.batch} images, codec {task.codec}, rule {chosen.rule}, equal weights. Measured on all test images, which nobody"
            " trained on. The swarm's models are those that the chain says are final, from a node's store. A node alone makes as many steps"
            " as it made in the swarm, from the same first weights, on its own images; in one place all images are trained on for as many"
            " steps as one node made, and as all made together. The seed is that of the deal and of the first weights. Seconds are those of"
            " the swarm, from an empty folder, on two cores that others used too. Each seed, with its result hashes, is a line of"
            f" [{log.name}]({log.name}).",
            "\n".join([f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *map(line, rows)]),
            f"Swarm above nodes alone, mean of the seeds: **{difference:+.3f}**. Goal, at least {FAR}:"
            f" **{'reached' if difference >= FAR else 'missed'}**{'' if rest == '.' else ' by what was run'}.",
            f"![Accuracy by round]({log.with_suffix('.png').name})",
            "Accuracy of the agreed model, by round:",
            "\n".join(
                [
                    f"| round | {' | '.join('seed ' + str(row['seed']) for row in rows)} |",
                    "|" + " --- |" * (len(rows) + 1),
                    *rounds,
                ]
            ),
        ]
    )


def picture(path: Path, rows: Sequence[Row]) -> None:
    """Draws the swarm's accuracy by round, a line a seed, above what nodes alone and one place come to."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rounds = range(1, len(rows[0]["swarm"]) + 1)
    for index, row in enumerate(rows):
        label = "swarm, a line a seed" if index == 0 else None
        axes.plot(rounds, row["swarm"], color="#1f6feb", marker="o", markersize=3, linewidth=1.5, label=label)
    alone = [accuracy for row in rows for accuracy in row["alone"]]
    axes.axhspan(min(alone), max(alone), color="0.9", label="nodes alone, from worst to best")
    axes.axhline(float(np.mean(alone)), color="0.5", linewidth=1.5, label=f"nodes alone, mean ({np.mean(alone):.1%})")
    place = float(np.mean([row["one_place_all_steps"] for row in rows]))
    axes.axhline(place, color="#d9822b", linestyle="--", linewidth=1.5, label=f"all data in one place ({place:.1%})")
    axes.set(xlabel="round", ylabel="accuracy on the test images", title=f"{rows[0]['nodes']} nodes learn {rows[0]['task']} on a chain")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
