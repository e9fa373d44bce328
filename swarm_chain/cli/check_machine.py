"""What ``swarm-chain doctor`` looks at on this machine: folder, disk, keys, locks, ports, stores, the device that trains."""

import errno
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_chain.cli.findings import Finding, broken, good, note, tried

if TYPE_CHECKING:
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.swarm_home import SwarmHome

LITTLE_DISK = 1 << 30
ANY_ADDRESS = ("0.0.0.0", "::")


def before_the_chain(settings: "Settings", home: "SwarmHome") -> Iterator[Finding]:
    """What must be right before a chain is asked anything."""
    yield tried("swarm folder", partial(_folder, home))
    yield _disk(home)
    for path in sorted(home.keys.glob("*/node.json")):
        name = path.parent.name
        yield tried(f"keys of {name}", partial(_keys, settings, home, name))
        yield tried(f"processes of {name}", partial(_processes, home, name))
    yield from _ports(settings, home)


def after_the_chain(settings: "Settings", home: "SwarmHome") -> Iterator[Finding]:
    """What a node works with."""
    for path in sorted((home.path / "nodes").glob("*/store")):
        yield tried(f"store of {path.parent.name}", partial(_store, home, path))
    yield tried("device", partial(_device, settings))


def _folder(home: "SwarmHome") -> Finding:
    what = "swarm folder"
    if not home.path.is_dir():
        return note(what, f"{home} is not there yet.", "`swarm-chain up` or `swarm-chain node init` makes it.")
    running = ", ".join(f"{record.role} ({record.pid})" for record in home.processes()) or "nothing"
    exposed = [str(path) for path in (*home.key_files(), home.password_file) if path.exists() and path.stat().st_mode & 0o077]
    if exposed:
        return broken(what, f"Others can read {', '.join(exposed)}.", "chmod 600 them.", 3)
    return good(what, f"{home}; running: {running}; keys: {len(home.key_files())}")


def _disk(home: "SwarmHome") -> Finding:
    place = next(path for path in (home.path, *home.path.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free at {place}"
    if free < LITTLE_DISK // 16:
        return broken("disk", found, "Free some space: a node that cannot write its journal does not commit.", 6)
    return good("disk", found) if free > LITTLE_DISK else note("disk", found, "It is little. A node stops committing when it is full.")


def _keys(settings: "Settings", home: "SwarmHome", name: str) -> Finding:
    """Whether the node key opens without anybody being asked, as it must where nobody sits."""
    from swarm_chain.cli.passwords import known_password
    from swarm_chain.node.keys import key_address, load_key

    path = home.node_key(name)
    address, password = key_address(path), known_password(path, settings, home)
    if not password:
        return note(
            f"keys of {name}", f"{address}; its password is asked for at each start.", "Set password_file for a node that starts by itself."
        )
    load_key(path, password)
    return good(f"keys of {name}", f"{address}; the password opens them")


def _processes(home: "SwarmHome", name: str) -> Finding:
    """Whether the node runs, and whether something else has its key."""
    from swarm_chain.node.keys import key_address
    from swarm_chain.node.lock import locks_folder

    what, record = f"processes of {name}", home.process(f"node-{name}")
    by_home = _holder(home.node(name) / "lock")
    by_key = _holder(locks_folder(os.environ) / key_address(home.node_key(name)).lower().removeprefix("0x"))
    holders = {holder for holder in (by_home, by_key) if holder}
    if not holders:
        return good(what, "it does not run; nothing else on this machine has its key")
    if record is not None and holders == {str(record.pid)}:
        return good(what, f"it runs as process {record.pid}, which alone has its key")
    mend = "End that process before you start this node, or make this node a key of its own."
    return broken(what, f"Process {', '.join(sorted(holders))}, which is not this folder's, has its key.", mend, 3)


def _holder(lock: Path) -> str:
    """The process that holds a lock; empty where nobody does. Makes no file, and holds the lock for no longer than it takes to ask."""
    try:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(32).strip() or "unknown"
    except OSError:
        pass
    return ""


def _ports(settings: "Settings", home: "SwarmHome") -> Iterator[Finding]:
    """The ports that were chosen, and whether others can be told of the gateway's."""
    runs = any(record.role.startswith("node-") for record in home.processes())
    if settings.gateway_host in ANY_ADDRESS and not settings.gateway_url:
        found = f"The gateway is to listen on {settings.gateway_host}, every address of this machine, and others need to know one."
        yield broken("gateway", found, "Say how they reach it: --gateway-url http://HOST:PORT.", 3)
    for setting, host, port, is_used in (
        ("gateway_port", settings.gateway_host, settings.gateway_port, runs),
        ("metrics_port", settings.metrics_host, settings.metrics_port, runs),
        ("relay_port", settings.relay_host, settings.relay_port, home.process("relay") is not None),
    ):
        if port:
            yield _port(setting, host, port, is_used=is_used)


def _port(setting: str, host: str, port: int, *, is_used: bool) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and is_used:
                return good(setting, f"{host}:{port} is in use, and this folder's node or relay runs")
            mend = (
                f"Choose another {setting}, or end what uses it."
                if error.errno == errno.EADDRINUSE
                else f"Choose another {setting} or address."
            )
            return broken(setting, f"Nothing can listen on {host}:{port}: {error.strerror}.", mend, 3)
    return good(setting, f"{host}:{port} is free")


def _store(home: "SwarmHome", path: Path) -> Finding:
    from swarm_chain.storage.embedded import EmbeddedStore

    what = f"store of {path.parent.name}"
    if home.process(f"node-{path.parent.name}"):
        return good(what, "in use by the running node")
    store = EmbeddedStore(path)
    try:
        files, damaged = store.pinned(), len(list((path / "damaged").glob("*")))
        missing = [digest for digest in files if not store.has(digest)]
        found = f"{len(files)} files, {store.size() / 1e6:.1f} MB"
    finally:
        store.close()
    if missing or damaged:
        mend = "Check the disk; running nodes fetch such files from each other again."
        return broken(what, f"{found}; incomplete: {len(missing)}, damaged blocks: {damaged}", mend, 6)
    return good(what, found)


def _device(settings: "Settings") -> Finding:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        found, mend = (
            "torch is not installed: only the network `linear` can be trained.",
            "pip install torch, in the build that fits this machine.",
        )
        return note("device", found, mend)
    import torch

    from swarm_chain.learning.devices import pick

    device = pick(settings.device)
    found = f"{device}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        found += f", {torch.cuda.get_device_name(device)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    return good("device", found)
