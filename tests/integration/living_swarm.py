"""A swarm with something at stake everywhere: members, stakes, credits, budgets, an open and a closed round, a key that was replaced.

It goes through five stages, so that each duty is due in one of them and not yet in another.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from chain_swarm import TERMS, Node, Swarm, create, register
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.contract import View, try_all
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.groups import sign_invitation
from swarm_chain.chain.identity import public_key, sign_registration
from swarm_chain.chain.reverts import Revert
from swarm_chain.chain.sender import Sender
from swarm_chain.protocol.commitment import commitment, result_hash
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Result, Reveal, Round

TOKEN = 10**18
WINDOW, IDLE = 1_000, 3_000
LIVING = replace(TERMS, challenge_window=WINDOW, idle_timeout=IDLE, max_missed=1)
CLOSED = replace(LIVING, by_invitation=True)
HELD = 1_000 * TOKEN


@dataclass
class Living:
    """The swarm, and who looks for power over it."""

    web3: Web3
    contracts: Contracts
    deployer: LocalAccount
    creator: LocalAccount
    outsider: LocalAccount
    swarm: Swarm
    closed: GroupId
    spare: GroupId
    results: dict[Round, Result] = field(default_factory=dict)
    fresh: LocalAccount = field(default_factory=lambda: Account.from_key(secrets.token_bytes(32)))

    @property
    def group(self) -> GroupId:
        return self.swarm.group

    @property
    def members(self) -> list[Node]:
        return self.swarm.nodes

    def hash(self, round_: Round) -> bytes:
        """Of the result of a round."""
        return result_hash(self.contracts.domain(self.group), self.results[round_])

    @property
    def genesis(self) -> bytes:
        first = Result(Round(0), ZERO32, Digest(b"\x02" * 32), b"\x03" * 32, ZERO32, 0, b"", b"", 0)
        return result_hash(self.contracts.domain(self.group), first)

    def ask(self, method: str, *parameters: Any) -> Any:
        response = self.web3.provider.make_request(RPCEndpoint(method), list(parameters))
        assert "error" not in response, response
        return response["result"]

    def pass_time(self, seconds: int) -> None:
        self.ask("evm_increaseTime", seconds)
        self.ask("evm_mine")


def stages(living: Living) -> Iterator[str]:
    """Takes the swarm from stage to stage; named when it is there."""
    swarm, contracts, group = living.swarm, living.contracts, living.group
    one, two, three, four = (Round(number) for number in (1, 2, 3, 4))
    ada, bob, cleo, dan = swarm.nodes

    def play(round_: Round, parent: bytes) -> None:
        swarm.commit(round_, parent)
        living.pass_time(LIVING.reveal_duration // 2)  # what a round pays follows the time it took
        shown = living.results.get(Round(round_ - 1))
        for node in swarm.nodes:
            node.sender.send(contracts.rounds.reveal(group, round_, node.opened[round_], shown))
            shown = None
        living.results[round_] = swarm.result(round_, parent)

    play(one, living.genesis)
    living.pass_time(1)
    play(two, living.hash(one))
    living.pass_time(WINDOW)
    ada.sender.send(contracts.rounds.finalize(group, living.results[one]))
    play(three, living.hash(two))
    dan.sender.send(contracts.rounds.leave(group, dan.address))
    yield "a closed round in its window"

    living.pass_time(WINDOW)
    yield "a round that can be final"

    other = Account.from_key(secrets.token_bytes(32))
    swarm.commit(four, living.hash(three), [ada])
    plain = Reveal(secrets.token_bytes(32), living.hash(three), secrets.token_bytes(32), 40, 0, 0)
    bob.opened[four] = plain
    value = commitment(contracts.domain(group), four, bob.address, plain)
    bob.sender.send(contracts.rounds.commit(group, four, Digest(secrets.token_bytes(32)), value))
    cleo.sender.send(contracts.identities.rotate(cleo.identity, other, cleo.address))
    yield "an open round, one has not committed, and a key that was replaced"

    living.pass_time(LIVING.commit_duration)
    ada.sender.send(contracts.rounds.reveal(group, four, ada.opened[four]))
    yield "a round that is being revealed"

    living.pass_time(LIVING.reveal_duration + IDLE)
    ada.sender.send(contracts.rounds.finalize(group, living.results[two]))
    while contracts.views.head(group).settled_round < 3:
        ada.sender.send(contracts.rounds.settle_void(group))
    yield "a void round to settle, a seat to free, a member that missed"

    ada.sender.send(contracts.rounds.settle_void(group))
    yield "all settled"


def living_swarm(web3: Web3, contracts: Contracts, deployer: LocalAccount, treasury: Sender) -> Living:
    """Two groups with members and one without, funded; the three who look for power hold tokens, and may spend them here."""
    living_accounts = [Account.from_key(secrets.token_bytes(32)) for _ in range(6)]
    for account in living_accounts:
        web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [account.address, hex(100 * 10**18)])
    creator, outsider, *operators = living_accounts
    first = create(contracts, Sender(web3, creator), LIVING)
    closed = create(contracts, Sender(web3, creator), CLOSED)
    spare = create(contracts, Sender(web3, creator), LIVING)
    for group in (first, closed, spare):
        treasury.send(contracts.token.approve(contracts.groups.address, HELD))
        treasury.send(contracts.groups.fund(group, HELD))
    nodes = [register(contracts, web3, account, treasury, 2 * LIVING.stake) for account in operators]
    for node in nodes:
        node.sender.send(contracts.rounds.join(first, node.address))
        seat = contracts.views.seat(first, node.address)
        assert seat is not None
        node.seat = seat.seat
        treasury.send(contracts.token.transfer(node.address, HELD))
    invited = nodes[1]
    now = int(web3.eth.get_block("latest")["timestamp"])
    registry, chain_id = contracts.groups.address, contracts.deployment.chain_id
    invitation = sign_invitation(creator, closed, invited.identity, now + 10**6, secrets.token_bytes(32), chain_id, registry)
    invited.sender.send(contracts.rounds.join(closed, invited.address, invitation))
    for account in (deployer, creator, outsider):
        sender = Sender(web3, account)
        treasury.send(contracts.token.transfer(sender.address, HELD))
        for contract in (contracts.stakes, contracts.groups, contracts.disputes):
            sender.send(contracts.token.approve(contract.address, HELD))
    return Living(web3, contracts, deployer, creator, outsider, Swarm(contracts, first, nodes), closed, spare)


# ------------------------------------------------------------------------------------------------ what belongs to whom


@dataclass(frozen=True)
class Reading:
    """Something that is somebody's. ``may_rise``: others can add to it."""

    view: View
    owner: Address | None = None
    may_rise: bool = False


