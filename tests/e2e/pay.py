"""What seats have earned, computed from the group's events by the specification's words, and compared to what the contracts owe."""

from typing import Any

from swarm_of_processes import BUDGET, Swarm

from swarm_chain.chain.events import (
    ResultPresented,
    Revealed,
    RevealStarted,
    RoundClosed,
    RoundFinal,
    RoundOpened,
    RoundPaid,
    read_events,
    topic_of,
    topics,
)
from swarm_chain.types import Result, Round, Seat

GWEI = 10**9


def check(swarm: Swarm) -> int:
    """Every final round was paid once, and what it had to; every seat is owed the sum. Returns how many. For groups whose seats stay.

    A seat included in round r gets a share of the reward, by its score where there are scores and else an equal one, in proportion to the
    time the round took, half of it if it did not reveal in round r + 1. A round that took no time, as the chain tells it, is not paid:
    after ``anvil_reorg`` many blocks have one time.
    All of it is read as of one block: what nodes sent before they ended may still be mined meanwhile.
    """
    latest = swarm.contracts.web3.eth.block_number
    opened = {event.round: event for event in swarm.events(RoundOpened, until=latest)}
    closed = {event.round: event for event in swarm.events(RoundClosed, until=latest)}
    deadlines = {event.round: event.commit_deadline + swarm.terms.reveal_duration for event in opened.values()}
    deadlines |= {event.round: event.reveal_deadline for event in swarm.events(RevealStarted, until=latest)}  # where all committed before
    results = {event.result_hash: event.result for event in swarm.events(ResultPresented, until=latest)}
    seats = {node: swarm.seat(index) for index, node in enumerate(swarm.nodes)}
    revealed: dict[int, int] = {}
    for event in swarm.events(Revealed, until=latest):
        revealed[event.round] = revealed.get(event.round, 0) | 1 << seats[event.node]
    finals, paid = swarm.events(RoundFinal, until=latest), paid_rounds(swarm, latest)
    assert paid.keys() <= {final.round for final in finals}
    budget, owed = BUDGET, dict.fromkeys(seats.values(), 0)
    full = swarm.terms.commit_duration + swarm.terms.reveal_duration

    for final in finals:
        round_, those, scores = final.round, results[final.result_hash].included, _scores(results[final.result_hash])
        end = _time(swarm, closed[round_].place.block) if round_ in closed else deadlines[round_]
        elapsed = end - _time(swarm, opened[round_].place.block)
        pot = min(swarm.terms.reward_per_round, budget) * min(elapsed, full) // full
        best = max(scores.values())
        most = pot * best // max(sum(scores.values()), 1) // GWEI
        assert (round_ in paid) == (most > 0), f"round {round_}"
        for seat in owed:
            if those >> seat & 1:
                share = most * scores[seat] // max(best, 1) * GWEI
                voted = revealed.get(Round(round_ + 1), 0) >> seat & 1
                earned = share if voted else share // GWEI // 2 * GWEI
                owed[seat] += earned
                budget -= earned
                assert paid.get(round_, {}).get(seat, 0) == earned, f"round {round_}, seat {seat}"
    for seat, sum_ in owed.items():
        assert swarm.contracts.rewards.credit_of(swarm.group, Seat(seat), latest) == sum_
    assert swarm.contracts.rewards.budget_of(swarm.group, latest) == budget
    return len(finals)


def paid_rounds(swarm: Swarm, latest: int) -> dict[int, dict[Any, int]]:
    """What each round paid each seat up to a block, in wei, by its event; fails where one was paid twice."""
    events = list(read_events(swarm.contracts.rewards.logs([topics(RoundPaid), topic_of(swarm.group)], 0, latest)))
    assert len({event.round for event in events}) == len(events)
    return {event.round: event.credits() for event in events if isinstance(event, RoundPaid)}


def _scores(result: Result) -> dict[int, int]:
    seats = [seat for seat in range(256) if result.included >> seat & 1]
    if not result.scores:
        return dict.fromkeys(seats, 1)
    assert len(result.scores) == 2 * len(seats)
    return {seat: result.scores[2 * i] << 8 | result.scores[2 * i + 1] for i, seat in enumerate(seats)}


def _time(swarm: Swarm, block: int) -> int:
    return int(swarm.contracts.web3.eth.get_block(block)["timestamp"])
