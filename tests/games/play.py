"""One dispute game: colluders have a wrong result agreed on and race it to finality; an honest watcher looks on."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from claims import KINDS, Claim, Truth
from eth_account.signers.local import LocalAccount
from network import MemoryStore, Network
from rounds import ABSENT, MALFORMED, NORMAL, PADDING, SILENT, STRAY, Group, random_terms
from table import FUZZER, WATCHER, Table

from swarm_chain.chain.outbox import Outbox
from swarm_chain.chain.sender import Sender
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.follower import Follower
from swarm_chain.node.journal import Journal
from swarm_chain.node.sighting import Sighting
from swarm_chain.node.watching import Watcher
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.disputes.evidence import Opened, Tree
from swarm_chain.types import Address, Round

PATIENCE = 20.0
"""Seconds that a watcher waits for bytes that are there."""


@dataclass
class Outcome:
    """How a game went."""

    kind: str
    seed: int
    seats: int
    fault: str = ""
    strike_size: int = 0
    strike_gas: int = 0
    demands: int = 0
    all_size: int = 0
    all_gas: int = 0
    slash_gas: list[int] = field(default_factory=list)
    steps: int = 0


class Onlooker:
    """The real watcher, on a store in memory and a chain whose clock is the game's."""

    patience = PATIENCE

    def __init__(self, group: Group, account: LocalAccount, book: Path = Path(":memory:")) -> None:
        contracts = group.contracts
        self.group = group
        self.seen: list[Sighting] = []
        self.address = Address(account.address)
        self._follower = Follower(
            node=self.address,
            domain=group.domain,
            terms=group.terms,
            genesis=group.genesis,
            genesis_hash=result_hash(group.domain, group.genesis),
            contracts=contracts,
            outbox=Outbox(book, Sender(group.table.web3, account, poll=0.002)),
            store=MemoryStore(group.network),
            journal=Journal(Path(":memory:"), b"game"),
            endpoints=Endpoints(contracts, group.id, group.terms.capacity, self.address, ()),
        )
        self._watcher = Watcher(self._follower, self.seen.append)

    def look(self) -> None:
        """Watches until there is nothing to send, and nothing to wait for but time."""
        until, idle = time.monotonic() + self.patience, 0
        while time.monotonic() < until:
            snapshot = self.group.contracts.views.snapshot(self.group.id, self.address)
            acted = self._watcher.watch(snapshot)
            waits_for_bytes = any(future for future in self._watcher._collector._under_way.values() if not future.done())
            idle = 0 if acted or waits_for_bytes or self._follower.outbox.is_waiting() else idle + 1
            if idle == 2:
                return
            if not acted:
                time.sleep(0.004)
        raise AssertionError(f"the watcher came to no end: {self.seen[-3:]}")

    def told(self, what: str) -> list[Sighting]:
        return [sighting for sighting in self.seen if sighting.what == what]

    def close(self) -> None:
        self._watcher.close()
        self._follower.journal.close()
        self._follower.outbox.close()


