"""``swarm-chain node run``: the node at work."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.processes import Interrupted

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.swarm_home import SwarmHome
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.node.logs import StatusContext
    from swarm_chain.node.settings import NodeSettings


def run(
    group: options.Group = None,
    config: options.Config = None,
    home: options.Home = None,
    name: options.Name = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    password_file: options.PasswordFile = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Train so many, then vote and end; by default for ever.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="IDX files to train on.", show_default=False)] = None,
    part: Annotated[int | None, typer.Option(min=0, help="Part of the task's data; by default the seat's.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="To train with.", show_default=False)] = None,
    host: Annotated[str | None, typer.Option(help="Address to serve bytes on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to serve bytes on.", show_default=False)] = None,
    gateway_url: Annotated[str | None, typer.Option(metavar="URL", help="How others reach that port.", show_default=False)] = None,
    provider: options.Providers = None,
    relay: Annotated[str | None, typer.Option(metavar="URL", help="Relay for commits and reveals.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but send, and say what would be sent.")] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to tell metrics and health on.", show_default=False, rich_help_panel=options.LOGS),
    ] = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Run a node: train, commit, reveal, agree, round after round.

    Needs the chain's RPC URL, the deployment file, a seat in the group and the node's key. Others must reach the port it serves its bytes
    on: across machines give --host 0.0.0.0 --port 4100 --gateway-url http://THIS-MACHINE:4100, and as --provider the creator's
    `swarm-chain gateway`. With --relay URL a `swarm-chain relay` brings its commits and reveals to the chain and pays for them; when it
    does not, the node sends them itself in time. Killed at any moment, it goes on from its journal. Ctrl-C ends it after what it is
    sending. With --dry-run it trains and seals and sends nothing: its log says what it would have sent, with gas and fee.

    Example: `swarm-chain node run --group 1 --name ada --rounds 10`
    """
    from swarm_chain.cli.keyring import held
    from swarm_chain.cli.live_table import read_row
    from swarm_chain.cli.published import hand_over
    from swarm_chain.cli.wiring import open_swarm, own_seat, swarm_home

    settings = options.settings(
        config=config,
        home=home,
        name=name,
        rpc_url=rpc_url,
        deployment=deployment,
        password_file=password_file,
        group=group,
        rounds=rounds,
        data=data,
        part=part,
        device=device,
        threads=threads,
        gateway_host=host,
        gateway_port=port,
        gateway_url=gateway_url,
        providers=provider,
        relay=relay,
        metrics_port=metrics_port,
        log_level=log_level,
        log_format=log_format,
    )
    folder = swarm_home(settings)
    with held(settings):
        present.say(f"Node {settings.name} is starting", "dim")
        record = folder.record(f"node-{settings.name}", os.getpid())
        try:
            swarm = open_swarm(settings)
            found = swarm.group()
            own_seat(swarm, found, swarm.node_address())
            node_settings = _node_settings(swarm, found, dry_run=dry_run)
            if node_settings.store == "embedded":
                hand_over(swarm.home.published, found.manifest_digest, node_settings.home / "store", node_settings.store_capacity)
            done = _watched(node_settings, settings, swarm.home)
        finally:
            folder.forget([record])
    if not done:
        raise Interrupted
    present.done(f"Node {settings.name} did its rounds")
    last_words = read_row(settings.name, folder.node(settings.name)).message
    if last_words != "done":
        present.say(last_words)


def _node_settings(swarm: "Swarm", group: "Group", *, dry_run: bool) -> "NodeSettings":
    from swarm_chain.cli import group_keys, keyring
    from swarm_chain.cli.wiring import rpc_urls
    from swarm_chain.node.settings import NodeSettings

    settings, home = swarm.settings, swarm.home
    gateway = home.process("gateway")
    return NodeSettings(
        home=home.node(settings.name),
        rpc_url=rpc_urls(settings, home),
        rpc_quorum=settings.rpc_quorum,
        deployment=settings.deployment or home.deployment,
        group=group.group,
        account=keyring.node(settings, home),
        rpc_timeout=settings.rpc_timeout,
        host=settings.gateway_host,
        port=settings.gateway_port,
        announced_url=settings.gateway_url or "",
        store=settings.store,
        store_capacity=settings.store_capacity,
        kubo_url=settings.kubo_url,
        kubo_port=settings.kubo_port,
        providers=(*settings.providers, *([gateway.url] if gateway and gateway.url else [])),
        allow_private=swarm.local if settings.allow_private is None else settings.allow_private,
        keep_rounds=settings.keep_rounds,
        device=settings.device,
        threads=settings.threads,
        data_dir=settings.data,
        part=settings.part,
        rounds=settings.rounds,
        confirmations=swarm.confirmations,
        poll_interval=settings.poll_interval,
        fee_cap=settings.fee_cap,
        replace_after=settings.replace_after,
        dry_run=dry_run,
        relay_url=settings.relay or "",
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port,
        otlp_endpoint=settings.otlp_endpoint or "",
        keep_checkpoints=settings.keep_checkpoints,
        group_keys=group_keys.opened(settings, home) if group.terms.by_invitation else (),
    )


def _watched(node: "NodeSettings", settings: "Settings", home: "SwarmHome") -> bool:
    """Runs the node; in a terminal under a live picture, its log in a file, elsewhere with its log on stderr."""
    from swarm_chain.node import logs
    from swarm_chain.node.daemon import run as run_node
    from swarm_chain.node.signals import stop_on_signals

    file = home.logs / f"node-{settings.name}.log" if present.err.is_terminal else None
    context = logs.StatusContext(group=node.group)
    logs.begin(settings.log_level, settings.log_format, file, context)
    if file is not None:
        present.say(f"The log is {file}; Ctrl-C ends the node.", "dim")
    with stop_on_signals() as stop:
        return run_node(node, context.told, stop) if file is None else _live(node, settings.name, context, stop)


def _live(node: "NodeSettings", name: str, context: "StatusContext", stop: threading.Event) -> bool:
    import time

    from rich.live import Live

    from swarm_chain.cli.live_table import NodeRow, render
    from swarm_chain.node.daemon import run as run_node
    from swarm_chain.node.status import NodeStatus

    begun = time.monotonic()
    with Live(render([NodeRow(name)], node.rounds, begun), console=present.err, auto_refresh=False) as live:

        def report(status: NodeStatus) -> None:
            context.told(status)
            live.update(render([NodeRow.of(name, status.as_json())], node.rounds, begun), refresh=True)

        return run_node(node, report=report, stop=stop)
