"""The duty to settle: anyone can make a round final or void, or lay open what was agreed on. Seats take turns, so that they do not
all send the same."""

import logging

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from swarm_chain.chain.views import Snapshot
from swarm_chain.node.member import Member
from swarm_chain.node.observing import Work
from swarm_chain.node.parents import Parents
from swarm_chain.protocol.settlement import Settlement, settlement, unpresented
from swarm_chain.types import Round

log = logging.getLogger(__name__)

TURN_SECONDS = 3
LONGEST_WAIT = 60

Step = tuple[Round, str, ContractFunction]
"""A round, what becomes of it in words, and the transaction that makes it so."""


def turn(seat: int, round_: Round, seats: int) -> int:
    """Chain seconds that a seat leaves to others before it settles a round; each is first in some round."""
    return min((seat - round_) % max(seats, 1) * TURN_SECONDS, LONGEST_WAIT)


class Settler:
    """Settles rounds when it is this node's turn.

    Args:
        member: the node.
        parents: preimages of what was agreed on.
    """

    def __init__(self, member: Member, parents: Parents) -> None:
        self._member = member
        self._parents = parents
        self._due: tuple[Round, str, int] | None = None

    def settle(self, snapshot: Snapshot) -> bool:
        """Takes the next step about an unsettled round, if there is one and nobody else has taken it.

        Returns:
            whether it is on chain already; else the outbox has it, or it was refused.
        """
        member, now = self._member, snapshot.block.time
        step = self._settlement(snapshot) or self._presentation(snapshot)
        if step is None:
            return False
        round_, what, function = step
        if self._due is None or self._due[:2] != (round_, what):
            self._due = round_, what, now
        if now < self._due[2] + turn(member.seat, round_, snapshot.roster.seats):
            return False
        self._due = round_, what, now  # if this fails, others have their turn before the next try

        def tell(_: TxReceipt) -> None:
            log.info("Round %d is %s.", round_, what)
            member.observers.end(Work.SETTLE, round_)

        # Where the chain gave up blocks and a round comes to something else, that is another step.
        leader = snapshot.rounds[Round(round_ + 1)].leader.hex()[:16] if Round(round_ + 1) in snapshot.rounds else "nothing"
        name = f"make round {round_} {what}, {leader} on {snapshot.head.result_hash.hex()[:16]}"
        member.observers.begin(Work.SETTLE, round_)
        return member.outbox.attempt(name, function, tell)

    def _settlement(self, snapshot: Snapshot) -> Step | None:
        """What can be done about the first unsettled round."""
        member, head, contracts = self._member, snapshot.head, self._member.contracts
        struck_at = contracts.rounds.struck_at(member.group, snapshot.block.number) if head.struck_round > head.settled_round else 0
        step, round_ = settlement(
            head.result_hash, head.settled_round, head.struck_round, struck_at, snapshot.rounds, snapshot.block.time, member.terms
        )
        match step:
            case Settlement.VOID:
                return round_, "void", contracts.rounds.settle_void(member.group)
            case Settlement.EXPIRE:
                return round_, "expired", contracts.disputes.challenge_unpresented(member.group)
            case Settlement.FINALIZE:
                return self._finality(snapshot, round_)
            case Settlement.NONE:
                return None

    def _finality(self, snapshot: Snapshot, round_: Round) -> Step | None:
        """The agreed result made final; not by a node that came to another."""
        member, leader = self._member, snapshot.rounds[Round(round_ + 1)].leader
        computed = member.journal.result_of(round_)
        if computed is not None and computed.parent == snapshot.head.result_hash and computed.hash != leader:
            return None
        result = self._parents.result(leader)
        if result is None or result.parent != snapshot.head.result_hash:
            return None
        return round_, "final", member.contracts.rounds.finalize(member.group, result)

    def _presentation(self, snapshot: Snapshot) -> Step | None:
        """The first result that was agreed on, does not lie open, and is known here."""
        member = self._member
        for round_ in unpresented(snapshot.head.settled_round, snapshot.rounds, snapshot.block.time, member.terms):
            result = member.journal.result_named(snapshot.rounds[Round(round_ + 1)].leader)
            if result is not None and result.round == round_:
                return round_, "presented", member.contracts.rounds.present(member.group, result)
        return None
