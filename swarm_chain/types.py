"""Ids and values that every layer speaks of. Names are those of the contracts (``contracts/types/Types.sol``)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

GroupId = NewType("GroupId", int)
Round = NewType("Round", int)
Seat = NewType("Seat", int)
RoundId = NewType("RoundId", int)
"""A round of a group in one number, as the contracts take it: ``group << 32 | round``."""
Address = NewType("Address", str)
"""An EVM address, checksummed (EIP-55)."""
Digest = NewType("Digest", bytes)
"""The 32-byte sha2-256 digest inside a CID."""

ZERO32 = bytes(32)


def round_id(group: GroupId, round: Round) -> RoundId:
    """Names a round of a group."""
    return RoundId(group << 32 | round)


def group_and_round(id_: RoundId) -> tuple[GroupId, Round]:
    """What a round's name says."""
    return GroupId(id_ >> 32), Round(id_ & 0xFFFFFFFF)


def report_of(samples: int, metric: int) -> int:
    """``samples << 64 | metric`` in 96 bits, the metric as int64 in two's complement: how reveals carry both on chain."""
    return samples << 64 | metric % 2**64


def samples_and_metric(report: int) -> tuple[int, int]:
    """What a report says."""
    metric = report & (2**64 - 1)
    return report >> 64, metric - (metric >> 63 << 64)


class Phase(IntEnum):
    """Where a round stands; also of a group before its first round (closed)."""

    CLOSED = 0
    COMMIT = 1
    REVEAL = 2


class Rule(IntEnum):
    """How the values of a round become one step, coordinate by coordinate."""

    MEAN = 0
    TRIMMED_MEAN = 1
    MEDIAN = 2
    TRIMMED_THIRD = 3


class Mixing(IntEnum):
    """How whole updates are mixed before the coordinate rule sees them."""

    NONE = 0
    MULTI_KRUM = 1
    NEAREST_NEIGHBOURS = 2
    CLIPPED = 3
    CLIPPED_NEAREST_NEIGHBOURS = 4
    GEOMETRIC_MEDIAN = 5
    CENTERED_CLIPPING = 6
    ALIGNED = 7


class Scoring(IntEnum):
    """How a round's reward is split."""

    EQUAL = 0
    NOVELTY = 1


@dataclass(frozen=True, slots=True)
class Domain:
    """What every hash of a group's rounds is bound to."""

    chain_id: int
    round_manager: Address
    group: GroupId


@dataclass(frozen=True, slots=True)
class Terms:
    """What a group's members agree on for its whole life. Durations in seconds, tokens in wei."""

    dimension: int
    fraction_bits: int
    min_exponent: int
    max_exponent: int
    rule: Rule
    mixing: Mixing
    scoring: Scoring
    capacity: int
    min_updates: int
    quorum_bps: int
    by_invitation: bool
    commit_duration: int
    reveal_duration: int
    challenge_window: int
    idle_timeout: int
    max_missed: int
    maturity: int
    stake: int
    reward_per_round: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a round came to; its hash is what nodes name as parent.

    Attributes:
        choice: how its updates are mixed (``protocol/choice.py``); empty where the terms mix none.
        scores: two bytes an included seat, ascending by seat; empty where all score the same.
    """

    round: Round
    parent: bytes
    model_digest: Digest
    model_root: bytes
    columns_root: bytes
    included: int
    choice: bytes
    scores: bytes
    metric: int


@dataclass(frozen=True, slots=True)
class Reveal:
    """What opens a commitment. ``available`` is a bitmap of seats, ``metric`` in millionths."""

    salt: bytes
    parent: bytes
    update_root: bytes
    samples: int
    metric: int
    available: int


@dataclass(frozen=True, slots=True)
class RoundView:
    """A round as the chain shows it. Times are chain seconds.

    Attributes:
        leader: the hash that most of the revealed weight named, as parent of its updates.
        idle: it opened after the idle timeout of the round before.
        struck: it builds on a struck result. Votes of an idle or struck round bind nobody.
        presented: the leader's preimage is on chain.
        due: when the leader can be final; 0 while it is not presented, or the round not closed.
    """

    round: Round
    opened_at: int
    commit_deadline: int
    reveal_deadline: int
    seats: int
    committed: int
    revealed: int
    roster_weight: int
    revealed_weight: int
    leader: bytes
    leader_weight: int
    idle: bool
    struck: bool
    presented: bool
    due: int


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat and who sits there.

    Attributes:
        until_round: first round that it is not on the roster of; 0 while the member has not left.
        forfeits: hundredths of its stake that were taken.
    """

    seat: Seat
    node: Address
    identity: int
    from_round: Round
    until_round: Round
    weight: int
    reputation: int
    age: int
    missed: int
    forfeits: int


@dataclass(frozen=True, slots=True)
class CommittedUpdate:
    """A seat's commit of one round, and its reveal once there is one. ``weight`` is the one written at commit."""

    seat: Seat
    node: Address
    weight: int
    sealed_digest: Digest
    reveal: Reveal | None
