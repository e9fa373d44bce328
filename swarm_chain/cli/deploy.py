"""``swarm-chain deploy``: the contracts on any EVM chain."""

from pathlib import Path
from typing import Annotated

import typer

from swarm_chain.cli import options, present, spending
from swarm_chain.errors import ChainError, UsageError


def deploy(
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    name: options.Name = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Deployment whose token and identities stay.", show_default=False)
    ] = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Deploy the contracts, and write the deployment file.

    Says what it costs first, and asks, unless the chain is a local one (ID 31337 or 1337 on this machine) or --yes is given. Interrupted,
    it goes on where it stopped: run it again with the same account. The whole token supply goes to the deployer, which has no other power.
    Hand the deployment file to everyone who is to take part.

    Contracts cannot be changed, so a new release has new ones. With --keep they work with the token and the identity registry of an
    earlier deployment, which nobody administers: balances, identities and node keys stay. Then `swarm-chain group move`.

    Example: `swarm-chain deploy --rpc https://rpc.example.org --key keys/deployer.json`
    """
    from swarm_chain.chain.artifacts import CONTRACTS
    from swarm_chain.chain.connection import chain_id, connect
    from swarm_chain.chain.deploying import deploy as deploy_contracts
    from swarm_chain.chain.deploying import estimate_cost
    from swarm_chain.chain.deployment import load_deployment, load_kept, verify_deployment
    from swarm_chain.chain.sender import Sender
    from swarm_chain.cli import wiring

    settings = options.settings(
        config=config, home=home, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file, name=name
    )
    folder = wiring.swarm_home(settings)
    urls = wiring.rpc_urls(settings, folder)
    web3 = connect(urls, settings.rpc_timeout, settings.rpc_quorum)
    number = chain_id(web3)
    path = settings.deployment or folder.deployment
    if keep is not None and path.resolve() == keep.resolve():
        raise UsageError(f"{path} is the deployment to keep of.", "Nothing was sent.", "Name the new one's file: --deployment FILE.")
    kept = load_kept(keep) if keep else None
    found = load_deployment(path) if path.exists() else None
    if found is not None and found.complete and (kept is None or kept.addresses.items() <= found.addresses.items()):
        verify_deployment(web3, found)
        present.done(f"Already deployed: {path}")
    else:
        local = wiring.is_local(urls, number)
        sender = Sender(web3, wiring.sponsor(settings, folder, local), confirmations=wiring.confirmations(settings, number))
        cost, balance = estimate_cost(sender, kept.kept if kept else ()), sender.balance()
        if balance < cost:
            raise ChainError(
                f"{sender.address} holds less than deploying costs: about {present.tokens(cost, 6)} of the chain's coin.",
                "Nothing was sent.",
                "Send it some of the chain's coin, then run this again.",
            )
        what = f"Deploy {len(CONTRACTS) - len(kept.kept if kept else ())} contracts"
        spending.ask(web3, spending.Spending(what, sender.address, cost), local=local, yes=yes)
        if path == folder.deployment:
            folder.make()
        with present.progress("Deploying", len(CONTRACTS)) as step:
            found = deploy_contracts(web3, sender, path, keep=kept, progress=step)
        present.done(f"Deployed; the deployment file is {path}")
    if as_json:
        present.as_json(
            {
                "deployment": path,
                "chain_id": found.chain_id,
                "deployer": found.deployer,
                "addresses": found.addresses,
                "blocks": found.blocks,
            }
        )
    else:
        rows = [(contract, address, str(found.blocks[contract])) for contract, address in found.addresses.items()]
        present.table("Contracts", ("contract", "address", ">block"), rows)
