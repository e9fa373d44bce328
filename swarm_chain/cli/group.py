"""``swarm-chain group``: groups, and seats in them."""

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_chain.cli import group_manifest, options, present
from swarm_chain.cli.follow import follow
from swarm_chain.cli.group_create import create
from swarm_chain.cli.migrate import migrate
from swarm_chain.cli.move import move
from swarm_chain.errors import UsageError
from swarm_chain.types import GroupId, Scoring

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm

app = typer.Typer(no_args_is_help=True, help="Create, fund and join groups: a group trains one model.")

DAY = 86_400

app.command()(create)
app.command()(migrate)
app.command()(move)
app.command()(follow)


@app.command("list")
def list_groups(
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """List the groups of this chain.

    Example: `swarm-chain group list --json`
    """
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment))
    groups = [swarm.contracts.groups.group(GroupId(number)) for number in range(1, swarm.contracts.groups.group_count() + 1)]
    if as_json:
        present.as_json([_summary(swarm, group) for group in groups])
        return
    rows = []
    for group in groups:
        found = _summary(swarm, group)
        budget, reward = present.tokens(int(found["budget"])), present.tokens(group.terms.reward_per_round)
        rows.append(
            (
                str(group.group),
                f"{found['seats']} / {group.terms.capacity}",
                str(found["round"]),
                found["phase"],
                reward,
                budget,
                group.creator,
            )
        )
    present.table("Groups", (">group", ">seats", ">round", "phase", ">reward a round", ">budget", "creator"), rows)


