"""What a node knows for good of its group and itself, and what its duties work with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.sender import Sender
from swarm_chain.learning.data import Dataset
from swarm_chain.learning.task import Task
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.journal import Journal
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.storage.store import Store
from swarm_chain.types import Address, Domain, GroupId, Result, Round, Seat, Terms

if TYPE_CHECKING:
    import torch

FETCH_SECONDS = 10.0
"""Patience with the providers of one file of bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A seated node.

    Attributes:
        genesis: the result of round 0: the group's first model.
        genesis_hash: its hash.
        part: which part of the task's split of the data it trains on.
        own: images it trains on.
        held_out: images it measures models with.
        endpoints: where others' bytes can be fetched.
    """

    node: Address
    seat: Seat
    domain: Domain
    terms: Terms
    genesis: Result
    genesis_hash: bytes
    task: Task
    part: int
    own: Dataset
    held_out: Dataset
    device: "torch.device"
    contracts: Contracts
    sender: Sender
    store: Store
    journal: Journal
    endpoints: Endpoints

    @property
    def group(self) -> GroupId:
        return self.domain.group

    def header(self, round_: Round, node: Address) -> UpdateHeader:
        """What a node's update of a round must say of itself."""
        return UpdateHeader(self.domain, round_, node, self.terms.dimension, self.terms.fraction_bits)