def readings(living: Living) -> dict[str, Reading]:
    """All that anybody has in the contracts."""
    contracts = living.contracts
    token, identities, rounds, rewards = contracts.token, contracts.identities, contracts.rounds, contracts.rewards
    found: dict[str, Reading] = {"supply": Reading(token.view("totalSupply"))}
    people = [Address(str(account.address)) for account in (living.deployer, living.creator, living.outsider)]
    members = [node.address for node in living.members]
    places = list(contracts.deployment.addresses.values())
    for who in (*people, *members, *places):
        found[f"balance of {who}"] = Reading(token.view("balanceOf", who), who, may_rise=True)
        found[f"credits of {who}"] = Reading(rewards.view("settledCreditOf", who), who)
    for who in (*people, *members):
        found[f"identity of {who}"] = Reading(identities.view("identityOf", who), who)
        for spender in (*people, *places):
            found[f"allowance of {who} for {spender}"] = Reading(token.view("allowance", who, spender), who)
    for identity in range(1, len(members) + 1):
        found[f"stake of {identity}"] = Reading(contracts.stakes.view("stakeOf", identity), may_rise=True)
        for name in ("operatorOf", "nodeOf", "nonceOf"):
            found[f"{name} {identity}"] = Reading(identities.view(name, identity))
    for group in (living.group, living.closed, living.spare):
        found[f"budget of {group}"] = Reading(rewards.view("budgetOf", group), may_rise=True)
        for name in ("terms", "creatorOf", "manifestOf", "genesisOf"):
            found[f"{name} {group}"] = Reading(contracts.groups.view(name, group))
        for name in ("liveOf", "rosterOf", "rulesOf", "headOf", "struckAt"):
            found[f"{name} {group}"] = Reading(rounds.view(name, group))
        for index in range(8):
            for name in ("recordOf", "leaderOf", "presentedOf"):
                found[f"{name} {group} {index}"] = Reading(rounds.view(name, group, index))
        for seat in range(LIVING.capacity):
            found[f"seat {seat} of {group}"] = Reading(rounds.view("seatOf", group, seat))
            found[f"credit of seat {seat} of {group}"] = Reading(rewards.view("creditOf", group, seat))
        for name in ("weightsOf", "standingsOf"):
            found[f"{name} {group}"] = Reading(rounds.view(name, group, 0))
        for who in members:
            found[f"place of {who} in {group}"] = Reading(rounds.view("placeOf", group, who))
            for index in range(8):
                found[f"slot of {who} in {group}, {index}"] = Reading(rounds.view("slotOf", group, who, index))
        for round_ in living.results:
            hash_ = living.hash(round_)
            found[f"strike of {group}, {round_}"] = Reading(contracts.disputes.view("strikeOf", group, hash_))
            for who in (*people, *members):
                view = contracts.disputes.view("demandOf", group, hash_, who)
                found[f"demand of {who} on {group}, {round_}"] = Reading(view, who)
    return found


def read(living: Living, wanted: dict[str, Reading]) -> dict[str, Any]:
    """The values now."""
    values = try_all(living.web3, [reading.view for reading in wanted.values()])
    assert not any(isinstance(value, Revert) for value in values)
    return dict(zip(wanted, values, strict=True))


def signed_for(living: Living, operator: Address, nonce: int) -> tuple[bytes, bytes]:
    """A fresh node key and its consent to belong to an operator."""
    contracts = living.contracts
    signature = sign_registration(living.fresh, operator, nonce, contracts.deployment.chain_id, contracts.identities.address)
    return public_key(living.fresh), signature


def opened_by(living: Living, node: Node, round_: Round) -> tuple[bytes, Any]:
    """A commitment that a member made, and what opens it."""
    opened = node.opened[round_]
    return commitment(living.contracts.domain(living.group), round_, node.address, opened), opened
