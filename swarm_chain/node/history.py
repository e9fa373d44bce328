"""What was known before a round, where a group's terms score updates by what is new in them (specification, section 8)."""

from dataclasses import dataclass

from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import NotFoundError
from swarm_chain.node.collect import Collector
from swarm_chain.node.follower import Follower
from swarm_chain.node.opening import open_update
from swarm_chain.node.parents import Parents
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.novelty import REACH, ROUNDS, known_rows
from swarm_chain.types import CommittedUpdate, Result, Round, Scoring


@dataclass(frozen=True, slots=True)
class Past:
    """A result that a round builds on, and the updates that it includes."""

    result: Result
    updates: list[CommittedUpdate]


class History:
    """Finds what updates are compared with.

    Args:
        member: who follows the group.
        parents: results and their models.
        collector: commits of past rounds.
    """

    def __init__(self, member: Follower, parents: Parents, collector: Collector) -> None:
        self._member = member
        self._parents = parents
        self._collector = collector

    def before(self, snapshot: Snapshot, round_: Round, parent: bytes) -> list[Past]:
        """The last results that a round builds on, the earliest first; none where the terms do not score by novelty.

        Args:
            snapshot: where the group stands.
            round_: whose updates are to be scored.
            parent: hash of the result that they were trained on.

        Raises:
            NotFoundError: the chain no longer tells all that they include.
        """
        found: list[Past] = []
        hash_ = parent
        while self._member.terms.scoring is Scoring.NOVELTY and len(found) < ROUNDS:
            result = self._parents.result(hash_)
            if result is None:
                raise NotFoundError(f"The result {hash_.hex()[:8]}… that round {round_} builds on is not known here.")
            if result.round == 0 or result.round < round_ - REACH:
                break
            found.insert(0, Past(result, self._included(snapshot, result)))
            hash_ = result.parent
        return found

    def rows(self, past: list[Past], parent: bytes) -> list[Codes]:
        """What was known, as rows of codes on the grid of the parent's model. The bytes are in the store.

        Raises:
            NotFoundError, IntegrityError, TooLargeError: bytes or models are not here, or not what they must be.
        """
        if not past:
            return []
        models = [self._parents.model(hash_) for hash_ in (*(each.result.parent for each in past), parent)]
        sent = [(model.exponents, self._opened(each)) for model, each in zip(models, past, strict=False)]
        return known_rows(sent, models)

    def _included(self, snapshot: Snapshot, result: Result) -> list[CommittedUpdate]:
        commits = self._collector.past_commits(snapshot, result.round)
        included = [commit for commit in commits if result.included >> commit.seat & 1 and commit.reveal is not None]
        if len(included) != result.included.bit_count():
            raise NotFoundError(f"The chain no longer tells all updates that the result of round {result.round} includes.")
        return included

    def _opened(self, past: Past) -> list[Codes]:
        opened = (open_update(self._member, past.result.round, update) for update in past.updates)
        return [codes for codes in opened if codes is not None]
