"""What each group is, and invitations to those that ask for one."""

from dataclasses import astuple, dataclass

from eth_abi.abi import encode
from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.contract import DeployedContract, read_all
from swarm_chain.chain.events import GroupCreated, address_of, read_events, terms_of, topic_of, topics
from swarm_chain.chain.signer import Signer
from swarm_chain.errors import UnknownError
from swarm_chain.types import Address, Digest, GroupId, Terms


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it was created."""

    group: GroupId
    creator: Address
    terms: Terms
    manifest_digest: Digest
    genesis_digest: Digest
    genesis_root: bytes


class Groups(DeployedContract):
    """``GroupRegistry``."""

    name = "GroupRegistry"

    def group(self, group: GroupId, block: BlockIdentifier = "latest") -> Group:
        """A group's terms and digests. Raises ``UnknownError`` if there is no such group."""
        count = self.group_count(block)
        if not 1 <= group <= count:
            raise UnknownError(f"There is no group {group}; groups on this chain: {count}.", do="See swarm-chain group list.")
        terms, creator, manifest, (genesis, root) = read_all(
            self.web3,
            [self.view(name, group) for name in ("terms", "creatorOf", "manifestOf", "genesisOf")],
            block,
        )
        return Group(group, address_of(creator), terms_of(terms), Digest(manifest), Digest(genesis), root)

    def group_count(self, block: BlockIdentifier = "latest") -> int:
        """How many groups there are; they are numbered from 1."""
        return int(self.read("groupCount", block=block))

    def created(self, first: int, last: int, group: GroupId | None = None) -> list[GroupCreated]:
        """Groups created in the blocks ``first`` to ``last``."""
        filters = [topics(GroupCreated), topic_of(group) if group is not None else None]
        return [event for event in read_events(self.logs(filters, first, last)) if isinstance(event, GroupCreated)]

    def create(self, terms: Terms, manifest_digest: Digest, genesis_digest: Digest, genesis_root: bytes) -> ContractFunction:
        """Creates a group; its number is in the receipt's ``GroupCreated``."""
        return self.function("create", astuple(terms), manifest_digest, genesis_digest, genesis_root)

    def fund(self, group: GroupId, amount: int) -> ContractFunction:
        """Puts the sender's tokens into a group's budget. Approve this contract's address first."""
        return self.function("fund", group, amount)


def sign_invitation(creator: Signer, group: GroupId, identity: int, expiry: int, nonce: bytes, chain_id: int, registry: Address) -> bytes:
    """A group creator's invitation (EIP-712), as ``Rounds.join`` takes it.

    Args:
        creator: of the group; it signs.
        group: to join.
        identity: who is invited.
        expiry: chain time, in seconds, after which it counts no more.
        nonce: 32 fresh random bytes.
        chain_id: EIP-155.
        registry: address of the group registry.
    """
    signed = creator.sign_typed_data(
        {"name": "GroupRegistry", "version": "1", "chainId": chain_id, "verifyingContract": registry},
        {
            "Invitation": [
                {"name": "group", "type": "uint32"},
                {"name": "identity", "type": "uint64"},
                {"name": "expiry", "type": "uint64"},
                {"name": "nonce", "type": "bytes32"},
            ]
        },
        {"group": group, "identity": identity, "expiry": expiry, "nonce": nonce},
    )
    return bytes(encode(["uint64", "bytes32", "bytes"], [expiry, nonce, bytes(signed.signature)]))
