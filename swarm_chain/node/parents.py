"""What to build on: results by their hash, the models they lead to, and which of them a node names (specification, section 7)."""

import logging

from swarm_chain.chain.connection import block
from swarm_chain.chain.event_log import EventLog
from swarm_chain.chain.events import ResultPresented
from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import IntegrityError, NotFoundError, TooLargeError
from swarm_chain.node.follower import FETCH_SECONDS, Follower
from swarm_chain.protocol.agreement import binds, expected_parent, parent_of
from swarm_chain.protocol.model import Model, decode_model, model_root, model_size
from swarm_chain.protocol.phases import is_idle
from swarm_chain.types import ZERO32, Digest, Result, Round, RoundView, Scoring

log = logging.getLogger(__name__)

UNUSABLE = (NotFoundError, IntegrityError, TooLargeError)
"""What peers can make of a fetch; a node goes on without those bytes."""

BEFORE_THE_FIRST = RoundView(Round(0), 0, 0, 0, 0, 0, 0, 0, 0, ZERO32, 0, idle=False, struck=False, presented=False, due=0)
"""The current round of a group that had none: closed."""

_KEPT = 4
"""Models in memory: those of a round, of the two before that it is scored by, and the next."""
REMEMBERED = 64
"""Rounds before the last final one whose results stay known. A reorg may take a few back."""


class Parents:
    """What a node can train on. Models it has used last stay in memory."""

    def __init__(self, member: Follower) -> None:
        self._member = member
        self._models: dict[bytes, Model] = {}
        self._presented = EventLog(
            member.contracts.trail,
            lambda first, last: member.contracts.rounds.events(member.group, [ResultPresented], first, last),
            member.contracts.deployment.blocks[member.contracts.rounds.name],
        )
        self._said: set[bytes] = set()

    def result(self, hash_: bytes) -> Result | None:
        """The preimage of a hash: the genesis, what this node computed, or what was presented on chain; ``None`` for any other."""
        if hash_ == self._member.genesis_hash:
            return self._member.genesis
        return self._member.journal.result_named(hash_) or self._shown(hash_)

    def last_models(self, hash_: bytes) -> list[Digest]:
        """Digests of a result's model, and where updates are scored, of those it was made from in turn that scores look back on."""
        found: list[Digest] = []
        wanted = _KEPT if self._member.terms.scoring is Scoring.NOVELTY else 1
        result = self.result(hash_)
        while result is not None and len(found) < wanted:
            found.append(result.model_digest)
            result = self.result(result.parent)
        return found

    def model(self, hash_: bytes) -> Model:
        """The model of a result, from the store or from other nodes.

        Raises:
            NotFoundError: the hash is of no result known here, or nobody has its bytes.
            IntegrityError, TooLargeError: the bytes are not the model that the result names.
        """
        if hash_ not in self._models:
            self.keep(hash_, self._load(hash_))
        return self._models[hash_]

    def to_name(self, snapshot: Snapshot, round_: Round) -> bytes | None:
        """Hash of the result to train on in a round, and to vote for: the expected one, else the last agreed one whose bytes can be had.

        Returns:
            ``None`` while the expected one is worth waiting for, for half the time to commit.
        """
        head, settled, before = snapshot.head.result_hash, snapshot.head.settled_round, Round(round_ - 1)
        terms, views, now = self._member.terms, snapshot.rounds, snapshot.block.time
        view = current(snapshot)
        void_now = is_idle(view, now, terms.idle_timeout) or snapshot.head.struck_round == before
        void = not binds(view) if view.round == round_ else void_now
        agreed = [parent_of(Round(number), head, settled, views, terms.quorum_bps) for number in range(before, settled, -1)]
        names = [*agreed, head]
        if agreed and not void:
            computed = self._member.journal.result_of(before)
            if computed is not None and computed.parent == agreed[0]:
                results = {before: computed.hash}
                names.insert(0, expected_parent(round_, head, settled, views, results, terms.quorum_bps, void=void))
            elif now < (view.opened_at if view.round == round_ else view.reveal_deadline) + terms.commit_duration // 2:
                return None
        for name in names:
            try:
                self.model(name)
            except UNUSABLE as error:
                if name not in self._said:
                    self._said.add(name)
                    log.warning("Round %d: cannot build on %s…. %s", round_, name.hex()[:8], error.what)
            else:
                return name
        return None

    def keep(self, hash_: bytes, model: Model) -> None:
        """A model just computed or read, so that it need not be read again. Those kept longest are let go."""
        self._models[hash_] = model
        while len(self._models) > _KEPT:
            self._models.pop(next(iter(self._models)))

    def forget(self, final: Round) -> None:
        """Lets go of what was presented long before the last final round; nobody builds on it any more."""
        self._presented.forget(lambda event: isinstance(event, ResultPresented) and event.round < final - REMEMBERED)

    def _load(self, hash_: bytes) -> Model:
        member, result = self._member, self.result(hash_)
        if result is None:
            raise NotFoundError(f"The result {hash_.hex()[:8]}… was not computed here and is not presented.")
        size = model_size(member.terms.dimension)
        if member.store.has(result.model_digest):
            data = member.store.get(result.model_digest, size)
        else:
            data = member.store.fetch(result.model_digest, size, member.endpoints.providers(), FETCH_SECONDS)
            member.journal.record_held(result.model_digest, result.round)
        model = decode_model(data, member.terms.dimension, member.terms.fraction_bits)
        if model_root(model) != result.model_root:
            raise IntegrityError(f"The model of round {result.round} does not give the root of its result.", "It was not used.")
        return model

    def _shown(self, hash_: bytes) -> Result | None:
        """A result that lies open, by the chain's events."""
        for event in self._presented.read_to(block(self._member.contracts.web3)):
            if isinstance(event, ResultPresented) and event.result_hash == hash_:
                return event.result
        return None


def current(snapshot: Snapshot) -> RoundView:
    """The open round or the last; before the first, a round 0 that is closed."""
    return snapshot.rounds.get(snapshot.phase.round) or BEFORE_THE_FIRST
