"""Judging a named result: brings together what shows whether it is right, and says what can be done where it is not."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import IntegrityError
from swarm_chain.node.collect import Collector
from swarm_chain.node.follower import FETCH_SECONDS, Follower
from swarm_chain.node.history import History
from swarm_chain.node.parents import UNUSABLE, Parents
from swarm_chain.protocol import inclusion
from swarm_chain.protocol.disputes import record, updates
from swarm_chain.protocol.disputes.evidence import Challenge, Tree
from swarm_chain.protocol.disputes.numbers import IncludedUpdate, Reference
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.metric import weighted_median
from swarm_chain.protocol.mixtures import decode_choice, encode_choice
from swarm_chain.protocol.model import encode_model, model_size
from swarm_chain.protocol.outcome import compared
from swarm_chain.protocol.scores import encode_scores
from swarm_chain.protocol.sealing import max_sealed_size, unseal
from swarm_chain.protocol.update import update_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import ZERO32, CommittedUpdate, Result, Seat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Right:
    """It is what the round came to."""


@dataclass(frozen=True, slots=True, eq=False)
class Wrong:
    """It is wrong, and this proves it."""

    challenge: Challenge


@dataclass(frozen=True, slots=True, eq=False)
class Withheld:
    """One of its roots is wrong, and what lies under it nobody shows: leaves must be demanded."""

    tree: Tree
    reference: Reference


@dataclass(frozen=True, slots=True)
class Unjudged:
    """What it takes to judge it is not here yet."""

    why: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The chain shows nothing wrong with it, and its updates open to members of the group alone: whoever is none cannot judge it."""


@dataclass(frozen=True, slots=True)
class Unprovable:
    """It is not what this machine computes, in something that no proof on chain exists for."""

    why: str


Verdict = Right | Wrong | Withheld | Unjudged | Closed | Unprovable


