"""Measures what a swarm detects of unusual traffic, beside nodes alone, all data in one place and simple detectors; writes a report.

    .venv/bin/python scripts/iot_detection.py nsl-kdd --data FOLDER --report docs/runs/iot-nsl-kdd-DATE.md

In one process, through the functions that a node's round takes; with --on-chain nodes are processes on a chain, and the models those that
the chain says are final. Synthetic traffic (`iot-synthetic`) needs no --data.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from on_chain import commit, learnt

from swarm_chain.cli.detection_report import Compared, alarms, areas, compare, markdown, png
from swarm_chain.learning.anomaly import READY, AnomalyTask
from swarm_chain.learning.devices import use_threads
from swarm_chain.learning.together import in_one_place, rounds_of
from swarm_chain.learning.traffic import Observed, Traffic, read
from swarm_chain.protocol.rules import RULES

NEAR, FAR = 0.008, 0.15
"""How far the swarm's area may be below that of all data in one place; how far it is to be above the nodes' alone."""


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=sorted(READY))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rule", choices=RULES, default="aligned-mean")
    parser.add_argument("--on-chain", action="store_true")
    parser.add_argument("--report", type=Path)
    chosen = parser.parse_args()
    use_threads(1)
    data = read(chosen.source, chosen.data)
    begun, lines, tables, hashes = time.process_time(), list[str](), list[str](), list[str]()
    runs = list[Compared]()
    for seed in range(1, chosen.seeds + 1):
        task = READY[chosen.source].dealt_to(min(READY[chosen.source].parts, len(data.names))).with_steps(chosen.steps)
        task = replace(task, network=replace(task.network, seed=seed))
        own = [task.part(data, node)[0] for node in range(task.parts)]
        models = list(rounds_of(task, own, chosen.rounds, RULES[chosen.rule]))
        if chosen.on_chain:
            finals = learnt(task, task.parts, chosen.rounds, chosen.rule, chosen.data)
            same = sum((final == model).all() for final, model in zip(finals.values(), models, strict=True))
            hashes.append(f"{seed}: `0x{list(finals)[-1].hex()}`, {same} of {chosen.rounds} rounds")
            models = list(finals.values())
        swarm = models[-1]
        measured = one_seed(task, data, own, chosen.rounds, swarm)
        runs.append(measured)
        lines.append(line(seed, measured))
        print(lines[-1], flush=True)
        if seed == 1:
            tables = [markdown(table) for table in (areas(measured), *alarms(task, data, swarm))]
            if chosen.report:
                png(chosen.report.with_suffix(".png"), measured, f"{task.parts} nodes, {chosen.source}, seed 1")
    text = report(chosen, data, runs, lines, tables, hashes, time.process_time() - begun)
    print(text)
    if chosen.report:
        chosen.report.write_text(text, encoding="utf-8")


def one_seed(task: AnomalyTask, data: Observed, own: list[Traffic], rounds: int, swarm: NDArray[np.int32]) -> Compared:
    """The swarm's model beside all that it is compared with."""
    alone = []
    for rows in own:
        *_, last = rounds_of(task, [rows], rounds, RULES["mean"])
        alone.append(last)
    central = in_one_place(task, data.train.benign(), rounds * task.local.steps * task.parts)
    return compare(task, data, swarm, central, alone)


def line(seed: int, measured: Compared) -> str:
    """One seed's areas."""
    figures = [measured.curves["swarm"].auc, measured.curves["all data in one place"].auc, measured.alone_mean()]
    others = [curve.auc for name, curve in measured.curves.items() if name not in ("swarm", "all data in one place")]
    spread = f"{min(curve.auc for curve in measured.alone):.4f}–{max(curve.auc for curve in measured.alone):.4f}"
    return (
        f"| {seed} | "
        + " | ".join(f"{figure:.4f}" for figure in figures)
        + f" | {spread} | "
        + " | ".join(f"{auc:.4f}" for auc in others)
        + " |"
    )


def report(
    chosen: argparse.Namespace,
    data: Observed,
    runs: list[Compared],
    lines: list[str],
    tables: list[str],
    hashes: list[str],
    seconds: float,
) -> str:
    """The report as Markdown."""
    swarm, central = (np.mean([run.curves[name].auc for run in runs]) for name in ("swarm", "all data in one place"))
    alone = np.mean([run.alone_mean() for run in runs])
    others = [name for name in runs[0].curves if name not in ("swarm", "all data in one place")]
    columns = ["seed", "swarm", "all data in one place", "nodes alone (mean)", "(from–to)", *others]
    note = (
        " This traffic is SYNTHETIC: it shows that the machinery works, and nothing of real devices."
        if "synthetic" in chosen.source
        else ""
    )
    command = f"{chosen.source} --rounds {chosen.rounds} --steps {chosen.steps} --rule {chosen.rule} --seeds {len(runs)}"
    attacks = int((data.test.kinds != "benign").sum())
    near, far = central - swarm <= NEAR, swarm - alone >= FAR
    command += " --on-chain" * chosen.on_chain
    agreed = "The last final result by seed, and how many rounds came to the same weights in one process: " + "; ".join(hashes) + "."
    same = [agreed] if hashes else []
    how = (
        "nodes as processes of their own on Anvil by swarm-chain's own commands, the models those that the chain says are final"
        if chosen.on_chain
        else "in one process, through the functions that a node's round takes"
    )
    parts = [
        f"# Detecting unusual traffic: {chosen.source}",
        f"Run on {time.strftime('%Y-%m-%d')} at commit `{commit()}`: `scripts/iot_detection.py {command}`, {how}, equal weights.{note}"
        f" {len(runs[0].alone)} nodes, {len(data.train.benign()):,} benign rows to train on, {len(data.test):,} test rows, of which"
        f" {attacks:,} attacks. All data in one place: the same autoencoder for as many steps as all nodes made together."
        f" {seconds:.0f} s of one core.",
        "Area under the ROC over all test rows:",
        "\n".join([f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *lines]),
        f"Means: swarm {swarm:.4f}, all data in one place {central:.4f}, nodes alone {alone:.4f}.",
        f"- Against all data in one place: {swarm - central:+.4f}. Goal, at most {NEAR} below: **{'reached' if near else 'missed'}**.\n"
        f"- Against nodes alone: {swarm - alone:+.4f}. Goal, at least {FAR} above: **{'reached' if far else 'missed'}**.",
        *same,
        "Seed 1 in full:",
        *tables,
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
