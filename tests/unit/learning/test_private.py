"""Training with differential privacy: what a step takes, clips and adds, beside plain computations of the same."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from swarm_chain.errors import ConfigurationError
from swarm_chain.learning import linear, local, training
from swarm_chain.learning.anomaly import SYNTHETIC_TASK
from swarm_chain.learning.data import Dataset, load
from swarm_chain.learning.devices import use_threads
from swarm_chain.learning.images import ImageTask
from swarm_chain.learning.manifest import Local, Privacy
from swarm_chain.learning.memory import Portions
from swarm_chain.learning.private import SampledGaussian, mechanism, sampling_rate
from swarm_chain.learning.task import DIGITS, DIGITS_LINEAR, Task
from swarm_chain.learning.tensors import flatten, load_into, to_values, to_weights

PRIVACY = Privacy(clip=0.5, noise=2.0, delta=1e-5, epsilon=8.0)
SILENT = 1e-12
"""Of a noise that nothing is seen of."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


@pytest.fixture(scope="module")
def images() -> Dataset:
    return load("digits").train


def private(task: ImageTask, steps: int = 5, batch: int = 32, **privacy: float) -> ImageTask:
    return replace(task, local=replace(task.local, steps=steps, batch=batch, privacy=replace(PRIVACY, **privacy)))


class Quiet(SampledGaussian):
    """The mechanism without its noise."""

    def noise(self, size: int) -> NDArray[np.float32]:
        return super().noise(size) * np.float32(SILENT)


def quiet(task: Task, count: int) -> Quiet:
    assert task.local.privacy is not None
    return Quiet(task.local.privacy, task.local, count, np.random.default_rng(1))


# ---------------------------------------------------------------------------------------------- the mechanism


@pytest.mark.parametrize(("batch", "count", "rate"), [(32, 320, 0.1), (32, 32, 1.0), (32, 5, 1.0), (1, 3, 1 / 3)])
def test_a_step_expects_a_batch_or_all_that_there_is(batch: int, count: int, rate: float) -> None:
    settings = replace(DIGITS.local, batch=batch)
    assert sampling_rate(settings, count) == pytest.approx(rate)
    assert SampledGaussian(PRIVACY, settings, count).expected == pytest.approx(min(batch, count))


def test_every_sample_is_taken_by_itself_with_the_same_probability() -> None:
    count, steps, rate = 50, 20_000, 0.1
    random = np.random.default_rng(3)
    taken = np.zeros((steps, count), bool)
    for row, batch in zip(taken, SampledGaussian(PRIVACY, replace(DIGITS.local, batch=5), count, random).batches(), strict=False):
        row[batch] = True
    deviation = (rate * (1 - rate) / steps) ** 0.5
    assert np.abs(taken.mean(0) - rate).max() < 5 * deviation
    correlation = np.corrcoef(taken.T)[np.triu_indices(count, 1)]
    assert np.abs(correlation).max() < 6 / steps**0.5, "one says nothing of another"
    sizes = taken.sum(1)
    assert sizes.var() == pytest.approx(count * rate * (1 - rate), rel=0.1), "a batch of one size would have none"
    assert sizes.min() == 0, "a step can be of no sample"


def test_with_few_samples_each_step_takes_all() -> None:
    for batch in islice(SampledGaussian(PRIVACY, DIGITS.local, 7).batches(), 100):
        assert batch.tolist() == list(range(7))


def test_the_noise_is_normal_and_as_wide_as_said() -> None:
    privacy = replace(PRIVACY, clip=0.25, noise=3.0)
    drawn = SampledGaussian(privacy, DIGITS.local, 100, np.random.default_rng(5)).noise(400_000)
    assert drawn.dtype == np.float32
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(0.75, rel=0.01)
    for times, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert (np.abs(drawn) < times * 0.75).mean() == pytest.approx(share, abs=0.003)


def test_factors_bring_every_norm_to_the_clipping_norm_at_most() -> None:
    norms = np.array([0, 1e-30, 0.25, 0.5, 0.5000001, 7, 1e30, np.inf, np.nan])
    factors = SampledGaussian(PRIVACY, DIGITS.local, 100).factors(norms)
    assert factors[:4].tolist() == [1, 1, 1, 1]
    assert (norms[:-2] * factors[:-2] <= 0.5 * (1 + 1e-6)).all()
    assert norms[5] * factors[5] == pytest.approx(0.5)
    assert factors[-2:].tolist() == [0, 0]


