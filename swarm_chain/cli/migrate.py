"""``swarm-chain group migrate``: from one group to another of the same deployment, in one transaction."""

from typing import Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import TransactionError, UnknownError, UsageError


def migrate(
    from_group: Annotated[int, typer.Option("--from", metavar="NUMBER", help="The group to leave.")],
    to_group: Annotated[int, typer.Option("--to", metavar="NUMBER", help="The group to join.")],
    invitation: Annotated[str, typer.Option(metavar="TEXT|FILE", help="Where the group asks for one.", show_default=False)] = "",
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    yes: options.Yes = False,
) -> None:
    """Leave one group and join another, in one transaction.

    Both seats need a stake: the old one's comes free when every round it took part in is settled, so the operator deposits the new one's
    first. Reputation is each group's own and begins anew; credits stay yours. Either all of it happens or nothing. Stop the node first.

    Example: `swarm-chain group migrate --from 1 --to 2 --name ada`
    """
    from swarm_chain.cli import group_keys, keyring
    from swarm_chain.cli.aside import put_aside, require_revealed
    from swarm_chain.cli.invitation import read_invitation, refused
    from swarm_chain.cli.keyring import held
    from swarm_chain.cli.membership import deposit_stake, missing_stake
    from swarm_chain.cli.wiring import open_swarm, own_seat
    from swarm_chain.types import Address

    if from_group == to_group:
        raise UsageError("A node migrates from one group to another.", "Nothing was sent.", "Give two different numbers.")
    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name
    )
    swarm, given = open_swarm(settings), read_invitation(invitation)
    old, new, node = swarm.group(from_group), swarm.group(to_group), swarm.node_address()
    contracts = swarm.contracts
    taken = contracts.views.seat(new.group, node)
    if taken is not None:
        raise UsageError(
            f"{settings.name} has seat {taken.seat} of group {new.group} already.",
            "Nothing was sent.",
            f"`swarm-chain group leave {old.group}` leaves the other one.",
        )
    seat = own_seat(swarm, old, node)
    if seat.until_round:
        raise UsageError(
            f"{settings.name} has left group {old.group} already.", "Nothing was sent.", f"`swarm-chain group join {new.group}` joins."
        )
    operator, owner = swarm.account(), contracts.identities.operator_of(seat.identity)
    if owner != Address(str(operator.address)):
        raise UsageError(f"The node belongs to the operator {owner}, not {operator.address}.", "Nothing was sent.", "Give its --key.")
    if contracts.identities.node_of(seat.identity) != node:
        raise UnknownError(
            f"The node key of {settings.name} was replaced.",
            "Nothing was sent.",
            f"`swarm-chain node rotate-key --name {settings.name}` first.",
        )
    missing = missing_stake(swarm, new, seat.identity)
    calls = [*(("approve", "deposit") if missing else ()), "migrate"]
    swarm.agree(f"Migrate from group {old.group} to group {new.group}", calls, tokens=missing, yes=yes)
    with held(settings), present.progress("Migrating", 3) as step:
        require_revealed(swarm, old.group, node)
        group_keys.keep(swarm, new, keyring.node(settings, swarm.home), given)
        deposit_stake(swarm, new, operator, seat.identity, step)
        step("migrating")
        try:
            swarm.send(operator, contracts.rounds.migrate(old.group, new.group, node, given.signed))
        except TransactionError as problem:
            kept = f"It keeps its seat in group {old.group}; a stake for group {new.group} is deposited and free."
            raise refused(problem, new, seat.identity, kept) from problem
        put_aside(swarm.home.node(settings.name), learns_the_same=False)
    there = own_seat(swarm, new, node)
    left = contracts.views.seat(old.group, node)
    present.done(f"{settings.name} holds seat {there.seat} of group {new.group}, from round {there.from_round}")
    if left is not None:
        bound = f"once round {left.until_round - 1} is settled" if left.until_round > 1 else "now"
        present.say(
            f"The stake of group {old.group} ({present.tokens(old.terms.stake)} tokens) comes free {bound}:"
            f" `swarm-chain group leave {old.group} --name {settings.name}`"
        )
