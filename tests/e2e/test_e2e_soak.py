"""Ten minutes of random faults: no stall, no strike, memory flat, the ledger exact."""

import pytest
from soak import soak


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_ten_minutes_of_random_faults(tmp_path) -> None:
    told = soak(tmp_path, minutes=10, seed="ci")
    assert told["final"] >= 5, told
    assert len(told["troubles"]) >= 8, told
