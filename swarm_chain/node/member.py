"""What a seated node knows for good of its group and itself, and what its duties work with."""

from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.learning import kernels
from swarm_chain.learning.manifest import Task
from swarm_chain.node.follower import Follower
from swarm_chain.node.relayed import RelayHand
from swarm_chain.protocol.outcome import Passes
from swarm_chain.types import Seat

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Follower):
    """A seated node.

    Attributes:
        part: which part of the task's split of the data it trains on.
        own: data it trains on, as its task reads them.
        held_out: data it measures models with.
        device: it trains on; ``None`` where the task needs no torch.
        relay: brings its commits and reveals to the chain; ``None``: it sends them itself.
    """

    seat: Seat
    task: Task
    part: int
    own: Sized
    held_out: Sized
    device: "torch.device | None"
    relay: RelayHand | None = None

    @property
    def passes(self) -> Passes:
        """What it aggregates by: its GPU, where it trains on one."""
        return kernels.passes_for(self.device)
