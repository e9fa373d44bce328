import json

import books
import recompute
from swarm_of_processes import BUDGET, REWARD, Swarm

from swarm_chain.chain.events import Committed, Revealed
from swarm_chain.chain.rounds import FinalResult
from swarm_chain.protocol.model import Model, encode_model, model_root
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round, Seat

GWEI = 10**9


def test_three_rounds_and_the_closing_vote(swarm: Swarm) -> None:
    swarm.create().add_nodes(4)
    swarm.start(0, rounds=3, keep_rounds=1)
    for index in (1, 2, 3):
        swarm.start(index, rounds=3)
    swarm.all_done(timeout=180)

    finals = {final.result.round: final for final in swarm.contracts.rounds.finals(swarm.group)}
    assert list(finals) == [1, 2, 3]
    every_node_named_one_parent(swarm, finals)
    results_come_from_the_updates(swarm, finals)
    credits_are_equal_shares_of_the_pot(swarm)
    old_bytes_are_gone_where_they_are_not_kept(swarm, finals)
    books.check(swarm.contracts)

    for index, operator in enumerate(swarm.operators):
        owed = swarm.contracts.rewards.rewards(swarm.nodes[index]).unclaimed
        before = swarm.contracts.token.balance_of(operator.address)
        operator.send(swarm.contracts.rewards.claim([(swarm.group, swarm.contracts.views.seat(swarm.group, swarm.nodes[index]).seat)]))
        assert swarm.contracts.token.balance_of(operator.address) == before + owed > before
    books.check(swarm.contracts)


def every_node_named_one_parent(swarm: Swarm, finals: dict[int, FinalResult]) -> None:
    for round_ in range(1, 5):
        reveals = [event for event in swarm.events(Revealed) if event.round == round_]
        assert {event.node for event in reveals} == set(swarm.nodes)
        assert {event.parent for event in reveals} == {finals[round_ - 1].result_hash if round_ > 1 else finals[1].result.parent}
    files = [(swarm.home(index) / "rounds.jsonl").read_text().splitlines() for index in range(4)]
    named = [[(line["round"], line["result_hash"], line["model_root"]) for line in map(json.loads, lines)] for lines in files]
    assert named[0][:3] == [
        (round_, "0x" + final.result_hash.hex(), "0x" + final.result.model_root.hex()) for round_, final in finals.items()
    ]
    for others in named[1:]:
        assert others[:3] == named[0][:3]


def results_come_from_the_updates(swarm: Swarm, finals: dict[int, FinalResult]) -> None:
    genesis = Model(swarm.task.initial_weights(), swarm.task.initial_exponents(), swarm.terms.fraction_bits)
    assert swarm.contracts.groups.group(swarm.group).genesis_root == model_root(genesis)
    parent_hash, parent = finals[1].result.parent, encode_model(genesis)
    store = EmbeddedStore(swarm.home(3) / "store")
    for round_ in (1, 2, 3):
        commits = swarm.contracts.rounds.commits(swarm.group, Round(round_))
        result, data = recompute.result_of(swarm, round_, parent_hash, parent, commits, lambda digest: store.get(digest, 10**6))
        assert result == finals[round_].result
        assert swarm.contracts.views.hash_result(swarm.group, result) == finals[round_].result_hash
        assert store.get(result.model_digest, 10**6) == data
        parent_hash, parent = finals[round_].result_hash, data
    store.close()


def credits_are_equal_shares_of_the_pot(swarm: Swarm) -> None:
    full, budget, owed = swarm.terms.commit_duration + swarm.terms.reveal_duration, BUDGET, 0
    for round_ in (1, 2, 3):
        view = swarm.contracts.views.round_at(swarm.group, Round(round_))
        pot = min(REWARD, budget) * min(view.reveal_deadline - view.opened_at, full) // full
        share = pot // 4 // GWEI * GWEI
        owed += share
        budget -= 4 * share
    assert [swarm.contracts.rewards.credit_of(swarm.group, Seat(seat)) for seat in range(4)] == [owed] * 4
    assert swarm.contracts.rewards.budget_of(swarm.group) == budget


def old_bytes_are_gone_where_they_are_not_kept(swarm: Swarm, finals: dict[int, FinalResult]) -> None:
    sealed = {event.round: event.sealed_digest for event in swarm.events(Committed) if event.node == swarm.nodes[1]}
    store = EmbeddedStore(swarm.home(0) / "store")
    assert [store.has(sealed[round_]) for round_ in (1, 2, 3)] == [False, False, True]
    assert [store.has(finals[round_].result.model_digest) for round_ in (1, 2, 3)] == [False, False, True]
    store.close()
