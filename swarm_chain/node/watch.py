"""The duty to watch: every named result is judged, what is wrong is struck, who named it is slashed, and demands on what is right are
answered. Anyone can do it; one honest watcher is enough."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from web3.contract.contract import ContractFunction

from swarm_chain.chain.connection import Block
from swarm_chain.chain.disputes import BOND_PARTS
from swarm_chain.chain.events import Demanded
from swarm_chain.chain.outbox import Then
from swarm_chain.chain.views import Snapshot
from swarm_chain.node.collect import Collector
from swarm_chain.node.dispute_log import DisputeLog
from swarm_chain.node.follower import Follower
from swarm_chain.node.judge import Closed, Judge, Right, Unjudged, Unprovable, Verdict, Withheld, Wrong
from swarm_chain.node.parents import Parents
from swarm_chain.node.sighting import Sighting, Teller, done
from swarm_chain.node.slashing import Slashing
from swarm_chain.protocol.agreement import agrees, binds, is_struck
from swarm_chain.protocol.disputes.evidence import Fault, Terms, Tree, fault_of
from swarm_chain.protocol.disputes.numbers import Reference
from swarm_chain.protocol.disputes.search import Ask, Found, follow
from swarm_chain.types import Phase, Result, Round, RoundView

PATIENT_LOOKS = 5
"""What is being fetched is here a few looks later; only then is it said that it is not."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A result that votes named; ``agreed`` says whether they agree on it and bind the group."""

    hash: bytes
    result: Result
    agreed: bool
    presented: bool