class Judge:
    """Judges results by chain data and bytes that were fetched, as every node does.

    Args:
        follower: of the group.
        parents: models that results build on.
        collector: commits, and their sealed updates.
    """

    def __init__(self, follower: Follower, parents: Parents, collector: Collector) -> None:
        self._follower = follower
        self._parents = parents
        self._collector = collector
        self._history = History(follower, parents, collector)
        self._claimed: dict[bytes, bytes | None] = {}

    def judge(self, snapshot: Snapshot, hash_: bytes, result: Result, head: bytes | None) -> Verdict:
        """Whether a named result is right.

        Args:
            snapshot: where the group stands.
            hash_: of the result.
            result: that votes of the round after its own named.
            head: what it must build on, where that is known: it was agreed on and is the next to settle.
        """
        commits = self._collector.commits(snapshot, result.round)
        fault = record.find(result, commits, self._follower.terms, head)
        if fault is not None:
            return Wrong(fault)
        if not self._follower.opens:
            return Closed()
        computed = self._follower.journal.result_of(result.round)
        if computed is not None and computed.hash == hash_:
            return Right()
        found = self.reference(snapshot, result)
        if not isinstance(found, Reference):
            return found
        wrong = [tree for tree in (Tree.COLUMNS, Tree.MODEL) if tree.root_of(result) != found.roots[tree]]
        if Tree.COLUMNS in wrong:
            return Withheld(Tree.COLUMNS, found)
        if Tree.MODEL in wrong:
            return self._wrong_model(hash_, result, found)
        self._parents.keep(hash_, found.model)
        known = self._known(snapshot, result)
        if isinstance(known, Unjudged):
            return known
        return self._beside_the_numbers(result, commits, found, known)

    def reference(self, snapshot: Snapshot, result: Result) -> Reference | Wrong | Unjudged | Unprovable:
        """What a result's included updates come to from its parent; or what is wrong with one of them, or not here."""
        follower, commits = self._follower, self._collector.commits(snapshot, result.round)
        included = [commit for commit in commits if result.included >> commit.seat & 1 and commit.reveal is not None]
        if any(commit.sealed_digest == ZERO32 for commit in included):
            return Unprovable("an update that it includes was committed as empty, and revealed as one that only its node knows")
        if not self._collector.fetch(result.round, included):
            return Unjudged("an update that it includes was not fetched")
        opened: list[IncludedUpdate] = []
        for commit in included:
            found = self._open(result, commit)
            if not isinstance(found, IncludedUpdate):
                return found
            opened.append(found)
        parent = self._parents.result(result.parent)
        if parent is None:
            return Unjudged("its parent is of no result known here")
        try:
            before = self._parents.model(result.parent)
        except UNUSABLE as error:
            return Unjudged(f"its parent's model cannot be had: {error.what}")
        choice = decode_choice(result.choice, len(opened)) if result.choice else None
        return Reference(follower.terms, parent, before, opened, choice)

    def _open(self, result: Result, commit: CommittedUpdate) -> IncludedUpdate | Wrong | Unjudged | Unprovable:
        follower, opened = self._follower, record.opening(commit)
        header = follower.header(result.round, commit.node)
        try:
            sealed = follower.store.get(commit.sealed_digest, max_sealed_size(follower.terms.dimension))
        except UNUSABLE as error:
            return Unjudged(f"the update of seat {commit.seat} cannot be read: {error.what}")
        try:
            codes = unseal(header, opened.reveal.salt, sealed, follower.group_key)
        except IntegrityError:
            fault = updates.find(result, opened, header, sealed, follower.group_key)
            if fault is not None:
                return Wrong(fault)
        else:
            if update_root(header, codes) == opened.reveal.update_root:
                return IncludedUpdate(opened, header, codes)
        return Unprovable(f"it includes the update of seat {commit.seat}, which does not open to what was revealed of it")

    def _wrong_model(self, hash_: bytes, result: Result, reference: Reference) -> Wrong | Withheld:
        data = self._claimed_model(hash_, result)
        proof = reference.wrong_in_file(result, data) if data is not None else None
        return Wrong(proof) if proof is not None else Withheld(Tree.MODEL, reference)

    def _claimed_model(self, hash_: bytes, result: Result) -> bytes | None:
        """The claimed model's file, asked for once; ``None`` where nobody gives it."""
        if hash_ not in self._claimed:
            follower, digest = self._follower, result.model_digest
            try:
                providers = follower.endpoints.providers()
                data = follower.store.fetch(digest, model_size(follower.terms.dimension), providers, FETCH_SECONDS)
                follower.journal.record_held(digest, result.round)
                self._claimed[hash_] = data
            except UNUSABLE as error:
                log.info("Round %d: the claimed model cannot be had: %s", result.round, error.what)
                self._claimed[hash_] = None
        return self._claimed[hash_]

    def _known(self, snapshot: Snapshot, result: Result) -> list[Codes] | Unjudged | None:
        """What was known before the result's round; ``None`` where that cannot be had here, so that its scores are not compared."""
        try:
            past = self._history.before(snapshot, result.round, result.parent)
            if not self._collector.fetch(result.round, [update for each in past for update in each.updates]):
                return Unjudged("an update of the rounds before, which it is scored by, was not fetched")
            return self._history.rows(past, result.parent)
        except UNUSABLE as error:
            log.info("Round %d: the result's scores are not compared here: %s", result.round, error.what)
            return None

    def _beside_the_numbers(
        self, result: Result, commits: Sequence[CommittedUpdate], reference: Reference, known: list[Codes] | None
    ) -> Right | Unprovable:
        """What else could be wrong: nothing on chain can show it."""
        found = []
        if result.model_digest != digest_of(encode_model(reference.model)):
            found.append("it names another file than its model's")
        included = sorted((commit for commit in commits if result.included >> commit.seat & 1), key=lambda commit: commit.node.lower())
        rows = [update.codes for update in reference.updates]
        chosen, worth = compared(self._follower.terms, rows, known or [], reference.model.dimension, self._follower.passes)
        if chosen is not None and encode_choice(chosen) != result.choice:
            found.append("it mixes its updates otherwise")
        scores = {commit.seat: score for commit, score in zip(included, worth, strict=False)}
        if known is not None and encode_scores(scores) != result.scores:
            found.append("it scores its updates otherwise")
        metrics = [commit.reveal.metric for commit in included if commit.reveal is not None]
        if result.metric != weighted_median(metrics, [commit.weight for commit in included], [commit.node for commit in included]):
            found.append("its metric is not that of its updates")
        left_out = self._left_out(result, commits)
        if left_out:
            found.append(f"it leaves out updates that count, of the seats {', '.join(map(str, left_out))}")
        return Unprovable("; ".join(found)) if found else Right()

    def _left_out(self, result: Result, commits: Sequence[CommittedUpdate]) -> list[Seat]:
        found = []
        for candidate in inclusion.candidates(commits, result.parent):
            counts = inclusion.available(commits, candidate) and not result.included >> candidate.seat & 1
            is_here = counts and self._follower.store.has(candidate.sealed_digest)
            if is_here and isinstance(self._open(result, candidate), IncludedUpdate):
                found.append(candidate.seat)
        return found
