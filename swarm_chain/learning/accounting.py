"""What a node's updates together tell of a sample of its own: (epsilon, delta), by Google's dp-accounting. Needs the extra ``privacy``.

Rényi differential privacy of the Poisson-subsampled Gaussian (Mironov, Talwar, Zhang 2019, arXiv:1908.10530), composed over all steps of
all updates, for neighbours that differ by one sample more or less. Of orders it takes integers alone: their sums are finite, and what other
orders could win is little.
"""

from collections.abc import Mapping

from swarm_chain.errors import ConfigurationError
from swarm_chain.learning.manifest import Privacy

Spent = Mapping[float, int]
"""Private steps by the rate that they sampled with. A node whose data change has several rates."""

ORDERS = (*range(2, 64), 80, 96, 128, 192, 256, 384, 512, 768, 1024)
LEAST_RATE = 1e-5
"""Smaller rates count as this one: epsilon only grows with the rate, and below, rounding exceeds what is computed."""
MOST_ROUNDS = 1 << 20


def require() -> None:
    """Raises ConfigurationError where dp-accounting is not installed."""
    try:
        import dp_accounting  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The group trains with differential privacy, and what that comes to is counted with dp-accounting, which is not installed.",
            "Nothing was sent.",
            "pip install 'swarm-chain[privacy]'.",
        ) from error


def epsilon(privacy: Privacy, spent: Spent) -> float:
    """The epsilon of so many steps, at the group's delta; 0 for none.

    Raises:
        ConfigurationError: dp-accounting is not installed.
    """
    require()
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant(ORDERS)
    for rate, steps in spent.items():
        step = dp_accounting.PoissonSampledDpEvent(max(rate, LEAST_RATE), dp_accounting.GaussianDpEvent(privacy.noise))
        if steps:
            accountant.compose(step, steps)
    return float(accountant.get_epsilon(privacy.delta)) if any(spent.values()) else 0.0


def with_steps(spent: Spent, rate: float, steps: int) -> Spent:
    """What is spent after ``steps`` more at a rate."""
    return {**spent, rate: spent.get(rate, 0) + steps}


def rounds_within(privacy: Privacy, rate: float, steps_a_round: int, spent: Spent) -> int:
    """How many rounds more the group's epsilon allows, at most ``MOST_ROUNDS``. Raises as :func:`epsilon`."""

    def fits(rounds: int) -> bool:
        return epsilon(privacy, with_steps(spent, rate, rounds * steps_a_round)) <= privacy.epsilon

    high = 1
    while high <= MOST_ROUNDS and fits(high):
        high *= 2
    low, high = high // 2, min(high, MOST_ROUNDS + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
