"""What observers are told of work: once, when it ended, for as long as it took, and failed where it did."""

import pytest

from swarm_chain.node.observing import FORGOTTEN_AFTER, Observers, Work
from swarm_chain.types import Round


class Remembers:
    def __init__(self):
        self.told = []

    def status(self, status):
        self.told.append(status)

    def saw(self, number, time):
        self.told.append((number, time))

    def did(self, done):
        self.told.append((done.work, done.round, done.failed))


@pytest.fixture
def heard():
    observers, first, second = Observers(), Remembers(), Remembers()
    observers.add(first)
    observers.add(second)
    yield observers, first.told
    assert first.told == second.told


def test_work_is_told_when_it_ended_even_by_an_error(heard):
    observers, told = heard
    with observers.doing(Work.TRAIN, Round(1)):
        assert told == []
    with pytest.raises(KeyError), observers.doing(Work.AGGREGATE, Round(1)):
        raise KeyError
    assert told == [(Work.TRAIN, 1, ""), (Work.AGGREGATE, 1, "KeyError")]


def test_work_over_several_looks_is_told_once(heard):
    observers, told = heard
    observers.end(Work.COMMIT, Round(1))
    assert told == [], "it never began: an earlier process did it"
    for _ in range(3):
        observers.begin(Work.COMMIT, Round(1))
    for _ in range(3):
        observers.end(Work.COMMIT, Round(1))
    assert told == [(Work.COMMIT, 1, "")]


def test_what_others_did_instead_is_forgotten(heard):
    observers, told = heard
    observers.begin(Work.SETTLE, Round(1))
    observers.begin(Work.SETTLE, Round(1 + FORGOTTEN_AFTER))
    observers.end(Work.SETTLE, Round(1))
    assert told == []
    observers.end(Work.SETTLE, Round(1 + FORGOTTEN_AFTER))
    assert len(told) == 1


def test_nobody_needs_to_listen():
    observers = Observers()
    with observers.doing(Work.TRAIN, Round(1)):
        observers.saw(1, 2)