class Watch:
    """Watches over a group's unsettled rounds.

    Args:
        follower: of the group; its sender pays, and earns.
        parents: preimages and models.
        collector: commits and sealed updates.
        tell: is told everything that was seen or done, once.
    """

    def __init__(self, follower: Follower, parents: Parents, collector: Collector, tell: Callable[[Sighting], None]) -> None:
        self._follower = follower
        self._parents = parents
        self._collector = collector
        self._teller = Teller(tell)
        self._judge = Judge(follower, parents, collector)
        self._log = DisputeLog(follower.contracts, follower.group)
        self._slashing = Slashing(follower, collector, self._log, self._teller)
        self._verdicts: dict[bytes, Verdict] = {}
        self._looked_at: Block | None = None
        self._round_of: dict[bytes, Round] = {}
        self._looks: dict[bytes, int] = {}

    def watch(self, snapshot: Snapshot) -> bool:
        """Looks at every unsettled round, and takes what steps there are.

        Returns:
            whether it sent something: then the chain is to be looked at again.
        """
        self._log.read(snapshot.block)
        if self._looked_at is not None and not self._follower.contracts.trail.holds(self._looked_at, snapshot.block):
            self._verdicts.clear()  # a reorg may have changed what they rest on
        self._looked_at = snapshot.block
        acted = False
        for step in (self._slashing.slash, self._slashing.collect, self._strike, self._expire, self._answer):
            acted |= step(snapshot)
        return acted

    def forget(self, settled: Round) -> None:
        """Lets go of settled rounds."""
        gone = [hash_ for hash_, round_ in self._round_of.items() if round_ <= settled]
        for hash_ in gone:
            del self._round_of[hash_]
            self._verdicts.pop(hash_, None)
            self._looks.pop(hash_, None)
        self._teller.forget(settled)

    def is_judged(self, snapshot: Snapshot) -> bool:
        """Whether nothing that votes named waits for bytes, or to be struck."""
        named = [each.hash for _, all_named in self._rounds(snapshot) for each in all_named]
        return all(isinstance(self._verdicts.get(hash_), Right | Closed | Unprovable) or self._log.strike(hash_) for hash_ in named)

    # ---------------------------------------------------------------------------------------------- what votes named

    def _rounds(self, snapshot: Snapshot) -> Iterator[tuple[Round, list[_Named]]]:
        """Unsettled rounds whose votes are closed, and the results that these named, the leading one first."""
        head, views = snapshot.head, snapshot.rounds
        closed = snapshot.phase.round if snapshot.phase.phase is Phase.CLOSED else snapshot.phase.round - 1
        for number in range(head.settled_round + 1, closed):
            round_ = Round(number)
            if is_struck(round_, views, head.struck_round):
                continue
            votes = views[Round(number + 1)]
            reveals = [commit.reveal for commit in self._collector.commits(snapshot, votes.round)]
            hashes = dict.fromkeys([votes.leader, *(reveal.parent for reveal in reveals if reveal is not None)])
            yield round_, [named for hash_ in hashes if (named := self._named(round_, hash_, votes)) is not None]

    def _named(self, round_: Round, hash_: bytes, votes: RoundView) -> _Named | None:
        """A named hash whose preimage is known, and is of the round."""
        result = self._parents.result(hash_)
        if result is None or result.round != round_:
            return None
        leads = hash_ == votes.leader
        agreed = leads and binds(votes) and agrees(votes, self._follower.terms.quorum_bps)
        return _Named(hash_, result, agreed, leads and votes.presented)

    def _strike(self, snapshot: Snapshot) -> bool:
        acted = False
        for _, all_named in self._rounds(snapshot):
            for named in all_named:
                acted |= self._look_at(snapshot, named)
            if acted:
                break  # a round that builds on a wrong one is void with it
        return acted

    def _look_at(self, snapshot: Snapshot, named: _Named) -> bool:
        """Judges a result, and takes the next step where it is wrong."""
        if self._log.strike(named.hash) is not None:
            return False
        self._round_of[named.hash] = named.result.round
        is_next = named.agreed and named.result.round == snapshot.head.settled_round + 1
        head = snapshot.head.result_hash if is_next else None
        if head is not None and named.result.parent != head:
            self._verdicts[named.hash] = Wrong(Terms(named.result))
        elif isinstance(self._verdicts.get(named.hash), Unjudged | None):
            self._verdicts[named.hash] = self._judge.judge(snapshot, named.hash, named.result, head)
        verdict = self._verdicts[named.hash]
        match verdict:
            case Right():
                self._teller.tell(Sighting(named.result.round, named.hash, "right"))
            case Unjudged(why):
                self._looks[named.hash] = self._looks.get(named.hash, 0) + 1
                if self._looks[named.hash] > PATIENT_LOOKS:
                    self._teller.tell(Sighting(named.result.round, named.hash, "unjudged", why))
            case Unprovable(why):
                self._teller.tell(Sighting(named.result.round, named.hash, "unprovable", why))
            case Wrong(challenge):
                function = self._follower.contracts.disputes.challenge(self._follower.group, challenge)
                return self._struck(named.result.round, named.hash, function, fault_of(challenge))
            case Withheld(tree, reference):
                return self._search(snapshot, named, tree, reference)
        return False

    def _expire(self, snapshot: Snapshot) -> bool:
        """Strikes what was agreed on and not presented in time."""
        head, terms = snapshot.head, self._follower.terms
        round_ = Round(head.settled_round + 1)
        votes = snapshot.rounds.get(Round(round_ + 1))
        if votes is None or is_struck(round_, snapshot.rounds, head.struck_round) or votes.presented:
            return False
        expiry = votes.reveal_deadline + terms.challenge_window + terms.idle_timeout
        due = snapshot.block.time >= expiry and binds(votes) and agrees(votes, terms.quorum_bps)
        if not due or votes.leader == head.result_hash or self._log.strike(votes.leader) is not None:
            return False
        function = self._follower.contracts.disputes.challenge_unpresented(self._follower.group)
        return self._struck(round_, votes.leader, function, Fault.UNPRESENTED)

    # ---------------------------------------------------------------------------------------------- withheld leaves

    def _search(self, snapshot: Snapshot, named: _Named, tree: Tree, reference: Reference) -> bool:
        """Demands one leaf after the other, until the wrong one lies open or is not shown."""
        group, disputes, now = self._follower.group, self._follower.contracts.disputes, snapshot.block.time
        demands = [demand for demand in self._log.open_demands() if demand.result_hash == named.hash]
        for demand in demands:
            if now >= demand.until:
                function = disputes.challenge_unanswered(group, named.result, demand.challenger)
                return self._struck(named.result.round, named.hash, function, Fault.UNANSWERED)
        if any(demand.challenger == self._follower.outbox.sender.address for demand in demands):
            return False
        match follow(tree.kind, reference.hashes[tree], tree.root_of(named.result), self._log.shown(named.hash, tree)):
            case Found(index, leaf):
                find = reference.wrong_columns if tree is Tree.COLUMNS else reference.wrong_model
                self._verdicts[named.hash] = Wrong(find(named.result, index, leaf))
                return self._look_at(snapshot, named)
            case Ask(index):
                if any((demand.tree, demand.index) == (tree, index) for demand in demands):
                    return False  # somebody else's demand brings it, or the strike
                if not (named.agreed and named.presented):
                    self._teller.tell(
                        Sighting(named.result.round, named.hash, "unprovable", "nobody shows its bytes, and nothing hangs on it")
                    )
                    return False
                return self._demand(named, tree, index)
            case None:
                why = "its tree is right but for leaves behind the last one"
                self._verdicts[named.hash] = Unprovable(why)
                return False

    def _demand(self, named: _Named, tree: Tree, index: int) -> bool:
        follower, bond = self._follower, self._follower.terms.stake // BOND_PARTS
        token, disputes, me = follower.contracts.token, follower.contracts.disputes, follower.outbox.sender.address
        if token.balance_of(me) < bond:
            why = f"to demand what is withheld takes a bond of {bond} wei of the token, and {me} has less"
            self._teller.tell(Sighting(named.result.round, named.hash, "unjudged", why))
            return False
        if token.allowance(me, disputes.address) < bond:
            # The demand follows when the chain has this.
            return follower.outbox.attempt(f"approve {named.hash.hex()} {tree.name} {index}", token.approve(disputes.address, bond))
        function, why = disputes.demand(follower.group, named.result, tree, index), f"leaf {index} of its {tree.name.lower()}"
        tell = self._telling(named.result.round, named.hash, "demanded", function, why)
        return follower.outbox.attempt(f"demand {named.hash.hex()} {tree.name} {index}", function, tell)

    def _answer(self, snapshot: Snapshot) -> bool:
        """Shows leaves of right results that somebody demanded, for the bond."""
        acted = False
        for demand in self._log.open_demands():
            if isinstance(self._verdicts.get(demand.result_hash), Right) and snapshot.block.time < demand.until:
                acted |= self._show(snapshot, demand)
        return acted

    def _show(self, snapshot: Snapshot, demand: Demanded) -> bool:
        result = self._parents.result(demand.result_hash)
        if result is None or self._log.strike(demand.result_hash) is not None:
            return False
        reference = self._judge.reference(snapshot, result)
        if not isinstance(reference, Reference):
            return False
        tree = Tree(demand.tree)
        function = self._follower.contracts.disputes.answer(
            self._follower.group, result, demand.challenger, reference.leaf(tree, demand.index)
        )
        step = f"answer {demand.result_hash.hex()} {demand.challenger} {tree.name} {demand.index} {demand.until}"
        why = f"leaf {demand.index} of its {tree.name.lower()}"
        return self._follower.outbox.attempt(step, function, self._telling(demand.round, demand.result_hash, "answered", function, why))

    def _struck(self, round_: Round, hash_: bytes, function: ContractFunction, fault: Fault) -> bool:
        tell = self._telling(round_, hash_, "struck", function, fault.name.lower(), fault)
        return self._follower.outbox.attempt(f"strike {hash_.hex()}", function, tell)

    def _telling(self, round_: Round, hash_: bytes, what: str, function: ContractFunction, why: str, fault: Fault = Fault.NONE) -> Then:
        """Tells of a step once it is on chain."""
        return lambda receipt: self._teller.tell(done(round_, hash_, what, function, receipt, why, fault))
