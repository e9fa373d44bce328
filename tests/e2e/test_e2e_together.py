"""What a swarm learns on a chain is, bit for bit, what the same functions learn in one process."""

import time
from dataclasses import replace

import numpy as np
from swarm_of_processes import Swarm
from threadpoolctl import threadpool_limits

from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.learning.together import rounds_of
from swarm_chain.protocol.model import decode_model, model_size
from swarm_chain.protocol.rules import RULES
from swarm_chain.storage.embedded import EmbeddedStore

NODES, ROUNDS = 3, 6
RULE = RULES["aligned-mean"]


def test_with_worker_momentum_and_a_node_killed_on_the_way(swarm: Swarm) -> None:
    """Momentum and residual live in the journal: who is killed goes on with them."""
    task = replace(DIGITS_LINEAR.dealt_to(NODES), local=replace(DIGITS_LINEAR.local, steps=8, worker_momentum=0.9))
    swarm.create(task, rule=RULE.coordinates, mixing=RULE.mixing, min_updates=NODES).add_nodes(NODES)
    for index in range(NODES):
        swarm.start(index, rounds=ROUNDS, keep_rounds=ROUNDS + 2)
    until = time.monotonic() + 180
    while swarm.contracts.views.phase(swarm.group).round < 3 and time.monotonic() < until:
        time.sleep(0.1)
    swarm.kill(1)
    swarm.start(1, rounds=ROUNDS, keep_rounds=ROUNDS + 2)
    swarm.all_done(timeout=300)

    finals = [final.result for final in swarm.contracts.rounds.finals(swarm.group)]
    assert [result.round for result in finals] == list(range(1, ROUNDS + 1))
    assert {result.included.bit_count() for result in finals} == {NODES}
    data = task.load(None)
    own = [task.part(data, node)[0] for node in range(NODES)]
    forgetful = replace(task, local=replace(task.local, worker_momentum=0.0))
    with threadpool_limits(1):  # as the nodes have; more threads may add floats up in another order
        models, without = ([*rounds_of(each, own, ROUNDS, RULE)] for each in (task, forgetful))
    assert not np.array_equal(models[-1], without[-1]), "momentum does something"
    store = EmbeddedStore(swarm.home(1) / "store")
    try:
        for result, expected in zip(finals, models, strict=True):
            file = store.get(result.model_digest, model_size(swarm.terms.dimension))
            weights = decode_model(file, swarm.terms.dimension, swarm.terms.fraction_bits).weights
            assert np.array_equal(weights, expected), f"round {result.round}"
    finally:
        store.close()
    assert finals[-1].metric > finals[1].metric, "and it learns"
