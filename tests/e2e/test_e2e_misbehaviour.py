import books
import pytest
from swarm_of_processes import STAKE, Swarm

from swarm_chain.chain.events import CommitForfeited, Committed, Revealed, SeatLeft
from swarm_chain.types import Round, Seat

HONEST = 0b000111
SILENT, GARBAGE, COPYCAT = 3, 4, 5


@pytest.mark.slow
def test_silence_garbage_and_copies_earn_nothing(swarm: Swarm) -> None:
    swarm.create(reveal_duration=20, max_missed=2).add_nodes(6)
    for index in range(3):
        swarm.start(index, rounds=2)
    swarm.start(SILENT, {"never_reveals": []}, rounds=2)
    swarm.start(GARBAGE, {"seals_garbage": []}, rounds=2)
    swarm.start(COPYCAT, {"copies": []}, rounds=2)
    swarm.all_done(timeout=240)

    assert [(result.round, result.included) for result in swarm.finals()] == [(1, HONEST), (2, HONEST)]
    for round_ in (1, 2):
        view = swarm.contracts.views.round_at(swarm.group, Round(round_))
        assert view.reveal_deadline - view.opened_at <= swarm.terms.commit_duration + swarm.terms.reveal_duration
        commits = {event.node: event.sealed_digest for event in swarm.events(Committed) if event.round == round_}
        assert commits[swarm.nodes[COPYCAT]] in [digest for node, digest in commits.items() if node != swarm.nodes[COPYCAT]]
    assert swarm.nodes[SILENT] not in {event.node for event in swarm.events(Revealed)}
    revealed = {event.node for event in swarm.events(Revealed) if event.round == 2}
    assert {swarm.nodes[GARBAGE], swarm.nodes[COPYCAT]} <= revealed  # they tried

    credits = [swarm.contracts.rewards.credit_of(swarm.group, Seat(seat)) for seat in range(6)]
    assert credits[0] == credits[1] == credits[2] > 0
    assert credits[3:] == [0, 0, 0]
    assert {event.seat for event in swarm.events(CommitForfeited)} == {SILENT}
    stake = swarm.contracts.stakes.stake_of(swarm.contracts.identities.identity_of(swarm.nodes[SILENT]))
    assert stake.free + stake.locked == STAKE - 2 * (STAKE // 100)
    reputations = [swarm.contracts.views.seat(swarm.group, node).reputation for node in swarm.nodes]
    assert min(reputations[:3]) > max(reputations[3:])
    assert [event.seat for event in swarm.events(SeatLeft)] == [SILENT]  # the others evicted it after two rounds
    books.check(swarm.contracts)
