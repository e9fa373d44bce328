"""``swarm-chain node``: the commands of a node, and where nodes stand."""

from typing import TYPE_CHECKING, Any

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.backup import backup, restore
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
app.command()(backup)
app.command()(restore)


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
            (f"{node['message']} (round {node['round']})" if node["running"] else "not running") + _spent(node["epsilon"]),
        )
        for node in found
    ]
    present.table("Nodes", ("name", "node", ">identity", ">group/seat", ">coin", ">stake", ">unclaimed", "doing"), rows)
    under_way = [_row(node["name"], step) for node in found for step in node["outbox"] if step["state"] in ("waiting", "signed", "sent")]
    if under_way:
        present.table("On their way", ("name", "step", "state", ">nonce", ">gwei at most", ">blocks ago", "why"), under_way)


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
        "epsilon": row.epsilon,
        "outbox": _outbox(swarm, name, node),
    }


def _spent(epsilon: float | None) -> str:
    return "" if epsilon is None else f", epsilon {epsilon:.2f} spent"


def _row(name: str, step: dict[str, Any]) -> tuple[str, ...]:
    nonce, fee = ("–" if step["nonce"] is None else str(step["nonce"])), ("–" if step["fee_gwei"] is None else f"{step['fee_gwei']:.3f}")
    return name, step["step"], step["state"], nonce, fee, str(step["age"]), step["why"]


def _outbox(swarm: "Swarm", name: str, node: Address) -> list[dict[str, Any]]:
    """What the node is sending, and the last that it sent, the newest first."""
    from swarm_chain.chain.fees import GWEI
    from swarm_chain.chain.outbox import OUTBOX
    from swarm_chain.chain.steps import recent_steps

    head = swarm.web3.eth.block_number
    found = []
    for step in recent_steps(swarm.home.node(name) / OUTBOX, swarm.web3, node):
        hash_ = step.mined.hash if step.mined else step.last.hash if step.versions else None
        found.append(
            {
                "step": step.name,
                "state": step.state.value,
                "nonce": None if step.nonce < 0 else step.nonce,
                "fee_gwei": step.last.fees.highest / GWEI if step.versions else None,
                "replaced": max(len(step.versions) - 1, 0),
                "age": max(head - step.since, 0),
                "transaction": "0x" + hash_.hex() if hash_ else None,
                "why": step.why,
            }
        )
    return found
