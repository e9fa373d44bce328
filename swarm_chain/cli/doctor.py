"""``swarm-chain doctor``: what works, what does not, and how to mend it."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import SwarmChainError

if TYPE_CHECKING:
    from pathlib import Path

    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.swarm_home import SwarmHome
    from swarm_chain.cli.wiring import Swarm

LITTLE_DISK = 1 << 30
CLOCK_SECONDS = 30
LITTLE_COIN = 10**16


class Verdict(Enum):
    """How a check came out."""

    GOOD = "[green]✓[/]"
    NOTE = "[yellow]·[/]"
    BROKEN = "[red]✗[/]"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``mend`` says how; ``exit_code`` is that of the error behind it."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""
    exit_code: int = 0


def doctor(
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Check this swarm folder, the chain, the nodes' funds, disk, stores, clock and device.

    Says for everything that is broken how to mend it, and ends with the exit code of the first such error. Changes nothing.

    Example: `swarm-chain doctor`
    """
    from swarm_chain.cli.wiring import swarm_home

    settings = options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment)
    findings = list(_findings(settings, swarm_home(settings)))
    if as_json:
        present.as_json(
            [{"what": item.what, "verdict": item.verdict.name.lower(), "found": item.found, "mend": item.mend} for item in findings]
        )
    else:
        for item in findings:
            present.out.print(f"{item.verdict.value} [bold]{item.what}[/]: ", end="")
            present.out.print(item.found, markup=False, soft_wrap=True)
            if item.mend:
                present.out.print(f"    {item.mend}", markup=False, soft_wrap=True)
    raise typer.Exit(next((item.exit_code for item in findings if item.exit_code), 0))


def _findings(settings: "Settings", home: "SwarmHome") -> Iterator[Finding]:
    yield _folder(home)
    yield _disk(home)
    swarm: list[Swarm] = []
    yield _try("chain and contracts", partial(_chain, settings, swarm))
    for opened in swarm:
        yield _try("contracts' beginning", partial(_beginning, opened))
        yield _clock(opened)
        for name in sorted(opened.names.values()):
            yield _try(f"node {name}", partial(_node, opened, name))
    for path in sorted((home.path / "nodes").glob("*/store")):
        yield _try(f"store of {path.parent.name}", partial(_store, home, path))
    yield _try("device", partial(_device, settings))


def _try(what: str, check: "Callable[[], Finding]") -> Finding:
    try:
        return check()
    except SwarmChainError as problem:
        return Finding(what, Verdict.BROKEN, problem.what, problem.do, problem.exit_code)


def _folder(home: "SwarmHome") -> Finding:
    if not home.path.is_dir():
        return Finding("swarm folder", Verdict.NOTE, f"{home} is not there yet.", "`swarm-chain up` or `swarm-chain node init` makes it.")
    running = ", ".join(f"{record.role} ({record.pid})" for record in home.processes()) or "nothing"
    exposed = [str(path) for path in (*home.key_files(), home.password_file) if path.exists() and path.stat().st_mode & 0o077]
    if exposed:
        return Finding("swarm folder", Verdict.BROKEN, f"Others can read {', '.join(exposed)}.", "chmod 600 them.", 3)
    return Finding("swarm folder", Verdict.GOOD, f"{home}; running: {running}; keys: {len(home.key_files())}")


def _disk(home: "SwarmHome") -> Finding:
    place = next(path for path in (home.path, *home.path.parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free at {place}"
    if free < LITTLE_DISK // 16:
        return Finding("disk", Verdict.BROKEN, found, "Free some space: a node that cannot write its journal does not commit.", 6)
    return Finding("disk", Verdict.GOOD if free > LITTLE_DISK else Verdict.NOTE, found)


def _chain(settings: "Settings", opened: "list[Swarm]") -> Finding:
    from swarm_chain.chain.connection import provider_name
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(settings)
    opened.append(swarm)
    kind = "a local chain" if swarm.local else "not a local chain"
    groups = swarm.contracts.groups.group_count()
    found = f"chain {swarm.contracts.deployment.chain_id} at {provider_name(swarm.web3)} ({kind}); contracts are there; groups: {groups}"
    return Finding("chain and contracts", Verdict.GOOD, found)


def _beginning(swarm: "Swarm") -> Finding:
    from swarm_chain.chain.deploying import verify_history

    unseen = verify_history(swarm.web3, swarm.contracts.deployment)
    if unseen:
        found = f"not seen: the chain's service no longer has the transactions that made {', '.join(unseen)}"
        return Finding("contracts' beginning", Verdict.NOTE, found, "An --rpc that keeps all transactions shows it.")
    return Finding("contracts' beginning", Verdict.GOOD, "made by this release's constructors")


def _clock(swarm: "Swarm") -> Finding:
    from swarm_chain.chain.connection import chain_time

    behind = round(time.time()) - chain_time(swarm.web3)
    if abs(behind) <= CLOCK_SECONDS:
        return Finding("clock", Verdict.GOOD, f"{behind} s from the chain's newest block")
    return Finding(
        "clock",
        Verdict.NOTE,
        f"{behind} s from the chain's newest block",
        "Nodes go by the chain's time; a stale chain or a wrong clock may be behind it.",
    )


def _node(swarm: "Swarm", name: str) -> Finding:
    what = f"node {name}"
    contracts, node = swarm.contracts, swarm.node_address(name)
    coin = int(swarm.web3.eth.get_balance(swarm.web3.to_checksum_address(node)))
    identity = contracts.identities.identity_of(node)
    if not identity:
        return Finding(what, Verdict.NOTE, f"{node} is not registered.", f"`swarm-chain group join GROUP --name {name}` does it.")
    stake, earned = contracts.stakes.stake_of(identity), contracts.rewards.rewards(node)
    seat = f"seat {earned.seat} of group {earned.group}" if earned.group else "no seat"
    found = (
        f"{node}: {seat}, {present.tokens(coin, 6)} coin, stake {present.tokens(stake.locked)} locked and {present.tokens(stake.free)} free"
    )
    if coin < LITTLE_COIN:
        return Finding(what, Verdict.BROKEN, f"{found}.", f"Send the chain's coin to {node}: every commit and reveal costs some.", 4)
    return Finding(what, Verdict.GOOD, found)


def _store(home: "SwarmHome", path: "Path") -> Finding:
    from swarm_chain.storage.embedded import EmbeddedStore

    name = path.parent.name
    if home.process(f"node-{name}"):
        return Finding(f"store of {name}", Verdict.GOOD, "in use by the running node")
    store = EmbeddedStore(path)
    try:
        files, damaged = store.pinned(), len(list((path / "damaged").glob("*")))
        missing = [digest for digest in files if not store.has(digest)]
        found = f"{len(files)} files, {store.size() / 1e6:.1f} MB"
    finally:
        store.close()
    if missing or damaged:
        mend = "Check the disk; running nodes fetch such files from each other again."
        return Finding(f"store of {name}", Verdict.BROKEN, f"{found}; incomplete: {len(missing)}, damaged blocks: {damaged}", mend, 6)
    return Finding(f"store of {name}", Verdict.GOOD, found)


def _device(settings: "Settings") -> Finding:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        return Finding("device", Verdict.BROKEN, "torch is not installed.", "pip install torch, in the build that fits this machine.", 7)
    import torch

    from swarm_chain.learning.devices import pick

    return Finding("device", Verdict.GOOD, f"{pick(settings.device)}, torch {torch.__version__}, {torch.get_num_threads()} threads")
