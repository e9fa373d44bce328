"""``swarm-chain node``: the commands of a node, and where nodes stand."""

from typing import TYPE_CHECKING, Any

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.node_init import init
from swarm_chain.cli.node_run import run
from swarm_chain.cli.rotate_key import rotate_key
from swarm_chain.errors import SwarmChainError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from swarm_chain.cli.wiring import Swarm

app = typer.Typer(no_args_is_help=True, help="Make, run and watch a trainer node.")
app.command()(init)
app.command()(run)
app.command("rotate-key")(rotate_key)


@app.command()
def status(
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Show the nodes of this swarm folder: what they do, and what the chain says of them.

    Example: `swarm-chain node status`
    """
    from swarm_chain.cli.wiring import known_nodes, open_swarm

    swarm = open_swarm(options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment))
    found = [_standing(swarm, name, node) for node, name in sorted(known_nodes(swarm).items(), key=lambda item: item[1])]
    if as_json:
        present.as_json(found)
        return
    rows = [
        (
            node["name"],
            node["node"],
            str(node["identity"] or "–"),
            f"{node['group']}/{node['seat']}" if node["group"] else "–",
            present.tokens(int(node["coin"]), 2),
            present.tokens(int(node["stake"])),
            present.tokens(int(node["unclaimed"])),
            f"{node['message']} (round {node['round']})" if node["running"] else "not running",
        )
        for node in found
    ]
    present.table("Nodes", ("name", "node", ">identity", ">group/seat", ">coin", ">stake", ">unclaimed", "doing"), rows)


def _standing(swarm: "Swarm", name: str, node: Address) -> dict[str, Any]:
    from swarm_chain.cli.live_table import read_row

    contracts = swarm.contracts
    identity = contracts.identities.identity_of(node)
    earned = contracts.rewards.rewards(node)
    row = read_row(name, swarm.home.node(name))
    stake = contracts.stakes.stake_of(identity) if identity else (0, 0)
    try:
        endpoint = contracts.identities.endpoint(identity) if identity else None
    except SwarmChainError:  # a service may refuse logs; the rest is known nevertheless
        endpoint = None
    return {
        "name": name,
        "node": node,
        "identity": identity,
        "operator": contracts.identities.operator_of(identity) if identity else None,
        "group": earned.group,
        "seat": earned.seat if earned.group else None,
        "unclaimed": str(earned.unclaimed),
        "coin": str(swarm.web3.eth.get_balance(swarm.web3.to_checksum_address(node))),
        "stake": str(sum(stake)),
        "endpoint": endpoint,
        "running": swarm.home.process(f"node-{name}") is not None,
        "round": row.round,
        "message": row.message,
    }
