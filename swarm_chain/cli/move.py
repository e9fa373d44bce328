"""``swarm-chain group move``: a group's last final model begins a group of a new deployment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import UsageError
from swarm_chain.types import Digest, GroupId

if TYPE_CHECKING:
    from swarm_chain.cli.moving_group import MovingGroup
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.wiring import Swarm


def move(
    group: options.GroupArgument = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="The new deployment's file.", show_default=False)] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Only write what goes along there, for --saved.", show_default=False)
    ] = None,
    saved: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Take what --save wrote, instead of the old deployment.", show_default=False)
    ] = None,
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
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Create a group in a new deployment that begins with this group's last final model.

    Contracts cannot be changed, so a group moves to new ones. Anyone can do this for any group: it reads the last final result on chain,
    fetches the model and the manifest from the members, verifies both, publishes them here and creates a group of the same terms that
    begins with that model. Members then follow, each by itself. What is left of the old group's budget stays there: it pays rounds of the
    old group alone. --deployment names the old deployment; signs as `group create` does.

    A release knows its own contracts alone. Where the new ones are of another release, save with the old release (--save FOLDER) and
    create with the new one (--saved FOLDER --to FILE).

    Example: `swarm-chain group move 1 --to new-deployment.json`
    """
    from swarm_chain.cli.moving_group import MovingGroup, gather
    from swarm_chain.cli.wiring import open_swarm

    if (to is None) == (save is None) or (save is not None and saved is not None):
        raise UsageError("A group is moved to a deployment, or saved.", "Nothing was sent.", "Give --to FILE or --save FOLDER.")
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
    if saved is not None:
        _create(settings, to, MovingGroup.load(saved), 0, yes=yes, as_json=as_json)
        return
    old = open_swarm(settings)
    new = open_swarm(settings.model_copy(update={"deployment": to})) if to is not None else None
    if new is not None and new.contracts.groups.address == old.contracts.groups.address:
        raise UsageError(f"{to} is the deployment that the group is in.", "Nothing was sent.", "`swarm-chain deploy --keep` makes another.")
    found = old.group(group)
    moving = gather(old, found)
    if save is not None:
        moving.save(save)
        present.done(f"{save} has all of group {found.group} that goes along: the model of round {moving.round}, manifest and terms")
        return
    _create(settings, to, moving, old.contracts.rewards.budget_of(found.group), yes=yes, as_json=as_json)


def _create(settings: "Settings", to: Path | None, moving: "MovingGroup", budget: int, *, yes: bool, as_json: bool) -> None:
    from swarm_chain.chain.events import GroupCreated, read_events
    from swarm_chain.cli.published import Published
    from swarm_chain.cli.wiring import open_swarm

    new = open_swarm(settings.model_copy(update={"deployment": to}))
    new.agree(f"Create the group again in {to}", ["create"], yes=yes)
    with present.progress("Moving the group", 2) as step:
        step("publishing model and manifest")
        new.home.make()
        published = Published(new.home.published)
        manifest, model = published.add(moving.manifest).digest, published.add(moving.model).digest
        number = _moved_already(new, moving, manifest, model)
        if number is None:
            step("creating the group")
            receipt = new.send(new.sponsor(), new.contracts.groups.create(moving.terms, manifest, model, moving.model_root))
            number = next(event.group for event in read_events(receipt["logs"]) if isinstance(event, GroupCreated))
    present.done(f"Group {number} of {to} begins with the model of round {moving.round} of group {moving.group}")
    if as_json:
        said = {"group": number, "round": moving.round, "model": model, "model_root": moving.model_root}
        present.as_json(said | {"old_budget": str(budget)})
        return
    if budget:
        left = f"{present.tokens(budget)} tokens of budget stay in group {moving.group}"
        present.say(f"{left}: nobody can take them out, only rounds there are paid from them.")
    present.say(f"Fund the new one: `swarm-chain group fund {number} --amount 1000 --deployment {to}`")
    present.say("Serve its first model: `swarm-chain gateway`. Members stop their nodes, and each runs:")
    present.say(f"  swarm-chain group follow {moving.group} --to {to} --new-group {number} --name NAME")


def _moved_already(new: "Swarm", moving: "MovingGroup", manifest: Digest, model: Digest) -> GroupId | None:
    """The group that the same move made before, where it was interrupted or is run again by the same creator."""
    creator = str(new.sponsor().address)
    for number in range(1, new.contracts.groups.group_count() + 1):
        group = new.contracts.groups.group(GroupId(number))
        same = (group.creator, group.terms, group.manifest_digest, group.genesis_digest, group.genesis_root)
        if same == (creator, moving.terms, manifest, model, moving.model_root):
            return group.group
    return None
