from types import SimpleNamespace

import pytest

from swarm_chain.node.journal import Journal
from swarm_chain.node.prune import prune
from swarm_chain.node.settle import LONGEST_WAIT, turn
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round


@pytest.fixture
def member(tmp_path):
    store = EmbeddedStore(tmp_path / "store")
    with Journal(tmp_path / "journal.db", bytes(32)) as journal:
        yield SimpleNamespace(store=store, journal=journal)
    store.close()


def keep(member, round_, data):
    digest = member.store.put(data).digest
    member.journal.record_held(digest, Round(round_))
    return digest


def test_bytes_of_old_rounds_go_and_the_rest_stays(member):
    digests = {round_: keep(member, round_, f"round {round_}".encode()) for round_ in range(1, 7)}
    manifest = member.store.put(b"the manifest").digest
    assert prune(member, Round(6), keep_rounds=2, models=[digests[1]]) == 3
    held = {round_: member.store.has(digest) for round_, digest in digests.items()}
    assert held == {1: True, 2: False, 3: False, 4: False, 5: True, 6: True}  # 1 is the last final model
    assert member.store.has(manifest)
    assert prune(member, Round(6), keep_rounds=2, models=[digests[1]]) == 0


def test_a_young_group_keeps_everything(member):
    digest = keep(member, 1, b"round 1")
    assert prune(member, Round(1), keep_rounds=16, models=[digest]) == 0
    assert member.store.has(digest)


def test_bytes_that_a_kept_round_needs_too_stay(member):
    keep(member, 1, b"the same model")
    digest = keep(member, 5, b"the same model")
    prune(member, Round(6), keep_rounds=2, models=[bytes(32)])
    assert member.store.has(digest)


def test_every_seat_is_first_in_some_round_and_all_have_their_turn():
    for round_ in range(1, 9):
        turns = [turn(seat, Round(round_), 4) for seat in range(4)]
        assert len(set(turns)) == 4
        assert turns.index(0) == round_ % 4


def test_no_seat_waits_for_hundreds_of_others():
    assert max(turn(seat, Round(7), 255) for seat in range(255)) == LONGEST_WAIT
