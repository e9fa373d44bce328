"""``swarm-chain claim``: an operator collects its rewards."""

from typing import TYPE_CHECKING

from swarm_chain.cli import options, present
from swarm_chain.types import Address, GroupId, Seat

if TYPE_CHECKING:
    from swarm_chain.cli.wiring import Swarm


def claim(
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
    """Collect what an operator's nodes have earned, in every group at once.

    Signs with --key, else with the operator key of the node named.

    Example: `swarm-chain claim --name ada`
    """
    from swarm_chain.chain.events import Claimed, read_events
    from swarm_chain.cli.wiring import open_swarm

    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name
    )
    swarm = open_swarm(settings)
    operator = swarm.account()
    address, contracts = Address(str(operator.address)), swarm.contracts
    with present.progress("Looking for credits", lines=False):
        seats = _seats(swarm.contracts.groups.group_count(), swarm, address)
        due = contracts.rewards.settled_credit_of(address) + sum(contracts.rewards.credit_of(group, seat) for group, seat in seats)
    amount = 0
    if due:
        swarm.agree(f"Collect {present.tokens(due)} tokens", ["claim"], yes=yes)
        with present.progress("Collecting", lines=False):
            receipt = swarm.send(operator, contracts.rewards.claim(seats))
            amount = sum(event.amount for event in read_events(receipt["logs"]) if isinstance(event, Claimed))
    held = contracts.token.balance_of(address)
    if amount:
        present.done(f"{address} collected {present.tokens(amount, 9)} tokens and holds {present.tokens(held, 9)}")
    else:
        present.done(f"{address} has nothing to claim now. Credits come when rounds are final: `swarm-chain rounds`")
    if as_json:
        present.as_json({"operator": address, "amount": str(amount), "balance": str(held)})


def _seats(groups: int, swarm: "Swarm", operator: Address) -> list[tuple[GroupId, Seat]]:
    """Every seat that earns for an operator and has credit."""
    found = []
    for number in range(1, groups + 1):
        group = swarm.contracts.groups.group(GroupId(number))
        for seat in swarm.seats(group):
            owned = swarm.contracts.identities.operator_of(seat.identity) == operator
            if owned and swarm.contracts.rewards.credit_of(group.group, seat.seat):
                found.append((group.group, seat.seat))
    return found
