"""``swarm-chain watch``: judges what a group's votes name, strikes what is wrong, and earns for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present

if TYPE_CHECKING:
    from swarm_chain.node.sighting import Sighting


def watch(
    group: options.Group = None,
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    provider: options.Providers = None,
    group_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Key file of a closed group: a member's keys/NAME/group-….json.", show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Judge what is named now, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON on stdout for everything that is seen or done.")] = False,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Watch over a group: compute every closed round again, and strike results that are wrong.

    Any machine can; it takes no seat, no stake and no training, and one honest watcher is enough to keep a wrong result from becoming
    final. It fetches what the nodes serve, computes what each round came to, and compares that with every result that votes named. For a
    wrong one it sends the smallest proof, slashes each seat that named it, and collects a tenth of what they lose. Where the bytes that
    prove it are withheld, it demands them, which takes a bond of a hundredth of a seat's stake in tokens; the bond comes back with the
    strike. It answers others' demands on results that are right, and earns half of their bonds. Nodes that run do the same beside their
    work.

    Updates of a closed group open to its members alone. Without --group-key-file, that of a member, its results are not judged; only what
    the chain itself shows to be wrong is struck.

    The key that pays is --key, or one made for it in the swarm folder; on a local chain it gets play coin. Runs until Ctrl-C.

    Example: `swarm-chain watch --group 1`
    """
    from swarm_chain.cli.passwords import open_key
    from swarm_chain.cli.processes import Interrupted
    from swarm_chain.cli.published import hand_over
    from swarm_chain.cli.wiring import open_swarm, paying_account, rpc_urls
    from swarm_chain.node import logs
    from swarm_chain.node.lock import exclusive
    from swarm_chain.node.signals import stop_on_signals
    from swarm_chain.node.watching import WatchSettings, run

    settings = options.settings(
        config=config,
        home=home,
        rpc_url=rpc_url,
        deployment=deployment,
        key=key,
        password_file=password_file,
        group=group,
        providers=provider,
        log_level=log_level,
        log_format=log_format,
    )
    swarm = open_swarm(settings)
    found, gateway = swarm.group(), swarm.home.process("gateway")
    account = paying_account(swarm, swarm.home.keys / "watch" / "watcher.json", "for proofs; demands take a few tokens besides")
    logs.begin(settings.log_level, settings.log_format, context=lambda: {"group": found.group})
    watch_settings = WatchSettings(
        home=swarm.home.path / "watch" / f"group-{found.group}",
        rpc_url=rpc_urls(settings, swarm.home),
        rpc_quorum=settings.rpc_quorum,
        deployment=settings.deployment or swarm.home.deployment,
        group=found.group,
        account=account,
        rpc_timeout=settings.rpc_timeout,
        store_capacity=settings.store_capacity,
        providers=(*settings.providers, *([gateway.url] if gateway and gateway.url else [])),
        allow_private=swarm.local if settings.allow_private is None else settings.allow_private,
        keep_rounds=settings.keep_rounds,
        confirmations=swarm.confirmations,
        poll_interval=settings.poll_interval,
        fee_cap=settings.fee_cap,
        replace_after=settings.replace_after,
        group_key=bytes(open_key(group_key_file, settings, swarm.home).key) if group_key_file is not None else None,
    )
    if found.terms.by_invitation:  # its manifest says whether it is closed
        watch_settings.home.mkdir(parents=True, exist_ok=True)
        with exclusive(watch_settings.home):
            hand_over(swarm.home.published, found.manifest_digest, watch_settings.home / "store", watch_settings.store_capacity)
    present.say(f"Watching group {found.group}, paid by {account.address}" + ("." if once else "; Ctrl-C ends it."))
    with stop_on_signals() as stop:
        run(watch_settings, _as_json if as_json else _show, stop, once=once)
        if stop.is_set():
            raise Interrupted


def _show(sighting: "Sighting") -> None:
    """A line for each result seen and each step taken."""
    name = f"Round {sighting.round}, result {sighting.result_hash.hex()[:8]}…"
    spent = f"{sighting.size:,} bytes, {sighting.gas:,} gas, transaction 0x{sighting.transaction.hex()}"
    match sighting.what:
        case "right":
            present.done(f"{name}: ok")
        case "struck":
            present.done(f"{name}: struck for its {sighting.why}, {spent}")
        case "unjudged":
            present.say(f"• {name}: not judged, since {sighting.why}")
        case "unprovable":
            present.say(f"• {name}: not what this machine computes, and no proof on chain exists: {sighting.why}")
        case _:
            present.done(f"{name}: {sighting.what}, {sighting.why}, {spent}")


def _as_json(sighting: "Sighting") -> None:
    import json
    from dataclasses import asdict

    values = asdict(sighting) | {"fault": sighting.fault.name.lower()}
    shown = {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
    present.print_plain(json.dumps(shown))
