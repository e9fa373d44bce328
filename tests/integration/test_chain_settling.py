"""What becomes of rounds on a real chain, by the duty of one node: presented, final, expired, struck."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from chain_swarm import TERMS, Swarm
from eth_account.signers.local import LocalAccount

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import ResultPresented, RoundFinal, RoundsStruck, RoundVoid
from swarm_chain.chain.outbox import OUTBOX, Outbox
from swarm_chain.chain.sender import Sender
from swarm_chain.node.journal import Journal, JournaledResult
from swarm_chain.node.member import Member
from swarm_chain.node.observing import Observers
from swarm_chain.node.parents import Parents
from swarm_chain.node.reveal import to_present
from swarm_chain.node.settle import Settler
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.types import Result, Round

PassTime = Callable[[int], None]
ONE, TWO, THREE = Round(1), Round(2), Round(3)


class Settling:
    """The first node of a swarm, as far as settling needs it. It never waits for its turn."""

    def __init__(self, swarm: Swarm, journal: Journal, outbox: Outbox) -> None:
        node, contracts = swarm.nodes[0], swarm.contracts
        self.swarm, self.journal, self.outbox = swarm, journal, outbox
        self.member = cast(
            Member,
            SimpleNamespace(
                contracts=contracts,
                domain=contracts.domain(swarm.group),
                genesis=None,
                genesis_hash=b"",
                group=swarm.group,
                journal=journal,
                node=node.address,
                seat=0,
                observers=Observers(),
                outbox=outbox,
                terms=TERMS,
            ),
        )

    def settle(self) -> bool:
        """One look, one step."""
        settler = Settler(self.member, Parents(self.member))
        snapshot = self.swarm.contracts.views.snapshot(self.swarm.group, self.member.node)
        for _ in range(2):  # the first look starts the turn, which for seat 0 may be some seconds off
            if settler.settle(snapshot):
                return True
            settler._due = settler._due and (*settler._due[:2], 0)
        is_sent = self.outbox.is_waiting()
        self.outbox.finish(10)
        return is_sent

    def knows(self, result: Result) -> bytes:
        hash_ = result_hash(self.member.domain, result)
        self.journal.record_result(JournaledResult(result.round, result.parent, hash_, result))
        return hash_

    def events(self, *kinds: type) -> list[object]:
        group, latest = self.swarm.group, self.swarm.contracts.web3.eth.block_number
        return list(self.swarm.contracts.rounds.events(group, kinds, 0, latest))


@pytest.fixture
def settling(swarm: Swarm, tmp_path: Path) -> Iterator[Settling]:
    with Journal(tmp_path / "journal.db", bytes(32)) as journal:
        outbox = Outbox(tmp_path / OUTBOX, swarm.nodes[0].sender)
        yield Settling(swarm, journal, outbox)
        outbox.close()


def vote(swarm: Swarm, round_: Round, parent: bytes) -> None:
    swarm.commit(round_, parent)
    swarm.reveal(round_)


def test_what_nobody_showed_at_the_vote_is_presented_and_then_final(settling: Settling, contracts: Contracts, pass_time: PassTime) -> None:
    swarm, group = settling.swarm, settling.swarm.group
    genesis = contracts.views.head(group).result_hash
    vote(swarm, ONE, genesis)
    result = swarm.result(ONE, genesis)
    named = result_hash(contracts.domain(group), result)
    vote(swarm, TWO, named)
    pass_time(TERMS.challenge_window + 1)
    assert not settling.settle()  # it does not know the preimage
    settling.knows(result)
    assert settling.settle()
    (presented,) = settling.events(ResultPresented)
    assert isinstance(presented, ResultPresented)
    assert presented.result == result
    assert contracts.views.round_at(group, TWO).due == presented.due_floor
    assert not settling.settle()  # a window from then
    pass_time(TERMS.challenge_window + 1)
    assert settling.settle()
    assert contracts.views.head(group).result_hash == named
    assert contracts.rounds.final_result(group) == result


def test_a_node_that_computed_nothing_finalizes_what_lies_open(settling: Settling, contracts: Contracts, pass_time: PassTime) -> None:
    swarm, group = settling.swarm, settling.swarm.group
    genesis = contracts.views.head(group).result_hash
    vote(swarm, ONE, genesis)
    result = swarm.result(ONE, genesis)
    swarm.commit(TWO, result_hash(contracts.domain(group), result))
    for node in swarm.nodes:
        node.sender.send(contracts.rounds.reveal(group, TWO, node.opened[TWO], result))
    assert len(settling.events(ResultPresented)) == 1  # by the first; for the others it lay open
    pass_time(TERMS.challenge_window + 1)
    other = settling.knows(Result(ONE, genesis, result.model_digest, result.model_root, result.columns_root, 1, b"", b"", 0))
    assert other != result_hash(contracts.domain(group), result)
    assert not settling.settle()  # what it came to itself is another: it does not help that one
    settling.journal._write("DELETE FROM results")
    assert settling.settle()
    assert [type(event) for event in settling.events(RoundFinal)] == [RoundFinal]


def test_what_nobody_presents_expires_and_is_void_a_window_later(settling: Settling, contracts: Contracts, pass_time: PassTime) -> None:
    swarm, group, views = settling.swarm, settling.swarm.group, contracts.views
    genesis = views.head(group).result_hash
    vote(swarm, ONE, genesis)
    vote(swarm, TWO, b"\xee" * 32)
    swarm.commit(THREE, b"\xdd" * 32)
    pass_time(TERMS.challenge_window + TERMS.idle_timeout - 60)
    assert not settling.settle()
    pass_time(70)
    assert settling.settle()
    (struck,) = settling.events(RoundsStruck)
    assert isinstance(struck, RoundsStruck)
    assert (struck.round, struck.last_round, struck.result_hash) == (1, 3, b"\xee" * 32)
    head = views.head(group)
    assert (head.settled_round, head.struck_round) == (0, 3)
    assert [views.round_at(group, round_).struck for round_ in (ONE, TWO, THREE)] == [False, True, True]
    assert contracts.rounds.struck_at(group) > 0
    assert not settling.settle()  # its voters can be slashed for a window

    # The next round counts from where the struck one did, and its votes about the struck rounds bind nobody.
    four = Round(4)
    swarm.commit(four, genesis)
    assert views.round_at(group, four).struck
    pass_time(TERMS.challenge_window + 1)
    for _ in range(3):
        assert settling.settle()
    assert not settling.settle()
    assert [event.round for event in settling.events(RoundVoid) if isinstance(event, RoundVoid)] == [1, 2, 3]
    assert views.head(group) == (genesis, 0, 3, 3)


def test_a_vote_shows_its_preimage_unless_it_lies_open(settling: Settling, contracts: Contracts) -> None:
    swarm, group = settling.swarm, settling.swarm.group
    genesis = contracts.views.head(group).result_hash
    vote(swarm, ONE, genesis)
    result = swarm.result(ONE, genesis)
    named = settling.knows(result)
    swarm.commit(TWO, named)
    view = contracts.views.round_at(group, TWO)
    assert to_present(settling.member, view, named) == result
    assert to_present(settling.member, view, genesis) is None
    assert to_present(settling.member, contracts.views.round_at(group, ONE), named) is None  # of another round
    swarm.reveal(TWO, swarm.nodes[:1])
    assert to_present(settling.member, contracts.views.round_at(group, TWO), named) == result
    swarm.nodes[1].sender.send(contracts.rounds.reveal(group, TWO, swarm.nodes[1].opened[TWO], result))
    assert to_present(settling.member, contracts.views.round_at(group, TWO), named) is None
    # A journal that says something else than its own hash must not keep a reveal from being sent.
    settling.journal._write("UPDATE results SET metric = metric + 1")
    assert to_present(settling.member, view, named) is None


def test_a_seat_of_a_past_key_is_known(swarm: Swarm, contracts: Contracts, new_account: Callable[[], LocalAccount]) -> None:
    genesis = contracts.views.head(swarm.group).result_hash
    node = swarm.nodes[1]
    swarm.commit(ONE, genesis)
    node.sender.send(contracts.identities.rotate(node.identity, new_account(), node.address))
    node.sender.send(contracts.rounds.rekey(swarm.group, node.seat))
    swarm.reveal(ONE)  # the old key still can
    assert contracts.views.seat(swarm.group, node.address) is None
    commits = contracts.rounds.commits(swarm.group, ONE)
    assert {commit.node: commit.seat for commit in commits} == {each.address: each.seat for each in swarm.nodes}
    assert all(commit.reveal is not None and commit.weight > 0 for commit in commits)


def test_a_node_migrates(swarm: Swarm, contracts: Contracts, treasury: Sender) -> None:
    from chain_swarm import create

    node, other = swarm.nodes[2], create(contracts, treasury)
    treasury.send(contracts.token.transfer(node.address, TERMS.stake))
    node.sender.send(contracts.token.approve(contracts.stakes.address, TERMS.stake))
    node.sender.send(contracts.stakes.deposit(node.identity, TERMS.stake))
    node.sender.send(contracts.rounds.migrate(swarm.group, other, node.address))
    left, taken = contracts.views.seat(swarm.group, node.address), contracts.views.seat(other, node.address)
    assert left is not None
    assert left.until_round == 1
    assert taken is not None
    assert contracts.stakes.stake_of(node.identity) == (0, 2 * TERMS.stake)
