"""Together, alone, and all data in one place: what learning together is worth, on a machine of one's own and with no chain.

A round takes the functions that a node's takes: local pass, worker momentum, quantising with error feedback, the rule, the next grid.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_chain.learning import kernels
from swarm_chain.learning.anomaly import AnomalyTask, scale_of
from swarm_chain.learning.encoding import Carried, encode_update
from swarm_chain.learning.manifest import Task
from swarm_chain.learning.tensors import to_values, to_weights
from swarm_chain.learning.traffic import Traffic
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import AggregationRule

Weights = NDArray[np.int32]


def rounds_of(task: Task, own: Sequence[Any], rounds: int, rule: AggregationRule, device: str = "cpu") -> Iterator[Weights]:
    """The model after each of the rounds, int32[d], of nodes with these data of the task's; one alone learns by itself."""
    numbers, at = task.numbers, task.device(device)
    model = Model(task.initial_weights(), task.initial_exponents(), numbers.fraction_bits)
    carried: list[Carried | None] = [None] * len(own)
    for round_ in range(1, rounds + 1):
        codes = []
        for node, data in enumerate(own):
            trained = task.train(model.weights, data, task.local_seed(node, round_), at)
            coded, carried[node] = encode_update(task, trained.delta, carried[node], model.exponents)
            codes.append(coded)
        weights = kernels.aggregate_by(rule, codes, model)
        exponents = kernels.next_exponents(codes, model.exponents, numbers.min_exponent, numbers.max_exponent)
        model = Model(weights, exponents, numbers.fraction_bits)
        yield weights


def in_one_place(task: AnomalyTask, rows: Traffic, steps: int, device: str = "cpu") -> Weights:
    """The same autoencoder from the same first weights, trained on all rows at their own scale, in floats, for so many steps: int32[d]."""
    layout, bits = task.layout(), task.numbers.fraction_bits
    values = to_values(task.initial_weights(), bits)
    agreed = np.asarray(layout.parts(values)["agreed"], np.float32)
    layout.parts(values)["agreed"][...] = scale_of(rows.rows, agreed)
    start = to_weights(values, bits, layout)
    trained = task.with_steps(steps).train(start, rows, task.network.seed, task.device(device))
    trained.delta[: len(agreed)] = 0
    return to_weights(to_values(start, bits) + trained.delta, bits, layout)
