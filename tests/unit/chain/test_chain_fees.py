import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.chain.fees import GWEI, Fees, Market, offered, raised

prices = st.integers(0, 10_000 * GWEI)


def test_twice_the_base_fee_is_offered_as_far_as_the_ceiling_lets() -> None:
    assert offered(Market(10, 3), ceiling=100) == Fees(23, 3)
    assert offered(Market(10, 3), ceiling=20) == Fees(20, 3)
    assert offered(Market(10, 3), ceiling=13) == Fees(13, 3)
    assert offered(Market(10, 3), ceiling=12) is None


@pytest.mark.parametrize(
    ("before", "market", "ceiling", "after"),
    [
        (Fees(80, 8), Market(10, 1), 1_000, Fees(90, 9)),  # an eighth more of both, though the market asks for less
        (Fees(80, 8), Market(500, 20), 10_000, Fees(1_020, 20)),  # what the market asks for
        (Fees(80, 8), Market(500, 20), 600, Fees(600, 20)),  # as far as the ceiling lets
        (Fees(80, 8), Market(500, 20), 519, None),
        (Fees(80, 8), Market(10, 1), 89, None),
        (Fees(0, 0), Market(0, 0), 10, Fees(1, 1)),
    ],
)
def test_a_replacement_offers_more(before: Fees, market: Market, ceiling: int, after: Fees | None) -> None:
    assert raised(before, market, ceiling) == after


@given(highest=prices, part=st.floats(0, 1), base=prices, tip=prices, ceiling=prices)
def test_no_node_refuses_a_replacement_and_none_is_above_the_ceiling(highest: int, part: float, base: int, tip: int, ceiling: int) -> None:
    before = Fees(highest, int(highest * part))
    after = raised(before, Market(base, tip), ceiling)
    if after is not None:
        assert after.highest * 100 >= before.highest * 110
        assert after.tip * 100 >= before.tip * 110
        assert base <= after.highest <= ceiling
        assert after.tip <= after.highest
