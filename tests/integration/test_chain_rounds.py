"""Nodes go through rounds on a real chain, by the client alone."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from chain_swarm import TERMS, Swarm, create, register
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_signature_to_4byte_selector
from web3 import Web3
from web3.types import BlockIdentifier

from swarm_chain.chain import views
from swarm_chain.chain.connection import chain_time
from swarm_chain.chain.contract import View, try_all
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import (
    CommitForfeited,
    Committed,
    InvitationAccepted,
    ResultPresented,
    RevealStarted,
    RoundClosed,
    RoundFinal,
    RoundOpened,
    RoundPaid,
    RoundVoid,
    read_events,
)
from swarm_chain.chain.groups import sign_invitation
from swarm_chain.chain.identity import public_key, sign_registration
from swarm_chain.chain.sender import Call, Sender
from swarm_chain.errors import ChainError, TransactionError, UnknownError
from swarm_chain.protocol.commitment import commitment, genesis_hash, result_hash, reveal_digest
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Phase, Reveal, Round

NewAccount = Callable[[], LocalAccount]
PassTime = Callable[[int], None]


def test_a_group_is_read_as_it_was_created(contracts: Contracts, treasury: Sender) -> None:
    terms = replace(TERMS, by_invitation=True, min_exponent=-5)
    group = create(contracts, treasury, terms)
    read = contracts.groups.group(group)
    assert (read.terms, read.creator) == (terms, treasury.address)
    assert (read.manifest_digest, read.genesis_digest, read.genesis_root) == (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    assert contracts.groups.created(0, contracts.web3.eth.block_number, group)[0].terms == terms
    for unknown in (0, group + 1, 2**32 - 1):
        with pytest.raises(UnknownError, match="no group"):
            contracts.groups.group(GroupId(unknown))
    with pytest.raises(TransactionError, match="quorumBps") as caught:
        create(contracts, treasury, replace(TERMS, quorum_bps=4_999))
    assert caught.value.reverted_with == "BadTerm"


def test_a_round_from_commit_to_claim(swarm: Swarm, contracts: Contracts, treasury: Sender, pass_time: PassTime) -> None:
    rounds, group, nodes = contracts.rounds, swarm.group, swarm.nodes
    domain = contracts.domain(group)
    genesis = genesis_hash(domain, Digest(b"\x02" * 32), b"\x03" * 32)
    assert contracts.views.head(group) == (genesis, 0, 0, 0)
    before = contracts.views.snapshot(group, nodes[0].address)
    assert (before.phase.round, before.phase.phase, before.rounds) == (0, Phase.CLOSED, {})
    assert before.seat is not None
    assert before.seat.node == nodes[0].address
    assert before.roster.seats == 3

    one, two = Round(1), Round(2)
    swarm.commit(one, genesis, nodes[:1])
    half = contracts.views.snapshot(group, nodes[0].address)
    assert (half.phase.round, half.phase.phase) == (1, Phase.COMMIT)
    assert half.slot is not None
    assert half.slot.committed
    assert not half.slot.revealed
    assert half.slot.digest == commitment(domain, one, nodes[0].address, nodes[0].opened[one])
    assert half.rounds[one].committed == 1
    swarm.commit(one, genesis, nodes[1:])
    assert contracts.views.phase(group).phase == Phase.REVEAL

    pass_time(80)  # a tenth of the time a round could take, and so a tenth of the reward
    swarm.reveal(one, nodes[:2])
    updates = rounds.commits(group, one)
    assert [update.reveal is not None for update in sorted(updates, key=lambda update: update.seat)] == [True, True, False]
    swarm.reveal(one, nodes[2:])
    after = contracts.views.snapshot(group, nodes[0].address)
    assert after.phase.phase == Phase.CLOSED
    assert after.slot is not None
    assert after.slot.digest == reveal_digest(half.slot.digest, nodes[0].opened[one].available)
    assert after.rounds[one].leader == genesis
    assert after.rounds[one].leader_weight == after.rounds[one].revealed_weight == after.rounds[one].roster_weight > 0
    assert contracts.views.agreed_parent(group, one) == genesis

    updates = rounds.commits(group, one)
    assert [update.node for update in updates] == sorted((node.address for node in nodes), key=lambda address: int(address, 16))
    for update in updates:
        node = next(node for node in nodes if node.address == update.node)
        assert update.reveal == node.opened[one]
        assert update.seat == node.seat
        assert update.weight == contracts.views.slot(group, node.address, one).weight > 0
    # What was so at an earlier block can still be read.
    assert [update.reveal for update in rounds.commits(group, one, half.block.number)] == [None]

    result = swarm.result(one, genesis)
    assert contracts.views.hash_result(group, result) == result_hash(domain, result)
    named = result_hash(domain, result)
    swarm.commit(two, named)
    with pytest.raises(TransactionError) as caught:
        nodes[0].sender.send(rounds.reveal(group, two, nodes[0].opened[two], replace(result, metric=5)))
    assert caught.value.reverted_with == "ResultMismatch"
    receipt = nodes[0].sender.send(rounds.reveal(group, two, nodes[0].opened[two], result))
    (presented,) = [event for event in read_events(receipt["logs"]) if isinstance(event, ResultPresented)]
    assert (presented.group, presented.round, presented.result_hash, presented.result) == (group, 1, named, result)
    swarm.reveal(two, nodes[1:])
    with pytest.raises(TransactionError) as caught:
        treasury.send(rounds.finalize(group, result))
    assert caught.value.reverted_with == "WindowOpen"
    voted = contracts.views.round_at(group, two)
    assert (voted.leader, voted.presented, voted.struck, voted.idle) == (named, True, False, False)
    assert voted.due == max(presented.due_floor, voted.reveal_deadline + TERMS.challenge_window)
    with pytest.raises(TransactionError) as caught:
        treasury.send(rounds.finalize(group, replace(result, metric=5)))
    assert caught.value.reverted_with == "ResultMismatch"
    pass_time(TERMS.challenge_window + 1)
    receipt = treasury.send(rounds.finalize(group, result))
    events = read_events(receipt["logs"])
    (final,) = [event for event in events if isinstance(event, RoundFinal)]
    (paid,) = [event for event in events if isinstance(event, RoundPaid)]
    assert (final.round, final.result_hash) == (1, named)
    assert rounds.finals(group) == [(named, result)]
    assert contracts.views.head(group) == (result_hash(domain, result), 1, 1, 0)
    assert rounds.final_result(group) == result
    assert set(contracts.views.snapshot(group, nodes[0].address).rounds) == {one, two}

    credits = paid.credits()
    assert credits == {node.seat: contracts.rewards.credit_of(group, node.seat) for node in nodes}
    assert sum(credits.values()) == paid.paid == 1_000 * 10**18 - contracts.rewards.budget_of(group) > 9 * 10**18
    for node in nodes:
        assert contracts.rewards.rewards(node.address) == (group, node.seat, node.address, credits[node.seat])
        assert contracts.token.balance_of(node.address) == 0
        node.sender.send(contracts.rewards.claim([(group, node.seat)]))
        assert contracts.token.balance_of(node.address) == credits[node.seat] > 0
    with pytest.raises(TransactionError) as nothing:
        nodes[0].sender.send(contracts.rewards.claim([(group, nodes[0].seat)]))
    assert nothing.value.reverted_with == "NothingToClaim"
    assert all(seat.age == 1 for seat in contracts.views.seats(group, TERMS.capacity))

    kinds = (RoundOpened, Committed, RevealStarted, ResultPresented, RoundClosed, RoundFinal)
    seen = [type(event).__name__ for event in rounds.events(group, kinds, 0, contracts.web3.eth.block_number)]
    opened = ["RoundOpened", *["Committed"] * 3, "RevealStarted"]
    assert seen == [*opened, "RoundClosed", *opened, "ResultPresented", "RoundClosed", "RoundFinal"]
    assert rounds.events(GroupId(group + 1), kinds, 0, contracts.web3.eth.block_number) == []


def test_what_a_node_may_not_do_is_refused_by_name(swarm: Swarm, contracts: Contracts, web3: Web3, new_account: NewAccount) -> None:
    rounds, group, node = contracts.rounds, swarm.group, swarm.nodes[0]
    stranger = Sender(web3, new_account())
    nothing = Reveal(ZERO32, ZERO32, ZERO32, 0, 0, 0)

    def refused(sender: Sender, function: object) -> str:
        with pytest.raises((TransactionError, UnknownError)) as caught:
            sender.send(function)  # type: ignore[arg-type]  # whatever the client returned
        return getattr(caught.value, "reverted_with", "") or str(caught.value)

    assert "NotSeated" in refused(stranger, rounds.commit(group, Round(1), Digest(ZERO32), bytes(24)))
    assert contracts.views.seat(group, stranger.address) is None
    assert contracts.views.snapshot(group, stranger.address).seat is None
    assert refused(node.sender, rounds.commit(group, Round(2), Digest(ZERO32), bytes(24))) == "UnexpectedRound"
    swarm.commit(Round(1), ZERO32)
    assert refused(node.sender, rounds.commit(group, Round(1), Digest(ZERO32), bytes(24))) == "UnexpectedPhase"
    assert refused(node.sender, rounds.reveal(group, Round(1), nothing)) == "CommitmentMismatch"
    assert refused(stranger, rounds.reveal(group, Round(1), nothing)) == "NotCommitted"
    assert refused(stranger, rounds.join(group, node.address)) in ("NotNodeOrOperator", "AlreadySeated")
    with pytest.raises(UnknownError, match="UnknownGroup"):
        contracts.views.snapshot(GroupId(999_999), node.address)
    with pytest.raises(TransactionError, match="RoundNotKept"):
        contracts.views.round_at(group, Round(7))


def test_a_snapshot_is_of_one_block_whatever_state_the_chain_answers_from(
    swarm: Swarm, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anvil answers for its last block from the state of the next one while it makes that: here for the first ``early`` requests."""
    group, nodes, one = swarm.group, swarm.nodes, Round(1)
    swarm.commit(one, contracts.views.head(group).result_hash)
    swarm.reveal(one, nodes[:-1])
    last = contracts.web3.eth.block_number
    swarm.reveal(one, nodes[-1:])
    after = contracts.web3.eth.block_number
    asked = 0

    def racing(web3: Web3, views: Sequence[View], block: BlockIdentifier = "latest") -> list[Any]:
        nonlocal asked
        asked += 1
        return try_all(web3, views, after if asked in early else block)

    monkeypatch.setattr(views, "try_all", racing)
    for early in ({1}, {2}, {1, 4}, {2, 3, 6}):
        asked = 0
        snapshot = contracts.views.snapshot(group, nodes[0].address, last)
        assert asked == 2 * len(early) + 2
        assert (snapshot.phase.phase, snapshot.rounds[one].revealed) == (Phase.REVEAL, len(nodes) - 1)
    asked, early = 0, set(range(1, 100, 2))
    with pytest.raises(ChainError, match="answered differently for the same block"):
        contracts.views.snapshot(group, nodes[0].address, last)


