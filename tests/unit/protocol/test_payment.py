"""What a round pays, against the specification's words in exact fractions; and why an update does not count."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.protocol.absence import Absence, absence, holders
from swarm_chain.protocol.payment import UNIT, FinalRound, payment
from swarm_chain.protocol.scores import FULL, decode_scores, encode_scores
from swarm_chain.types import ZERO32, Address, CommittedUpdate, Digest, Result, Reveal, Round, Seat

TOKEN = 10**18
WEI = st.one_of(st.integers(0, 10**27), st.integers(0, 300 * UNIT), st.integers(0, 100).map(lambda tokens: tokens * TOKEN))
SECONDS = st.integers(0, 2**32)
SCORE = st.one_of(st.integers(0, 10_000), st.just(0), st.just(10_000))
SCORES = st.one_of(st.dictionaries(st.integers(0, 254), SCORE), st.sets(st.integers(0, 254)).map(lambda seats: dict.fromkeys(seats, FULL)))
BITMAP = st.one_of(st.integers(0, 2**255 - 1), st.integers(0, 31), st.just(2**255 - 1))
ROUNDS = st.builds(FinalRound, reward=WEI, budget=WEI, elapsed=SECONDS, duration=SECONDS, scores=SCORES, voted=BITMAP)


@given(ROUNDS)
def test_it_pays_what_the_specification_says(round_: FinalRound) -> None:
    part = min(Fraction(1), Fraction(round_.elapsed, round_.duration)) if round_.duration else Fraction(1)
    pot = int(min(round_.reward, round_.budget) * part)
    whole, best = sum(round_.scores.values()), max(round_.scores.values(), default=0)
    most = int(Fraction(pot * best, max(whole, 1)) / UNIT)
    shares = {seat: int(Fraction(most * score, max(best, 1))) for seat, score in round_.scores.items()}
    paid = payment(round_)
    assert paid.pot == pot
    assert paid.shares == {seat: share * UNIT for seat, share in shares.items()}
    assert paid.credits == {seat: (share if round_.voted & 2**seat else share // 2) * UNIT for seat, share in shares.items()}


@given(ROUNDS)
def test_equal_scores_are_equal_shares(round_: FinalRound) -> None:
    paid = payment(replace(round_, scores=dict.fromkeys(round_.scores, FULL)))
    assert set(paid.shares.values()) <= {paid.pot // max(len(round_.scores), 1) // UNIT * UNIT}


@given(ROUNDS)
def test_nothing_is_made_or_lost(round_: FinalRound) -> None:
    paid = payment(round_)
    assert round_.reward == paid.unfunded + paid.early + paid.pot
    assert paid.pot == paid.paid + paid.halved + paid.rounded
    assert min(paid.unfunded, paid.early, paid.paid, paid.halved, paid.rounded) >= 0
    assert paid.paid <= min(paid.pot, round_.budget)
    # What the best lacks of a unit, each of its parts lacks as well, and each is rounded down itself.
    assert not any(round_.scores.values()) or paid.rounded < 2 * len(paid.shares) * UNIT


def test_three_seats_one_of_which_did_not_vote() -> None:
    # 100 tokens, of which 90 are there; half of the time; thirds of 45, one of them halved.
    paid = payment(FinalRound(100 * TOKEN, 90 * TOKEN + 1, 400, 800, dict.fromkeys((0, 1, 3), FULL), 0b0011))
    assert paid.credits == {0: 15 * TOKEN, 1: 15 * TOKEN, 3: 7 * TOKEN + TOKEN // 2}
    assert (paid.unfunded, paid.early, paid.pot) == (10 * TOKEN - 1, 45 * TOKEN + 1, 45 * TOKEN)
    assert (paid.halved, paid.rounded) == (7 * TOKEN + TOKEN // 2, 0)


def test_shares_go_by_scores() -> None:
    # 100 tokens by 10,000 : 5,000 : 1 : 0; the second did not vote.
    paid = payment(FinalRound(100 * TOKEN, 100 * TOKEN, 800, 800, {0: 10_000, 1: 5_000, 4: 1, 9: 0}, 0b1000010001))
    best = 100 * TOKEN * 10_000 // 15_001 // UNIT * UNIT
    assert paid.credits == {0: best, 1: best // UNIT // 2 // 2 * UNIT, 4: best // UNIT // 10_000 * UNIT, 9: 0}
    assert payment(FinalRound(TOKEN, TOKEN, 1, 1, {0: 0, 1: 0}, 0b11)).paid == 0
    assert payment(FinalRound(TOKEN, TOKEN, 1, 1, {}, 0b11)).paid == 0


@given(SCORES)
def test_scores_come_back_as_they_were(scores: dict[Seat, int]) -> None:
    included = sum(1 << seat for seat in scores)
    assert decode_scores(encode_scores(scores), included) == scores


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(5), bytes(8)])
def test_scores_of_another_length_say_nothing(data: bytes) -> None:
    assert decode_scores(data, 0b10101) == {0: FULL, 2: FULL, 4: FULL}


PARENT = b"\x01" * 32
RESULT = Result(Round(3), PARENT, Digest(ZERO32), ZERO32, ZERO32, 0b00001, b"", b"", 0)


def update(
    seat: int, *, weight: int = 1000, parent: bytes = PARENT, available: int = 0b11101, sealed: bytes = b"\x07" * 32
) -> CommittedUpdate:
    reveal = Reveal(ZERO32, parent, ZERO32, 1, 0, available)
    return CommittedUpdate(Seat(seat), Address(f"0x{seat:040x}"), weight, Digest(sealed), reveal)


def test_why_an_update_does_not_count() -> None:
    unrevealed = CommittedUpdate(Seat(4), Address(f"0x{4:040x}"), 1000, Digest(b"\x07" * 32), None)
    updates = [update(0), update(1, parent=ZERO32), update(2, sealed=ZERO32), update(3), unrevealed]
    found = [absence(Seat(seat), updates, RESULT) for seat in range(6)]
    assert found == [
        None,
        Absence.OTHER_PARENT,
        Absence.EMPTY,
        Absence.NOT_CANONICAL,
        Absence.NOT_REVEALED,
        Absence.NOT_COMMITTED,
    ]
    assert [absence(Seat(seat), updates, None) for seat in range(6)] == [None, None, Absence.EMPTY, None, *found[4:]]


@pytest.mark.parametrize(("weight", "why"), [(1999, Absence.NOT_AVAILABLE), (2000, Absence.NOT_CANONICAL)])
def test_two_thirds_of_the_weight_must_hold_it(weight: int, why: Absence) -> None:
    updates = [update(0, weight=1000, available=0b01), update(1, weight=weight, available=0b11)]
    assert holders(Seat(1), updates) == (1, 2)
    assert absence(Seat(1), updates, RESULT) is why
    assert absence(Seat(1), updates, RESULT, weighed=False) is Absence.NOT_AVAILABLE_OR_NOT_CANONICAL
