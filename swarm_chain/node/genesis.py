"""What a group starts from: its manifest and its first model, held against the digests on chain."""

from collections.abc import Sequence

from swarm_chain.chain.groups import Group
from swarm_chain.errors import ConfigurationError, IntegrityError, KeyFileError
from swarm_chain.learning.manifest import LARGEST_MANIFEST, Task, group_key_of
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.follower import FETCH_SECONDS
from swarm_chain.protocol.group_key import key_commitment
from swarm_chain.protocol.model import Model, decode_model, encode_model, model_root, model_size
from swarm_chain.storage.cid import digest_of
from swarm_chain.storage.store import Store
from swarm_chain.types import ZERO32, Result, Round


def load_task(group: Group, store: Store, endpoints: Endpoints) -> Task:
    """The task of a group's manifest, from the store or from other nodes.

    Raises:
        NotFoundError: nobody asked has the manifest.
        IntegrityError: what was given does not hash to the digest on chain.
        ConfigurationError: it does not fit the group's terms, or is malformed.
    """
    task = Task.decode(store.fetch(group.manifest_digest, LARGEST_MANIFEST, endpoints.providers(), FETCH_SECONDS))
    numbers, terms, dimension = task.numbers, group.terms, task.layout().dimension
    said = (dimension, numbers.fraction_bits, numbers.min_exponent, numbers.max_exponent)
    if said != (terms.dimension, terms.fraction_bits, terms.min_exponent, terms.max_exponent):
        raise ConfigurationError(
            f"The manifest of group {group.group} is for {dimension:,} coordinates and other numbers than the group's terms"
            f" ({terms.dimension:,} coordinates).",
            "Nothing was trained.",
            "Its creator made a mistake: join another group.",
        )
    if task.group_key is not None and not terms.by_invitation:
        raise ConfigurationError(
            f"The manifest of group {group.group} is of a closed group, and the group's terms let anybody join.",
            "Nothing was trained.",
            "Its creator made a mistake: join another group.",
        )
    return task


def load_commitment(group: Group, store: Store, endpoints: Endpoints) -> str | None:
    """What a group's manifest says of its key; ``None`` where it is no closed one, as none is that anybody may join.

    Raises as :func:`load_task`, which knows more: here the task's kind need not be installed.
    """
    if not group.terms.by_invitation:
        return None
    return group_key_of(store.fetch(group.manifest_digest, LARGEST_MANIFEST, endpoints.providers(), FETCH_SECONDS))


def key_among(group: Group, commitment: str | None, keys: Sequence[bytes]) -> bytes | None:
    """The one of some keys that a closed group's updates are sealed with; ``None`` where the group is not closed.

    Raises:
        KeyFileError: it is not among them.
    """
    if commitment is None:
        return None
    for key in keys:
        if key_commitment(key) == commitment:
            return key
    raise KeyFileError(
        f"Group {group.group} is closed, and its key is not here" + (": those that are, are of other groups." if keys else "."),
        "Nothing was sent.",
        f"Ask {group.creator} for `swarm-chain group invite`, and run `swarm-chain group join {group.group} --invitation FILE`, also with a"
        " seat.",
    )


def load_genesis(group: Group, task: Task, store: Store, endpoints: Endpoints) -> Result:
    """The group's first model, computed from the task or fetched, kept in the store.

    Returns:
        the result of round 0, which leads to it.

    Raises:
        NotFoundError, IntegrityError: the task does not give it, and nobody else does.
    """
    terms = group.terms
    data = encode_model(Model(task.initial_weights(), task.initial_exponents(), terms.fraction_bits))
    if digest_of(data) == group.genesis_digest:
        store.put(data)
    else:
        data = store.fetch(group.genesis_digest, model_size(terms.dimension), endpoints.providers(), FETCH_SECONDS)
    if model_root(decode_model(data, terms.dimension, terms.fraction_bits)) != group.genesis_root:
        raise IntegrityError(f"The first model of group {group.group} does not give the root on chain.", "It was not used.")
    return Result(Round(0), ZERO32, group.genesis_digest, group.genesis_root, ZERO32, 0, b"", b"", 0)
