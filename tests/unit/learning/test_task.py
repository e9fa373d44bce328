import json
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from pydantic import ValidationError

from swarm_chain.errors import ConfigurationError, DataError, UnsupportedVersionError
from swarm_chain.learning.data import load
from swarm_chain.learning.manifest import group_key_of
from swarm_chain.learning.task import DIGITS, LARGEST_MANIFEST, MNIST, TASKS, Task, he_uniform
from swarm_chain.learning.tensors import Layout
from swarm_chain.protocol.group_key import key_commitment


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_manifest_makes_the_same_task_again(task):
    assert Task.from_manifest(task.to_manifest()) == task
    assert Task.decode(task.encode()) == task
    assert Task.decode(task.encode()).encode() == task.encode()


def test_a_manifest_says_its_version():
    assert DIGITS.to_manifest()["version"] == 1


@pytest.mark.parametrize("version", [None, 0, 3, "1", 1.0, True, [1]])
def test_another_version_is_refused(version):
    with pytest.raises(UnsupportedVersionError, match="this release knows 1 and 2"):
        Task.from_manifest({**DIGITS.to_manifest(), "version": version})


def changed(path, value):
    manifest = json.loads(DIGITS.encode())
    *sections, last = path.split(".")
    place = manifest
    for section in sections:
        place = place[section]
    place[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""),
        ("name", "A task"),
        ("metric", "loss"),
        ("codec", "sparse"),
        ("images", None),
        ("images.parts", 0),
        ("images.parts", 256),
        ("images.parts", "4"),
        ("images.parts", 4.0),
        ("images.parts", True),
        ("images.alpha", 0),
        ("images.alpha", float("nan")),
        ("images.alpha", float("inf")),
        ("images.height", 1 << 20),
        ("images.held_out_one_in", 1),
        ("network.seed", -1),
        ("network.seed", 1 << 63),
        ("local.optimizer", "adam"),
        ("local.learning_rate", -0.1),
        ("local.momentum", 1.0),
        ("local.batch", 0),
        ("local.steps", 10**9),
        ("numbers.fraction_bits", 31),
        ("numbers.initial_exponent", 21),
        ("numbers.min_exponent", -17),
        ("numbers.max_exponent", 25),
        ("surprise", 1),
        ("local.surprise", 1),
    ],
)
def test_what_a_manifest_must_not_say_is_refused(path, value):
    with pytest.raises(ConfigurationError, match="manifest"):
        Task.from_manifest(changed(path, value))


@pytest.mark.parametrize("path", ["name", "images", "images.alpha", "local.steps", "numbers.max_exponent"])
def test_what_a_manifest_must_say_is_required(path):
    manifest = changed(path, 0)
    section, _, key = path.rpartition(".")
    del (manifest[section] if section else manifest)[key]
    with pytest.raises(ConfigurationError, match="manifest"):
        Task.from_manifest(manifest)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"3", b"\xff", b"[" * 60_000, b'{"version":1,' + DIGITS.encode()[1:], b" " * (LARGEST_MANIFEST + 1)],
)
def test_bytes_that_are_no_manifest_are_refused(data):
    with pytest.raises(ConfigurationError, match="manifest"):
        Task.decode(data)


def test_a_whole_number_does_for_a_fraction():
    assert Task.from_manifest(changed("images.alpha", 1)).images.alpha == 1.0


@pytest.mark.parametrize(
    ("task", "digest"),
    [
        ("digits", "fa745e914e2dc1994d7d9e03417246e95fc2755e6922bb6dbe28381a302a8fd0"),
        ("digits-linear", "d42001cfbf5df5bfbf90c8a20417cb2c519156db6bba06e170e04b074105418d"),
        ("mnist", "807239114e1a71b074a263f150d84d6e4fcaeedd596aceb5eed0b99494ba636c"),
        ("fashion", "a3b21e5f59bac41079270575d83f37792e405100c82d8589d7516c64be89e00e"),
    ],
)
def test_groups_of_images_keep_their_manifest_to_the_byte(task, digest):
    """Digests on chain of groups that the first release made."""
    assert sha256(TASKS[task].encode()).hexdigest() == digest


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nonesuch", "'nonesuch', which is not installed"),
        (None, "None, which"),
        (["images"], "which is not installed"),
        ("os", "not installed"),
    ],
)
def test_a_kind_that_is_not_installed_is_refused(kind, reason):
    with pytest.raises(ConfigurationError, match=reason):
        Task.from_manifest({**DIGITS.to_manifest(), "version": 2, "kind": kind})


def test_images_have_a_kind_since_version_2_and_none_before():
    manifest = DIGITS.to_manifest()
    assert Task.from_manifest({**manifest, "version": 2, "kind": "images"}) == DIGITS
    with pytest.raises(ConfigurationError, match="manifest is wrong at kind"):
        Task.from_manifest({**manifest, "kind": "images"})


def test_a_task_made_in_code_is_checked_too():
    with pytest.raises(ValidationError):
        replace(DIGITS.images, parts=0)


