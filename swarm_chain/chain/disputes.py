"""What anyone can do about a result that is wrong, or that nobody shows, and what was done about it."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from eth_typing import HexStr
from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.chain.events import Event, address_of, read_events, topic_of, topics
from swarm_chain.chain.views import as_struct
from swarm_chain.protocol.disputes.evidence import (
    Absence,
    Availability,
    Challenge,
    Column,
    Coordinate,
    Exponent,
    Fault,
    Inclusion,
    Leaf,
    Opened,
    Terms,
    Tree,
    Update,
)
from swarm_chain.types import Address, GroupId, Result, Round

BOND_PARTS = 100
"""A demand's bond is this part of the group's stake."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A named result that was proven wrong; ``struck_at`` is 0 where it was not. ``slashed`` is a bitmap of seats, ``pot`` in wei."""

    challenger: Address
    struck_at: int
    round: Round
    fault: Fault
    tainted: bool
    pot: int
    slashed: int


@dataclass(frozen=True, slots=True)
class Demand:
    """A challenger's demand of a result's leaf; ``until`` is 0 where none is open. ``bond`` in wei."""

    until: int
    index: int
    tree: Tree
    bond: int
    round: Round


class Disputes(DeployedContract):
    """``Disputes``."""

    name = "Disputes"

    # -------------------------------------------------------------------------------------------- to look
    def strike_of(self, group: GroupId, result_hash: bytes, block: BlockIdentifier = "latest") -> Strike:
        """What became of a result that was challenged."""
        challenger, struck_at, round_, kind, tainted, pot, slashed = self.read("strikeOf", group, result_hash, block=block)
        return Strike(address_of(challenger), struck_at, Round(round_), Fault(kind), tainted, pot, slashed)

    def demand_of(self, group: GroupId, result_hash: bytes, challenger: Address, block: BlockIdentifier = "latest") -> Demand:
        """The last demand that a challenger made of one of a result's leaves."""
        until, index, tree, bond, round_ = self.read("demandOf", group, result_hash, challenger, block=block)
        return Demand(until, index, Tree(tree), bond, Round(round_))

    def events(self, group: GroupId, kinds: Iterable[type[Event]], first: int, last: int) -> list[Event]:
        """A group's events of some kinds in the blocks ``first`` to ``last``, in order."""
        return read_events(self.logs([topics(*kinds), topic_of(group)], first, last))

    # -------------------------------------------------------------------------------------------- to send, anyone's calls
    def challenge(self, group: GroupId, challenge: Challenge) -> ContractFunction:
        """Brings what proves a named result wrong."""
        match challenge:
            case Coordinate(result, parent, block, offset, columns, before, claimed):
                leaves = [_leaf(columns), _leaf(before), _leaf(claimed)]
                return self.function("challengeCoordinate", group, astuple(result), astuple(parent), block, offset, *leaves)
            case Exponent(result, parent, block, columns, before, claimed):
                leaves = [_leaf(columns), _leaf(before), _leaf(claimed)]
                return self.function("challengeExponent", group, astuple(result), astuple(parent), block, *leaves)
            case Column(result, block, columns, opened, update):
                return self.function("challengeColumn", group, astuple(result), block, _leaf(columns), _opened(opened), _leaf(update))
            case Update(result, opened, index, update):
                return self.function("challengeUpdate", group, astuple(result), _opened(opened), index, _leaf(update))
            case Availability(result, seat, without):
                return self.function("challengeAvailability", group, astuple(result), seat, [_opened(each) for each in without])
            case Absence(result, seat):
                return self.function("challengeAbsence", group, astuple(result), seat)
            case Inclusion(result, opened):
                return self.function("challengeInclusion", group, astuple(result), _opened(opened))
            case Terms(result):
                return self.function("challengeTerms", group, astuple(result))

    def challenge_unpresented(self, group: GroupId) -> ContractFunction:
        """Voids the first unsettled round and every later one, for nobody presented what was agreed in time. Anyone's call."""
        return self.function("challengeUnpresented", group)

    def demand(self, group: GroupId, result: Result, tree: Tree, index: int) -> ContractFunction:
        """Demands a leaf of a result; approve this contract for the bond first."""
        return self.function("demand", group, astuple(result), tree, index)

    def answer(self, group: GroupId, result: Result, challenger: Address, leaf: Leaf) -> ContractFunction:
        """Shows the leaf that a challenger demanded, and earns half of the bond."""
        return self.function("answer", group, astuple(result), challenger, _leaf(leaf))

    def challenge_unanswered(self, group: GroupId, result: Result, challenger: Address) -> ContractFunction:
        """Strikes a result whose demanded leaf nobody showed in time."""
        return self.function("challengeUnanswered", group, astuple(result), challenger)

    def reclaim(self, group: GroupId, result_hash: bytes, challenger: Address) -> ContractFunction:
        """Returns the bond of a demand that no answer can be needed for any more."""
        return self.function("reclaim", group, result_hash, challenger)

    def slash(self, group: GroupId, result_hash: bytes, opened: Opened) -> ContractFunction:
        """Slashes a seat that named a struck result: what it revealed in the round after the result's."""
        return self.function("slash", group, result_hash, _opened(opened))

    def collect(self, group: GroupId, result_hash: bytes) -> ContractFunction:
        """Pays what the slashed seats of a struck result left to its challenger."""
        return self.function("collect", group, result_hash)


def calldata_size(function: ContractFunction) -> int:
    """Bytes of a call: what a proof takes on chain."""
    encoded: HexStr = function._encode_transaction_data()
    return len(encoded) // 2 - 1


def _leaf(leaf: Leaf) -> tuple[bytes, list[bytes]]:
    return leaf.data, list(leaf.proof)


def _opened(opened: Opened) -> tuple[Any, ...]:
    return opened.node, as_struct(opened.reveal)
