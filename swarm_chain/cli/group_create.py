"""``swarm-chain group create``: what a group learns, and its terms."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import ConfigurationError, UsageError
from swarm_chain.types import Scoring, Terms

if TYPE_CHECKING:
    from swarm_chain.learning.task import Task

LOCAL_DURATIONS = {"commit_duration": 60, "reveal_duration": 20, "challenge_window": 10, "idle_timeout": 300}
PUBLIC_DURATIONS = {"commit_duration": 1800, "reveal_duration": 600, "challenge_window": 3600, "idle_timeout": 86_400}
SCORINGS = {scoring.name.lower(): scoring for scoring in Scoring}
TERMS = "Terms: fixed for the group's whole life"
PRIVACY = "Differential privacy of every node's samples: off without --privacy-epsilon"


def _seconds(what: str, short: int, long: int) -> Any:
    """A flag of a duration."""
    text = f"Seconds {what}; {short} on a local chain, {long} elsewhere."
    return typer.Option(min=0, max=2**32 - 1, help=text, show_default=False, rich_help_panel=TERMS)


def _privacy(what: str) -> Any:
    """A flag of differential privacy."""
    return typer.Option(help=what, show_default=False, rich_help_panel=PRIVACY)


def create(
    task: options.Task = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What to learn, as a manifest of your own.", show_default=False)
    ] = None,
    parts: Annotated[int | None, typer.Option(min=1, max=255, help="Nodes that the data is dealt out to.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Steps of local training a round.", show_default=False)] = None,
    codec: Annotated[str | None, typer.Option(help="What updates travel as: dense-int8, int4, sign or top-k.", show_default=False)] = None,
    privacy_epsilon: Annotated[float | None, _privacy("What all updates of one node together may come to; about 1 to 10.")] = None,
    privacy_delta: Annotated[float | None, _privacy("Below one over a node's number of samples; 1e-5 if not given.")] = None,
    privacy_noise: Annotated[
        float | None, _privacy("Noise of a step, in multiples of the clipping norm; 1 if not given; more allows more rounds.")
    ] = None,
    privacy_clip: Annotated[float | None, _privacy("The most that one sample's gradient counts, in L2 norm; 1 if not given.")] = None,
    rule: Annotated[
        str,
        typer.Option(help="How updates become one step: a name of docs/rules.md.", rich_help_panel=TERMS),
    ] = "aligned-mean",
    scoring: Annotated[
        str,
        typer.Option(
            help="How rewards are split: equal, or novelty, by what is new in each update; from eight nodes on.", rich_help_panel=TERMS
        ),
    ] = "equal",
    capacity: Annotated[int, typer.Option(min=1, max=255, help="Seats.", rich_help_panel=TERMS)] = 5,
    min_updates: Annotated[int, typer.Option(min=1, max=255, help="A round with fewer has no result.", rich_help_panel=TERMS)] = 2,
    quorum: Annotated[float, typer.Option(min=0.5, max=1.0, help="Share of the weight that must agree.", rich_help_panel=TERMS)] = 0.5,
    commit_duration: Annotated[int | None, _seconds("to train and commit, at most", 60, 1800)] = None,
    reveal_duration: Annotated[int | None, _seconds("to reveal, at most", 20, 600)] = None,
    challenge_window: Annotated[int | None, _seconds("from agreement to finality", 10, 3600)] = None,
    idle_timeout: Annotated[int | None, _seconds("after which a round with no successor is void", 300, 86_400)] = None,
    max_missed: Annotated[
        int, typer.Option(min=1, max=255, help="Rounds missed in a row, then a seat can be freed.", rich_help_panel=TERMS)
    ] = 3,
    maturity: Annotated[int, typer.Option(min=0, max=255, help="Rounds until a seat is no newcomer.", rich_help_panel=TERMS)] = 8,
    stake: Annotated[float, typer.Option(min=0, help="Tokens a seat.", rich_help_panel=TERMS)] = 100,
    reward: Annotated[float, typer.Option(min=0, help="Tokens a round, out of the group's budget.", rich_help_panel=TERMS)] = 100,
    by_invitation: Annotated[bool, typer.Option("--by-invitation", help="Members need one signed by you.", rich_help_panel=TERMS)] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Updates open to members alone; with --by-invitation.")] = False,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Create a group.

    Writes the manifest (what is learnt, from which data, how) and the first model, keeps both in the swarm folder for `swarm-chain gateway`
    to serve, and puts their digests and the terms on chain. Nobody can change a group afterwards, you included. Signs with --key, else on a
    local chain its treasury, else the operator's key.

    With --closed updates are sealed with a key that invitations bring to members. Nobody else can then verify what rounds came to, and who
    was a member once can read all updates for good: docs/closed-groups.md says what it costs.

    Example: `swarm-chain group create --task mnist --reward 50 --capacity 10`
    """
    from swarm_chain.chain.events import GroupCreated, read_events
    from swarm_chain.cli import group_keys
    from swarm_chain.cli.published import Published
    from swarm_chain.cli.wiring import open_swarm
    from swarm_chain.protocol.rules import RULES

    for what, given, known in (("rule", rule, RULES), ("scoring", scoring, SCORINGS)):
        if given not in known:
            raise UsageError(f"There is no {what} {given!r}.", "Nothing was sent.", f"Choose one of {', '.join(known)}.")
    settings = options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file)
    privacy = {"epsilon": privacy_epsilon, "delta": privacy_delta, "noise": privacy_noise, "clip": privacy_clip}
    wanted = _private(_in_codec(_task(task, manifest, parts, steps), codec), privacy)
    if closed and not by_invitation:
        raise UsageError("A closed group's key comes with invitations.", "Nothing was sent.", "Add --by-invitation, or leave out --closed.")
    swarm = open_swarm(settings)
    durations = {
        "commit_duration": commit_duration,
        "reveal_duration": reveal_duration,
        "challenge_window": challenge_window,
        "idle_timeout": idle_timeout,
    }
    swarm.agree(f"Create a group that learns {wanted.name}", ["create"], yes=yes)
    if closed:
        wanted = replace(wanted, group_key=group_keys.draw(swarm))
    usual = LOCAL_DURATIONS if swarm.local else PUBLIC_DURATIONS
    with present.progress("Creating the group", 3) as step:
        step("first model")
        encoded, model, root = genesis(wanted)
        terms = Terms(
            dimension=wanted.layout().dimension,
            fraction_bits=wanted.numbers.fraction_bits,
            min_exponent=wanted.numbers.min_exponent,
            max_exponent=wanted.numbers.max_exponent,
            rule=RULES[rule].coordinates,
            mixing=RULES[rule].mixing,
            scoring=SCORINGS[scoring],
            capacity=capacity,
            min_updates=min_updates,
            quorum_bps=round(quorum * 10_000),
            by_invitation=by_invitation,
            max_missed=max_missed,
            maturity=maturity,
            stake=present.wei(stake),
            reward_per_round=present.wei(reward),
            **{name: given if given is not None else usual[name] for name, given in durations.items()},
        )
        step("files")
        swarm.home.make()
        published = Published(swarm.home.published)
        manifest_cid, model_cid = published.add(encoded), published.add(model)
        step("transaction")
        receipt = swarm.send(swarm.sponsor(), swarm.contracts.groups.create(terms, manifest_cid.digest, model_cid.digest, root))
    number = next(event.group for event in read_events(receipt["logs"]) if isinstance(event, GroupCreated))
    present.done(f"Group {number} learns {wanted.name}: {terms.dimension:,} coordinates, {capacity} seats")
    if as_json:
        present.as_json({"group": number, "manifest": str(manifest_cid), "genesis": str(model_cid), "terms": asdict(terms)})
        return
    present.say(f"Next: `swarm-chain group fund {number} --amount 1000`, `swarm-chain node init`, `swarm-chain group join {number}`")


