"""The duty to free seats: of members that vanished, whom every round would wait for, and of those that left. One seat a round does it."""

import logging

from swarm_chain.chain.views import Snapshot
from swarm_chain.node.member import Member
from swarm_chain.node.settle import turn
from swarm_chain.types import SeatView

log = logging.getLogger(__name__)


def free_seats(member: Member, snapshot: Snapshot) -> None:
    """Evicts members that missed too many settled rounds, and releases seats that were left, if it is this node's turn."""
    settled = snapshot.head.settled_round
    if turn(member.seat, settled, snapshot.roster.seats) > 0:
        return
    rounds, views = member.contracts.rounds, member.contracts.views
    for seat in views.seats(member.group, member.terms.capacity, snapshot.block.number):
        if has_vanished(seat, member.terms.max_missed) and seat.node != member.node:
            log.info("Seat %d missed %d rounds and is to be evicted.", seat.seat, seat.missed)
            member.outbox.attempt(f"evict seat {seat.seat} after round {settled}", rounds.evict(member.group, seat.seat))
        elif has_left(seat, settled):
            member.outbox.attempt(f"release seat {seat.seat} after round {settled}", rounds.release(member.group, seat.seat))


def has_vanished(seat: SeatView, max_missed: int) -> bool:
    """Whether a member can be evicted, and is not on its way out."""
    return seat.until_round == 0 and seat.missed >= max_missed


def has_left(seat: SeatView, settled: int) -> bool:
    """Whether every round that a leaving member took part in is settled."""
    return 0 < seat.until_round <= settled + 1
