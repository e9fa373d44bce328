"""What the contracts of identities, stakes, groups, rewards and tokens report."""

from dataclasses import dataclass

from swarm_chain.chain.events.event import Event
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
    """What a final round paid, in wei. ``whole`` and ``half`` are bitmaps of the seats that got ``share`` and ``half_share``."""

    group: GroupId
    round: Round
    paid: int
    share: int
    half_share: int
    whole: int
    half: int

    def credits(self) -> dict[Seat, int]:
        """What each paid seat was credited, in wei."""
        shares = [(self.whole, self.share), (self.half, self.half_share)]
        return {Seat(seat): share for seats, share in shares for seat in range(seats.bit_length()) if seats >> seat & 1}


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
