"""What the chain shows of another process with a node's key, and what is no sign of one. Real Anvil; nothing is trained."""

from pathlib import Path

import pytest
from chain_swarm import Swarm
from fault_proxy import FaultProxy
from faults import Fault

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.outbox import OUTBOX, Outbox
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ChainError, KeyFileError
from swarm_chain.node.journal import Journal, JournaledCommit
from swarm_chain.node.rivals import Rivals
from swarm_chain.protocol.commitment import commitment
from swarm_chain.types import ZERO32, Digest, Reveal, Round

ONE = Round(1)


def rivals_of(swarm: Swarm, folder: Path) -> Rivals:
    return Rivals(swarm.contracts, swarm.nodes[0].address, Journal(folder / "journal.db", b"binding"), folder / OUTBOX)


def look(swarm: Swarm, rivals: Rivals) -> None:
    rivals.check(swarm.contracts.views.snapshot(swarm.group, swarm.nodes[0].address))


def test_a_commit_that_is_not_in_the_journal_stops_the_node_until_it_is_opened(swarm: Swarm, tmp_path: Path) -> None:
    rivals = rivals_of(swarm, tmp_path)
    look(swarm, rivals)
    swarm.commit(ONE, b"p" * 32, swarm.nodes[1:])
    look(swarm, rivals)  # others' commits are no matter
    swarm.commit(ONE, b"p" * 32, swarm.nodes[:1])
    for start in (rivals, rivals_of(swarm, tmp_path)):
        with pytest.raises(KeyFileError, match=r"Another process uses the key.* commit of round 1 .*old backup.*round 1 is over") as caught:
            look(swarm, start)
        assert caught.value.exit_code == 3
    swarm.reveal(ONE)
    look(swarm, rivals_of(swarm, tmp_path))  # a node that starts now can go on


def test_what_the_journal_knows_is_this_nodes_own(swarm: Swarm, tmp_path: Path) -> None:
    node, contracts = swarm.nodes[0], swarm.contracts
    opened = Reveal(b"s" * 32, b"p" * 32, ZERO32, 0, 0, 0)
    value = commitment(contracts.domain(swarm.group), ONE, node.address, opened)
    with Journal(tmp_path / "journal.db", b"binding") as journal:
        journal.record_commit(JournaledCommit(ONE, value, b"s" * 32, b"p" * 32, ZERO32, 0, 0, Digest(ZERO32), None))
    rivals = rivals_of(swarm, tmp_path)
    look(swarm, rivals)
    outbox = Outbox(tmp_path / OUTBOX, Sender(contracts.web3, node.account))
    while not outbox.take("commit 1", contracts.rounds.commit(swarm.group, ONE, Digest(ZERO32), value)):
        outbox.drive()
    outbox.close()
    look(swarm, rivals)
    look(swarm, rivals_of(swarm, tmp_path))


def test_an_announcement_that_this_process_did_not_make_stops_it(swarm: Swarm, tmp_path: Path) -> None:
    rivals = rivals_of(swarm, tmp_path)
    swarm.nodes[0].sender.send(swarm.contracts.identities.announce("http://before"))
    look(swarm, rivals)  # whatever was before it started is not looked at
    outbox = Outbox(tmp_path / OUTBOX, Sender(swarm.contracts.web3, swarm.nodes[0].account))
    while not outbox.take("announce", swarm.contracts.identities.announce("http://mine")):
        outbox.drive()
    outbox.close()
    look(swarm, rivals)
    swarm.nodes[1].sender.send(swarm.contracts.identities.announce("http://another node's"))
    look(swarm, rivals)
    swarm.nodes[0].sender.send(swarm.contracts.identities.announce("http://elsewhere"))
    with pytest.raises(KeyFileError, match=r"transaction 0x[0-9a-f]{64} \(announce\) is not this process's"):
        look(swarm, rivals)


def test_what_a_server_that_lags_does_not_show_yet_is_looked_for_again(swarm: Swarm, anvil: LocalChain, tmp_path: Path) -> None:
    node = swarm.nodes[0]
    with FaultProxy(anvil.url) as proxy:
        contracts = Contracts(connect(proxy.url), swarm.contracts.deployment)
        rivals = Rivals(contracts, node.address, Journal(tmp_path / "journal.db", b"binding"), tmp_path / OUTBOX)
        look(swarm, rivals)
        proxy.begin(Fault.STALE)  # counts the nonce, and has no block that is newer
        node.sender.send(swarm.contracts.identities.announce("http://elsewhere"))
        for _ in range(2):
            with pytest.raises(ChainError, match="does not have now what it told of"):
                look(swarm, rivals)
        proxy.end()
        with pytest.raises(KeyFileError, match=r"\(announce\) is not this process's"):
            look(swarm, rivals)


@pytest.mark.parametrize("is_first", [True, False])
def test_what_a_server_counts_of_the_block_it_is_making_is_found_in_that_block(
    swarm: Swarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """Anvil answers for its last block from the state of the next: the nonce is told before the block that made it grow."""
    node, eth = swarm.nodes[0], swarm.contracts.web3.eth
    rivals, nonce_at = rivals_of(swarm, tmp_path), eth.get_transaction_count
    if not is_first:
        look(swarm, rivals)
        swarm.nodes[1].sender.send(swarm.contracts.identities.announce("http://another node's"))
        look(swarm, rivals)
    snapshot = swarm.contracts.views.snapshot(swarm.group, node.address)
    node.sender.send(swarm.contracts.identities.announce("http://elsewhere"))
    with monkeypatch.context() as early:
        early.setattr(eth, "get_transaction_count", lambda who, _: nonce_at(who, "latest"))
        for _ in range(2):
            rivals.check(snapshot)
    with pytest.raises(KeyFileError, match=r"\(announce\) is not this process's"):
        look(swarm, rivals)


def test_what_a_user_sends_with_the_key_is_no_sign(swarm: Swarm, tmp_path: Path) -> None:
    rivals, node = rivals_of(swarm, tmp_path), swarm.nodes[0]
    look(swarm, rivals)
    node.sender.send(swarm.contracts.token.approve(swarm.contracts.stakes.address, 1))
    node.sender.send(swarm.contracts.rounds.leave(swarm.group, node.address))
    look(swarm, rivals)


def test_a_server_that_begins_to_lie_makes_nobody_a_rival_of_itself(swarm: Swarm, anvil: LocalChain, tmp_path: Path) -> None:
    """It gives every block another hash, the first too, by which an outbox knows its chain."""
    node, group = swarm.nodes[0], swarm.group
    with FaultProxy(anvil.url) as proxy:
        seen = Contracts(connect(proxy.url), swarm.contracts.deployment)
        rivals = Rivals(seen, node.address, Journal(tmp_path / "journal.db", b"binding"), tmp_path / OUTBOX)
        rivals.check(seen.views.snapshot(group, node.address))
        outbox = Outbox(tmp_path / OUTBOX, Sender(swarm.contracts.web3, node.account))
        while not outbox.take("announce", swarm.contracts.identities.announce("http://mine")):
            outbox.drive()
        outbox.close()
        snapshot = seen.views.snapshot(group, node.address)
        proxy.begin(Fault.FALSE_HEAD)
        rivals.check(snapshot)
