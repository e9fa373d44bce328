"""``swarm-chain node init``: the keys of a node."""

from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.types import Address

if TYPE_CHECKING:
    from swarm_chain.cli.settings import Settings


def init(
    config: options.Config = None,
    home: options.Home = None,
    name: options.Name = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    password_file: options.PasswordFile = None,
    fund_local: Annotated[bool, typer.Option("--fund-local", help="On a local chain: get coin and tokens from its treasury.")] = False,
    tokens: Annotated[float, typer.Option(min=0, help="With --fund-local: how many tokens.")] = 1000,
    as_json: options.Json = False,
) -> None:
    """Make a node's two keys, where they are not there yet.

    The operator's key owns stake and rewards; keep it away from the machine that trains if you can. The node's key signs commits and
    reveals, and needs a little of the chain's coin for them. Both are password-protected key files (keystore V3) in the swarm folder; the
    password comes from --password-file, SWARM_CHAIN_PASSWORD, or is asked for. A local swarm generates one, in keys/password.

    Example: `swarm-chain node init --name ada --fund-local`
    """
    from swarm_chain.cli.passwords import create_keys
    from swarm_chain.cli.wiring import swarm_home
    from swarm_chain.node.keys import key_address

    settings = options.settings(config=config, home=home, name=name, rpc_url=rpc_url, deployment=deployment, password_file=password_file)
    folder = swarm_home(settings)
    own_chain = settings.rpc_url is None and folder.process("chain") is not None
    paths = [folder.operator_key(settings.name), folder.node_key(settings.name)]
    made = create_keys(paths, settings, folder, local=own_chain or fund_local)
    operator, node = map(key_address, paths)
    for path in paths:
        present.done(f"{'Made' if path in made else 'Kept'} {path}")
    if fund_local:
        _fund(settings, operator, node, present.wei(tokens))
    if as_json:
        present.as_json({"name": settings.name, "operator": operator, "node": node})
        return
    present.table(f"Node {settings.name}", ("key", "address"), (("operator", operator), ("node", node)))
    if not fund_local:
        present.say(
            f"Send some of the chain's coin to both addresses, and a seat's stake in tokens to the operator ({operator})."
            " On a local chain `--fund-local` does it."
        )


def _fund(settings: "Settings", operator: Address, node: Address, wei: int) -> None:
    from swarm_chain.cli.membership import fund_from_treasury
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(settings)
    fund_from_treasury(swarm, [operator, node], operator, wei)
    held = swarm.contracts.token.balance_of(operator)
    present.done(f"The operator holds {present.tokens(held)} tokens; both have coin for transactions")
