"""How much accuracy differential privacy costs: a swarm's test accuracy after some rounds, beside the same without, in one process.

    python scripts/privacy_accuracy.py [--task digits] [--network mlp] [--epsilon 8] [--rounds 10] [--nodes 4] [--seeds 3]

Each node trains on its own part (Dirichlet 0.5) and encodes with error feedback; what they send is aggregated by the functions that nodes
use (mean, next grid). The noise is the least with which the node of the fewest samples stays within epsilon over all rounds, found by
bisection with the accountant that nodes use. Prints a line a run as it is done, then the table.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from swarm_chain.learning.accounting import epsilon
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.manifest import Network, Privacy
from swarm_chain.learning.private import sampling_rate
from swarm_chain.learning.task import TASKS
from swarm_chain.learning.together import rounds_of
from swarm_chain.protocol.rules import RULES

STEADY = 12
"""Bisections: a noise to within a hundredth."""


def least_noise(privacy: Privacy, rate: float, steps: int) -> float:
    """The least noise multiplier, to within a hundredth, with which so many steps stay within the epsilon."""
    low, high = 0.1, 50.0
    for _ in range(STEADY):
        middle = (low + high) / 2
        low, high = (low, middle) if epsilon(replace(privacy, noise=middle), {rate: steps}) <= privacy.epsilon else (middle, high)
    return high


def run(task: ImageTask, rounds: int, wanted: Privacy | None) -> tuple[float, Privacy | None]:
    """Test accuracy after so many rounds, and with which privacy."""
    data = task.load(None)
    own = [task.part(data, node)[0] for node in range(task.parts)]
    if wanted is not None:
        rate = max(sampling_rate(task.local, len(part)) for part in own)
        wanted = replace(wanted, noise=least_noise(wanted, rate, rounds * task.local.steps))
    task = replace(task, local=replace(task.local, privacy=wanted))
    *_, weights = rounds_of(task, own, rounds, RULES["mean"])
    return task.evaluate(weights, data.test, task.device("cpu"))[0], wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="digits", choices=[name for name, task in TASKS.items() if isinstance(task, ImageTask)])
    parser.add_argument("--network", help="other than the task's")
    parser.add_argument("--epsilon", type=float, action="append", help="one or more; default: 8 and 2")
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    task = TASKS[given.task]
    assert isinstance(task, ImageTask)
    local = replace(task.local, batch=given.batch, steps=given.steps)
    wanted = [None, *(Privacy(clip=given.clip, noise=1.0, delta=given.delta, epsilon=value) for value in given.epsilon or [8.0, 2.0])]
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(1, given.seeds + 1):
        network = Network(given.network or task.network.name, seed)
        seeded = replace(task, images=replace(task.images, parts=given.nodes, seed=seed), network=network, local=local)
        for privacy in wanted:
            accuracy, used = run(seeded, given.rounds, privacy)
            name = "none" if used is None else f"{used.epsilon:g}"
            found.setdefault(name, []).append((accuracy, used.noise if used else 0.0))
            print(f"seed {seed}, epsilon {name}: {100 * accuracy:.2f} %, noise {found[name][-1][1]:.2f}", flush=True)
    size = f"{given.rounds} rounds of {given.steps} steps of {given.batch} images"
    print(f"\n{task.name}, {network.name}, {given.nodes} nodes, {size}, clip {given.clip:g}, delta {given.delta:g}")
    print("| epsilon | noise | accuracy, mean of the seeds (%) |\n| --- | --- | --- |")
    for name, values in found.items():
        accuracy, noise = np.mean(values, axis=0)
        print(f"| {name} | {noise:.2f} | {100 * accuracy:.1f} |")


if __name__ == "__main__":
    main()
