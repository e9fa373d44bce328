"""The duty to aggregate: what a closed round came to, computed from chain data and stored bytes alone."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swarm_chain.chain.views import Snapshot
from swarm_chain.node.collect import Collector
from swarm_chain.node.follower import Follower
from swarm_chain.node.history import History, Past
from swarm_chain.node.journal import JournaledResult
from swarm_chain.node.observing import Work
from swarm_chain.node.opening import open_update
from swarm_chain.node.parents import UNUSABLE, Parents
from swarm_chain.protocol import inclusion, outcome
from swarm_chain.protocol.agreement import is_struck, parent_of
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.grid import Codes
from swarm_chain.storage.cid import File, cut
from swarm_chain.types import CommittedUpdate, Digest, Phase, Round, Seat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A round's outcome, its model's file in blocks where it has a result, and what it was computed from."""

    round: Round
    parent: bytes
    commits: Sequence[CommittedUpdate]
    outcome: outcome.Outcome
    file: File | None


class Aggregator:
    """Computes what closed rounds came to, each as soon as its bytes are here.

    Args:
        member: the node.
        parents: models to compute from.
        collector: brings what is missing.
        report: is told what a round came to.
    """

    def __init__(self, member: Follower, parents: Parents, collector: Collector, report: Callable[[JournaledResult], None]) -> None:
        self._member = member
        self._parents = parents
        self._collector = collector
        self._history = History(member, parents, collector)
        self._report = report
        self._said: set[tuple[Round, str]] = set()
        self._made_from: dict[Round, tuple[bytes, Sequence[CommittedUpdate]]] = {}
        self._last: Computed | None = None

    def aggregate(self, snapshot: Snapshot) -> None:
        """Computes every unsettled closed round that counts, can be computed, and was not from its present parent and commits.

        After a restart that is each of them: the journal does not say which commits its results are of, and a reorg may have changed them.
        """
        head, settled = snapshot.head.result_hash, snapshot.head.settled_round
        self._made_from = {round_: made for round_, made in self._made_from.items() if round_ > settled}
        is_open = snapshot.phase.phase is not Phase.CLOSED
        for number in range(settled + 1, snapshot.phase.round + (not is_open)):
            round_ = Round(number)
            if is_struck(round_, snapshot.rounds, snapshot.head.struck_round):
                continue  # it is void, whatever it came to
            parent = parent_of(round_, head, settled, snapshot.rounds, self._member.terms.quorum_bps)
            commits = self._collector.commits(snapshot, round_)
            if self._made_from.get(round_) == (parent, commits):
                continue
            before = self._member.journal.result_of(round_)
            try:
                past = self._gathered(snapshot, round_, parent, commits)
                if past is None:
                    continue
                self._member.observers.begin(Work.AGGREGATE, round_)
                computed = self._keep(self._computed(round_, parent, commits, past))
            except UNUSABLE as error:
                if (round_, error.what) not in self._said:
                    self._said.add((round_, error.what))
                    log.warning("Round %d cannot be computed here: %s", round_, error.what)
                continue
            self._member.observers.end(Work.AGGREGATE, round_)
            self._made_from[round_] = parent, commits
            if computed != before:
                self._report(computed)

    def expected(self, snapshot: Snapshot) -> bytes | None:
        """Hash of what the open round comes to if nobody else reveals.

        Its model is kept in memory, and nothing is journaled: nobody may vote for it yet.

        Returns:
            ``None`` where it comes to nothing, or cannot be computed here now.
        """
        round_, head = snapshot.phase.round, snapshot.head
        if is_struck(round_, snapshot.rounds, head.struck_round):
            return None
        parent = parent_of(round_, head.result_hash, head.settled_round, snapshot.rounds, self._member.terms.quorum_bps)
        commits = self._collector.commits(snapshot, round_)
        try:
            past = self._gathered(snapshot, round_, parent, commits)
            if past is None:
                return None
            computed = self._computed(round_, parent, commits, past)
        except UNUSABLE as error:
            log.debug("Round %d: nothing can be expected of it here. %s", round_, error.what)
            return None
        if computed.outcome.result is None:
            return None
        hash_ = result_hash(self._member.domain, computed.outcome.result)
        self._parents.keep(hash_, computed.outcome.model)
        return hash_

    def _gathered(self, snapshot: Snapshot, round_: Round, parent: bytes, commits: Sequence[CommittedUpdate]) -> list[Past] | None:
        """What was before a round, once all bytes that it depends on are here; ``None`` while some are on their way."""
        past = self._history.before(snapshot, round_, parent)
        before = [update for each in past for update in each.updates]
        return past if self._collector.fetch(round_, [*needed(commits, parent), *before]) else None

    def _computed(self, round_: Round, parent: bytes, commits: Sequence[CommittedUpdate], past: list[Past]) -> Computed:
        """What a round comes to; computed once from the same commits."""
        last = self._last
        if last is None or (last.round, last.parent, last.commits) != (round_, parent, commits):
            known = self._history.rows(past, parent)
            last = self._last = compute(self._member, self._parents, round_, parent, commits, known)
        return last

    def _keep(self, computed: Computed) -> JournaledResult:
        """Stores the model, and journals the result."""
        member, result = self._member, computed.outcome.result
        self._last = None  # it is large, and not asked for again
        if result is None or computed.file is None:
            nothing = JournaledResult(computed.round, computed.parent, None, None)
            member.journal.record_result(nothing)
            return nothing
        hash_ = result_hash(member.domain, result)
        member.store.put(computed.file)
        member.journal.record_held(result.model_digest, computed.round)
        journaled = JournaledResult(computed.round, computed.parent, hash_, result)
        member.journal.record_result(journaled)
        self._parents.keep(hash_, computed.outcome.model)
        return journaled


def needed(commits: Sequence[CommittedUpdate], parent: bytes) -> list[CommittedUpdate]:
    """Updates that a round's outcome depends on: candidates that 2/3 of the weight revealed say they hold."""
    return [candidate for candidate in inclusion.candidates(commits, parent) if inclusion.available(commits, candidate)]


def compute(
    member: Follower, parents: Parents, round_: Round, parent: bytes, commits: Sequence[CommittedUpdate], known: Sequence[Codes]
) -> Computed:
    """Computes a round's outcome. The bytes it needs are in the store; ``known`` is what was known before it.

    Raises:
        NotFoundError: bytes, or the parent's model, are not here.
    """
    opened: dict[Seat, Codes] = {}
    for candidate in needed(commits, parent):
        codes = open_update(member, round_, candidate)
        if codes is not None:
            opened[candidate.seat] = codes
    files: list[File] = []

    def digest_of(data: bytes) -> Digest:
        files.append(cut(data))
        return files[-1].cid.digest

    model = parents.model(parent)
    made = outcome.compute(member.domain, member.terms, round_, parent, model, commits, opened, digest_of, member.passes, known)
    return Computed(round_, parent, commits, made, files[-1] if files else None)
