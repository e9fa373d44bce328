"""What a seated node knows for good of its group and itself, and what its duties work with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.learning.data import Dataset
from swarm_chain.learning.task import Task
from swarm_chain.node.follower import Follower
from swarm_chain.node.relayed import RelayHand
from swarm_chain.types import Seat

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Follower):
    """A seated node.

    Attributes:
        part: which part of the task's split of the data it trains on.
        own: images it trains on.
        held_out: images it measures models with.
        device: it trains on; ``None`` where the task needs no torch.
        relay: brings its commits and reveals to the chain; ``None``: it sends them itself.
    """

    seat: Seat
    task: Task
    part: int
    own: Dataset
    held_out: Dataset
    device: "torch.device | None"
    relay: RelayHand | None = None
