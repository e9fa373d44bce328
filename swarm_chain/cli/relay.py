"""``swarm-chain relay``: brings what nodes signed to the chain, many in one transaction, and pays for it."""

import os
import threading
from typing import Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.processes import interruptible


def relay(
    group: options.Group = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every one.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; a free one if not given.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=255, help="Most messages a transaction; 128.", show_default=False)] = None,
    wait: Annotated[float | None, typer.Option(min=0, help="Seconds a message waits for others; 10.", show_default=False)] = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Bring commits and reveals of a group's nodes to the chain in batches, and pay for them.

    Nodes that run with --relay URL sign what they would have sent and hand it over here; in batches it costs less than half. Nobody has to
    trust a relay: it can do nothing with what it is given but send it, and a node that does not see its own on chain in time sends it
    itself. What is taken is signed by seated nodes, one message a node and phase. A GET of / tells what was sent. The key that pays is
    --key, or one made for it in the swarm folder; on a local chain it gets play coin. Runs until Ctrl-C.

    Example: `swarm-chain relay --group 1 --host 0.0.0.0 --port 4200`
    """
    from swarm_chain.cli.wiring import open_swarm, paying_account, rpc_urls
    from swarm_chain.node import logs
    from swarm_chain.node.lock import locks_folder, one_key
    from swarm_chain.relay.service import run
    from swarm_chain.relay.settings import RelaySettings

    settings = options.settings(
        config=config,
        home=home,
        rpc_url=rpc_url,
        deployment=deployment,
        key=key,
        password_file=password_file,
        group=group,
        relay_host=host,
        relay_port=port,
        relay_batch=batch,
        relay_wait=wait,
        log_level=log_level,
        log_format=log_format,
    )
    swarm = open_swarm(settings)
    found = swarm.group()
    account = paying_account(swarm, swarm.home.relay_key, "for what is relayed")
    logs.begin(settings.log_level, settings.log_format, context=lambda: {"group": found.group})
    records = []

    def started(url: str) -> None:
        records.append(swarm.home.record("relay", os.getpid(), url))
        present.say(f"Relaying for group {found.group} at {url}, paid by {account.address}; Ctrl-C ends it.")

    relay_settings = RelaySettings(
        rpc_url=rpc_urls(settings, swarm.home),
        rpc_quorum=settings.rpc_quorum,
        deployment=settings.deployment or swarm.home.deployment,
        group=found.group,
        account=account,
        rpc_timeout=settings.rpc_timeout,
        host=settings.relay_host,
        port=settings.relay_port,
        batch=settings.relay_batch,
        wait=settings.relay_wait,
        poll_interval=settings.poll_interval,
        outbox=swarm.home.path / "relay.db",
        fee_cap=settings.fee_cap,
        replace_after=settings.replace_after,
    )
    with interruptible(), one_key(account.address, locks_folder(os.environ), "relay"):
        try:
            run(relay_settings, threading.Event(), started)
        finally:
            swarm.home.forget(records)