def test_chance_is_another_in_every_pass() -> None:
    passes = [SampledGaussian(PRIVACY, DIGITS.local, 1000) for _ in range(3)]
    noises, samples = [one.noise(8).tobytes() for one in passes], [next(one.batches()).tobytes() for one in passes]
    assert len(set(noises)) == len(set(samples)) == 3
    assert mechanism(DIGITS.local, 1000) is None


# ---------------------------------------------------------------------------------------------- gradients


def by_hand(task: ImageTask, weights: NDArray[np.int32], dataset: Dataset, rows: NDArray[np.int64], clip: float) -> NDArray[np.float64]:
    """The sum of clipped gradients, one sample after the other, by torch on the whole vector."""
    network = torch.nn.Linear(64, 10) if task.network.name == "linear" else task.model()
    if task.network.name == "linear":
        parts = task.layout().parts(to_values(weights, task.numbers.fraction_bits).copy())
        network.load_state_dict({name: torch.from_numpy(part) for name, part in parts.items()})
    else:
        load_into(network, weights, task.numbers.fraction_bits)
    summed = np.zeros(len(weights))
    for row in rows:
        network.zero_grad()
        image, label = torch.from_numpy(dataset.images[[row]]), torch.from_numpy(dataset.labels[[row]])
        cross_entropy(network(image.flatten(1) if task.network.name == "linear" else image), label).backward()
        gradient = flatten({name: parameter.grad for name, parameter in network.named_parameters()}).astype(np.float64)
        summed += gradient * min(1, clip / np.linalg.norm(gradient))
    return summed


@pytest.mark.parametrize("clip", [0.3, 2.0, 1_000.0])
@pytest.mark.parametrize("task", [DIGITS, DIGITS_LINEAR], ids=["torch", "NumPy"])
def test_each_sample_s_gradient_is_clipped_and_their_sum_divided_by_the_expected_number(
    images: Dataset, task: ImageTask, clip: float
) -> None:
    task, rows = private(task, clip=clip), np.arange(0, 200, 8)
    weights, silent = task.initial_weights(), quiet(private(task, clip=clip), len(images))
    if task.network.name == "linear":
        values = to_values(weights, task.numbers.fraction_bits)
        loss, gradient = linear._loss_and_gradient(task, values, images, rows, Portions(7, "training"), silent)
    else:
        model = task.model()
        load_into(model, weights, task.numbers.fraction_bits)

        def summed(chosen: NDArray[np.int64]) -> torch.Tensor:
            scores = model(torch.from_numpy(images.images[chosen]))
            return cross_entropy(scores, torch.from_numpy(images.labels[chosen]), reduction="sum")

        loss = training._private_loss_and_gradients(model, summed, rows, silent)
        gradient = flatten({name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None})
    expected = by_hand(task, weights, images, rows, clip) / 32
    np.testing.assert_allclose(gradient, expected, atol=2e-6 * max(clip, 1))
    assert loss * 32 / len(rows) == pytest.approx(local.evaluate(task, weights, images.take(rows), local.device(task, "cpu"))[1], rel=1e-4)


@pytest.mark.parametrize("task", [DIGITS, DIGITS_LINEAR], ids=["torch", "NumPy"])
def test_one_sample_more_moves_a_step_by_no_more_than_the_clipping_norm(images: Dataset, task: ImageTask) -> None:
    """What differential privacy rests on: whatever that sample is, and for a sample that is no number too."""
    task = replace(private(task, steps=1, batch=9, clip=0.5), local=replace(private(task).local, momentum=0.0, steps=1, batch=9))
    weights, few, image = task.initial_weights(), images.take(np.arange(9)), images.images[10:11]
    without = silent_delta(task, weights, few)
    assert np.linalg.norm(without) > 0

    def moves(image: NDArray[np.float32]) -> list[float]:
        """How far the sum of gradients is moved by the image, with one label and with another."""
        more = [Dataset(np.concatenate([few.images, image]), np.append(few.labels, label)) for label in (0, 1)]
        return [float(np.linalg.norm(silent_delta(task, weights, own) - without)) * 9 / task.local.learning_rate for own in more]

    for usual in (image, image * np.float32(1e6)):
        assert 0.4 < max(moves(usual)) <= 0.5 * 1.001
    assert max(moves(np.full_like(image, np.nan))) < 1e-4


def silent_delta(task: ImageTask, weights: NDArray[np.int32], own: Dataset) -> NDArray[np.float32]:
    """A step over all of ``own``, without noise."""

    class Whole(Quiet):
        def __init__(self, privacy: Privacy, settings: Local, count: int) -> None:
            super().__init__(privacy, settings, 9)
            self._count = count

        def batches(self) -> Iterator[NDArray[np.int64]]:
            while True:
                yield np.arange(self._count)

    with pytest.MonkeyPatch.context() as patch:
        for module in (linear, training):
            patch.setattr(module, "mechanism", lambda settings, count: Whole(settings.privacy, settings, count))
        return local.train(task, weights, own, 1, local.device(task, "cpu")).delta


