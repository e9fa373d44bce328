import pytest

from swarm_chain.protocol.agreement import agrees, expected_parent, is_struck, parent_of
from swarm_chain.protocol.phases import Duty, duty, is_idle, on_roster, phase, reveals_are_in, round_to_commit
from swarm_chain.protocol.settlement import Settlement, settlement, unpresented
from swarm_chain.types import ZERO32, Mixing, Phase, RoundView, Rule, Scoring, SeatView, Terms

# Quorum 5,000; challenge window 10 s and idle timeout 300 s.
TERMS = Terms(700, 24, -4, 20, Rule.MEAN, Mixing.NONE, Scoring.EQUAL, 5, 2, 5000, False, 60, 20, 10, 300, 3, 8, 10**20, 10**20)
HEAD, RESULT, STRANGE = b"\x0a" * 32, b"\x01" * 32, b"\xee" * 32


def _view(number=1, *, opened=0, commits_until=60, reveals_until=80, committed=3, leader=HEAD, weight=3000, revealed=3000, **more):
    flags = {"idle": False, "struck": False, "presented": False, "due": 0} | more
    return RoundView(number, opened, commits_until, reveals_until, 3, committed, 3, 3000, revealed, leader, weight, **flags)


def _seat(from_round=1, until_round=0):
    return SeatView(0, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", 1, from_round, until_round, 1000, 1000, 0, 0, 0)


def _round_of(fields, number):
    names = ("rosterWeight", "revealedWeight", "leader", "leaderWeight", "idle", "struck")
    return RoundView(number, 0, 60, 80, 3, 3, 3, *(fields[name] for name in names), presented=False, due=0)


# ------------------------------------------------------------------------------------------------ agreement


def test_histories(vectors):
    for case in vectors("agreement")["cases"]:
        settled, head, quorum = case["settled"], case["head"], case["quorumBps"]
        numbered = enumerate(case["rounds"], settled + 1)
        views = {number: _round_of(fields, number) for number, fields in numbered}
        following = settled + len(views) + 1
        walked = [parent_of(number, head, settled, views, quorum) for number in views]
        assert walked == case["parents"], case["name"]
        results = {following - 1: case["result"]}
        assert expected_parent(following, head, settled, views, results, quorum, void=case["void"]) == case["expected"], case["name"]


def test_settling_a_round_changes_no_later_parent():
    """Whatever round 1 was settled as, the walk from the new head gives what the walk from the old one gave."""
    for leader, weight, head in ((RESULT, 3000, RESULT), (RESULT, 1000, HEAD), (HEAD, 3000, HEAD)):
        views = {1: _view(1), 2: _view(2, leader=leader, weight=weight), 3: _view(3, leader=STRANGE), 4: _view(4, weight=0)}
        for number in (2, 3, 4):
            assert parent_of(number, HEAD, 0, views, 5000) == parent_of(number, head, 1, views, 5000)


def test_a_settled_round_has_no_parent_to_walk_to():
    with pytest.raises(ValueError, match="settled"):
        parent_of(3, HEAD, 3, {}, 5000)


@pytest.mark.parametrize(("weight", "revealed", "quorum", "agreed"), [
    (2000, 3000, 5000, True),
    (1999, 3000, 5000, False),
    (1500, 1500, 5000, True),
    (1499, 1499, 5000, False),
    (2000, 2000, 6667, False),
    (2001, 2001, 6667, True),
    (0, 0, 0, False),
])  # fmt: skip
def test_agreement_takes_two_thirds_and_the_quorum(weight, revealed, quorum, agreed):
    assert agrees(_view(weight=weight, revealed=revealed), quorum) is agreed


# ------------------------------------------------------------------------------------------------ phases and duties


def test_phases_end_at_their_deadlines():
    assert [phase(_view(), now) for now in (0, 59, 60, 79, 80)] == [Phase.COMMIT, Phase.COMMIT, Phase.REVEAL, Phase.REVEAL, Phase.CLOSED]
    assert phase(_view(0, commits_until=0, reveals_until=0), 0) is Phase.CLOSED
    assert [round_to_commit(_view(4), now) for now in (59, 60, 80)] == [4, 5, 5]


def test_rosters():
    assert [on_roster(_seat(3), number) for number in (2, 3, 9)] == [False, True, True]
    assert [on_roster(_seat(3, 5), number) for number in (4, 5)] == [True, False]


def test_idle_is_long_after_the_close():
    assert [is_idle(_view(), now, 300) for now in (379, 380)] == [False, True]
    assert not is_idle(_view(0, commits_until=0, reveals_until=0), 10**9, 300)


def test_reveals_are_in_when_half_of_their_phase_is_over():
    assert [reveals_are_in(_view(), now) for now in (0, 59, 60, 69, 70, 79, 80)] == [False] * 4 + [True] * 2 + [False]
    assert not reveals_are_in(_view(0, commits_until=0, reveals_until=0), 0)


@pytest.mark.parametrize(("now", "committed", "revealed", "held", "owed"), [
    (0, False, False, 0, Duty.TRAIN_AND_COMMIT),
    (59, False, False, 3, Duty.TRAIN_AND_COMMIT),
    (59, True, False, 2, Duty.FETCH),
    (59, True, False, 3, Duty.WAIT),
    (60, True, False, 2, Duty.FETCH),
    (60, True, False, 3, Duty.REVEAL),
    (69, True, False, 2, Duty.FETCH),
    (70, True, False, 2, Duty.REVEAL),
    (79, True, False, 0, Duty.REVEAL),
    (79, True, True, 3, Duty.WAIT),
    (79, True, True, 2, Duty.FETCH),
    (79, False, False, 3, Duty.WAIT),
    (80, True, False, 3, Duty.TRAIN_AND_COMMIT),
    (80, True, True, 0, Duty.TRAIN_AND_COMMIT),
])  # fmt: skip
def test_duties(now, committed, revealed, held, owed):
    assert duty(_view(), _seat(), committed, revealed, now, held, 0) is owed


def test_duties_of_the_first_round():
    assert duty(_view(0, commits_until=0, reveals_until=0, committed=0), _seat(), False, False, 5, 0, 0) is Duty.TRAIN_AND_COMMIT


def test_who_has_no_seat_in_the_round_does_not_commit():
    assert duty(_view(), None, False, False, 0, 3, 0) is Duty.WAIT
    assert duty(_view(), None, False, False, 80, 2, 0) is Duty.FETCH
    assert duty(_view(), _seat(2), False, False, 0, 3, 0) is Duty.WAIT
    assert duty(_view(), _seat(2), False, False, 80, 3, 0) is Duty.TRAIN_AND_COMMIT
    assert duty(_view(), _seat(1, 2), True, True, 80, 3, 0) is Duty.WAIT


def test_who_left_still_reveals():
    assert duty(_view(), _seat(1, 1), True, False, 70, 3, 0) is Duty.REVEAL
    assert duty(_view(), None, True, False, 70, 3, 0) is Duty.REVEAL


def test_a_full_ring_waits_to_be_settled():
    assert duty(_view(8), _seat(), True, True, 80, 3, 0) is Duty.WAIT
    assert duty(_view(8), _seat(), True, True, 80, 3, 1) is Duty.TRAIN_AND_COMMIT


# ------------------------------------------------------------------------------------------------ settling


def _settle(views, now, struck=0, struck_at=0):
    return settlement(HEAD, 0, struck, struck_at, views, now, TERMS)


def _agreed(**more):
    """Round 1, and round 2 that closed at 160 and agreed on its result."""
    return {1: _view(1), 2: _view(2, opened=80, commits_until=140, reveals_until=160, **{"leader": RESULT} | more)}


def test_nothing_to_settle_before_the_first_round():
    assert _settle({}, 10**9) == (Settlement.NONE, 1)


def test_a_presented_result_is_final_when_it_is_due():
    views = _agreed(presented=True, due=175)
    assert [_settle(views, now)[0] for now in (159, 174)] == [Settlement.NONE] * 2
    assert _settle(views, 175)[0] is Settlement.FINALIZE
    assert _settle(views, 10**6) == (Settlement.FINALIZE, 1)


def test_an_open_round_is_not_settled():
    assert _settle({1: _view(1)}, 79)[0] is Settlement.NONE
    assert _settle(_agreed(presented=True), 100)[0] is Settlement.NONE


@pytest.mark.parametrize(("leader", "weight"), [(RESULT, 1999), (HEAD, 3000), (ZERO32, 0)])
def test_no_agreement_or_the_head_again_is_void_at_once(leader, weight):
    views = _agreed(leader=leader, weight=weight)
    assert _settle(views, 159)[0] is Settlement.NONE
    assert _settle(views, 160)[0] is Settlement.VOID


def test_a_result_nobody_presents_expires():
    views = _agreed(leader=STRANGE)
    assert _settle(views, 160 + 10 + 299)[0] is Settlement.NONE
    assert _settle(views, 160 + 10 + 300)[0] is Settlement.EXPIRE


def test_an_idle_round_is_void():
    assert _settle({1: _view(1)}, 379)[0] is Settlement.NONE
    assert _settle({1: _view(1)}, 380)[0] is Settlement.VOID
    late = {1: _view(1), 2: _view(2, opened=400, commits_until=460, reveals_until=480, leader=RESULT, idle=True)}
    assert _settle(late, 401)[0] is Settlement.VOID
    assert _settle(late, 10**6)[0] is Settlement.VOID


def test_a_struck_round_is_void_a_window_after_the_strike():
    """Until then its seats can be slashed; not even the idle timeout settles it before."""
    views = _agreed(struck=True, presented=True, due=170)
    assert _settle(views, 1009, struck=2, struck_at=1000)[0] is Settlement.NONE
    assert _settle(views, 1010, struck=2, struck_at=1000)[0] is Settlement.VOID
    last = {1: _view(1)}
    assert _settle(last, 1009, struck=1, struck_at=1000)[0] is Settlement.NONE
    assert _settle(last, 1010, struck=1, struck_at=1000)[0] is Settlement.VOID


def test_the_round_before_a_struck_one_settles_as_ever():
    views = _agreed(presented=True, due=170) | {3: _view(3, struck=True)}
    assert _settle(views, 170, struck=3, struck_at=169)[0] is Settlement.FINALIZE


def test_what_was_agreed_on_and_does_not_lie_open_is_to_be_presented():
    views = _agreed() | {3: _view(3, reveals_until=240, leader=STRANGE), 4: _view(4, reveals_until=320, leader=HEAD)}
    assert unpresented(0, views, 159, TERMS) == []
    assert unpresented(0, views, 160, TERMS) == [1]
    assert unpresented(0, views, 320, TERMS) == [1, 2, 3]
    assert unpresented(1, views, 320, TERMS) == [2, 3]
    assert unpresented(0, _agreed(presented=True), 320, TERMS) == []
    assert unpresented(0, _agreed(weight=1999), 320, TERMS) == []
    assert unpresented(0, _agreed(idle=True), 320, TERMS) == []
    assert unpresented(0, _agreed(struck=True), 320, TERMS) == []


def test_who_is_struck():
    views = _agreed(struck=True) | {3: _view(3), 4: _view(4, struck=True)}
    assert [is_struck(number, views, 4) for number in (1, 2, 3, 4)] == [True, False, True, True]
    assert [is_struck(number, views, 0) for number in (1, 2, 3, 4)] == [True, False, True, False]
