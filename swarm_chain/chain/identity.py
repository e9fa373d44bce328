"""Who owns which node, and where its bytes can be fetched."""

from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.connection import block as block_of
from swarm_chain.chain.contract import DeployedContract
from swarm_chain.chain.event_log import EventLog
from swarm_chain.chain.events import EndpointAnnounced, NodeKeyRotated, NodeRegistered, address_of, read_events, topic_of, topics
from swarm_chain.chain.trail import Trail
from swarm_chain.errors import ChainError, UnknownError
from swarm_chain.protocol.addresses import address_of as public_address
from swarm_chain.types import Address


class Identities(DeployedContract):
    """``IdentityRegistry``.

    Args:
        web3: the connection.
        address: of the contract.
        trail: of the chain.
        since: block of its deployment; no log is older.
    """

    name = "IdentityRegistry"

    def __init__(self, web3: Web3, address: Address, trail: Trail, since: int = 0) -> None:
        super().__init__(web3, address)
        self._since = since
        self._announced = EventLog(trail, lambda first, last: read_events(self.logs([topics(EndpointAnnounced)], first, last)), since)

    def identity_of(self, node: Address, block: BlockIdentifier = "latest") -> int:
        """Number of the identity whose current node key this is; 0 if there is none."""
        return int(self.read("identityOf", node, block=block))

    def operator_of(self, identity: int, block: BlockIdentifier = "latest") -> Address:
        """Who owns an identity; the zero address if there is no such identity."""
        return address_of(self.read("operatorOf", identity, block=block))

    def node_of(self, identity: int, block: BlockIdentifier = "latest") -> Address:
        """An identity's current node key."""
        return address_of(self.read("nodeOf", identity, block=block))

    def public_key_of(self, identity: int) -> bytes:
        """Public key of an identity's current node, 64 bytes, x and y, from the log.

        Raises:
            UnknownError: there is no such identity.
            ChainError: the chain's service does not hand out the log of its registration.
        """
        node = self.node_of(identity)
        if int(node, 16) == 0:
            raise UnknownError(f"There is no identity {identity}.", "Nothing was signed.", "`swarm-chain node status` shows a node's own.")
        filters = [topics(NodeRegistered, NodeKeyRotated), topic_of(identity)]
        for event in read_events(self.logs(filters, self._since, block_of(self.web3).number)):
            if isinstance(event, NodeRegistered | NodeKeyRotated) and public_address(event.public_key) == node:
                return event.public_key
        raise ChainError(
            f"The chain's service does not hand out the public key of {node}.",
            "Nothing was signed.",
            "Try another --rpc, one that keeps logs.",
        )

    def nonce_of(self, identity: int, block: BlockIdentifier = "latest") -> int:
        """Rotations so far: what the next node key signs."""
        return int(self.read("nonceOf", identity, block=block))

    def announced(self, identity: int) -> list[str]:
        """Where an identity's node said that its bytes can be fetched, each at most 512 bytes, in order: the last one counts."""
        return [event.endpoint for event in self._announcements() if event.identity == identity]

    def endpoint(self, identity: int) -> str | None:
        """Where an identity's node last said that its bytes can be fetched; None if it never did."""
        return self.endpoints().get(identity)

    def endpoints(self) -> dict[int, str]:
        """Every identity's endpoint."""
        return {event.identity: event.endpoint for event in self._announcements()}

    def _announcements(self) -> list[EndpointAnnounced]:
        """All of them. Only blocks that are new since the last call are searched."""
        return [event for event in self._announced.read_to(block_of(self.web3)) if isinstance(event, EndpointAnnounced)]

    def register(self, node: LocalAccount, operator: Address) -> ContractFunction:
        """Registers a node key for an operator, who sends it. The number is in the receipt's ``NodeRegistered``."""
        return self.function("register", public_key(node), self._signature(node, operator, 0))

    def rotate(self, identity: int, node: LocalAccount, operator: Address) -> ContractFunction:
        """Gives an identity a new node key; the operator's call."""
        return self.function("rotate", identity, public_key(node), self._signature(node, operator, self.nonce_of(identity)))

    def announce(self, endpoint: str) -> ContractFunction:
        """Says where the sending node's bytes can be fetched: a gateway URL or a multiaddr, at most 512 bytes."""
        return self.function("announce", endpoint)

    def _signature(self, node: LocalAccount, operator: Address, nonce: int) -> bytes:
        return sign_registration(node, operator, nonce, self.web3.eth.chain_id, self.address)


def public_key(node: LocalAccount) -> bytes:
    """The 64-byte public key (x and y) of an account."""
    return bytes(PrivateKey(bytes(node.key)).public_key.to_bytes())


def sign_registration(node: LocalAccount, operator: Address, nonce: int, chain_id: int, registry: Address) -> bytes:
    """A node key's consent (EIP-712) to belong to an operator.

    Args:
        node: the node key; it signs.
        operator: who will own it.
        nonce: rotations of the identity so far; 0 for a new one.
        chain_id: EIP-155.
        registry: address of the identity registry.
    """
    signed = node.sign_typed_data(
        {"name": "IdentityRegistry", "version": "1", "chainId": chain_id, "verifyingContract": registry},
        {"Registration": [{"name": "operator", "type": "address"}, {"name": "nonce", "type": "uint256"}]},
        {"operator": operator, "nonce": nonce},
    )
    return bytes(signed.signature)
