"""``swarm-chain up``: a chain of one's own on this machine."""

import time
from typing import Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.processes import Interruption, ProcessRecord, interruptible, is_running
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import ChainUnreachableError


def up(
    config: options.Config = None,
    home: options.Home = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the chain; 8545 if it is free, else another.", show_default=False)
    ] = None,
    gateway: Annotated[bool, typer.Option(help="Also serve manifests and first models to other machines' nodes.")] = False,
    gateway_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the gateway; a free one if not given.", show_default=False)
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background; `swarm-chain down` ends it.")] = False,
    as_json: options.Json = False,
) -> None:
    """Start a local chain with the contracts on it.

    Starts Anvil, deploys what is missing, and goes on where it stopped the last time: the chain's state is kept in the swarm folder. Its
    accounts hold play money. Runs until Ctrl-C, or in the background with --detach. A second swarm lives in another --home.

    Example: `swarm-chain up --detach`  then  `swarm-chain group create --task digits`
    """
    from swarm_chain.chain.connection import connect
    from swarm_chain.cli.local_swarm import ensure_deployed, start_chain, start_gateway
    from swarm_chain.cli.wiring import swarm_home

    settings = options.settings(config=config, home=home, gateway_port=gateway_port)
    folder = swarm_home(settings)
    before = folder.processes()
    with interruptible() as interruption:
        try:
            with present.progress("Local chain") as step:
                chain = start_chain(folder, port, step)
                web3 = connect(chain.url, settings.rpc_timeout)
                deployment = ensure_deployed(folder, web3, step)
                server = start_gateway(folder, settings.gateway_port, step) if gateway or gateway_port else None
        except BaseException:
            folder.end(_new(folder, before))  # what this command began
            raise
        present.done(f"Chain {deployment.chain_id} at {chain.url}; contracts in {folder.deployment}")
        if server is not None:
            present.done(f"Gateway at {server.url}")
        if as_json:
            urls = {"rpc_url": chain.url, "gateway": server.url if server else None}
            present.as_json(urls | {"chain_id": deployment.chain_id, "deployment": folder.deployment, "addresses": deployment.addresses})
        started = _new(folder, before)
        if detach or not started:
            present.say("`swarm-chain down` ends it and removes what it made; keys are kept.")
            return
        present.say("Ctrl-C stops it; its state is kept for the next `swarm-chain up`.", "dim")
        try:
            _wait(chain, interruption)
        finally:
            folder.end(started)
            present.done(f"Stopped; the chain's state is in {folder.chain_state.parent}")


def _new(folder: SwarmHome, before: list[ProcessRecord]) -> list[ProcessRecord]:
    return [record for record in folder.processes() if record.pid not in {old.pid for old in before}]


def _wait(chain: ProcessRecord, interruption: Interruption) -> None:
    """Until Ctrl-C, or until the chain ends by itself."""
    while is_running(chain):
        interruption.check()
        time.sleep(0.5)
    raise ChainUnreachableError("The chain ended by itself.", "Its last saved state is kept.", "See chain/anvil.log in the swarm folder.")
