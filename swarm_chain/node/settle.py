"""The duty to settle: anyone can make a round final or void. Seats take turns, so that they do not all send the same."""

import logging

from swarm_chain.chain.rounds import Snapshot
from swarm_chain.errors import TransactionError
from swarm_chain.node.member import Member
from swarm_chain.protocol.settlement import Settlement, settlement
from swarm_chain.types import Round

log = logging.getLogger(__name__)

TURN_SECONDS = 3
LONGEST_WAIT = 60


def turn(seat: int, round_: Round, seats: int) -> int:
    """Chain seconds that a seat leaves to others before it settles a round; each is first in some round."""
    return min((seat - round_) % max(seats, 1) * TURN_SECONDS, LONGEST_WAIT)


class Settler:
    """Settles rounds when it is this node's turn."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._due: tuple[Round, int] | None = None

    def settle(self, snapshot: Snapshot) -> bool:
        """Settles the first unsettled round, if it can be and nobody else has.

        Returns:
            whether that succeeded.
        """
        member, head, settled, now = self._member, snapshot.head.result_hash, snapshot.head.settled_round, snapshot.block.time
        computed = member.journal.result_of(Round(settled + 1))
        result = computed.result if computed is not None and computed.parent == head else None
        hash_ = computed.hash if computed is not None and result is not None else None
        step, round_ = settlement(head, settled, snapshot.rounds, now, member.terms, hash_)
        if step is Settlement.NONE:
            return False
        if self._due is None or self._due[0] != round_:
            self._due = round_, now
        if now < self._due[1] + turn(member.seat, round_, snapshot.roster.seats):
            return False
        self._due = round_, now  # if this fails, others have their turn before the next try
        rounds = member.contracts.rounds
        if step is Settlement.FINALIZE and result is not None:
            function, what = rounds.finalize(member.group, result), "final"
        else:
            function, what = rounds.settle_void(member.group), "void"
        try:
            member.sender.send(function)
        except TransactionError as error:
            log.info("Round %d was not settled from here: %s", round_, error.what)
            return False
        log.info("Round %d is %s.", round_, what)
        return True
