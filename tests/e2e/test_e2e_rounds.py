from swarm_of_processes import Swarm

from swarm_chain.chain.events import RoundFinal


def test_three_rounds_and_the_closing_vote(swarm: Swarm) -> None:
    swarm.create().add_nodes(4)
    for index in range(4):
        swarm.start(index, rounds=3)
    swarm.all_done(timeout=150)
    assert [event.round for event in swarm.events(RoundFinal)] == [1, 2, 3]