@pytest.mark.parametrize(
    ("task", "dimension", "digest"),
    [
        (DIGITS, 6346, "750540dcfca0fb2ddbe3c727130261e889c22bdefea0468d871e445ee4967113"),
        (MNIST, 20746, "106da5c41258188f19de9ee59a44f2cf0d3dedf44633d46f45b552bc96a28ff1"),
    ],
    ids=["digits", "mnist"],
)
def test_first_weights_are_the_same_on_every_machine(task, dimension, digest):
    weights = task.initial_weights()
    assert weights.dtype == np.int32
    assert task.layout().dimension == len(weights) == dimension
    assert sha256(weights.astype(">i4").tobytes()).hexdigest() == digest
    assert task.initial_exponents().tolist() == [task.numbers.initial_exponent] * -(-dimension // 256)


COMMITMENT = key_commitment(bytes(range(32)))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_groups_key_is_in_a_manifest_only_where_the_group_is_closed(task):
    assert b"group_key" not in task.encode()
    assert group_key_of(task.encode()) is None
    closed = replace(task, group_key=COMMITMENT)
    assert Task.decode(closed.encode()) == closed
    assert group_key_of(closed.encode()) == COMMITMENT
    assert {**closed.to_manifest(), "group_key": None} == {**task.to_manifest(), "group_key": None}


@pytest.mark.parametrize("wrong", ["", "0x" + COMMITMENT[2:], COMMITMENT.upper(), COMMITMENT[1:], COMMITMENT + "\n", 7, [COMMITMENT], True])
def test_another_group_key_is_refused_by_members_and_watchers_alike(wrong):
    manifest = json.dumps({**DIGITS.to_manifest(), "group_key": wrong}).encode()
    for read in (Task.decode, group_key_of):
        with pytest.raises(ConfigurationError, match="wrong at group_key"):
            read(manifest)


def test_a_watcher_needs_not_have_the_kind_of_task():
    manifest = {**DIGITS.to_manifest(), "version": 2, "kind": "not-installed-here", "group_key": COMMITMENT}
    assert group_key_of(json.dumps(manifest).encode()) == COMMITMENT
    for data in (b"", b"[]", b"{", b'{"group_key":1,"group_key":2}', b" " * (LARGEST_MANIFEST + 1)):
        with pytest.raises(ConfigurationError, match="manifest"):
            group_key_of(data)


def test_worker_momentum_is_in_a_manifest_only_where_there_is_some():
    assert b"worker_momentum" not in DIGITS.encode()
    task = replace(DIGITS, local=replace(DIGITS.local, worker_momentum=0.9))
    assert b'"worker_momentum":0.9' in task.encode()
    assert Task.decode(task.encode()) == task
    for wrong in (1, -0.1, "0.9"):
        with pytest.raises(ConfigurationError, match="worker_momentum"):
            Task.from_manifest(changed("local.worker_momentum", wrong))


def test_another_seed_gives_other_weights():
    other = replace(DIGITS, network=replace(DIGITS.network, seed=2))
    assert (other.initial_weights() != DIGITS.initial_weights()).mean() > 0.9


def test_he_uniform_fills_its_range():
    layout = Layout(("a.bias", "a.weight", "norm.weight"), ((4,), (100, 6, 10, 10), (3,)))
    parts = layout.parts(he_uniform(layout, 20, 1) / 2**20)
    assert parts["a.bias"].tolist() == [0] * 4
    assert parts["norm.weight"].tolist() == [1] * 3
    assert np.abs(parts["a.weight"]).max() == pytest.approx(0.1, rel=1e-3)
    assert parts["a.weight"].std() == pytest.approx(0.1 / 3**0.5, rel=0.01)
    assert parts["a.weight"].mean() == pytest.approx(0, abs=1e-3)


def test_parts_share_out_the_training_images():
    data = load("digits")
    shares = [DIGITS.part(data, node) for node in range(4)]
    assert sum(len(train) + len(held) for train, held in shares) == len(data.train)
    assert all(len(held) == (len(train) + len(held)) // 10 for train, held in shares)
    for node in (-1, 4):
        with pytest.raises(DataError, match="no part"):
            DIGITS.part(data, node)


def test_with_one_part_a_node_keeps_all_that_it_has():
    data = load("digits")
    alone = replace(DIGITS, images=replace(DIGITS.images, parts=1))
    train, held = alone.part(data, 7)
    assert len(train) + len(held) == len(data.train)


def test_other_images_than_the_tasks_are_refused():
    with pytest.raises(DataError, match="shape"):
        MNIST.part(load("digits"), 0)


def test_local_seeds_differ_by_node_and_round_and_stay():
    seeds = {DIGITS.local_seed(node, round) for node in range(10) for round in range(10)}
    assert len(seeds) == 100
    assert DIGITS.local_seed(0, 1) == 6329563863133907807


def test_a_task_is_read_without_torch():
    code = "import sys, swarm_chain.learning.task, swarm_chain.learning.data; print({'torch', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