def genesis(task: "Task") -> tuple[bytes, bytes, bytes]:
    """A task's manifest, first model, and that model's root: what a group begins with, the same on every machine."""
    from swarm_chain.protocol.model import Model, encode_model, model_root

    model = Model(task.initial_weights(), task.initial_exponents(), task.numbers.fraction_bits)
    return task.encode(), encode_model(model), model_root(model)


def _task(name: str | None, manifest: Path | None, parts: int | None, steps: int | None) -> "Task":
    from swarm_chain.learning.task import TASKS, Task

    if (name is None) == (manifest is None):
        raise UsageError("A group learns one thing.", "Nothing was sent.", f"Give --task ({', '.join(TASKS)}) or --manifest FILE.")
    if manifest is not None:
        try:
            task = Task.decode(manifest.read_bytes())
        except OSError as error:
            raise ConfigurationError(
                f"The manifest {manifest} cannot be read: {error.strerror}.", "Nothing was sent.", "Check the path."
            ) from error
        if task.group_key is not None:
            raise ConfigurationError(
                "The manifest has the group_key of another closed group.", "Nothing was sent.", "Leave it out, and give --closed."
            )
    elif name in TASKS:
        task = TASKS[name]
    else:
        raise UsageError(f"There is no task {name!r}.", "Nothing was sent.", f"Choose one of {', '.join(TASKS)}, or write a --manifest.")
    if parts is not None:
        task = task.dealt_to(parts)
    return task if steps is None else task.with_steps(steps)


def _in_codec(task: "Task", name: str | None) -> "Task":
    """The task with its updates in a codec. One that cannot make the grid coarser keeps the first grid."""
    from swarm_chain.protocol.codecs import CODECS

    if name is not None and name not in CODECS:
        raise UsageError(f"There is no codec {name!r}.", "Nothing was sent.", f"Choose one of {', '.join(CODECS)}.")
    first = task.numbers.initial_exponent
    if name is not None:
        numbers = task.numbers if CODECS[name].coarsens else replace(task.numbers, max_exponent=first)
        return replace(task, codec=cast(Any, name), numbers=numbers)  # the manifest checks it again
    if not CODECS[task.codec].coarsens and task.numbers.max_exponent != first:
        raise ConfigurationError(
            f"With {task.codec} a grid only gets finer, and its manifest lets it.", "Nothing was sent.", f"Make its max_exponent {first}."
        )
    return task


def _private(task: "Task", given: Mapping[str, float | None]) -> "Task":
    """The task with differential privacy, where an epsilon is given."""
    from pydantic import ValidationError

    from swarm_chain.learning.manifest import Privacy

    values = {name: value for name, value in given.items() if value is not None}
    if not values:
        return task
    if "epsilon" not in values:
        raise UsageError(f"--privacy-{next(iter(values))} is for a group with privacy.", "Nothing was sent.", "Give --privacy-epsilon too.")
    if not task.trains_privately:
        raise UsageError(
            f"Tasks of the kind {task.kind!r} do not train with differential privacy.", "Nothing was sent.", "Leave out --privacy-epsilon."
        )
    try:
        privacy = Privacy(**{"delta": 1e-5, "noise": 1.0, "clip": 1.0, **values})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"--privacy-{first['loc'][0]} is wrong: {first['msg']}.", "Nothing was sent.") from error
    return replace(task, local=replace(task.local, privacy=privacy))
