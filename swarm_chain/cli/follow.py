"""``swarm-chain group follow``: a member goes with its group to a new deployment."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import TransactionError, UsageError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.contract.contract import ContractFunction

    from swarm_chain.chain.groups import Group
    from swarm_chain.chain.signer import Signer
    from swarm_chain.cli.wiring import Swarm

NOTHING_DUE = {"NothingToSettle", "WindowOpen", "NotAgreed", "NotPresented", "ResultMismatch", "ParentMismatch", "RoundNotKept"}
"""What settling is refused with while a round is not due."""


def follow(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The new deployment's file.")],
    new_group: Annotated[int, typer.Option("--new-group", metavar="NUMBER", help="The group there.")],
    group: options.GroupArgument = None,
    invitation: Annotated[str, typer.Option(metavar="TEXT|FILE", help="Where the new group asks for one.", show_default=False)] = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Although terms differ, or the old group has a later final model.")] = False,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    yes: options.Yes = False,
) -> None:
    """Go with a group to a new deployment: leave, take the stake along, join.

    First makes sure that the new group learns the same and begins with the old one's last final model. Then leaves the old seat, frees it
    and withdraws its stake once its rounds are settled, deposits it in the new deployment and joins there. An operator that holds a second
    stake joins at once. Each step looks at the chain, so run it again to go on where it stopped. Stop the node first; --deployment names
    the old deployment. Credits in the old one stay yours: `swarm-chain claim` collects them.

    Example: `swarm-chain group follow 1 --to new-deployment.json --new-group 1 --name ada`
    """
    from swarm_chain.cli.aside import put_aside, require_revealed
    from swarm_chain.cli.invitation import read_invitation
    from swarm_chain.cli.keyring import held
    from swarm_chain.cli.membership import calls_to_join, take_seat
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name
    )
    given = read_invitation(invitation)
    old, new = open_swarm(settings), open_swarm(settings.model_copy(update={"deployment": to}))
    was, becomes, node = old.group(group), new.group(new_group), old.node_address()
    _require_same(old, was, becomes, anyway)
    taken = new.contracts.views.seat(becomes.group, node)
    calls, tokens = calls_to_join(new, becomes)
    new.agree(
        f"Follow to group {becomes.group} of {to}",
        ["leave", "finalize", "settleVoid", "release", "withdraw", *calls],
        tokens=tokens,
        yes=yes,
    )
    old.agreed.update(new.agreed)
    with held(settings), present.progress("Following the group", 8) as step:
        seat = old.contracts.views.seat(was.group, node)
        if seat is not None and not seat.until_round:
            require_revealed(old, was.group, node)
            step(f"leaving group {was.group}")
            put_aside(old.home.node(settings.name), learns_the_same=True)
            old.send(old.account(), old.contracts.rounds.leave(was.group, node))
        waits = _take_stake(old, was, node, step)
        if taken is None and not (waits and _lacks_stake(old, new, becomes, node)):
            taken = take_seat(new, becomes, given, step)
    if taken is not None:
        present.done(f"{settings.name} holds seat {taken.seat} of group {becomes.group} of {to}, from round {taken.from_round}")
        present.say(f"Next: `swarm-chain node run --deployment {to} --group {becomes.group} --name {settings.name}`")
    if waits:
        what = "Then it joins the new one: run" if taken is None else "Run"
        present.say(f"The stake of group {was.group} comes free when round {waits} there is settled. {what} this again then.", "yellow")


def _require_same(old: "Swarm", was: "Group", becomes: "Group", anyway: bool) -> None:
    """Makes sure that the new group goes on where the old one stopped: whoever created it may have put anything there."""
    from swarm_chain.cli.moving_group import last_final

    there = f"Group {becomes.group} of the new deployment"
    if becomes.manifest_digest != was.manifest_digest:
        raise UsageError(
            f"{there} learns something else than group {was.group}.", "Nothing was sent.", "Check --new-group: `swarm-chain group list`."
        )
    begins = becomes.genesis_digest, becomes.genesis_root
    final = last_final(old, was)
    if begins != (final.model_digest, final.model_root):
        finals = [final.result for final in old.contracts.rounds.finals(was.group)]
        earlier = [result.round for result in finals if begins == (result.model_digest, result.model_root)]
        if not earlier:
            raise UsageError(
                f"{there} does not begin with a final model of group {was.group}.",
                "Nothing was sent.",
                "`swarm-chain group move` makes one that does.",
            )
        if not anyway:
            raise UsageError(
                f"{there} begins with the model of round {earlier[-1]}; the last final one of group {was.group} is of round {final.round}.",
                "Nothing was sent.",
                "Add --anyway if you agree to that, or move the group again.",
            )
    differ = [field.name for field in fields(was.terms) if getattr(was.terms, field.name) != getattr(becomes.terms, field.name)]
    if differ and not anyway:
        raise UsageError(f"{there} has other terms ({', '.join(differ)}).", "Nothing was sent.", "Add --anyway if you agree to them.")


def _take_stake(old: "Swarm", group: "Group", node: Address, step: "Callable[[str], None]") -> int:
    """Frees the old seat and withdraws what is free there. Returns the round that must be settled first; 0 when all is done."""
    contracts = old.contracts
    seat = contracts.views.seat(group.group, node)
    if seat is not None:
        step("settling what is due")
        settle_due(old, group)
        last = seat.until_round - 1
        if contracts.views.head(group.group).settled_round < last:
            return last
        step("freeing the seat")
        old.send(old.account(), contracts.rounds.release(group.group, seat.seat))
    identity = contracts.identities.identity_of(node)
    free = contracts.stakes.stake_of(identity).free if identity else 0
    if free:
        step("withdrawing the stake")
        operator = old.account()
        old.send(operator, contracts.stakes.withdraw(identity, free, Address(str(operator.address))))
    return 0


def _lacks_stake(old: "Swarm", new: "Swarm", group: "Group", node: Address) -> bool:
    """Whether the operator must wait for the old stake before it can join."""
    contracts = new.contracts
    operator = Address(str(old.account().address))
    identity = contracts.identities.identity_of(node)
    deposited = contracts.stakes.stake_of(identity).free if identity else 0
    return deposited + contracts.token.balance_of(operator) < group.terms.stake


def settle_due(swarm: "Swarm", group: "Group") -> None:
    """Settles what is due in a group; when all have left, no node does it any more."""
    from swarm_chain.chain.connection import block
    from swarm_chain.chain.events import ResultPresented

    contracts, operator = swarm.contracts, swarm.account()
    first, last = contracts.deployment.blocks[contracts.rounds.name], block(swarm.web3).number
    presented = {
        event.round: event.result
        for event in contracts.rounds.events(group.group, [ResultPresented], first, last)
        if isinstance(event, ResultPresented)
    }
    while True:
        head = contracts.views.head(group.group)
        if head.settled_round == contracts.views.phase(group.group).round:
            return
        candidates = [contracts.rounds.settle_void(group.group)]
        for round_, result in presented.items():
            if round_ == head.settled_round + 1:
                candidates.append(contracts.rounds.finalize(group.group, result))
        if not any(_is_done(swarm, operator, candidate) for candidate in candidates):
            return


def _is_done(swarm: "Swarm", operator: "Signer", function: "ContractFunction") -> bool:
    try:
        swarm.send(operator, function)
    except TransactionError as problem:
        if problem.reverted_with not in NOTHING_DUE:
            raise
        return False
    return True
