"""An outbox for dry runs."""

import logging

from swarm_chain.chain.fees import GWEI
from swarm_chain.chain.outbox import Outbox, Then
from swarm_chain.chain.sender import Sendable, Sender
from swarm_chain.database import IN_MEMORY

log = logging.getLogger(__name__)


class Rehearsal(Outbox):
    """An outbox that only tells what it would send, once, with gas and fee."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(IN_MEMORY, sender)
        self._told: set[str] = set()

    def take(self, name: str, function: Sendable, then: Then | None = None) -> bool:
        if name not in self._told:
            call, market = self.sender.call(function), self.sender.market()
            self._told.add(name)
            price, cost = sum(market) / GWEI, call.gas * sum(market) / 10**18
            log.info("Would send %s: %s, up to %d gas at %.3f gwei, at most %.6f coin.", name, call.what, call.gas, price, cost)
        return False

    def was_taken(self, name: str) -> bool:
        return name in self._told

    def drive(self) -> bool:
        return False