class Game:
    """Everything about one dispute."""

    def __init__(self, table: Table, seed: int, kind: str | None = None) -> None:
        self.seed, self.rng, self.table = seed, random.Random(seed), table
        self.kind = kind or self.rng.choice(list(KINDS))
        self.build, self.behaviour = KINDS[self.kind]
        seats = self.rng.randrange(3, 13)
        terms = random_terms(self.rng, seats)
        if self.behaviour in MALFORMED and terms.dimension % 1024 == 0:
            terms = random_terms(self.rng, seats)
        # Whoever sits where is a matter of chance.
        players = self.rng.sample(table.players, seats)
        self.group = Group(table, Network(), self.rng, terms, players).found()
        self.watcher = Onlooker(self.group, table.chain.account(WATCHER))
        self.colluders = self.rng.randrange(-(-2 * seats // 3), seats + 1)
        self.prelude = self.rng.random() < 0.3 and self.behaviour == NORMAL
        self.round = Round(1)
        self.outcome = Outcome(self.kind, seed, seats)

    def play(self) -> Outcome:
        self.supply = self.table.contracts.token.total_supply()
        self.conserved()
        self.begin()
        self.disputed_round()
        self.vote()
        self.race()
        self.aftermath()
        self.conserved()
        return self.outcome

    def close(self) -> None:
        self.watcher.close()

    # ------------------------------------------------------------------------------------------------ until the votes

    def begin(self) -> None:
        """Perhaps an honest round before, final by then or not."""
        self.head = self.group.head
        self.parent = self.head
        if not self.prelude:
            return
        group, everybody = self.group, len(self.group.players)
        group.commit(Round(1), [self.head] * everybody, [NORMAL] * everybody)
        group.reveal(Round(1))
        self.watcher.look()  # it was there before: the model of a final result is the nodes' to serve, and they collude
        truth = group.outcome(Round(1), self.head)
        assert truth.result is not None
        self.first = truth.result
        self.parent = result_hash(group.domain, truth.result)
        group.models[self.parent], group.results[self.parent] = truth.model, truth.result
        self.round = Round(2)

    def disputed_round(self) -> None:
        group, everybody = self.group, len(self.group.players)
        behaviours = [NORMAL] * everybody
        if self.behaviour != NORMAL:
            behaviours[self.rng.randrange(everybody)] = self.behaviour
        elif everybody > 4 and not self.prelude and self.rng.random() < 0.5:
            # Something else happens as well that is no fault of the result.
            noise = self.rng.choice(("empty", SILENT, ABSENT, STRAY, "garbage", "minus128"))
            behaviours[self.rng.randrange(everybody)] = noise
        if self.behaviour == PADDING:
            assert group.terms.dimension % 1024
        presented = {0: self.first} if self.prelude else None
        group.commit(self.round, [self.parent] * everybody, behaviours)
        group.reveal(self.round, presented=presented)
        if self.prelude and self.rng.random() < 0.5:
            view = group.contracts.views.round_at(group.id, self.round)
            self.table.pass_until(view.due)
            self.table.must([(group.players[0].address, group.contracts.rounds.finalize(group.id, self.first))])
            self.head = self.parent
        self.truth = Truth(group, self.round, self.parent, group.outcome(self.round, self.parent))
        self.claim = self.build(self.truth)
        self.hash = result_hash(group.domain, self.claim.result)
        assert self.hash != result_hash(group.domain, self.truth.result)

    def vote(self) -> None:
        """Colluders name the wrong result, in the open where they cannot help it; everybody else the right one."""
        group, everybody, voting = self.group, len(self.group.players), Round(self.round + 1)
        self.voters = sorted(self.rng.sample(range(everybody), self.colluders))
        honest = result_hash(group.domain, self.truth.result)
        names = [self.hash if index in self.voters else honest for index in range(everybody)]
        group.commit(voting, names, ["empty"] * everybody)
        order = [*self.voters, *(index for index in range(everybody) if index not in self.voters)]
        self.presents_late = self.claim.presented and self.rng.random() < 0.3
        shown = {self.voters[0]: self.claim.result} if self.claim.presented and not self.presents_late else None
        group.reveal(voting, order, shown)
        if self.presents_late:
            self.table.must([(group.players[self.voters[0]].address, group.contracts.rounds.present(group.id, self.claim.result))])
        view = group.contracts.views.round_at(group.id, voting)
        assert group.contracts.views.agreed_parent(group.id, voting) == self.hash
        assert view.presented == self.claim.presented
        self.closed = view.reveal_deadline

    # ------------------------------------------------------------------------------------------------ the race

    def race(self) -> None:
        """The colluders try everything at the first moment it could work; the watcher looks on, early or late."""
        group, window = self.group, self.group.terms.challenge_window
        self.build_on()
        self.try_everything()
        self.crowd()
        due = self.due()
        if self.claim.presented:
            self.table.pass_until(min(self.table.now + self.rng.randrange(1 + window // 2), due - 25))
        else:
            # They hope that nobody will have looked.
            self.table.pass_until(self.closed + window + group.terms.idle_timeout)
            self.settle_first()
        for _ in range(80):
            self.watcher.look()
            if self.watcher.told("struck"):
                break
            self.outcome.demands = len(self.watcher.told("demanded"))
            self.answer_or_wait()
            assert not self.is_final()
        else:
            raise AssertionError(f"never struck: {self.watcher.seen}")
        assert not self.is_final()

    def crowd(self) -> None:
        """Perhaps they demand leaves of their own result and show them, to use up what the honest need."""
        if not self.claim.presented or not self.claim.leaves or self.rng.random() < 0.7:
            return
        group, contracts = self.group, self.group.contracts
        crowding, answering = (group.players[index].address for index in (self.voters[0], self.voters[-1]))
        tree, disputes = self.rng.choice(list(Tree)), contracts.disputes
        shown = [index for index in range(len(self.claim.leaves[tree])) if self.claim.answers(tree, index)]
        for index in self.rng.sample(shown, min(len(shown), 2)):
            bond = group.terms.stake // 100
            demand = disputes.demand(group.id, self.claim.result, tree, index)
            self.table.must([(crowding, contracts.token.approve(disputes.address, bond)), (crowding, demand)])
            answer = disputes.answer(group.id, self.claim.result, crowding, self.claim.leaf(tree, index))
            self.table.must([(answering, answer)])

    def due(self) -> int:
        return self.group.contracts.views.round_at(self.group.id, Round(self.round + 1)).due or self.closed

    def build_on(self) -> None:
        """Perhaps the swarm goes on, on the wrong result."""
        if self.rng.random() < 0.4:
            group, opening = self.group, Round(self.round + 2)
            some = self.voters if self.rng.random() < 0.5 else range(len(group.players))
            behaviours = ["empty" if index in some else ABSENT for index in range(len(group.players))]
            group.commit(opening, [self.hash] * len(group.players), behaviours)

    def answer_or_wait(self) -> None:
        """What the colluders do about an open demand: show the leaf at the last moment, or let the time pass and race."""
        group, contracts = self.group, self.group.contracts
        demand = contracts.disputes.demand_of(group.id, self.hash, self.watcher.address)
        assert demand.until > self.table.now, self.watcher.seen
        author = group.players[self.voters[-1]].address
        self.try_everything()
        if demand.index < len(self.claim.leaves[demand.tree]) and self.claim.answers(demand.tree, demand.index):
            if self.rng.random() < 0.5:
                self.table.pass_until(demand.until - self.rng.randrange(2, 30))
            leaf = self.claim.leaf(demand.tree, demand.index)
            self.table.must([(author, contracts.disputes.answer(group.id, self.claim.result, self.watcher.address, leaf))])
            return
        # A leaf of the right tree, where that is another, or an answer too late, is none.
        wrong = self.truth_leaf(demand.tree, demand.index)
        me = self.watcher.address
        (receipt,) = self.table.send_all([(author, contracts.disputes.answer(group.id, self.claim.result, me, wrong))])
        assert receipt["status"] == "0x0"
        self.try_at(self.due_floor())
        self.table.pass_until(demand.until)
        if demand.index < len(self.claim.leaves.get(demand.tree, [])):
            late = self.claim.leaf(demand.tree, demand.index)
            assert not self.table.succeeds(author, contracts.disputes.answer(group.id, self.claim.result, self.watcher.address, late))

    def due_floor(self) -> int:
        """The first moment at which it would be final without the demand."""
        return self.closed + self.group.terms.challenge_window

    def truth_leaf(self, tree: Tree, index: int):
        other = Claim(self.truth.result, set(), self.truth.leaves())
        leaf = other.leaf(tree, index)
        right = self.truth.result.model_root if tree is Tree.MODEL else self.truth.result.columns_root
        claimed = self.claim.result.model_root if tree is Tree.MODEL else self.claim.result.columns_root
        assert right != claimed
        return leaf

    def try_at(self, time_: int) -> None:
        """Finalizing in the first block that could do it."""
        author = self.group.players[self.voters[0]].address
        assert not self.table.succeeds(author, self.group.contracts.rounds.finalize(self.group.id, self.claim.result), at=time_)

    def try_everything(self) -> None:
        """Nothing of this may work: the result as it is, leaving with the stake, a seat freed, someone else's strike undone."""
        group, contracts = self.group, self.group.contracts
        colluder = group.players[self.rng.choice(self.voters)]
        rounds, disputes = contracts.rounds, contracts.disputes
        free = contracts.stakes.stake_of(colluder.identity).free
        seat = group.players.index(colluder)
        refused = [
            rounds.finalize(group.id, self.claim.result),
            rounds.settle_void(group.id) if self.round == 1 or self.head != group.head else rounds.finalize(group.id, self.claim.result),
            rounds.release(group.id, seat),
            contracts.stakes.withdraw(colluder.identity, free + 1, colluder.address),
            disputes.collect(group.id, self.hash),
            disputes.reclaim(group.id, self.hash, self.watcher.address),
        ]
        for function in refused:
            assert not self.table.succeeds(colluder.address, function), function.fn_name
        if self.rng.random() < 0.3:
            # To leave is anyone's right; the stake stays until the rounds are settled.
            self.table.send_all([(colluder.address, rounds.leave(group.id, colluder.address))])
            assert not self.table.succeeds(colluder.address, rounds.release(group.id, seat))

    def is_final(self) -> bool:
        return self.group.contracts.views.head(self.group.id).result_hash == self.hash

    # ------------------------------------------------------------------------------------------------ afterwards

    def aftermath(self) -> None:
        group, contracts, terms = self.group, self.group.contracts, self.group.terms
        strike = contracts.disputes.strike_of(group.id, self.hash)
        (struck,) = self.watcher.told("struck")
        assert strike.challenger == self.watcher.address
        assert struck.fault is strike.fault
        assert strike.fault in self.claim.faults, (strike.fault, self.claim.faults)
        head = contracts.views.head(group.id)
        assert head.result_hash == self.head
        assert head.struck_round >= self.round
        self.after_strike(strike.struck_at)
        # Everybody who named it lost half; the challenger gets a tenth of that.
        seats = {seat.seat: seat for seat in contracts.views.seats(group.id, terms.capacity)}
        for index, player in enumerate(group.players):
            seat = seats[index]
            assert (seat.forfeits >= 50) == (index in self.voters), (index, seat)
            if index in self.voters:
                assert seat.node == player.address
                assert seat.reputation == 1
        assert contracts.disputes.strike_of(group.id, self.hash).slashed == sum(1 << index for index in self.voters)
        before = contracts.token.balance_of(self.watcher.address)
        self.table.pass_until(strike.struck_at + terms.challenge_window)
        self.watcher.look()
        assert contracts.token.balance_of(self.watcher.address) - before == len(self.voters) * (terms.stake // 100 * 50 // 10)
        self.settle_all()
        self.figures(struck)

    def after_strike(self, struck_at: int) -> None:
        """Colluders slash each other first, which changes nothing, and try to be settled, or gone, before they are slashed."""
        group, contracts = self.group, self.group.contracts
        self.try_everything_struck()
        if self.rng.random() < 0.5:
            index = self.rng.choice(self.voters)
            opened = Opened(group.players[index].address, group.opened(Round(self.round + 1), index))
            self.table.send_all([(group.players[index].address, contracts.disputes.slash(group.id, self.hash, opened))])
        self.watcher.look()
        assert self.table.now < struck_at + group.terms.challenge_window

    def try_everything_struck(self) -> None:
        group, contracts = self.group, self.group.contracts
        colluder = group.players[self.rng.choice(self.voters)]
        for function in (
            contracts.rounds.finalize(group.id, self.claim.result),
            contracts.rounds.settle_void(group.id) if self.head == self.parent else contracts.rounds.finalize(group.id, self.claim.result),
            contracts.disputes.collect(group.id, self.hash),
            contracts.rounds.release(group.id, group.players.index(colluder)),
        ):
            assert not self.table.succeeds(colluder.address, function), function.fn_name

    def settle_all(self) -> None:
        """What is struck is void, what came before becomes final, and the head is never the wrong result."""
        group, contracts, anyone = self.group, self.group.contracts, self.table.deployer.address
        self.settle_first()
        last = contracts.views.phase(group.id).round
        for number in range(self.round, last + 1):
            self.table.must([(anyone, contracts.rounds.settle_void(group.id))])
            assert contracts.views.head(group.id).settled_round == number
        assert contracts.views.head(group.id).result_hash == self.head
        assert not self.table.succeeds(anyone, contracts.rounds.finalize(group.id, self.claim.result))

    def settle_first(self) -> None:
        """Makes the honest round before final, where it is not."""
        if self.head != self.parent:
            self.table.must([(self.table.deployer.address, self.group.contracts.rounds.finalize(self.group.id, self.first))])
            self.head = self.parent

    def figures(self, struck: Sighting) -> None:
        outcome = self.outcome
        outcome.fault, outcome.strike_size, outcome.strike_gas = struck.fault.name.lower(), struck.size, struck.gas
        spent = [*self.watcher.told("demanded"), struck]
        outcome.demands = len(spent) - 1
        outcome.all_size, outcome.all_gas = sum(each.size for each in spent), sum(each.gas for each in spent)
        outcome.slash_gas = [each.gas for each in self.watcher.told("slashed")]
        outcome.steps = len(self.watcher.seen)

    def conserved(self) -> None:
        """Every token is somewhere: what was burnt is gone from the supply, and nothing else."""
        contracts, table = self.table.contracts, self.table
        holders = {
            *(player.address for player in table.players),
            table.deployer.address,
            *(Address(table.chain.account(index).address) for index in (WATCHER, FUZZER)),
            *(table.deployment.addresses[name] for name in table.deployment.addresses),
        }
        held = sum(contracts.token.balance_of(holder) for holder in holders)
        assert held == contracts.token.total_supply()
        locked = sum(sum(contracts.stakes.stake_of(player.identity)) for player in table.players)
        assert locked == contracts.token.balance_of(contracts.stakes.address)
