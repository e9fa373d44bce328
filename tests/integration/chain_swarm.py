"""Nodes that go through rounds by the client alone, with results made up: nothing is trained."""

import secrets
from dataclasses import dataclass, field

from eth_account.signers.local import LocalAccount
from web3 import Web3

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import GroupCreated, NodeRegistered, read_events
from swarm_chain.chain.identity import public_key
from swarm_chain.chain.sender import Sender
from swarm_chain.protocol.commitment import commitment
from swarm_chain.types import Address, Digest, GroupId, Mixing, Result, Reveal, Round, Rule, Scoring, Seat, Terms

TERMS = Terms(
    dimension=300,
    fraction_bits=24,
    min_exponent=4,
    max_exponent=20,
    rule=Rule.TRIMMED_MEAN,
    mixing=Mixing.NONE,
    scoring=Scoring.EQUAL,
    capacity=5,
    min_updates=2,
    quorum_bps=5_000,
    by_invitation=False,
    commit_duration=600,
    reveal_duration=200,
    challenge_window=60,
    idle_timeout=3_000,
    max_missed=3,
    maturity=8,
    stake=100 * 10**18,
    reward_per_round=100 * 10**18,
)


@dataclass
class Node:
    """A node whose key is its operator's too."""

    account: LocalAccount
    sender: Sender
    identity: int
    seat: Seat = field(init=False)
    opened: dict[Round, Reveal] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        return self.sender.address


@dataclass
class Swarm:
    """A group and what its members do in a round."""

    contracts: Contracts
    group: GroupId
    nodes: list[Node]

    def commit(self, round_: Round, parent: bytes, nodes: list[Node] | None = None) -> None:
        for node in self.nodes if nodes is None else nodes:
            everyone = sum(1 << node.seat for node in self.nodes)
            opened = Reveal(secrets.token_bytes(32), parent, secrets.token_bytes(32), 40, -3 - node.seat, everyone)
            node.opened[round_] = opened
            value = commitment(self.contracts.domain(self.group), round_, node.address, opened)
            assert value == self.contracts.views.make_commitment(self.group, round_, node.address, opened)
            node.sender.send(self.contracts.rounds.commit(self.group, round_, Digest(secrets.token_bytes(32)), value))

    def reveal(self, round_: Round, nodes: list[Node] | None = None) -> None:
        for node in self.nodes if nodes is None else nodes:
            node.sender.send(self.contracts.rounds.reveal(self.group, round_, node.opened[round_]))

    def result(self, round_: Round, parent: bytes, nodes: list[Node] | None = None) -> Result:
        included = sum(1 << node.seat for node in (self.nodes if nodes is None else nodes))
        return Result(round_, parent, Digest(b"\x0a" * 32), b"\x0b" * 32, b"\x0c" * 32, included, b"", b"", -4)


def register(contracts: Contracts, web3: Web3, account: LocalAccount, treasury: Sender, stake: int) -> Node:
    sender = Sender(web3, account)
    receipt = sender.send(contracts.identities.register(account, sender.address))
    (event,) = [event for event in read_events(receipt["logs"]) if isinstance(event, NodeRegistered)]
    assert (event.node, event.operator, event.public_key) == (sender.address, sender.address, public_key(account))
    treasury.send(contracts.token.transfer(sender.address, stake))
    sender.send(contracts.token.approve(contracts.stakes.address, stake))
    sender.send(contracts.stakes.deposit(event.identity, stake))
    assert contracts.stakes.stake_of(event.identity) == (stake, 0)
    return Node(account, sender, event.identity)


def create(contracts: Contracts, creator: Sender, terms: Terms = TERMS) -> GroupId:
    receipt = creator.send(contracts.groups.create(terms, Digest(b"\x01" * 32), Digest(b"\x02" * 32), b"\x03" * 32))
    (event,) = [event for event in read_events(receipt["logs"]) if isinstance(event, GroupCreated)]
    assert (event.terms, event.creator, event.genesis_root) == (terms, creator.address, b"\x03" * 32)
    return event.group
