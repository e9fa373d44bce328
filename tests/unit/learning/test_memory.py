"""Too little memory, real: a process that may have no more refuses torch what a whole batch takes."""

import json
import logging
import subprocess
import sys

import pytest

from swarm_chain.errors import OutOfMemoryError
from swarm_chain.learning.memory import Portions, enough

TRAIN = """
import json, logging, resource, sys
from dataclasses import replace
import numpy as np, torch
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.task import MNIST
from swarm_chain.learning.local import device, train

torch.set_num_threads(1)
logging.basicConfig(format="%(message)s")
count, room = 16_384, int(sys.argv[1]) << 20
task = replace(MNIST, network=replace(MNIST.network, name=sys.argv[2]), local=replace(MNIST.local, batch=count, steps=1))
random = np.random.default_rng(1)
data = Dataset(random.random((count, 1, 28, 28), dtype=np.float32), random.integers(0, 10, count))
weights = task.initial_weights()
on = device(task, "cpu")
roomy = train(task, weights, data, 1, on)
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + room, held + room))
tight = train(task, weights, data, 1, on)
apart, moved = (float(np.abs(delta).max()) for delta in (tight.delta - roomy.delta, tight.delta))
print(json.dumps({"steps": tight.steps, "samples": tight.samples, "apart": apart, "moved": moved}))
"""


def train_with(megabytes, network):
    """What training comes to in a process that may take so many megabytes more than it has, and its log."""
    ended = subprocess.run([sys.executable, "-c", TRAIN, str(megabytes), network], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout), ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not keep to RLIMIT_AS")
@pytest.mark.parametrize("network", ["mlp", "linear"])
def test_a_batch_that_does_not_fit_is_trained_in_parts_to_the_same_update(network):
    came_to, said = train_with(35, network)
    assert "Out of memory while training: goes on with 8192 images at a time." in said
    assert (came_to["steps"], came_to["samples"]) == (1, 16_384)
    assert came_to["moved"] > 1e-3
    assert came_to["apart"] < 1e-3 * came_to["moved"]


def test_each_refusal_halves_until_it_fits(caplog):
    portions, tried = Portions(5, "testing"), []

    def work():
        tried.append([(part.start, part.stop) for part in portions.of(5)])
        if portions.size > 2:
            raise MemoryError
        return "done"

    with caplog.at_level(logging.WARNING):
        assert portions.fitting(work) == "done"
    assert tried == [[(0, 5)], [(0, 3), (3, 5)], [(0, 2), (2, 4), (4, 5)]]
    assert [record.getMessage().split(": ")[1][:24] for record in caplog.records] == [
        "goes on with 3 images at",
        "goes on with 2 images at",
    ]
    assert portions.fitting(work) == "done", "what was learnt of the room holds"
    assert len(tried) == 4


def test_where_not_one_image_fits_the_error_says_so_and_what_to_do():
    def work():
        raise MemoryError("not a byte")

    with pytest.raises(OutOfMemoryError, match="too little memory for testing: not a byte") as caught:
        Portions(8, "testing").fitting(work)
    assert "--device" in caught.value.do


def test_other_errors_are_not_taken_for_too_little_memory():
    portions = Portions(8, "testing")

    def fail():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        portions.fitting(fail)
    with pytest.raises(RuntimeError, match="shapes"), enough("a step"):
        fail()
    assert portions.size == 8


def test_what_no_smaller_portion_helps_against_is_an_error():
    with pytest.raises(OutOfMemoryError, match="for a step"), enough("a step"):
        raise MemoryError


def test_a_gpu_out_of_memory_is_taken_for_what_it_is():
    """Raised here by hand: this runs where there is no GPU as well."""
    import torch

    with pytest.raises(OutOfMemoryError, match="CUDA out of memory"), enough("a step"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.")
