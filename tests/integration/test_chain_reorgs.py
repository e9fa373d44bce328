"""The chain replaces blocks that were already read, up to 64 of them, in every phase: what is remembered is what a fresh reader sees."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import pytest
from chain_swarm import TERMS, Node, Swarm, create, register
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.events import Event
from swarm_chain.chain.local import LocalChain, play_account
from swarm_chain.chain.sender import Sender
from swarm_chain.chain.trail import Trail
from swarm_chain.chain.views import Slot, Snapshot
from swarm_chain.errors import ChainError
from swarm_chain.node.collect import Collector
from swarm_chain.node.dispute_log import DisputeLog
from swarm_chain.node.follower import Follower
from swarm_chain.node.parents import Parents
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.types import CommittedUpdate, Result, Round

LONG = 200_000
"""Seconds: no phase is over before it is made to be."""
TERMS_HERE = replace(TERMS, commit_duration=LONG, reveal_duration=LONG, challenge_window=60, idle_timeout=2 * LONG)
ONE, TWO = Round(1), Round(2)
PATIENCE = 60
"""Seconds within which whoever looks again sees a chain that no longer changes."""
ACCOUNTS = 40
"""With play money; each case takes three of them, also where one process plays all."""
NOBODY_KNOWS = b"\xee" * 32
DEPTHS = (22, 63, 2, 64)


@dataclass(frozen=True)
class Seen:
    """What a reader remembers, and the snapshot it belongs to."""

    snapshot: Snapshot
    commits: dict[Round, list[CommittedUpdate]]
    strikes: Sequence[Event]
    presented: Result | None
    endpoints: dict[int, str]


class Reader:
    """What a node remembers of the chain."""

    def __init__(self, contracts: Contracts, swarm: Swarm, result: Result) -> None:
        self.contracts, self.swarm, self.result = contracts, swarm, result
        domain = contracts.domain(swarm.group)
        follower = SimpleNamespace(contracts=contracts, group=swarm.group, domain=domain, terms=TERMS_HERE, genesis=None, genesis_hash=b"")
        follower.journal = SimpleNamespace(result_named=lambda _: None)
        follower.store = SimpleNamespace()
        self.collector = Collector(cast(Follower, follower))
        self.parents = Parents(cast(Follower, follower))
        self.disputes = DisputeLog(contracts, swarm.group)

    def look(self) -> Seen:
        """Looks as a node does, and again where the chain changed meanwhile."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                snapshot = self.contracts.views.snapshot(self.swarm.group, self.swarm.nodes[0].address)
                return self.read(snapshot)
            except ChainError as problem:
                changed = any(words in str(problem) for words in ("reorganised", "could not be read", "has no block"))
                if not changed or time.monotonic() > until:
                    raise

    def read(self, snapshot: Snapshot) -> Seen:
        self.disputes.read(snapshot.block)
        return Seen(
            snapshot,
            {round_: self.collector.commits(snapshot, round_) for round_ in (ONE, TWO)},
            self.disputes.strikes(),
            self.parents.result(result_hash(self.contracts.domain(self.swarm.group), self.result)),
            self.contracts.identities.endpoints(),
        )


@dataclass(frozen=True)
class Step:
    """Something that happens in a phase, and whether the chain has it."""

    take: Callable[[], object]
    is_taken: Callable[[], bool]


class World:
    """A chain of its own, for reorgs would take others' blocks away."""

    def __init__(self, chain: LocalChain, web3: Web3, deployment: Deployment) -> None:
        self.chain, self.web3, self.deployment = chain, web3, deployment
        self.contracts = Contracts(web3, deployment)
        self.accounts = iter(range(1, ACCOUNTS))  # with play money

    def ask(self, method: str, *params: object) -> object:
        return self.web3.provider.make_request(RPCEndpoint(method), list(params)).get("result")

    def mine(self, blocks: int) -> None:
        if blocks:
            self.ask("anvil_mine", hex(blocks), "0x1")

    def pass_time(self, seconds: int) -> None:
        self.ask("evm_increaseTime", seconds)
        self.mine(1)

    def renew(self, node: Node) -> None:
        """A sender that does not count on transactions which the chain took back."""
        node.sender = Sender(self.web3, node.account)

    def slot(self, swarm: Swarm, node: Node) -> Slot:
        """A node's part in the first round, if that is open."""
        views = self.contracts.views
        is_open = views.phase(swarm.group).round == ONE
        return views.slot(swarm.group, node.address, ONE) if is_open else Slot(False, False, 0, b"")

    def vote(self, swarm: Swarm, genesis: bytes, named: bytes) -> None:
        """Two rounds, of which the second names a result of the first."""
        for round_, parent in ((ONE, genesis), (TWO, named)):
            swarm.commit(round_, parent)
            swarm.reveal(round_)

    def swarm(self) -> tuple[Swarm, bytes]:
        """A group with three members, and the hash of its genesis."""
        treasury = Sender(self.web3, play_account(0))
        group = create(self.contracts, treasury, TERMS_HERE)
        nodes = [register(self.contracts, self.web3, play_account(next(self.accounts)), treasury, TERMS.stake) for _ in range(3)]
        for seat, node in enumerate(nodes):
            node.sender.send(self.contracts.rounds.join(group, node.address))
            found = self.contracts.views.seat(group, node.address)
            assert found is not None
            node.seat = found.seat
            assert node.seat == seat
        return Swarm(self.contracts, group, nodes), self.contracts.views.head(group).result_hash

    def reader(self, case: "Case") -> Reader:
        """One that has seen nothing."""
        return Reader(Contracts(connect(self.chain.url), self.deployment), case.swarm, case.result)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("reorgs")
    with LocalChain(folder, accounts=ACCOUNTS) as chain:
        web3 = connect(chain.url)
        world = World(chain, web3, deploy(web3, Sender(web3, chain.account(0)), folder / "deployment.json"))
        # Where its clock mines a block while anvil_reorg takes others back, Anvil loses blocks for good. So none come without transactions.
        world.ask("evm_setIntervalMining", 0)
        world.ask("evm_setAutomine", True)
        yield world


