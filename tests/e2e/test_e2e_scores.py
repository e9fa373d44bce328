"""Groups whose rule looks at whole updates, and whose rewards go by what is new in each."""

import json
import time
from types import SimpleNamespace

import books
import pay
import pytest
from swarm_of_processes import Swarm

from swarm_chain.chain.events import ResultStruck
from swarm_chain.cli.explain import explain
from swarm_chain.cli.explain_report import as_json
from swarm_chain.cli.ledger import read_ledger
from swarm_chain.protocol.disputes.evidence import Fault
from swarm_chain.protocol.mixtures import decode_choice
from swarm_chain.protocol.scores import FULL, decode_scores
from swarm_chain.types import Mixing, Rule, Scoring

TERMS = {"rule": Rule.TRIMMED_THIRD, "mixing": Mixing.NEAREST_NEIGHBOURS, "scoring": Scoring.NOVELTY}
ROUNDS = 5
NOISY, REPEATING = 4, 5


def test_a_group_mixes_its_updates_and_pays_for_what_is_new(swarm: Swarm) -> None:
    """One of the honest nodes is killed on the way, and finds what updates are scored by again; two others send what took no work."""
    swarm.create(**TERMS).add_nodes(6)
    for index in range(4):
        swarm.start(index, rounds=ROUNDS)
    swarm.start(NOISY, {"sends_noise": []}, rounds=ROUNDS)
    swarm.start(REPEATING, {"repeats_itself": []}, rounds=ROUNDS)
    until = time.monotonic() + 180
    while swarm.contracts.views.phase(swarm.group).round < 3 and time.monotonic() < until:
        time.sleep(0.2)
    swarm.kill(1)
    swarm.start(1, rounds=ROUNDS)
    swarm.all_done(timeout=300)

    finals = {final.result.round: final for final in swarm.contracts.rounds.finals(swarm.group)}
    assert list(finals) == list(range(1, ROUNDS + 1))
    for index in range(6):
        lines = [json.loads(line) for line in (swarm.home(index) / "rounds.jsonl").read_text().splitlines()]
        named = {line["round"]: line["result_hash"] for line in lines}
        assert [named[round_] for round_ in finals] == ["0x" + final.result_hash.hex() for final in finals.values()]
    earned = dict.fromkeys(range(6), 0)
    for round_, final in finals.items():
        result = final.result
        updates = result.included.bit_count()
        assert updates >= 5, f"round {round_}"
        chosen = decode_choice(result.choice, updates)
        assert chosen is not None
        assert chosen.takes.shape == (updates, updates)
        assert chosen.takes.sum(axis=1).tolist() == [updates - (updates - 1) // 3] * updates
        scores = decode_scores(result.scores, result.included)
        assert max(scores.values()) == FULL
        for seat, score in scores.items():
            earned[seat] += score if round_ > 1 else 0  # the first update of who repeats itself is honest work
    honest = sum(earned[seat] for seat in range(4)) / 4
    assert earned[NOISY] <= honest / 10, earned
    assert earned[REPEATING] <= honest / 10, earned
    assert pay.check(swarm) == ROUNDS
    books.check(swarm.contracts)
    every_credit_is_explained(swarm)


def every_credit_is_explained(swarm: Swarm) -> None:
    """As `swarm-chain rewards --why` does it: by the rule and by the chain's event, to the wei."""
    contracts, names = swarm.contracts, dict(zip(swarm.nodes, "abcdef", strict=True))
    shown = SimpleNamespace(
        contracts=contracts, web3=contracts.web3, group=lambda: contracts.groups.group(swarm.group), names=names, home="here"
    )
    for round_ in range(2, ROUNDS):
        best, noisy = (explain(shown, swarm.nodes[seat], round_) for seat in (_best(swarm, round_), NOISY))
        assert best.earned == best.payment.credits[best.seat]
        assert best.payment.shares[best.seat] == max(best.payment.shares.values())
        assert any("the best one 10,000" in sentence for sentence in best.because)
        if noisy.past.facts.scores.get(NOISY) == 0:
            assert noisy.earned == 0
            assert any("scored nothing" in sentence for sentence in noisy.because)
        assert as_json(best)["payment"]["scores"][str(best.seat)] == FULL

    ledger = read_ledger(contracts, swarm.group)
    results = {final.result.round: final.result for final in contracts.rounds.finals(swarm.group)}
    assert len({credit.round for credit in ledger.credits}) > 1  # a round within a second of the chain is not paid
    for credit in ledger.credits:
        assert credit.score == decode_scores(results[credit.round].scores, results[credit.round].included)[credit.seat]
    assert ledger.paid == ledger.credited


def _best(swarm: Swarm, round_: int) -> int:
    (final,) = [final.result for final in swarm.contracts.rounds.finals(swarm.group) if final.result.round == round_]
    scores = decode_scores(final.scores, final.included)
    return max(scores, key=lambda seat: scores[seat])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lie_about_what_was_mixed_is_struck(swarm: Swarm) -> None:
    """Most nodes agree on a weight that is off by one; the honest one recomputes it on chain from the choice that their result carries."""
    swarm.create(challenge_window=25, **TERMS).add_nodes(5)
    for index in range(5):
        swarm.start(index, {"lies": [2]} if index < 4 else None, rounds=4)
    swarm.all_done(timeout=500)

    disputes = swarm.contracts.disputes
    (struck,) = disputes.events(swarm.group, [ResultStruck], 0, swarm.contracts.web3.eth.block_number)
    assert (struck.round, struck.challenger, struck.kind) == (2, swarm.nodes[4], Fault.COORDINATE)
    assert swarm.finals()
    assert struck.result_hash not in [final.parent for final in swarm.finals()]
    pay.check(swarm)
    books.check(swarm.contracts)
