"""What the contracts report: a frozen dataclass for every event of theirs, and how to read one from a log.

Fields are the event's arguments by their own names in snake_case, so that decoding needs no table: the ABI says the rest.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

from eth_abi.abi import decode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from hexbytes import HexBytes
from web3 import Web3
from web3.types import LogReceipt

from swarm_chain.chain import artifacts
from swarm_chain.types import Address, Digest, GroupId, Result, Round, Rule, Scoring, Seat, Terms


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: contract, block, transaction, and its number among the block's logs."""

    contract: Address
    block: int
    block_hash: bytes
    transaction: bytes
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Any event."""

    place: Place


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
class SeatTaken(Event):
    """A node sits, from a round on."""

    group: GroupId
    seat: Seat
    node: Address
    identity: int
    from_round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatLeft(Event):
    """A node leaves, from a round on."""

    group: GroupId
    seat: Seat
    node: Address
    from_round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatFreed(Event):
    """A seat is free again."""

    group: GroupId
    seat: Seat
    node: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRekeyed(Event):
    """A seat follows its identity's new node key."""

    group: GroupId
    seat: Seat
    old_node: Address
    new_node: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """A round's first commit opened it."""

    group: GroupId
    round: Round
    seats: int
    commit_deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Event):
    """A node committed a sealed update."""

    group: GroupId
    round: Round
    node: Address
    seat: Seat
    sealed_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealStarted(Event):
    """Every seat committed, or the commit deadline is over."""

    group: GroupId
    round: Round
    reveal_deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed(Event):
    """A node opened its commitment, and voted for ``parent``."""

    group: GroupId
    round: Round
    node: Address
    salt: bytes
    parent: bytes
    update_root: bytes
    samples: int
    metric: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresReported(Event):
    """The committee's reports of a node, in the transaction of its reveal."""

    group: GroupId
    round: Round
    node: Address
    scores: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundClosed(Event):
    """Every commit of a round was revealed."""

    group: GroupId
    round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFinal(Event):
    """A round's agreed result is final."""

    group: GroupId
    round: Round
    result_hash: bytes
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundVoid(Event):
    """A round was settled without a result."""

    group: GroupId
    round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitForfeited(Event):
    """A seat committed, did not reveal, and lost stake."""

    group: GroupId
    round: Round
    seat: Seat
    burnt: int


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
    SeatTaken,
    SeatLeft,
    SeatFreed,
    SeatRekeyed,
    RoundOpened,
    Committed,
    RevealStarted,
    Revealed,
    ScoresReported,
    RoundClosed,
    RoundFinal,
    RoundVoid,
    CommitForfeited,
    Transfer,
)


class Layout(NamedTuple):
    """How the ABI lays an event out in a log: (field, type) of its topics and of its data."""

    kind: type[Event]
    topics: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]


def topic(kind: type[Event]) -> str:
    """The first topic of an event's logs, in hex: what to ask ``eth_getLogs`` for."""
    return next(key for key, layout in layouts().items() if layout.kind is kind)


def topic_of(number: int) -> str:
    """An indexed number as a topic, in hex."""
    return "0x" + number.to_bytes(32, "big").hex()


def topic_of_address(address: Address) -> str:
    """An indexed address as a topic, in hex."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def read_event(log: LogReceipt) -> Event | None:
    """The event a log holds, or None if it is no event of ours."""
    layout = layouts().get("0x" + log["topics"][0].hex()) if log["topics"] else None
    if layout is None:
        return None
    values: dict[str, Any] = {}
    for (name, kind), word in zip(layout.topics, log["topics"][1:], strict=True):
        values[name] = decode([kind], bytes(word))[0]
    values.update(zip((name for name, _ in layout.data), decode([kind for _, kind in layout.data], bytes(log["data"])), strict=True))
    types = dict(layout.topics + layout.data)
    place = Place(
        contract=Address(str(log["address"])),
        block=log["blockNumber"],
        block_hash=bytes(log["blockHash"]),
        transaction=bytes(HexBytes(log["transactionHash"])),
        index=log["logIndex"],
    )
    return layout.kind(place=place, **{name: _as_ours(name, types[name], value) for name, value in values.items()})


def read_events(logs: Iterable[LogReceipt]) -> list[Event]:
    """The events among logs, in their order."""
    return [event for event in map(read_event, logs) if event is not None]


@cache
def layouts() -> dict[str, Layout]:
    """Every event by its first topic, in hex, as the contracts' ABIs have it."""
    kinds = {kind.__name__: kind for kind in KINDS}
    found: dict[str, Layout] = {}
    for contract in artifacts.CONTRACTS:
        for entry in artifacts.load(contract).abi:
            if entry["type"] != "event" or entry["name"] not in kinds:
                continue
            kind = kinds[entry["name"]]
            arguments = [(_field(argument["name"]), collapse_if_tuple(argument), argument["indexed"]) for argument in entry["inputs"]]
            known = {field.name for field in fields(kind)} - {"place"}
            if {name for name, _, _ in arguments} != known:
                raise AssertionError(f"{entry['name']} has other fields than its contract's event")
            found["0x" + event_abi_to_log_topic(entry).hex()] = Layout(
                kind,
                topics=tuple((name, type_) for name, type_, indexed in arguments if indexed),
                data=tuple((name, type_) for name, type_, indexed in arguments if not indexed),
            )
    return found


def terms_of(values: tuple[Any, ...]) -> Terms:
    """A ``Terms`` struct as the ABI decodes it."""
    dimension, fraction_bits, low, high, rule, scoring, *rest = values
    return Terms(dimension, fraction_bits, low, high, Rule(rule), Scoring(scoring), *rest)


def result_of(values: tuple[Any, ...]) -> Result:
    """A ``Result`` struct as the ABI decodes it."""
    return Result(*values)


def address_of(value: str) -> Address:
    """An address as the ABI decodes it, with its checksum."""
    return Address(str(Web3.to_checksum_address(value)))


def _field(name: str) -> str:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return "from_" if snake == "from" else snake


def _as_ours(name: str, kind: str, value: Any) -> Any:
    if kind == "address":
        return address_of(value)
    if name == "terms":
        return terms_of(value)
    if name == "result":
        return result_of(value)
    return tuple(value) if isinstance(value, list) else value