@dataclass(frozen=True)
class Case:
    """A group in a phase: what happens there, and the result of its first round that may be presented."""

    swarm: Swarm
    steps: list[Step]
    result: Result


def committing(world: World) -> Case:
    """Three commits, and an announcement with each."""
    swarm, genesis = world.swarm()

    def commit(node: Node) -> Step:
        def take() -> None:
            world.renew(node)
            swarm.commit(ONE, genesis, [node])
            node.sender.send(world.contracts.identities.announce(f"http://127.0.0.1:{world.web3.eth.block_number}"))

        return Step(take, lambda: world.slot(swarm, node).committed)

    return Case(swarm, [commit(node) for node in swarm.nodes], swarm.result(ONE, genesis))


def revealing(world: World) -> Case:
    """Three reveals; the phase ends with the last."""
    swarm, genesis = world.swarm()
    swarm.commit(ONE, genesis)

    def reveal(node: Node) -> Step:
        def take() -> None:
            world.renew(node)
            swarm.reveal(ONE, [node])

        return Step(take, lambda: world.slot(swarm, node).revealed)

    return Case(swarm, [reveal(node) for node in swarm.nodes], swarm.result(ONE, genesis))


def settling(world: World) -> Case:
    """A result presented, then final."""
    swarm, genesis = world.swarm()
    contracts, group, node = world.contracts, swarm.group, swarm.nodes[0]
    result = swarm.result(ONE, genesis)
    world.vote(swarm, genesis, result_hash(contracts.domain(group), result))

    def present() -> None:
        world.renew(node)
        node.sender.send(contracts.rounds.present(group, result))

    def finalize() -> None:
        world.renew(node)
        world.pass_time(TERMS_HERE.challenge_window + 1)
        node.sender.send(contracts.rounds.finalize(group, result))

    presenting = Step(present, lambda: contracts.views.round_at(group, TWO).presented)
    return Case(swarm, [presenting, Step(finalize, lambda: contracts.views.head(group).final_round == ONE)], result)


def striking(world: World) -> Case:
    """A result that nobody presented, struck."""
    swarm, genesis = world.swarm()
    contracts, group, node = world.contracts, swarm.group, swarm.nodes[0]
    world.vote(swarm, genesis, NOBODY_KNOWS)
    world.pass_time(TERMS_HERE.challenge_window + TERMS_HERE.idle_timeout + 10)

    def strike() -> None:
        world.renew(node)
        node.sender.send(contracts.disputes.challenge_unpresented(group))

    return Case(swarm, [Step(strike, lambda: contracts.views.head(group).struck_round == TWO)], swarm.result(ONE, genesis))


def _reorganised(world: World, case: Case, depths: Sequence[int]) -> int:
    """Goes through reorgs of these depths, and compares after each. Returns how many steps were taken back.

    After every other one the steps are taken again before the reader looks: then there is as much as before, and of other content.
    """
    reader, lost = world.reader(case), 0

    def take_all(gap: int) -> int:
        taken = 0
        for step in case.steps:
            if not step.is_taken():
                step.take()
                world.mine(gap)
                taken += 1
        return taken

    world.mine(70)  # what came before the phase stays
    for depth in depths:
        take_all(depth // 4)  # so that some are taken back, and others not
        before = reader.look()
        assert before == world.reader(case).read(before.snapshot)
        world.ask("anvil_reorg", depth, [])
        if depth % 2:
            lost += take_all(depth // 4)
        else:
            lost += sum(not step.is_taken() for step in case.steps)
        for _ in range(2):
            after = reader.look()
            assert after == world.reader(case).read(after.snapshot), f"after a reorg of {depth} blocks"
            world.mine(1)
    return lost


PHASES = (committing, revealing, settling, striking)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_after_a_reorg_is_remembered_what_a_fresh_reader_sees(world: World, phase: Callable[[World], Case]) -> None:
    assert _reorganised(world, phase(world), DEPTHS) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_after_reorgs_of_every_depth(world: World, phase: Callable[[World], Case]) -> None:
    assert _reorganised(world, phase(world), [depth for pair in zip(range(64, 32, -1), range(1, 33), strict=True) for depth in pair]) > 32


def test_a_trail_knows_the_way_back(world: World) -> None:
    trail = Trail(world.web3)
    seen = []
    for _ in range(6):
        world.mine(5)
        seen.append(block(world.web3))
        trail.follow(seen[-1])
    assert all(trail.holds(each, seen[-1]) for each in seen)
    assert not trail.holds(seen[-1], seen[2])  # from an older block nothing newer is seen
    assert trail.holds(seen[1], seen[2])
    world.ask("anvil_reorg", 12, [])
    head = block(world.web3)
    held = [trail.holds(each, head) for each in seen]
    assert held == [block(world.web3, each.number).hash == each.hash for each in seen]
    assert held[0]
    assert not held[-1]
    with pytest.raises(ChainError, match="reorganised"):
        trail.holds(seen[0], seen[-1])


def test_a_snapshot_of_a_block_that_is_gone_is_an_error(world: World) -> None:
    world.mine(3)
    gone = block(world.web3).hash
    world.ask("anvil_reorg", 2, [])
    with pytest.raises(ChainError):
        world.contracts.groups.group_count(gone)
