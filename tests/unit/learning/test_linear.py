"""Softmax regression in NumPy is what torch's linear layer comes to."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from swarm_chain.errors import DataError, NumericError
from swarm_chain.learning import data, linear, local
from swarm_chain.learning.passes import batches
from swarm_chain.learning.task import DIGITS, DIGITS_LINEAR
from swarm_chain.learning.tensors import to_values

TASK = replace(DIGITS_LINEAR, local=replace(DIGITS.local, steps=15))


@pytest.fixture(scope="module")
def images() -> data.Dataset:
    return data.load("digits").train


def test_it_learns_what_torch_does(images: data.Dataset) -> None:
    start, seed = TASK.initial_weights(), 5
    trained = linear.train(TASK, start, images, seed)
    parts = TASK.layout().parts(to_values(start, TASK.numbers.fraction_bits).copy())
    layer = torch.nn.Linear(64, 10)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(parts["weight"]))
        layer.bias.copy_(torch.from_numpy(parts["bias"]))
    optimizer = torch.optim.SGD(layer.parameters(), TASK.local.learning_rate, momentum=TASK.local.momentum)
    order, losses = batches(len(images), TASK.local.batch, seed), []
    for _ in range(TASK.local.steps):
        chosen = next(order)
        loss = cross_entropy(layer(torch.from_numpy(images.images[chosen]).flatten(1)), torch.from_numpy(images.labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    expected = np.concatenate([layer.bias.detach().numpy(), layer.weight.detach().numpy().ravel()])
    np.testing.assert_allclose(to_values(start, TASK.numbers.fraction_bits) + trained.delta, expected, atol=1e-5)
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    assert (trained.steps, trained.samples) == (15, min(len(images), 15 * TASK.local.batch))


def test_measures_what_torch_measures_and_gets_better(images: data.Dataset) -> None:
    weights = TASK.initial_weights()
    before = linear.evaluate(TASK, weights, images)
    parts = TASK.layout().parts(to_values(weights, TASK.numbers.fraction_bits))
    scores = torch.from_numpy(images.images).flatten(1) @ torch.from_numpy(parts["weight"].copy()).T + torch.from_numpy(
        parts["bias"].copy()
    )
    labels = torch.from_numpy(images.labels)
    assert before[1] == pytest.approx(cross_entropy(scores, labels).item(), abs=1e-5)
    assert before[0] == pytest.approx((scores.argmax(1) == labels).double().mean().item())
    bits = TASK.numbers.fraction_bits
    delta = linear.train(replace(TASK, local=replace(TASK.local, steps=200)), weights, images, seed=1).delta
    after = linear.evaluate(TASK, np.rint((to_values(weights, bits) + delta) * 2.0**bits).astype(np.int32), images)
    assert after[0] > 0.9 > before[0]


def test_it_stops_when_told_and_keeps_what_it_has(images: data.Dataset) -> None:
    told: list[int] = []
    kept = linear.train(TASK, TASK.initial_weights(), images, 1, on_step=lambda step, *_: told.append(step), stop=lambda: len(told) == 3)
    assert (told, kept.steps) == ([1, 2, 3], 3)
    assert kept.delta.any()


def test_numbers_that_are_none_and_data_that_do_not_fit_are_told(images: data.Dataset) -> None:
    wild = replace(TASK, local=replace(TASK.local, learning_rate=100.0, steps=200))
    with pytest.raises(NumericError, match=r"weight|bias|loss"):
        linear.train(wild, wild.initial_weights(), replace(images, images=images.images * np.float32(1e18)), seed=1)
    with pytest.raises(DataError, match="label"):
        linear.evaluate(TASK, TASK.initial_weights(), replace(images, labels=images.labels + 1))


def test_it_needs_neither_torch_nor_what_is_slow_to_import() -> None:
    program = (
        "import sys; from swarm_chain.learning import data, local; from swarm_chain.learning.task import DIGITS_LINEAR as task;"
        "own, held_out = task.part(data.load('digits'), 0); device = local.device(task, 'auto'); weights = task.initial_weights();"
        "local.train(task, weights, own, 1, device); local.evaluate(task, weights, held_out, device);"
        "assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_task_is_trained_by_what_its_network_is_made_with(images: data.Dataset) -> None:
    for task in (TASK, replace(DIGITS, local=replace(DIGITS.local, steps=3))):
        weights, device = task.initial_weights(), local.device(task, "cpu")
        assert (device is None) == (task is TASK)
        trained = local.train(task, weights, images, 1, device)
        assert (trained.steps, trained.delta.shape) == (task.local.steps, weights.shape)
        assert 0 < local.evaluate(task, weights, images, device)[0] < 1
