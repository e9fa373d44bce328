"""Results by their hash, and the models they lead to."""

from swarm_chain.chain.connection import block
from swarm_chain.chain.events import RoundFinal
from swarm_chain.errors import IntegrityError, NotFoundError
from swarm_chain.node.member import FETCH_SECONDS, Member
from swarm_chain.protocol.model import Model, decode_model, model_root, model_size
from swarm_chain.types import Result

_KEPT = 3


class Parents:
    """What a node can train on. Models it has used last stay in memory."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._models: dict[bytes, Model] = {}

    def result(self, hash_: bytes) -> Result | None:
        """The preimage of a hash: the genesis, what this node computed, or what became final; ``None`` for any other."""
        if hash_ == self._member.genesis_hash:
            return self._member.genesis
        return self._member.journal.result_named(hash_) or self._final(hash_)

    def model(self, hash_: bytes) -> Model:
        """The model of a result, from the store or from other nodes.

        Raises:
            NotFoundError: the hash is of no result known here, or nobody has its bytes.
            IntegrityError: the bytes are not the model that the result names.
        """
        if hash_ not in self._models:
            model = self._load(hash_)
            self._models[hash_] = model
            while len(self._models) > _KEPT:
                self._models.pop(next(iter(self._models)))
        return self._models[hash_]

    def keep(self, hash_: bytes, model: Model) -> None:
        """A model just computed, so that it need not be read again."""
        self._models[hash_] = model

    def _load(self, hash_: bytes) -> Model:
        member, result = self._member, self.result(hash_)
        if result is None:
            raise NotFoundError(f"The result {hash_.hex()[:8]}… was not computed here and is not final.")
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

    def _final(self, hash_: bytes) -> Result | None:
        contracts = self._member.contracts
        first = contracts.deployment.blocks[contracts.rounds.name]
        events = contracts.rounds.events(self._member.group, [RoundFinal], first, block(contracts.web3).number)
        return next((event.result for event in events if isinstance(event, RoundFinal) and event.result_hash == hash_), None)
