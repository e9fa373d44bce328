"""A hundred disputes and a hundred honest rounds on real contracts; ``campaign.py`` plays as many as one likes."""

from collections.abc import Iterator

import pytest
from campaign import one
from claims import KINDS
from table import Table

GAMES = 100
SEED = 1

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    table = Table(tmp_path_factory.mktemp("table"))
    yield table
    table.close()


@pytest.mark.parametrize("number", range(GAMES))
def test_one_honest_watcher_wins_every_dispute(table: Table, number: int) -> None:
    kinds = list(KINDS)
    played = one(table, "dispute", SEED + number, kinds[number % len(kinds)])
    assert played["fault"]


@pytest.mark.parametrize("number", range(GAMES))
def test_no_challenge_of_an_honest_round_is_taken(table: Table, number: int) -> None:
    played = one(table, "honest", SEED + number, "")
    assert int(str(played["attempts"])) > GAMES
