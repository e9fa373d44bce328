"""``swarm-chain group move``: a group's last final model begins a group of a new deployment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import IntegrityError, NotFoundError, UsageError
from swarm_chain.types import Digest, GroupId

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.types import Result

FETCH_SECONDS = 60.0


def move(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The new deployment's file.")],
    group: options.GroupArgument = None,
    provider: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Gateway to fetch the model from besides.", show_default=False)
    ] = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    as_json: options.Json = False,
) -> None:
    """Create a group in a new deployment that begins with this group's last final model.

    Contracts cannot be changed, so a group moves to new ones. Anyone can do this for any group: it reads the last final result on chain,
    fetches the model and the manifest from the members, verifies both, publishes them here and creates a group of the same terms that
    begins with that model. Members then follow, each by itself. What is left of the old group's budget stays there: it pays rounds of the
    old group alone. --deployment names the old deployment; signs as `group create` does.

    Example: `swarm-chain group move 1 --to new-deployment.json`
    """
    from swarm_chain.chain.events import GroupCreated, read_events
    from swarm_chain.cli.published import Published
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(
        config=config,
        home=home,
        rpc_url=rpc_url,
        deployment=deployment,
        key=key,
        password_file=password_file,
        name=name,
        providers=provider,
    )
    old = open_swarm(settings)
    new = open_swarm(settings.model_copy(update={"deployment": to}))
    if new.contracts.groups.address == old.contracts.groups.address:
        raise UsageError(f"{to} is the deployment that the group is in.", "Nothing was sent.", "`swarm-chain deploy --keep` makes another.")
    found = old.group(group)
    final = last_final(old, found)
    with present.progress("Moving the group", 4) as step:
        step("model")
        model = _model(old, found, final)
        step("manifest")
        manifest = _fetch(old, found, found.manifest_digest, _largest_manifest())
        step("publishing both")
        new.home.make()
        published = Published(new.home.published)
        published.add(manifest)
        published.add(model)
        number = _moved_already(new, found, final)
        if number is None:
            step("creating the group")
            create = new.contracts.groups.create(found.terms, found.manifest_digest, final.model_digest, final.model_root)
            receipt = new.send(new.sponsor(), create)
            number = next(event.group for event in read_events(receipt["logs"]) if isinstance(event, GroupCreated))
    present.done(f"Group {number} of {to} begins with the model of round {final.round} of group {found.group}")
    budget = old.contracts.rewards.budget_of(found.group)
    if as_json:
        present.as_json(
            {"group": number, "round": final.round, "model": final.model_digest, "model_root": final.model_root, "budget": str(budget)}
        )
        return
    if budget:
        left = f"{present.tokens(budget)} tokens of budget stay in group {found.group}"
        present.say(f"{left}: nobody can take them out, only rounds there are paid from them.")
    present.say(f"Fund the new one: `swarm-chain group fund {number} --amount 1000 --deployment {to}`")
    present.say("Serve its first model: `swarm-chain gateway`. Members stop their nodes, and each runs:")
    present.say(f"  swarm-chain group follow {found.group} --to {to} --new-group {number} --name NAME")


def last_final(swarm: "Swarm", group: "Group") -> "Result":
    """A group's last final result; that of round 0, its first model, where none was final yet."""
    from swarm_chain.types import ZERO32, Result, Round

    head = swarm.contracts.views.head(group.group)
    if head.final_round == 0:
        return Result(Round(0), ZERO32, group.genesis_digest, group.genesis_root, ZERO32, 0, ZERO32, 0)
    final = swarm.contracts.rounds.final_result(group.group)
    if final is None or swarm.contracts.views.hash_result(group.group, final) != head.result_hash:
        raise NotFoundError(
            f"The chain's service does not hand out the last final result of group {group.group} (round {head.final_round}).",
            "Nothing was sent.",
            "Try another --rpc, one that keeps logs.",
        )
    return final


def _model(swarm: "Swarm", group: "Group", final: "Result") -> bytes:
    from swarm_chain.protocol.model import decode_model, model_root, model_size

    terms = group.terms
    data = _fetch(swarm, group, final.model_digest, model_size(terms.dimension))
    if model_root(decode_model(data, terms.dimension, terms.fraction_bits)) != final.model_root:
        raise IntegrityError(
            f"The model of round {final.round} does not give the root on chain.", "Nothing was sent.", "Members can challenge that result."
        )
    return data


def _fetch(swarm: "Swarm", group: "Group", digest: Digest, limit: int) -> bytes:
    """A file that is published here, lies in a store of this folder, or comes from the group's members; its digest is verified."""
    from swarm_chain.cli.published import Published
    from swarm_chain.node.endpoints import Endpoints
    from swarm_chain.storage.embedded import EmbeddedStore
    from swarm_chain.storage.retrieval import retrieve
    from swarm_chain.types import Address

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
    return retrieve(digest, limit, providers, FETCH_SECONDS, allow_private=private)


def _largest_manifest() -> int:
    from swarm_chain.learning.task import LARGEST_MANIFEST

    return LARGEST_MANIFEST


def _moved_already(new: "Swarm", old: "Group", final: "Result") -> GroupId | None:
    """The group that the same move made before, where it was interrupted or is run again by the same creator."""
    creator = str(new.sponsor().address)
    for number in range(1, new.contracts.groups.group_count() + 1):
        group = new.contracts.groups.group(GroupId(number))
        same = (group.creator, group.terms, group.manifest_digest, group.genesis_digest, group.genesis_root)
        if same == (creator, old.terms, old.manifest_digest, final.model_digest, final.model_root):
            return group.group
    return None
