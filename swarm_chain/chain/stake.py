"""What nodes have at stake."""

from typing import NamedTuple

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.types import Address


class Stake(NamedTuple):
    """An identity's stake, in wei: what can be withdrawn, and what backs seats."""

    free: int
    locked: int


class Stakes(DeployedContract):
    """``StakeVault``."""

    name = "StakeVault"

    def stake_of(self, identity: int, block: BlockIdentifier = "latest") -> Stake:
        """An identity's stake."""
        return Stake(*self.read("stakeOf", identity, block=block))

    def deposit(self, identity: int, amount: int) -> ContractFunction:
        """Adds the sender's tokens to an identity's free stake. Approve this contract's address first."""
        return self.function("deposit", identity, amount)

    def withdraw(self, identity: int, amount: int, to: Address) -> ContractFunction:
        """Takes free stake out; the operator's call."""
        return self.function("withdraw", identity, amount, to)
