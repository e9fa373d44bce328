"""Checkpoints: what other programs load is the model that the group agreed on, and says which one that is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from swarm_chain.learning.data import load
from swarm_chain.learning.task import DIGITS
from swarm_chain.learning.training import evaluate
from swarm_chain.node.checkpoints import Checkpoints
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import Round

HASH = bytes(range(32))


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_checkpoint_loads_into_the_network_and_says_what_it_is_of(tmp_path):
    weights = DIGITS.initial_weights()
    checkpoints = Checkpoints(tmp_path, DIGITS, 3)
    checkpoints.save(Round(12), HASH, weights)
    file = tmp_path / "checkpoints" / "round-000012.safetensors"
    assert file == checkpoints.path(Round(12))
    network = DIGITS.model()
    network.load_state_dict(load_file(file))
    data = load("digits").test
    with torch.no_grad():
        right = (network(torch.from_numpy(data.images)).argmax(1).numpy() == data.labels).mean()
    assert right == pytest.approx(evaluate(DIGITS, weights, data)[0])
    with safe_open(file, "np") as opened:
        assert opened.metadata() == {
            "round": "12",
            "result_hash": f"0x{HASH.hex()}",
            "manifest_digest": f"0x{digest_of(DIGITS.encode()).hex()}",
            "format": "pt",
        }


def test_the_newest_stay_and_a_round_computed_again_replaces_its_own(tmp_path):
    checkpoints, weights = Checkpoints(tmp_path, DIGITS, 2), DIGITS.initial_weights()
    for number in (999_998, 999_999, 1_000_000):
        checkpoints.save(Round(number), HASH, weights)
    assert names(tmp_path / "checkpoints") == ["round-1000000.safetensors", "round-999999.safetensors"]
    checkpoints.save(Round(1_000_000), HASH, np.zeros_like(weights))
    assert not any(tensor.any() for tensor in load_file(checkpoints.path(Round(1_000_000))).values())
    assert len(names(tmp_path / "checkpoints")) == 2


def test_none_are_written_where_none_are_wanted(tmp_path):
    Checkpoints(tmp_path, DIGITS, 0).save(Round(1), HASH, DIGITS.initial_weights())
    assert names(tmp_path) == []


def test_a_full_disk_costs_the_checkpoint_and_nothing_else(tmp_path, caplog):
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a device that is always full")
    checkpoints, weights = Checkpoints(tmp_path, DIGITS, 2), DIGITS.initial_weights()
    checkpoints.save(Round(1), HASH, weights)
    (tmp_path / "checkpoints" / "round-000002.partial").symlink_to("/dev/full")
    checkpoints.save(Round(2), HASH, weights)
    assert names(tmp_path / "checkpoints") == ["round-000001.safetensors"]
    assert "round-000002.safetensors cannot be written: No space left on device." in caplog.text
