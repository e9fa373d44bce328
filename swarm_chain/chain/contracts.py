"""The contracts of one deployment, bundled."""

from web3 import Web3

from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.disputes import Disputes
from swarm_chain.chain.groups import Groups
from swarm_chain.chain.identity import Identities
from swarm_chain.chain.rewards import Rewards
from swarm_chain.chain.rounds import Rounds
from swarm_chain.chain.stake import Stakes
from swarm_chain.chain.token import Token
from swarm_chain.chain.trail import Trail
from swarm_chain.chain.views import Views
from swarm_chain.types import Domain, GroupId


class Contracts:
    """Every contract of a deployment, over one connection."""

    def __init__(self, web3: Web3, deployment: Deployment) -> None:
        addresses, blocks = deployment.addresses, deployment.blocks
        self.web3 = web3
        self.trail = Trail(web3)
        self.deployment = deployment
        self.token = Token(web3, addresses[Token.name])
        self.identities = Identities(web3, addresses[Identities.name], self.trail, blocks[Identities.name])
        self.stakes = Stakes(web3, addresses[Stakes.name])
        self.groups = Groups(web3, addresses[Groups.name])
        self.views = Views(web3, addresses[Views.name])
        self.rounds = Rounds(web3, addresses[Rounds.name], self.views, blocks[Rounds.name])
        self.disputes = Disputes(web3, addresses[Disputes.name])
        self.rewards = Rewards(web3, addresses[Rewards.name])

    def domain(self, group: GroupId) -> Domain:
        """What every hash of a group's rounds is bound to."""
        return Domain(self.deployment.chain_id, self.rounds.address, group)
