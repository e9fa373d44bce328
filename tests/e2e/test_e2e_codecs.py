"""Nodes of groups whose updates travel as something else than dense codes."""

from dataclasses import replace

import pytest
import recompute
from swarm_of_processes import Swarm

from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.model import Model, encode_model
from swarm_chain.protocol.sealing import max_sealed_size
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round


@pytest.mark.parametrize("name", [pytest.param("sign", marks=pytest.mark.slow), "top-k"])
def test_three_nodes_agree_whatever_updates_travel_as(swarm: Swarm, name: str) -> None:
    codec, first = CODECS[name], DIGITS_LINEAR.numbers.initial_exponent
    numbers = DIGITS_LINEAR.numbers if codec.coarsens else replace(DIGITS_LINEAR.numbers, max_exponent=first)
    task = replace(DIGITS_LINEAR, codec=name, numbers=numbers, local=replace(DIGITS_LINEAR.local, steps=12))
    swarm.create(task, max_exponent=numbers.max_exponent).add_nodes(3)
    for index in range(3):
        swarm.start(index, rounds=2)
    swarm.all_done(timeout=180)

    finals = {final.result.round: final for final in swarm.contracts.rounds.finals(swarm.group)}
    assert list(finals) == [1, 2]
    parent = encode_model(Model(task.initial_weights(), task.initial_exponents(), task.numbers.fraction_bits))
    parent_hash, store = finals[1].result.parent, EmbeddedStore(swarm.home(2) / "store")
    for round_ in (1, 2):
        commits = swarm.contracts.rounds.commits(swarm.group, Round(round_))
        sealed = [store.get(commit.sealed_digest, 10**6) for commit in commits]
        assert len(sealed) == 3
        assert {data[6] for data in sealed} == {codec.number}
        # 24 bytes of sealing, 128 of header, and the wire form; a frame adds little where nothing can be compressed
        assert max(map(len, sealed)) <= 24 + 128 + codec.size(swarm.terms.dimension) + 32 < swarm.terms.dimension
        assert max(map(len, sealed)) <= max_sealed_size(swarm.terms.dimension, codec)
        result, parent = recompute.result_of(swarm, round_, parent_hash, parent, commits, lambda digest: store.get(digest, 10**6))
        assert result == finals[round_].result
        parent_hash = finals[round_].result_hash
    store.close()
