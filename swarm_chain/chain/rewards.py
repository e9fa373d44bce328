"""Budgets of groups and credits of operators, in wei of the token."""

from collections.abc import Sequence
from typing import NamedTuple

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.chain.events import address_of
from swarm_chain.types import Address, GroupId, Seat


class NodeRewards(NamedTuple):
    """What a node's present seat has earned and its operator hasn't claimed, in wei."""

    group: GroupId
    seat: Seat
    operator: Address
    unclaimed: int


class Rewards(DeployedContract):
    """``RewardDistributor``."""

    name = "RewardDistributor"

    def budget_of(self, group: GroupId, block: BlockIdentifier = "latest") -> int:
        """What a group can still pay."""
        return int(self.read("budgetOf", group, block=block))

    def credit_of(self, group: GroupId, seat: Seat, block: BlockIdentifier = "latest") -> int:
        """What a seat has earned and its operator hasn't claimed."""
        return int(self.read("creditOf", group, seat, block=block))

    def settled_credit_of(self, operator: Address, block: BlockIdentifier = "latest") -> int:
        """What an operator has earned, and not claimed, from seats that it no longer holds."""
        return int(self.read("settledCreditOf", operator, block=block))

    def rewards(self, node: Address, block: BlockIdentifier = "latest") -> NodeRewards:
        """What a node's present seat has earned. All zero for a node without one."""
        group, seat, operator, unclaimed = self.read("rewards", node, block=block)
        return NodeRewards(GroupId(group), Seat(seat), address_of(operator), unclaimed)

    def claim(self, seats: Sequence[tuple[GroupId, Seat]]) -> ContractFunction:
        """Pays the sender, an operator, what it has earned: in these seats of its own and in those it no longer holds."""
        return self.function("claim", [group for group, _ in seats], [seat for _, seat in seats])
