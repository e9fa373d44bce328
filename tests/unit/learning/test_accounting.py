"""Epsilon beside published values, beside plain sums of the same bound, and beside another accountant."""

import subprocess
import sys
from dataclasses import replace
from math import comb, exp, inf, log

import dp_accounting
import pytest
from dp_accounting.pld import PLDAccountant

from swarm_chain.learning.accounting import MOST_ROUNDS, epsilon, rounds_within, with_steps
from swarm_chain.learning.manifest import Privacy

MNIST = Privacy(clip=1.0, noise=1.3, delta=1e-5, epsilon=2.0)
RATE, STEPS = 250 / 60_000, 15 * 240
"""15 epochs of MNIST in batches of 250: the example of TensorFlow Privacy's tutorial."""


def renyi(noise: float, rate: float, order: int) -> float:
    """Rényi divergence of a step at an integer order: Mironov, Talwar, Zhang 2019, section 3.3."""
    terms = (comb(order, k) * (1 - rate) ** (order - k) * rate**k * exp(k * (k - 1) / (2 * noise**2)) for k in range(order + 1))
    return log(sum(terms)) / (order - 1)


def by_hand(privacy: Privacy, rate: float, steps: int, *, sharp: bool) -> float:
    """By the conversion of Mironov 2017 (arXiv:1702.07476), or that of Canonne, Kamath, Steinke 2020 (arXiv:2004.00010)."""
    found = inf
    for order in range(2, 50):
        gained = log((order - 1) / order) - log(order) / (order - 1) if sharp else 0.0
        found = min(found, steps * renyi(privacy.noise, rate, order) + log(1 / privacy.delta) / (order - 1) + gained)
    return found


def test_the_tutorial_s_epsilon() -> None:
    """It is published as 1.18, by the older conversion; what is counted here is the sharper bound for the same steps."""
    assert by_hand(MNIST, RATE, STEPS, sharp=False) == pytest.approx(1.18, abs=0.01)
    assert epsilon(MNIST, {RATE: STEPS}) == pytest.approx(by_hand(MNIST, RATE, STEPS, sharp=True), rel=1e-6)
    assert epsilon(MNIST, {RATE: STEPS}) == pytest.approx(0.942, abs=0.001)


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1.3, RATE, STEPS), (1.0, 0.1, 60), (2.0, 1.0, 5)])
def test_it_is_no_less_than_what_is_numerically_right(noise: float, rate: float, steps: int) -> None:
    accountant = PLDAccountant()
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)), steps)
    right = accountant.get_epsilon(1e-5)
    assert right < epsilon(replace(MNIST, noise=noise), {rate: steps}) < 1.2 * right


def test_it_grows_with_steps_and_rate_and_falls_with_noise_and_delta() -> None:
    def of(steps: int = 100, rate: float = 0.05, noise: float = 1.0, delta: float = 1e-5) -> float:
        return epsilon(replace(MNIST, noise=noise, delta=delta), {rate: steps})

    assert 0 == of(steps=0) < of() < of(steps=101) < of(steps=1000)
    assert of(rate=0.04) < of() < of(rate=0.06)
    assert of(noise=1.1) < of() < of(noise=0.9)
    assert of(delta=1e-4) < of() < of(delta=1e-6)
    assert 0 < of(rate=1e-9, noise=100.0, delta=1e-9, steps=10**9) < inf, "not nothing, where rounding exceeds what is computed"


def test_steps_of_several_rates_are_one_budget() -> None:
    both = epsilon(MNIST, {0.01: 100, 0.02: 50})
    assert max(epsilon(MNIST, {0.01: 100}), epsilon(MNIST, {0.02: 50})) < both < epsilon(MNIST, {0.02: 150})
    assert epsilon(MNIST, {0.01: 60}) == epsilon(MNIST, with_steps({0.01: 40}, 0.01, 20))
    assert with_steps({0.01: 40}, 0.02, 20) == {0.01: 40, 0.02: 20}


@pytest.mark.parametrize("spent", [{}, {0.05: 30}, {0.2: 2}])
def test_so_many_rounds_fit_and_one_more_does_not(spent: dict[float, int]) -> None:
    privacy = replace(MNIST, epsilon=4.0)
    left = rounds_within(privacy, 0.05, 10, spent)
    assert left > 0
    assert epsilon(privacy, with_steps(spent, 0.05, 10 * left)) <= 4
    assert epsilon(privacy, with_steps(spent, 0.05, 10 * (left + 1))) > 4


def test_a_budget_for_no_round_and_one_without_end() -> None:
    assert rounds_within(replace(MNIST, epsilon=0.01), 0.5, 10, {}) == 0
    assert rounds_within(replace(MNIST, epsilon=1e6), 0.001, 1, {}) == MOST_ROUNDS


def test_without_the_library_it_is_said_what_to_install() -> None:
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("dp_accounting"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import swarm_chain.node.daemon, swarm_chain.learning.accounting as accounting
from swarm_chain.errors import ConfigurationError
for ask in (accounting.require, lambda: accounting.epsilon(None, {})):
    try:
        ask()
    except ConfigurationError as error:
        print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.count("pip install 'swarm-chain[privacy]'") == 2
