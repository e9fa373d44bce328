"""``swarm-chain rewards``: who earned what, and why."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import explain, explain_report, options, present
from swarm_chain.types import Round

if TYPE_CHECKING:
    from swarm_chain.cli.ledger import Ledger
    from swarm_chain.cli.wiring import Swarm


def rewards(
    group: options.Group = None,
    by_round: Annotated[bool, typer.Option("--by-round", help="Also every credit, with its round and score.")] = False,
    why: Annotated[
        tuple[str, int] | None,
        typer.Option("--why", metavar="NODE ROUND", help="What a node, by name or address, earned in a round.", show_default=False),
    ] = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Show what each node of a group earned, and what is not claimed yet.

    A credit names the round and the score it came from. Its operator collects it with `swarm-chain claim`. What left the group's
    budget is the sum of all credits, to the wei. With --why, one credit: what the round had to share out, who got what
    of it, and why this node got what it did, or nothing.

    Example: `swarm-chain rewards --group 1 --by-round`; `swarm-chain rewards --why ada 3`
    """
    from swarm_chain.cli.ledger import read_ledger
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment, group=group))
    if why is not None:
        name, number = why
        found_out = explain.explain(swarm, explain.node_of(swarm, name), Round(number))
        if as_json:
            present.as_json(explain_report.as_json(found_out))
        else:
            explain_report.show(swarm, found_out)
        return
    found = swarm.group()
    ledger = read_ledger(swarm.contracts, found.group)
    if as_json:
        present.as_json(
            {
                "group": found.group,
                "funded": str(ledger.funded),
                "budget": str(ledger.budget),
                "paid": str(ledger.paid),
                "credits": [asdict(credit) | {"amount": str(credit.amount), "reason": credit.reason} for credit in ledger.credits],
                "unclaimed": {str(seat): str(amount) for seat, amount in ledger.unclaimed.items()},
                "claimed": {operator: str(amount) for operator, amount in ledger.claimed.items()},
            }
        )
        return
    show_ledger(swarm, found.group, ledger)
    if by_round:
        rows = [
            (str(credit.round), swarm.names.get(credit.node, present.short(credit.node)), present.tokens(credit.amount, 9), credit.reason)
            for credit in ledger.credits
        ]
        present.table("Credits", (">round", "node", ">tokens", "because"), rows)


def show_ledger(swarm: "Swarm", group: int, ledger: "Ledger") -> None:
    """The table of rewards: a line a node, and a last line that holds what left the budget against the sum of the credits."""
    nodes = dict.fromkeys((credit.node, credit.operator, credit.seat) for credit in ledger.credits)
    rows = []
    for node, operator, seat in nodes:
        own = [credit for credit in ledger.credits if (credit.node, credit.operator, credit.seat) == (node, operator, seat)]
        rows.append(
            (
                swarm.names.get(node, ""),
                node,
                str(len({credit.round for credit in own})),
                present.tokens(sum(credit.amount for credit in own), 9),
                present.tokens(ledger.unclaimed.get(seat, 0), 9),
                present.tokens(ledger.claimed.get(operator, 0), 9),
            )
        )
    present.table(
        f"Rewards of group {group}",
        ("name", "node", ">rounds", ">earned", ">unclaimed", ">claimed by its operator"),
        rows,
        footer=("", "sum of credits", "", present.tokens(ledger.credited, 9), "", ""),
    )
    verdict = "equal to the sum of credits" if ledger.paid == ledger.credited else "[bold red]not[/] the sum of credits"
    present.out.print(
        f"Left the budget: {present.tokens(ledger.paid, 9)} tokens, {verdict}."
        f" Still in it: {present.tokens(ledger.budget, 9)} of {present.tokens(ledger.funded, 9)}.",
        soft_wrap=True,
    )
    present.out.print()
