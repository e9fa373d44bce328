"""What goes along when a group moves: its terms, its manifest and its last final model, gathered from the old deployment and verified.

It can be saved in a folder, for a release that knows the new contracts and not the old ones:

    FOLDER/group.json   terms, digests, the model's root
    FOLDER/CID          the manifest and the model, named by their CIDs
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm_chain.errors import ConfigurationError, IntegrityError, NotFoundError, UnsupportedVersionError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Mixing, Result, Round, Rule, Scoring, Terms

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm

VERSION = 1
FETCH_SECONDS = 60.0
_LARGEST_FILE = 1 << 16
_BRACKETS = 16


@dataclass(frozen=True, slots=True)
class MovingGroup:
    """A group on its way. ``group`` is its number in the old deployment, ``round`` the last final one there (0: none was)."""

    group: GroupId
    round: Round
    terms: Terms
    manifest: bytes
    model: bytes
    model_root: bytes

    def __post_init__(self) -> None:
        """Refuses a model that does not give the root, whoever brought it."""
        from swarm_chain.protocol.model import decode_model, model_root

        if model_root(decode_model(self.model, self.terms.dimension, self.terms.fraction_bits)) != self.model_root:
            raise IntegrityError(
                f"The model of round {self.round} of group {self.group} does not give the root that was agreed on.",
                "Nothing was sent.",
                "It is not used.",
            )

    def save(self, folder: Path) -> None:
        """Writes it into a folder."""
        from swarm_chain.cli.published import Published
        from swarm_chain.cli.swarm_home import write_whole, writing

        published = Published(folder)
        said: dict[str, object] = {
            "version": VERSION,
            "group": self.group,
            "round": self.round,
            "terms": asdict(self.terms),
            "manifest_digest": published.add(self.manifest).digest.hex(),
            "model_digest": published.add(self.model).digest.hex(),
            "model_root": self.model_root.hex(),
        }
        with writing(folder):
            write_whole(folder / "group.json", (json.dumps(said, indent=2) + "\n").encode())

    @staticmethod
    def load(folder: Path) -> "MovingGroup":
        """Reads what was saved, and verifies it.

        Raises:
            ConfigurationError: there is nothing saved there, or something else.
            IntegrityError: bytes that are not what they are said to be.
        """
        from swarm_chain.cli.published import Published

        path = folder / "group.json"
        try:
            with path.open("rb") as file:
                said: Any = parse(file.read(_LARGEST_FILE), _BRACKETS)
            if said["version"] != VERSION:
                raise UnsupportedVersionError(f"{path} has version {said['version']}.", do="Use the release that wrote it.")
            # Contracts of earlier releases mixed no updates, and their groups' terms did not say so.
            given = {"mixing": Mixing.NONE, **said["terms"]}
            terms = {field.name: given[field.name] for field in fields(Terms)}
            terms |= {"rule": Rule(terms["rule"]), "mixing": Mixing(terms["mixing"]), "scoring": Scoring(terms["scoring"])}
            digests = [Digest(bytes.fromhex(said[name])) for name in ("manifest_digest", "model_digest")]
            group, round_, root = GroupId(int(said["group"])), Round(int(said["round"])), bytes.fromhex(said["model_root"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            reason = type(problem).__name__
            raise ConfigurationError(
                f"{path} is not of a saved group ({reason}).", "Nothing was sent.", "Name the folder of `group move --save`."
            ) from problem
        files = Published(folder).files()
        missing = [digest for digest in digests if digest not in files]
        if missing:
            raise IntegrityError(f"{folder} lacks the bytes of digest {missing[0].hex()}.", "Nothing was sent.", "Save the group again.")
        return MovingGroup(group, round_, Terms(**terms), files[digests[0]], files[digests[1]], root)


def gather(swarm: "Swarm", group: "Group") -> MovingGroup:
    """Reads a group's last final result on chain, and fetches its model and the manifest from whoever has them.

    Raises:
        NotFoundError, IntegrityError: nobody has the bytes, or they are not what was agreed on.
    """
    from swarm_chain.learning.task import LARGEST_MANIFEST
    from swarm_chain.protocol.model import model_size

    final = last_final(swarm, group)
    model = fetch(swarm, group, final.model_digest, model_size(group.terms.dimension))
    manifest = fetch(swarm, group, group.manifest_digest, LARGEST_MANIFEST)
    return MovingGroup(group.group, final.round, group.terms, manifest, model, final.model_root)


def last_final(swarm: "Swarm", group: "Group") -> Result:
    """A group's last final result; that of round 0, its first model, where none was final yet."""
    head = swarm.contracts.views.head(group.group)
    if head.final_round == 0:
        return Result(Round(0), ZERO32, group.genesis_digest, group.genesis_root, ZERO32, 0, b"", b"", 0)
    final = swarm.contracts.rounds.final_result(group.group)
    if final is None or swarm.contracts.views.hash_result(group.group, final) != head.result_hash:
        raise NotFoundError(
            f"The chain's service does not hand out the last final result of group {group.group} (round {head.final_round}).",
            "Nothing was sent.",
            "Try another --rpc, one that keeps logs.",
        )
    return final


def fetch(swarm: "Swarm", group: "Group", digest: Digest, limit: int, seconds: float = FETCH_SECONDS) -> bytes:
    """A file that is published here, lies in a store of this folder, or comes from the group's members; its digest is verified."""
    from swarm_chain.cli.published import Published
    from swarm_chain.node.endpoints import Endpoints
    from swarm_chain.storage.embedded import EmbeddedStore
    from swarm_chain.storage.retrieval import retrieve

    here = Published(swarm.home.published).files().get(digest)
    if here is not None:
        return here
    for name in swarm.names.values():
        path = swarm.home.node(name) / "store"
        if path.is_dir() and swarm.home.process(f"node-{name}") is None:
            store = EmbeddedStore(path)
            try:
                if store.has(digest):
                    return store.get(digest, limit)
            finally:
                store.close()
    settings = swarm.settings
    gateway = swarm.home.process("gateway")
    others = (*settings.providers, *([gateway.url] if gateway and gateway.url else []))
    providers = Endpoints(swarm.contracts, group.group, group.terms.capacity, Address(""), others).providers()
    private = swarm.local if settings.allow_private is None else settings.allow_private
    return retrieve(digest, limit, providers, seconds, allow_private=private).data()
