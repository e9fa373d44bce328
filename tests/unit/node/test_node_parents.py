"""Models that a node builds on are kept in memory, and few of them."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from swarm_chain.errors import NotFoundError
from swarm_chain.node.follower import Follower
from swarm_chain.node.parents import Parents
from swarm_chain.protocol.model import Model

GENESIS = b"\x01" * 32


def follower() -> Follower:
    """One that knows the genesis alone, and has no bytes of it."""
    contracts = SimpleNamespace(
        trail=None, rounds=SimpleNamespace(name="RoundManager"), deployment=SimpleNamespace(blocks={"RoundManager": 0})
    )
    return cast(Follower, SimpleNamespace(contracts=contracts, genesis=None, genesis_hash=GENESIS))


def test_models_kept_longest_are_let_go() -> None:
    parents = Parents(follower())
    models = {bytes([number]) * 32: Model(np.zeros(4, np.int32), np.zeros(1, np.int8), 20) for number in range(1, 8)}
    for hash_, model in models.items():
        parents.keep(hash_, model)
    newest = list(models)[-3:]
    assert [parents.model(hash_) is models[hash_] for hash_ in newest] == [True] * 3
    with pytest.raises(NotFoundError):
        parents.model(GENESIS)
