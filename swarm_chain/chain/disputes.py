"""What anyone can do about a result that is wrong, or that nobody shows."""

from web3.contract.contract import ContractFunction

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.types import GroupId


class Disputes(DeployedContract):
    """``Disputes``."""

    name = "Disputes"

    def challenge_unpresented(self, group: GroupId) -> ContractFunction:
        """Voids the first unsettled round and every later one, for nobody presented what was agreed in time. Anyone's call."""
        return self.function("challengeUnpresented", group)
