"""What the contracts of identities, stakes, groups, rewards and tokens report."""

from dataclasses import dataclass

from swarm_chain.chain.events.event import Event
from swarm_chain.protocol.payment import halved, shares_of
from swarm_chain.protocol.scores import decode_scores
from swarm_chain.types import Address, Digest, GroupId, Round, Seat, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRegistered(Event):
    """A node key was registered by its operator."""

    identity: int
    operator: Address
    node: Address
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKeyRotated(Event):
    """An identity has a new node key."""

    identity: int
    old_node: Address
    new_node: Address
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnnounced(Event):
    """A node said where its bytes can be fetched."""

    identity: int
    node: Address
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeDeposited(Event):
    """Free stake came in."""

    identity: int
    from_: Address
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeWithdrawn(Event):
    """Free stake went out."""

    identity: int
    to: Address
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeLocked(Event):
    """Stake backs a seat."""

    identity: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeUnlocked(Event):
    """Stake came free again."""

    identity: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeSlashed(Event):
    """Locked stake was burnt, less the challenger's part."""

    identity: int
    amount: int
    challenger: Address
    challenger_part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCreated(Event):
    """A group came to be."""

    group: GroupId
    creator: Address
    manifest_digest: Digest
    genesis_digest: Digest
    genesis_root: bytes
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFunded(Event):
    """A sponsor put tokens into a group's budget."""

    group: GroupId
    sponsor: Address
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationAccepted(Event):
    """An invitation was used up."""

    group: GroupId
    identity: int
    invitation: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAdded(Event):
    """A group's budget grew."""

    group: GroupId
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatAssigned(Event):
    """From now on a seat's credits are this operator's."""

    group: GroupId
    seat: Seat
    operator: Address
    node: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPaid(Event):
    """What a final round paid, in wei.

    Attributes:
        share: of the seat that scored best.
        half_share: what is left of it to a seat that did not vote in the next round.
        whole: bitmap of the seats credited with their shares.
        half: of those credited with half of them.
        scores: two bytes a seat of both, ascending by seat; empty where all score the same.
    """

    group: GroupId
    round: Round
    paid: int
    share: int
    half_share: int
    whole: int
    half: int
    scores: bytes

    def credits(self) -> dict[Seat, int]:
        """What each paid seat was credited, in wei."""
        shares = shares_of(self.share, decode_scores(self.scores, self.whole | self.half))
        return {seat: share if self.whole >> seat & 1 else halved(share) for seat, share in shares.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Event):
    """An operator collected its credits."""

    operator: Address
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Event):
    """Tokens moved (ERC-20)."""

    from_: Address
    to: Address
    value: int


KINDS: tuple[type[Event], ...] = (
    NodeRegistered,
    NodeKeyRotated,
    EndpointAnnounced,
    StakeDeposited,
    StakeWithdrawn,
    StakeLocked,
    StakeUnlocked,
    StakeSlashed,
    GroupCreated,
    GroupFunded,
    InvitationAccepted,
    BudgetAdded,
    SeatAssigned,
    RoundPaid,
    Claimed,
    Transfer,
)
