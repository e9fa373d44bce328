"""``swarm-chain node backup`` and ``restore``: a node in one file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import KeyFileError
from swarm_chain.types import Address

ONE_MACHINE = "Two machines that run the same node commit against each other, and it loses stake: run it on one alone."


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="To write.")],
    config: options.Config = None,
    home: options.Home = None,
    name: options.Name = None,
    deployment: options.DeploymentFile = None,
) -> None:
    """Write a node's keys, those of its closed groups, its journals and the deployment file into one file.

    The node may run meanwhile. Keys stay encrypted, and the password is not in the file: keep it elsewhere (a local swarm's own is in
    keys/password). Bytes of the store are not in it; others serve them. What the node does afterwards is not in it either: a restored node
    cannot reveal what it committed since.

    Example: `swarm-chain node backup ada.backup --name ada`
    """
    from swarm_chain.cli.keyring import node_address
    from swarm_chain.cli.wiring import swarm_home
    from swarm_chain.node.backup import write_backup
    from swarm_chain.node.keys import GROUP_KEYS

    settings = options.settings(config=config, home=home, name=name, deployment=deployment)
    folder = swarm_home(settings)
    files = {"operator": folder.operator_key(settings.name), "node": folder.node_key(settings.name)}
    files |= {path.stem: path for path in folder.node_key(settings.name).parent.glob(GROUP_KEYS)}
    keys = {role: path for role, path in files.items() if path.exists()}
    contracts = settings.deployment or folder.deployment
    node, now = node_address(settings, folder), time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    made = write_backup(file, settings.name, node, now, keys, folder.node(settings.name), contracts if contracts.exists() else None)
    present.done(f"{file} holds {', '.join(made.members)} of {made.name} ({made.node})")
    present.say("Its keys are encrypted; the password is not in it. Keep both, apart from each other.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="That `node backup` wrote.")],
    config: options.Config = None,
    home: options.Home = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name than it had.", show_default=False)] = None,
    deployment: options.DeploymentFile = None,
) -> None:
    """Bring a node back from a backup: keys, journals and deployment file.

    Overwrites nothing, and verifies every byte before it writes one. End the node wherever it ran before: one key is for one process.
    What it committed before the backup it reveals; what it committed since, it cannot.

    Example: `swarm-chain node restore ada.backup`
    """
    import os

    from swarm_chain.cli.wiring import swarm_home
    from swarm_chain.node.backup import read_backup
    from swarm_chain.node.backup import restore as put_back
    from swarm_chain.node.keys import key_address
    from swarm_chain.node.lock import locks_folder, one_process

    found = read_backup(file)
    settings = options.settings(config=config, home=home, name=name or found.name, deployment=deployment)
    folder = swarm_home(settings)
    with one_process(folder.node(settings.name), found.node, locks_folder(os.environ)):
        folder.make()
        put_back(file, folder.node_key(settings.name).parent, folder.node(settings.name), settings.deployment or folder.deployment)
    path = folder.node_key(settings.name)
    if path.exists() and key_address(path) != found.node:
        raise KeyFileError(f"{path} is not the key of {found.node}.", "It was kept.", "Take another copy of the backup.")
    present.done(f"{settings.name} ({Address(found.node)}) is as it was at {found.made_at}")
    present.say(ONE_MACHINE, "yellow")
