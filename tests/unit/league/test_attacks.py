"""What attackers send is what the papers say, on the grid of the round."""

import numpy as np
import pytest

from swarm_chain.league.attacks import ATTACKS, Seen
from swarm_chain.protocol.grid import block_count
from swarm_chain.protocol.model import Model

DIMENSION, HONEST, BAD, BITS = 600, 7, 3, 24


def a_round(seed, exponent=6, weights=None):
    draw = np.random.default_rng(seed)
    common = draw.normal(0, 20, DIMENSION)
    codes = np.clip(common + draw.normal(0, 10, (HONEST + BAD, DIMENSION)), -127, 127).astype(np.int8)
    weights = draw.integers(-(2**20), 2**20, DIMENSION).astype(np.int32) if weights is None else weights
    return Seen(Model(weights, np.full(block_count(DIMENSION), exponent, np.int8), BITS), codes[BAD:], codes[:BAD])


def sent(name, rounds, seed=1):
    return ATTACKS[name].codes(rounds, np.random.default_rng(seed))


@pytest.fixture
def rounds():
    return [a_round(1), a_round(2), a_round(3)]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_codes_that_can_be_sent_from_the_first_round_on(name, rounds):
    for until in (1, 2, 3):
        codes = sent(name, rounds[:until])
        assert codes.dtype == np.int8
        assert codes.shape == (BAD, DIMENSION)
        assert codes.min() >= -127


def test_the_mean_turned_round(rounds):
    mean = rounds[-1].honest.astype(float).mean(axis=0)
    assert np.abs(sent("ipm-2", rounds) - np.clip(-2 * mean, -127, 127)).max() <= 0.5
    assert np.abs(sent("ipm-10", rounds) - np.clip(-10 * mean, -127, 127)).max() <= 0.5
    assert (sent("sign-flip", rounds) == -rounds[-1].own).all()


def test_a_little_is_enough_stays_so_many_deviations_off(rounds):
    honest = rounds[-1].honest.astype(float)
    for name, deviations in (("alie-1.5", 1.5), ("alie-3", 3)):
        expected = np.clip(honest.mean(axis=0) - deviations * honest.std(axis=0), -127, 127)
        assert np.abs(sent(name, rounds) - expected).max() <= 0.5


def test_noise_is_as_large_as_an_update_and_another_each(rounds):
    noise = sent("noise", rounds).astype(float)
    assert np.isclose(np.sqrt((noise**2).mean()), np.sqrt((rounds[-1].honest.astype(float) ** 2).mean()), rtol=0.1)
    assert np.abs(np.corrcoef(noise)[np.triu_indices(BAD, 1)]).max() < 0.2


def test_mimics_keep_to_the_one_they_chose(rounds):
    outlier = 4
    rounds[0].honest[outlier] = 127 * np.sign(rounds[0].honest[outlier])
    for until in (1, 2, 3):
        assert (sent("mimic", rounds[:until]) == rounds[until - 1].honest[outlier]).all()


def test_copies_and_free_riders(rounds):
    assert (sent("copy", rounds) == rounds[-1].honest[:BAD]).all()
    assert not sent("zero", rounds).any()
    assert (sent("same-update", rounds) == rounds[0].own).all()
    assert (sent("split-identity", rounds) == rounds[-1].own[0]).all()


def test_replays_are_worth_on_the_new_grid_what_they_were():
    before = a_round(1, exponent=6)
    step = np.random.default_rng(9).integers(-60, 60, DIMENSION)  # in steps of 2^-6
    after = a_round(2, exponent=7, weights=before.parent.weights + (step << (BITS - 6)).astype(np.int32))
    assert (sent("replay-step", [before, after]) == np.clip(2 * step, -127, 127)).all()
    assert (sent("replay-update", [before, after]) == np.clip(2 * before.honest[:BAD].astype(int), -127, 127)).all()
