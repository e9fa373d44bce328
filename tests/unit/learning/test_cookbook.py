"""The cookbook's example does what it says, exactly as printed."""

import json
import os
import re
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported

import numpy as np
import pytest

from swarm_chain.errors import ConfigurationError
from swarm_chain.learning import kernels, manifest, task
from swarm_chain.protocol.grid import quantise
from swarm_chain.protocol.model import Model
from swarm_chain.types import Rule

COOKBOOK = Path(__file__).parents[3] / "docs" / "cookbook.md"


@pytest.fixture(autouse=True)
def nothing_stays_registered(monkeypatch):
    monkeypatch.setattr(manifest, "_KINDS", dict(manifest._KINDS))
    monkeypatch.setattr(task, "TASKS", dict(task.TASKS))


def example(name):
    """The code of the task file that the cookbook calls so."""
    return re.search(rf"`{name}`:\n\n```python\n(.*?)```", COOKBOOK.read_text(), re.DOTALL)[1]


def printed(tmp_path, text=None):
    path = tmp_path / "slope.py"
    path.write_text(text if text is not None else example("slope.py"))
    return path


def test_a_file_of_ones_own_is_learnt_by_a_swarm(tmp_path):
    task.run_task_file(printed(tmp_path))
    slope = task.TASKS["slope"]
    assert task.Task.decode(slope.encode()) == slope
    assert json.loads(slope.encode())["kind"] == "slope"

    data = slope.load(None)
    model = Model(slope.initial_weights(), slope.initial_exponents(), 24)
    for round_ in range(1, 9):
        codes = []
        for node in range(4):
            own, _ = slope.part(data, node)
            codes.append(
                quantise(slope.train(model.weights, own, slope.local_seed(node, round_), slope.device("auto")).delta, model.exponents)[0]
            )
        weights = kernels.aggregate(Rule.MEAN, codes, model)
        model = Model(weights, kernels.next_exponents(codes, model.exponents, 0, 20), 24)
    assert np.allclose(model.weights / 2**24, [3, 1, -2, 0.5], atol=0.05)
    assert slope.evaluate(model.weights, slope.part(data, 0)[1], None)[0] > 0.99


def test_a_keras_model_is_learnt_by_a_swarm(tmp_path):
    task.run_task_file(printed(tmp_path, example("ring.py")))
    ring = task.TASKS["ring"]
    assert task.Task.decode(ring.encode()) == ring
    assert ring.layout().names == ("ring/hidden/bias", "ring/hidden/kernel", "ring/inside/bias", "ring/inside/kernel")

    data, device = ring.load(None), ring.device("auto")
    model = Model(ring.initial_weights(), ring.initial_exponents(), 24)
    held_out = ring.part(data, 0)[1]
    before, _ = ring.evaluate(model.weights, held_out, device)
    for round_ in range(1, 7):
        updates = [ring.train(model.weights, ring.part(data, node)[0], ring.local_seed(node, round_), device) for node in range(3)]
        codes = [quantise(update.delta, model.exponents)[0] for update in updates]
        weights = kernels.aggregate(Rule.MEAN, codes, model)
        model = Model(weights, kernels.next_exponents(codes, model.exponents, 0, 20), 24)
    assert before < 0.8
    assert ring.evaluate(model.weights, held_out, device)[0] > 0.9


def test_a_manifest_brings_no_code(tmp_path):
    task.run_task_file(printed(tmp_path))
    encoded = task.TASKS["slope"].encode()
    del manifest._KINDS["slope"]
    with pytest.raises(ConfigurationError, match="'slope', which is not installed here"):
        task.Task.decode(encoded)


def test_two_kinds_of_one_name_are_refused(tmp_path):
    task.run_task_file(printed(tmp_path))
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigurationError, match="two kinds"):
        task.run_task_file(printed(tmp_path / "other"))
    task.run_task_file(tmp_path / "slope.py")  # the same once more is no other


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("def", "SyntaxError"),
        ("", "no TASKS"),
        ("TASKS = [1]", "no TASKS"),
        ("TASKS = []", "no TASKS"),
    ],
)
def test_a_file_that_is_no_task_file_is_told(tmp_path, text, reason):
    with pytest.raises(ConfigurationError, match=reason):
        task.run_task_file(printed(tmp_path, text))
    assert not [
        name for name in sys.modules if name.startswith("swarm_chain_task_file") and str(tmp_path) in str(sys.modules[name].__file__)
    ]
    with pytest.raises(ConfigurationError, match="cannot be run"):
        task.run_task_file(tmp_path / "absent.py")


def test_an_installed_package_offers_a_kind_by_an_entry_point(tmp_path, monkeypatch):
    path = printed(tmp_path, printed(tmp_path).read_text().replace("register(Slope)\n", ""))
    path.rename(tmp_path / "slope_package.py")
    (tmp_path / "slope_package-1.dist-info").mkdir()
    (tmp_path / "slope_package-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: slope-package\nVersion: 1\n")
    (tmp_path / "slope_package-1.dist-info" / "entry_points.txt").write_text("[swarm_chain.tasks]\nslope = slope_package:Slope\n")
    monkeypatch.syspath_prepend(tmp_path)
    import slope_package

    encoded = slope_package.TASKS[0].encode()
    assert "slope" not in manifest._KINDS
    assert task.Task.decode(encoded) == slope_package.TASKS[0]
