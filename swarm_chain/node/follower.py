"""What whoever follows a group knows of it, with or without a seat, and what following works with."""

from dataclasses import dataclass, field

from eth_typing import BlockNumber
from web3.types import BlockIdentifier

from swarm_chain.chain.connection import block
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.outbox import Outbox
from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import ChainError, UnknownError
from swarm_chain.learning import kernels
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.journal import Journal
from swarm_chain.node.observing import Observers
from swarm_chain.protocol.outcome import Passes
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.storage.store import Store
from swarm_chain.types import Address, Domain, GroupId, Result, Round, Terms

FETCH_SECONDS = 10.0
"""Patience with the providers of one file of bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """Who follows a group.

    Attributes:
        node: whose seat and slots are looked at; a watcher's account has neither.
        genesis: the result of round 0: the group's first model.
        genesis_hash: its hash.
        outbox: sends for its account.
        endpoints: where others' bytes can be fetched.
        observers: are told what it does.
        group_key: that updates of a closed group are sealed with.
        opens: whether updates open here: not where the group is closed and its key is not here.
    """

    node: Address
    domain: Domain
    terms: Terms
    genesis: Result
    genesis_hash: bytes
    contracts: Contracts
    outbox: Outbox
    store: Store
    journal: Journal
    endpoints: Endpoints
    observers: Observers = field(default_factory=Observers)
    group_key: bytes | None = field(default=None, repr=False)
    opens: bool = True

    @property
    def group(self) -> GroupId:
        return self.domain.group

    @property
    def passes(self) -> Passes:
        """What it aggregates by."""
        return kernels.PASSES

    def at(self, confirmations: int) -> BlockIdentifier:
        """The block so many blocks ago, that what the chain says there is confirmed."""
        return BlockNumber(max(block(self.contracts.web3).number - confirmations, 0)) if confirmations else "latest"

    def look(self, confirmations: int) -> Snapshot:
        """Where the group stood so many blocks ago.

        Raises:
            ChainError: the chain did not answer, or shows no such group: it was there, so a service that lags answered.
        """
        try:
            return self.contracts.views.snapshot(self.group, self.node, self.at(confirmations))
        except UnknownError as error:
            raise ChainError(error.what, "Nothing was made of it.", "Wait a little; if it stays so, use another RPC URL.") from error

    def header(self, round_: Round, node: Address) -> UpdateHeader:
        """What a node's update of a round must say of itself."""
        return UpdateHeader(self.domain, round_, node, self.terms.dimension, self.terms.fraction_bits)