def test_a_round_that_nobody_follows_is_void_and_a_missing_reveal_costs(swarm: Swarm, contracts: Contracts, pass_time: PassTime) -> None:
    rounds, group, nodes = contracts.rounds, swarm.group, swarm.nodes
    genesis = contracts.views.head(group).result_hash
    swarm.commit(Round(1), genesis, nodes[:2])
    pass_time(TERMS.commit_duration + 1)
    assert contracts.views.phase(group).phase == Phase.REVEAL
    assert contracts.views.snapshot(group, nodes[0].address).phase.phase == Phase.REVEAL
    swarm.reveal(Round(1), nodes[:1])
    pass_time(TERMS.reveal_duration + 1)
    assert contracts.views.phase(group).phase == Phase.CLOSED
    assert contracts.views.agreed_parent(group, Round(1)) is None
    with pytest.raises(TransactionError) as early:
        nodes[0].sender.send(rounds.settle_void(group))
    assert early.value.reverted_with == "NothingToSettle"
    pass_time(TERMS.idle_timeout + 1)
    events = read_events(nodes[0].sender.send(rounds.settle_void(group))["logs"])
    assert [event.round for event in events if isinstance(event, RoundVoid)] == [1]
    (forfeited,) = [event for event in events if isinstance(event, CommitForfeited)]
    assert (forfeited.seat, forfeited.burnt) == (nodes[1].seat, TERMS.stake // 100)
    assert contracts.views.head(group) == (genesis, 0, 1, 0)
    assert rounds.final_result(group) is None


def test_a_node_key_must_agree(contracts: Contracts, web3: Web3, new_account: NewAccount) -> None:
    operator, node, thief = Sender(web3, new_account()), new_account(), Sender(web3, new_account())
    identities = contracts.identities
    signature = sign_registration(node, operator.address, 0, operator.chain_id, identities.address)
    # The signature is for this operator, key, chain and registry alone.
    for bad in (
        sign_registration(node, thief.address, 0, operator.chain_id, identities.address),
        sign_registration(node, operator.address, 1, operator.chain_id, identities.address),
        sign_registration(node, operator.address, 0, 1, identities.address),
        sign_registration(node, operator.address, 0, operator.chain_id, contracts.token.address),
        sign_registration(new_account(), operator.address, 0, operator.chain_id, identities.address),
    ):
        with pytest.raises(TransactionError) as caught:
            operator.send(identities.function("register", public_key(node), bad))
        assert caught.value.reverted_with == "BadNodeSignature"
    with pytest.raises(TransactionError):
        thief.send(identities.function("register", public_key(node), signature))
    operator.send(identities.register(node, operator.address))
    address = Address(node.address)
    identity = identities.identity_of(address)
    assert identity > 0
    assert identities.operator_of(identity) == operator.address
    with pytest.raises(TransactionError) as taken:
        operator.send(identities.register(node, operator.address))
    assert taken.value.reverted_with == "NodeKeyTaken"

    successor = new_account()
    operator.send(identities.rotate(identity, successor, operator.address))
    assert identities.node_of(identity) == str(successor.address)
    assert identities.identity_of(address) == 0
    assert identities.nonce_of(identity) == 1


def test_the_last_endpoint_counts(contracts: Contracts, web3: Web3, new_account: NewAccount) -> None:
    node = new_account()
    sender = Sender(web3, node)
    sender.send(contracts.identities.register(node, sender.address))
    identity = contracts.identities.identity_of(sender.address)
    assert contracts.identities.endpoint(identity) is None
    for endpoint in ("http://127.0.0.1:9001", "http://127.0.0.1:9002/ü"):
        sender.send(contracts.identities.announce(endpoint))
        assert contracts.identities.endpoint(identity) == endpoint
    assert Contracts(web3, contracts.deployment).identities.endpoints()[identity] == "http://127.0.0.1:9002/ü"
    assert contracts.identities.announced(identity) == ["http://127.0.0.1:9001", "http://127.0.0.1:9002/ü"]
    with pytest.raises(TransactionError) as caught:
        sender.send(contracts.identities.announce("x" * 513))
    assert caught.value.reverted_with == "EndpointLength"


def test_an_endpoint_that_is_no_text_harms_nobody(contracts: Contracts, web3: Web3, new_account: NewAccount) -> None:
    node = new_account()
    sender = Sender(web3, node)
    sender.send(contracts.identities.register(node, sender.address))
    said = function_signature_to_4byte_selector("announce(string)") + encode(["bytes"], [b"http://\xff\xfe:1"])
    signed = sender.sign(Call("announce", contracts.identities.address, said, 200_000), sender.nonce(), sender.fees("announce"))
    sender.broadcast(signed.raw)
    assert sender.wait(signed.hash)["status"] == 1
    found = contracts.identities.endpoints()[contracts.identities.identity_of(sender.address)]
    assert found == "http://\ufffd\ufffd:1"


def test_invitations(contracts: Contracts, web3: Web3, treasury: Sender, new_account: NewAccount) -> None:
    creator = new_account()
    group = create(contracts, Sender(web3, creator), replace(TERMS, by_invitation=True))
    node = register(contracts, web3, new_account(), treasury, TERMS.stake)
    expiry = chain_time(web3) + 1_000

    def invitation(signer: LocalAccount, until: int) -> bytes:
        return sign_invitation(signer, group, node.identity, until, secrets.token_bytes(32), treasury.chain_id, contracts.groups.address)

    for bad, name in (
        (b"", "InvitationNeeded"),
        (invitation(new_account(), expiry), "BadInvitationSignature"),
        (invitation(creator, 1), "InvitationExpired"),
    ):
        with pytest.raises(TransactionError) as caught:
            node.sender.send(contracts.rounds.join(group, node.address, bad))
        assert caught.value.reverted_with == name
    receipt = node.sender.send(contracts.rounds.join(group, node.address, invitation(creator, expiry)))
    assert any(isinstance(event, InvitationAccepted) for event in read_events(receipt["logs"]))
    assert contracts.views.seat(group, node.address) is not None
