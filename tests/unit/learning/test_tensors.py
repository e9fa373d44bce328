import numpy as np
import pytest
import torch
from torch import nn

from swarm_chain.errors import NumericError
from swarm_chain.learning.models import NAMES, build
from swarm_chain.learning.tensors import Layout, flatten, layout_of, load_into, to_values, to_weights

LAYOUT = Layout(("a", "b.weight"), ((2,), (2, 3)))


def test_layout_sorts_names_and_leaves_integers_out():
    state = {
        "z": torch.zeros(2, 2),
        "a": torch.zeros(3),
        "count": torch.tensor(5),
        "mask": torch.zeros(4, dtype=torch.bool),
        "scalar": torch.tensor(1.0),
    }
    layout = layout_of(state)
    assert layout == Layout(("a", "scalar", "z"), ((3,), (), (2, 2)))
    assert layout.dimension == 8
    assert [layout.name_at(index) for index in (0, 2, 3, 4, 7)] == ["a", "a", "scalar", "z", "z"]


def test_parts_are_views_in_order():
    parts = LAYOUT.parts(np.arange(8))
    assert parts["a"].tolist() == [0, 1]
    assert parts["b.weight"].tolist() == [[2, 3, 4], [5, 6, 7]]


def test_parts_of_another_length_are_refused():
    with pytest.raises(NumericError, match="8 coordinates, 9 were given"):
        LAYOUT.parts(np.zeros(9))


@pytest.mark.parametrize("name", NAMES)
def test_weights_survive_the_way_into_a_module_and_back(name):
    model = build(name, (1, 8, 8), 10)
    vector = flatten(model.state_dict())
    weights = to_weights(vector, 24, layout_of(model.state_dict()))
    other = build(name, (1, 8, 8), 10)
    load_into(other, weights, 24)
    assert np.array_equal(to_weights(flatten(other.state_dict()), 24, LAYOUT), weights)
    assert np.abs(to_values(weights, 24) - vector).max() <= 2.0**-25


def test_load_into_keeps_what_is_not_learnt():
    module = nn.BatchNorm1d(2)
    module.num_batches_tracked += 7
    weights = np.arange(8, dtype=np.int32) << 24
    load_into(module, weights, 24)
    assert module.num_batches_tracked == 7
    assert module.bias.tolist() == [0, 1]
    assert module.running_mean.tolist() == [2, 3]
    assert module.running_var.tolist() == [4, 5]
    assert module.weight.tolist() == [6, 7]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named(value):
    vector = np.zeros(8, np.float32)
    vector[2] = value
    with pytest.raises(NumericError, match=r"Tensor b\.weight holds .*1 of 8 are not finite"):
        to_weights(vector, 24, LAYOUT)
    with pytest.raises(NumericError, match="Tensor w holds"):
        flatten({"v": torch.zeros(3), "w": torch.tensor([1.0, value])})


def test_the_range_is_that_of_int32():
    edge = np.zeros(8)
    edge[0], edge[1] = -128, 128 - 2.0**-24
    assert to_weights(edge, 24, LAYOUT)[:2].tolist() == [-(2**31), 2**31 - 1]
    for value in (128.0, -128 - 2.0**-24):
        beyond = np.zeros(8)
        beyond[7] = value
        with pytest.raises(NumericError, match=r"Tensor b\.weight holds .*within ±128"):
            to_weights(beyond, 24, LAYOUT)


def test_half_precision_is_read_as_float():
    assert flatten({"a": torch.tensor([0.5, -2.0], dtype=torch.bfloat16)}).tolist() == [0.5, -2.0]
