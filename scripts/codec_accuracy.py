"""How much accuracy a codec costs: a swarm's test accuracy after some rounds beside averaging in floats, in one process.

    python scripts/codec_accuracy.py [--task digits] [--rounds 20] [--nodes 5] [--seeds 3]

Each node trains on its own part (Dirichlet 0.5), encodes with error feedback, and packs; what was packed is opened and aggregated by the
functions that nodes use (mean, next grid). Floats: the mean of what the nodes learnt, without any grid. Prints a line a codec and seed as
it is done, then the table.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from swarm_chain.learning import kernels
from swarm_chain.learning.encoding import encode
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.task import TASKS
from swarm_chain.protocol.codecs import CODECS, Codec
from swarm_chain.protocol.codecs.top_k import TopK
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule

FLOAT = "float"
EVERY: dict[str, Codec | None] = {FLOAT: None, **CODECS, "top-3": TopK("top-3", number=4, kept=3)}


def accuracy(task: ImageTask, codec: Codec | None, rounds: int, nodes: int, seed: int) -> float:
    """Share of test images that the swarm's model classifies rightly after so many rounds."""
    task = replace(
        task,
        images=replace(task.images, parts=nodes, seed=seed),
        network=replace(task.network, seed=seed),
    )
    data = task.load(None)
    own = [task.part(data, node)[0] for node in range(nodes)]
    device = task.device("cpu")
    bits, numbers = task.numbers.fraction_bits, task.numbers
    finest = numbers.max_exponent if codec is None or codec.coarsens else numbers.initial_exponent
    model = Model(task.initial_weights(), task.initial_exponents(), bits)
    exact = model.weights / 2.0**bits
    left_out: list[NDArray[np.float32] | None] = [None] * nodes
    for round_ in range(1, rounds + 1):
        rows, deltas = [], []
        for node in range(nodes):
            delta = task.train(model.weights, own[node], task.local_seed(node, round_), device).delta
            deltas.append(delta)
            if codec is not None:
                codes, left_out[node] = encode(codec, delta, left_out[node], model.exponents)
                rows.append(codec.unpack(codec.pack(codes), model.dimension))
        if codec is None:
            exact = exact + np.mean(deltas, axis=0)
            model = Model(np.rint(exact * 2.0**bits).astype(np.int32), model.exponents, bits)
        else:
            grid = kernels.next_exponents(rows, model.exponents, numbers.min_exponent, finest)
            model = Model(kernels.aggregate(Rule.MEAN, rows, model), grid, bits)
    return float(task.evaluate(model.weights, data.test, device)[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="digits", choices=[name for name, task in TASKS.items() if isinstance(task, ImageTask)])
    parser.add_argument("--codec", action="append", choices=list(EVERY), help="one or more; default: all")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    task = TASKS[given.task]
    assert isinstance(task, ImageTask)
    names, dimension = given.codec or list(EVERY), task.layout().dimension
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(1, given.seeds + 1):
        for name in names:
            found[name].append(accuracy(task, EVERY[name], given.rounds, given.nodes, seed))
            print(f"seed {seed} {name}: {100 * found[name][-1]:.2f} %", flush=True)
    print(f"\n{task.name}, {dimension:,} parameters, {given.nodes} nodes, {given.rounds} rounds, {given.seeds} seeds")
    print("| codec | bytes a parameter | accuracy, mean (%) | to float averaging (points) |\n| --- | --- | --- | --- |")
    for name, values in found.items():
        codec, mean = EVERY[name], 100 * float(np.mean(values))
        size = 4.0 if codec is None else codec.size(dimension) / dimension
        beside = f"{mean - 100 * float(np.mean(found[FLOAT])):+.2f}" if FLOAT in found else ""
        print(f"| {name} | {size:.4f} | {mean:.2f} | {beside} |")


if __name__ == "__main__":
    main()
