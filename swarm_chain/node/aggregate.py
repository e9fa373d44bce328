"""The duty to aggregate: what a closed round came to, computed from chain data and stored bytes alone."""

import logging
from collections.abc import Callable, Sequence

from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import IntegrityError
from swarm_chain.node.collect import Collector
from swarm_chain.node.follower import Follower
from swarm_chain.node.journal import JournaledResult
from swarm_chain.node.observing import Work
from swarm_chain.node.parents import UNUSABLE, Parents
from swarm_chain.protocol import inclusion, outcome
from swarm_chain.protocol.agreement import is_struck, parent_of
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.sealing import max_sealed_size, unseal
from swarm_chain.protocol.update import update_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import CommittedUpdate, Phase, Round, Seat

log = logging.getLogger(__name__)


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
        self._report = report
        self._said: set[tuple[Round, str]] = set()
        self._made_from: dict[Round, tuple[bytes, Sequence[CommittedUpdate]]] = {}

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
            if self._made_from.get(round_) == (parent, commits) or not self._collector.fetch(round_, needed(commits, parent)):
                continue
            before = self._member.journal.result_of(round_)
            self._member.observers.begin(Work.AGGREGATE, round_)
            try:
                computed = aggregate(self._member, self._parents, round_, parent, commits)
            except UNUSABLE as error:
                if (round_, error.what) not in self._said:
                    self._said.add((round_, error.what))
                    log.warning("Round %d cannot be computed here: %s", round_, error.what)
                continue
            self._member.observers.end(Work.AGGREGATE, round_)
            self._made_from[round_] = parent, commits
            if computed != before:
                self._report(computed)


def needed(commits: Sequence[CommittedUpdate], parent: bytes) -> list[CommittedUpdate]:
    """Updates that a round's outcome depends on: candidates that 2/3 of the weight revealed say they hold."""
    return [candidate for candidate in inclusion.candidates(commits, parent) if inclusion.available(commits, candidate)]


def aggregate(member: Follower, parents: Parents, round_: Round, parent: bytes, commits: Sequence[CommittedUpdate]) -> JournaledResult:
    """Computes a round's outcome, stores its model and journals its result. The bytes it needs are in the store.

    Raises:
        NotFoundError: bytes, or the parent's model, are not here.
        StoreError: the model could not be stored.
    """
    opened: dict[Seat, Codes] = {}
    for candidate in needed(commits, parent):
        codes = _open(member, round_, candidate)
        if codes is not None:
            opened[candidate.seat] = codes
    computed = outcome.compute(member.domain, member.terms, round_, parent, parents.model(parent), commits, opened, digest_of)
    if computed.result is None:
        nothing = JournaledResult(round_, parent, None, None)
        member.journal.record_result(nothing)
        return nothing
    result = computed.result
    hash_ = result_hash(member.domain, result)
    member.store.put(computed.model_bytes)
    member.journal.record_held(result.model_digest, round_)
    journaled = JournaledResult(round_, parent, hash_, result)
    member.journal.record_result(journaled)
    parents.keep(hash_, computed.model)
    return journaled


def _open(member: Follower, round_: Round, candidate: CommittedUpdate) -> Codes | None:
    """The codes of an update; ``None`` if it does not open canonically, which all find alike."""
    assert candidate.reveal is not None  # candidates were revealed
    sealed = member.store.get(candidate.sealed_digest, max_sealed_size(member.terms.dimension))
    header = member.header(round_, candidate.node)
    try:
        codes = unseal(header, candidate.reveal.salt, sealed)
    except IntegrityError as error:
        log.warning("Round %d: the update of seat %d does not count. %s", round_, candidate.seat, error.what)
        return None
    if update_root(header, codes) != candidate.reveal.update_root:
        log.warning("Round %d: the update of seat %d does not count. It has another root than was revealed.", round_, candidate.seat)
        return None
    return codes