@app.command()
def show(
    group: options.GroupArgument = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Show a group: what it learns, its terms, where it stands, who sits in it.

    What it learns is in its manifest, which members and gateways have; where none of them answers within five seconds, the table says so.

    Example: `swarm-chain group show 1`
    """
    from swarm_chain.cli.wiring import open_swarm
    from swarm_chain.protocol.rules import rule_of

    swarm = open_swarm(options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment))
    found = swarm.group(group)
    seats, summary, learnt = swarm.seats(found), _summary(swarm, found), group_manifest.manifest_of(swarm, found)
    if as_json:
        manifest = None if isinstance(learnt, str) else learnt.to_manifest()
        said = {"terms": asdict(found.terms), "members": [asdict(seat) for seat in seats], "manifest": manifest}
        present.as_json(summary | said)
        return
    terms = found.terms
    rows = [
        ("creator", found.creator),
        *group_manifest.rows(learnt),
        ("round", f"{summary['round']} ({summary['phase']}), final {summary['final_round']}, settled {summary['settled_round']}"),
        ("budget", f"{present.tokens(int(summary['budget']))} tokens, {present.tokens(terms.reward_per_round)} a round"),
        ("stake a seat", f"{present.tokens(terms.stake)} tokens"),
        ("model", f"{terms.dimension:,} coordinates, {terms.fraction_bits} fraction bits"),
        ("rule", f"{rule_of(terms.rule, terms.mixing).name}, at least {terms.min_updates} updates, quorum {terms.quorum_bps / 100:g} %"),
        ("rewards", "equal" if terms.scoring is Scoring.EQUAL else "by what is new in each update"),
        ("durations", f"commit {present.seconds(terms.commit_duration)}, reveal {present.seconds(terms.reveal_duration)}"),
        ("final after", f"{present.seconds(terms.challenge_window)}; void when idle for {present.seconds(terms.idle_timeout)}"),
        ("members", f"{summary['seats']} of {terms.capacity}" + (", by invitation" if terms.by_invitation else "")),
        ("manifest", f"sha2-256 {found.manifest_digest.hex()}"),
        ("first model", f"sha2-256 {found.genesis_digest.hex()}"),
    ]
    present.table(f"Group {found.group}", ("", ""), rows)
    members = [
        (
            str(seat.seat),
            swarm.names.get(seat.node, ""),
            seat.node,
            f"{seat.reputation:,}",
            f"{seat.weight:,}",
            str(seat.age),
            _until(seat.until_round),
        )
        for seat in seats
    ]
    present.table("Members", (">seat", "name", "node", ">reputation", ">weight", ">rounds", "leaves"), members)


@app.command()
def fund(
    group: options.GroupArgument = None,
    amount: Annotated[float, typer.Option(min=0, help="Tokens.")] = 1000,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    yes: options.Yes = False,
) -> None:
    """Put tokens into a group's budget, from which rounds are paid.

    Anyone can; nobody can take them out again. Signs with --key, else on a local chain its treasury, else the operator's key.

    Example: `swarm-chain group fund 1 --amount 5000`
    """
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(
        options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name)
    )
    found, wei = swarm.group(group), present.wei(amount)
    swarm.agree(f"Fund group {found.group}", ["approve", "fund"], tokens=wei, yes=yes)
    contracts, sponsor = swarm.contracts, swarm.sponsor()
    with present.progress("Funding", 2) as step:
        step("approving")
        swarm.send(sponsor, contracts.token.approve(contracts.groups.address, wei))
        step("paying in")
        swarm.send(sponsor, contracts.groups.fund(found.group, wei))
    present.done(f"Group {found.group} has a budget of {present.tokens(contracts.rewards.budget_of(found.group))} tokens")


@app.command()
def invite(
    identity: Annotated[int, typer.Argument(help="Number of the identity that is invited; `swarm-chain node status` shows it.")],
    group: options.Group = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it counts.")] = 30,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
) -> None:
    """Sign an invitation to a group that you created by invitation.

    Prints it on stdout. It can be used once, by that identity alone. To a closed group it brings the group's key, wrapped for the
    identity's node: nobody else can open it, and who has a seat already gets the key by a second invitation, if it was lost.

    Example: `swarm-chain group invite 7 --group 1 > invitation.txt`
    """
    from swarm_chain.chain.connection import chain_time
    from swarm_chain.chain.groups import sign_invitation
    from swarm_chain.cli import group_keys
    from swarm_chain.cli.invitation import Invitation
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name, group=group
    )
    swarm = open_swarm(settings)
    found, creator = swarm.group(), swarm.sponsor()
    if str(creator.address) != found.creator:
        raise UsageError(
            f"Group {found.group} was created by {found.creator}, not {creator.address}.", "Nothing was signed.", "Give its --key."
        )
    expiry = chain_time(swarm.web3) + days * DAY
    chain_id, registry = swarm.contracts.deployment.chain_id, swarm.contracts.groups.address
    wrapped_key = group_keys.wrapped_for(swarm, found, identity)
    signed = sign_invitation(creator, found.group, identity, expiry, secrets.token_bytes(32), chain_id, registry)
    present.print_plain(str(Invitation(signed, wrapped_key)))


@app.command()
def join(
    group: options.GroupArgument = None,
    invitation: Annotated[str, typer.Option(metavar="TEXT|FILE", help="Where the group asks for one.", show_default=False)] = "",
    provider: options.Providers = None,
    fund_local: Annotated[
        bool, typer.Option("--fund-local", help="On a local chain: get coin and tokens from its treasury first.")
    ] = False,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    yes: options.Yes = False,
) -> None:
    """Take a seat: register the node, deposit its stake, join.

    What is done already is left out, so run it again if it was interrupted. The operator's key pays and owns stake and rewards; the seat
    counts from the next round that opens. The key of a closed group, which the invitation brings, is held against the group's manifest and
    kept beside the node's. Then `swarm-chain node run`.

    Example: `swarm-chain group join 1 --name ada`
    """
    from swarm_chain.cli.invitation import read_invitation
    from swarm_chain.cli.membership import calls_to_join, take_seat
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, password_file=password_file, name=name, providers=provider
    )
    swarm, given = open_swarm(settings), read_invitation(invitation)
    found = swarm.group(group)
    calls, tokens = calls_to_join(swarm, found)
    swarm.agree(f"Join group {found.group}", calls, tokens=tokens, yes=yes)
    with present.progress(f"Joining group {found.group}", 6) as step:
        seat = take_seat(swarm, found, given, step, fund_local=fund_local)
    present.done(f"{settings.name} holds seat {seat.seat} of group {found.group}, from round {seat.from_round}")


@app.command()
def leave(
    group: options.GroupArgument = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    yes: options.Yes = False,
) -> None:
    """Leave a group, and get the stake back.

    The seat is left at the next opening of a round. Its stake comes free when every round it took part in is settled: run this again then.
    Credits stay yours; `swarm-chain claim` collects them.

    Example: `swarm-chain group leave 1 --name ada`
    """
    from swarm_chain.cli.membership import leave_seat
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment, password_file=password_file, name=name)
    swarm = open_swarm(settings)
    found = swarm.group(group)
    swarm.agree(f"Leave group {found.group}", ["leave", "release", "withdraw"], yes=yes)
    with present.progress(f"Leaving group {found.group}", 3) as step:
        outcome = leave_seat(swarm, found, step)
    present.done(outcome)


def _summary(swarm: "Swarm", group: "Group") -> dict[str, Any]:
    contracts, views = swarm.contracts, swarm.contracts.views
    phase, head, roster = views.phase(group.group), views.head(group.group), views.roster(group.group)
    return {
        "group": group.group,
        "creator": group.creator,
        "round": phase.round,
        "phase": phase.phase.name.lower(),
        "final_round": head.final_round,
        "settled_round": head.settled_round,
        "head": head.result_hash,
        "seats": roster.seats,
        "weight": roster.weight,
        "budget": str(contracts.rewards.budget_of(group.group)),
        "manifest_digest": group.manifest_digest,
        "genesis_digest": group.genesis_digest,
        "genesis_root": group.genesis_root,
    }


def _until(round_: int) -> str:
    return f"from round {round_}" if round_ else ""
