"""The token (ERC-20): stakes and rewards are counted in it."""

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.types import Address


class Token(DeployedContract):
    """``SwarmToken``. Amounts are in wei, 10^18 to a token."""

    name = "SwarmToken"

    def balance_of(self, account: Address, block: BlockIdentifier = "latest") -> int:
        """What an account holds."""
        return int(self.read("balanceOf", account, block=block))

    def allowance(self, owner: Address, spender: Address, block: BlockIdentifier = "latest") -> int:
        """What a spender may take from an owner."""
        return int(self.read("allowance", owner, spender, block=block))

    def total_supply(self, block: BlockIdentifier = "latest") -> int:
        """All tokens there are."""
        return int(self.read("totalSupply", block=block))

    def transfer(self, to: Address, amount: int) -> ContractFunction:
        """Gives tokens of the sender's away."""
        return self.function("transfer", to, amount)

    def approve(self, spender: Address, amount: int) -> ContractFunction:
        """Lets a spender take up to ``amount`` of the sender's tokens."""
        return self.function("approve", spender, amount)