@pytest.mark.parametrize("task", [DIGITS, DIGITS_LINEAR], ids=["torch", "NumPy"])
def test_a_step_of_no_sample_is_noise_alone(images: Dataset, task: ImageTask) -> None:
    task = private(replace(task, local=replace(task.local, momentum=0.0)), steps=1, batch=1, clip=0.5, noise=2.0)
    many = images.take(np.tile(np.arange(len(images)), 2))
    deltas = [local.train(task, task.initial_weights(), many, 1, local.device(task, "cpu")).delta for _ in range(12)]
    # A third of the steps, 1 / e, take no sample; whatever else one sample of a norm of 0.5 adds is little in so many coordinates.
    for delta in deltas:
        assert delta.std() == pytest.approx(task.local.learning_rate * 0.5 * 2.0, rel=0.2)


# ---------------------------------------------------------------------------------------------- passes


@pytest.mark.parametrize(
    "task",
    [DIGITS, DIGITS_LINEAR, replace(DIGITS, images=replace(DIGITS.images, crop_padding=1, flip=True))],
    ids=["torch", "NumPy", "augmented"],
)
def test_a_private_pass_learns_and_the_seed_says_nothing_of_it(images: Dataset, task: ImageTask) -> None:
    task = replace(task, local=replace(task.local, learning_rate=0.2))
    task = private(task, steps=20, batch=64, clip=1.0, noise=0.5)
    weights, told = task.initial_weights(), list[int]()
    on = local.device(task, "cpu")
    update, again = (local.train(task, weights, images, 1, on, lambda step, *_: told.append(step)) for _ in range(2))
    assert told == [*range(1, 21)] * 2
    assert (update.steps, update.samples) == (20, 20 * 64)
    assert not np.array_equal(update.delta, again.delta)
    bits = task.numbers.fraction_bits
    after = to_weights(to_values(weights, bits) + update.delta, bits, task.layout())
    assert local.evaluate(task, after, images, on)[1] < local.evaluate(task, weights, images, on)[1] - 0.4, "it came to 0.9 less at least"


def test_what_happens_to_an_image_is_not_drawn_from_the_seed_that_others_know(images: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    drawn = training.drawn
    monkeypatch.setattr(training, "drawn", lambda order, how, seed: seeds.append(seed) or drawn(order, how, seed))
    augmented = replace(DIGITS.with_steps(1), images=replace(DIGITS.images, flip=True))
    for task in (augmented, private(augmented, steps=1), private(augmented, steps=1)):
        training.train(task, task.initial_weights(), images, seed=7)
    assert seeds[0] == 7
    assert len({*seeds}) == 3


# ---------------------------------------------------------------------------------------------- manifests


def test_privacy_is_in_a_manifest_only_where_there_is_some() -> None:
    assert b"privacy" not in DIGITS.encode()
    task = private(DIGITS)
    assert b'"privacy":{"clip":0.5,"delta":1e-05,"epsilon":8.0,"noise":2.0}' in task.encode()
    assert Task.decode(task.encode()) == task
    assert Task.decode(task.encode()).encode() == task.encode()


@pytest.mark.parametrize(
    ("key", "value"),
    [("clip", 0), ("clip", -1), ("noise", 0), ("noise", "1"), ("delta", 0), ("delta", 0.1), ("epsilon", 0), ("epsilon", None), ("rate", 1)],
)
def test_privacy_that_is_none_is_refused(key: str, value: object) -> None:
    manifest = private(DIGITS).to_manifest()
    settings = manifest["local"]
    assert isinstance(settings, dict)
    settings["privacy"] = {**settings["privacy"], key: value}
    with pytest.raises(ConfigurationError, match=f"manifest is wrong at local.privacy.{key}"):
        Task.from_manifest(manifest)


def test_a_kind_that_cannot_keep_it_does_not_promise_it() -> None:
    manifest = SYNTHETIC_TASK.to_manifest()
    settings = manifest["local"]
    assert isinstance(settings, dict)
    settings["privacy"] = {"clip": 1, "noise": 1, "delta": 1e-5, "epsilon": 8}
    with pytest.raises(ConfigurationError, match="'anomaly' do not train with differential privacy"):
        Task.from_manifest(manifest)


def test_nothing_is_said_of_chance(images: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        training.train(private(DIGITS, steps=2), DIGITS.initial_weights(), images, 1)
    assert not caplog.records
