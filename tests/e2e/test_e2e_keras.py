"""One group, of machines with Keras and of one without: the same kind of task, from two packages."""

import os
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import recompute
from swarm_of_processes import Swarm

from swarm_chain.learning import manifest, task
from swarm_chain.protocol.model import Model, decode_model, encode_model
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round

RING = re.search(r"`ring.py`:\n\n```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "cookbook.md").read_text(), re.DOTALL)[1]
IN_NUMPY = Path(__file__).with_name("ring_in_numpy.py")


@pytest.fixture(autouse=True)
def nothing_stays_registered(monkeypatch):
    monkeypatch.setattr(manifest, "_KINDS", dict(manifest._KINDS))
    monkeypatch.setattr(task, "TASKS", dict(task.TASKS))
    monkeypatch.setenv("KERAS_BACKEND", "torch")


def installed(folder: Path, code: str) -> Path:
    """A folder of packages, as pip leaves it, with one that offers the kind ``ring``."""
    about = folder / "ring_package-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ring-package\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[swarm_chain.tasks]\nring = ring_package:Ring\n")
    (folder / "ring_package.py").write_text(code)
    return folder


def test_nodes_with_keras_and_one_with_numpy_alone_agree(swarm: Swarm, tmp_path: Path) -> None:
    with_keras = installed(tmp_path / "with keras", RING)
    without = installed(tmp_path / "without", IN_NUMPY.read_text())
    task.run_task_file(with_keras / "ring_package.py")
    ring = task.TASKS["ring"]
    swarm.create(ring).add_nodes(3)
    for index in range(3):
        packages = without if index == 2 else with_keras
        swarm.environments[index] = {"PYTHONPATH": os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])}
        if index == 2:
            swarm.environments[index]["KERAS_BACKEND"] = "none"  # Keras cannot be imported there
        swarm.start(index, rounds=3)
    swarm.all_done(timeout=240)

    finals = {final.result.round: final for final in swarm.contracts.rounds.finals(swarm.group)}
    assert list(finals) == [1, 2, 3]
    file = encode_model(Model(ring.initial_weights(), ring.initial_exponents(), ring.numbers.fraction_bits))
    parent_hash, store = finals[1].result.parent, EmbeddedStore(swarm.home(2) / "store")
    for round_, final in finals.items():
        commits = swarm.contracts.rounds.commits(swarm.group, Round(round_))
        assert {commit.node for commit in commits} == set(swarm.nodes)
        result, file = recompute.result_of(swarm, round_, parent_hash, file, commits, lambda digest: store.get(digest, 10**6))
        assert result == final.result
        parent_hash = final.result_hash
    store.close()

    learnt, held_out = decode_model(file, swarm.terms.dimension, 24).weights, ring.part(ring.load(None), 0)[1]
    assert ring.evaluate(learnt, held_out, None)[0] > 0.9 > ring.evaluate(ring.initial_weights(), held_out, None)[0]


def test_the_numpy_package_says_what_keras_does(tmp_path: Path) -> None:
    """Layout and first weights to the bit, metric and a local pass but for the last bits: what makes them one group."""
    from ring_in_numpy import Ring

    manifest._KINDS.pop(Ring.kind, None)
    task.run_task_file(installed(tmp_path, RING) / "ring_package.py")
    ring = task.TASKS["ring"]
    other = Ring(**{field.name: getattr(ring, field.name) for field in fields(ring)})
    assert type(ring) is not type(other)
    assert other.encode() == ring.encode()
    assert other.layout() == ring.layout()
    weights, (own, held_out) = ring.initial_weights(), ring.part(ring.load(None), 1)
    assert np.array_equal(other.initial_weights(), weights)
    one, two = (each.train(weights, own, 5, None) for each in (ring, other))
    assert np.abs(one.delta).max() > 0.1
    assert np.allclose(one.delta, two.delta, atol=1e-4)
    assert (one.samples, one.steps) == (two.samples, two.steps)
    assert np.allclose(ring.evaluate(weights, held_out, None), other.evaluate(weights, held_out, None), atol=1e-5)
