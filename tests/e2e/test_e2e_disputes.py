"""Most nodes lie about what a round came to; one honest node, or a watcher without a seat, is enough."""

import json
import os
import subprocess
import sys

import books
import pytest
from swarm_of_processes import STAKE, Swarm

from swarm_chain.chain.events import Collected, ResultPresented, ResultStruck, RoundsStruck, RoundVoid, VoterSlashed
from swarm_chain.protocol.disputes.evidence import Fault
from swarm_chain.types import Address

HONEST = 4
LIE = {"lies": [1]}


def events_of(swarm: Swarm, *kinds):
    return swarm.contracts.disputes.events(swarm.group, kinds, 0, swarm.contracts.web3.eth.block_number)


def check_slashed(swarm: Swarm, liars: list[int], challenger: Address) -> None:
    """Each liar lost half of its stake, a tenth of it to the challenger."""
    slashed = events_of(swarm, VoterSlashed)
    assert sorted(event.node for event in slashed) == sorted(swarm.nodes[index] for index in liars)
    assert {event.taken for event in slashed} == {STAKE // 2}
    for index in liars:
        stake = swarm.contracts.stakes.stake_of(swarm.contracts.identities.identity_of(swarm.nodes[index]))
        assert stake.free + stake.locked == STAKE // 2
    (collected,) = events_of(swarm, Collected)
    assert (collected.challenger, collected.paid) == (challenger, len(liars) * STAKE // 20)


@pytest.mark.timeout(600)
def test_one_honest_node_of_five_strikes_what_the_others_agree_on(swarm: Swarm) -> None:
    swarm.create(challenge_window=25).add_nodes(5)
    for index in range(5):
        swarm.start(index, None if index == HONEST else LIE, rounds=4)
    swarm.all_done(timeout=500)

    (struck,) = events_of(swarm, ResultStruck)
    assert (struck.challenger, struck.kind) == (swarm.nodes[HONEST], Fault.COORDINATE)
    # The honest node presents its own result where it is the first to reveal.
    (lie,) = [event for event in swarm.events(ResultPresented) if event.result_hash == struck.result_hash]
    assert lie.round == 1
    (voided,) = swarm.events(RoundsStruck)
    void = [event.round for event in swarm.events(RoundVoid)]
    assert void[: voided.last_round] == list(range(1, voided.last_round + 1))
    finals = swarm.finals()
    assert finals
    assert lie.result_hash not in [final.parent for final in finals]
    assert finals[0].parent == lie.result.parent  # they went on from where they were before the lie
    assert finals[0].included == 0b11111
    check_slashed(swarm, [0, 1, 2, 3], swarm.nodes[HONEST])
    assert swarm.contracts.views.seat(swarm.group, swarm.nodes[HONEST]).forfeits == 0
    books.check(swarm.contracts)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_watcher_without_a_seat_strikes_what_all_nodes_agree_on(swarm: Swarm) -> None:
    swarm.create(challenge_window=30).add_nodes(3)
    for index in range(3):
        swarm.start(index, LIE, rounds=6)
    command = [sys.executable, "-m", "swarm_chain.cli.main", "watch", "--group", str(swarm.group), "--rpc", swarm.rpc_url, "--json"]
    command += ["--deployment", str(swarm.deployment), "--home", str(swarm.folder / "watcher")]
    seen = swarm.folder / "seen"
    with seen.open("wb") as out, (swarm.folder / "said").open("wb") as err:
        watcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(os.environ))
    try:
        swarm.all_done(timeout=500)
        swarm.until("the watcher is paid", lambda: events_of(swarm, Collected), timeout=60)
    finally:
        watcher.terminate()
        code = watcher.wait(30)
    assert code == 130, (swarm.folder / "said").read_text()[-3000:]
    (struck,) = events_of(swarm, ResultStruck)
    assert swarm.contracts.views.seat(swarm.group, struck.challenger) is None
    check_slashed(swarm, [0, 1, 2], struck.challenger)
    assert struck.result_hash not in [final.parent for final in swarm.finals()]
    assert swarm.finals()
    told = [json.loads(line) for line in seen.read_text().splitlines()]
    (strike,) = [line for line in told if line["what"] == "struck"]
    assert strike["fault"] == "coordinate"
    assert strike["result_hash"] == "0x" + struck.result_hash.hex()
    assert strike["size"] > 0
    assert strike["gas"] > 0
    assert [line["what"] for line in told].count("slashed") == 3
    assert "right" in {line["what"] for line in told}
    books.check(swarm.contracts)
