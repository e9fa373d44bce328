"""``python -m swarm_chain.node SETTINGS`` runs a node. For tests and process managers; people use ``swarm-chain node run``.

It reads a JSON file of the fields of ``NodeSettings``; instead of ``account`` it has ``key_file`` and ``password``. Exit codes are those of
the specification. Until the node's home and key are locked nothing is loaded that takes time.
"""

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm_chain.errors import SwarmChainError
from swarm_chain.node.keys import GROUP_KEYS, key_address, load_key
from swarm_chain.node.lock import locks_folder, one_process
from swarm_chain.node.signals import stop_on_signals

if TYPE_CHECKING:
    from swarm_chain.node.settings import NodeSettings

INTERRUPTED = 130

log = logging.getLogger(__name__)


def main(path: Path) -> int:
    """Runs the node; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        node = key_address(Path(fields["key_file"]))
        with one_process(Path(fields["home"]), node, locks_folder(os.environ)), stop_on_signals() as stop:
            log.info("Node %s is starting.", node)
            done = run(read_settings(path), stop=stop)
    except SwarmChainError as error:
        print(error, file=sys.stderr)  # noqa: T201 a program's own words
        return error.exit_code
    return 0 if done else INTERRUPTED


def run(settings: "NodeSettings", stop: threading.Event) -> bool:
    """Loads what takes time, and runs the node; returns whether it did all its rounds."""
    from swarm_chain.node import daemon

    return daemon.run(settings, stop=stop)


def read_settings(path: Path) -> "NodeSettings":
    """The settings in a file, with the key that it names, and those of closed groups beside it.

    Raises:
        KeyFileError: the key file is missing, or the password does not open it.
    """
    from swarm_chain.node.settings import NodeSettings

    fields: dict[str, Any] = json.loads(path.read_text())
    key_file, password = Path(fields.pop("key_file")), fields.pop("password")
    fields["account"] = load_key(key_file, password)
    fields["group_keys"] = tuple(bytes(load_key(path, password).key) for path in sorted(key_file.parent.glob(GROUP_KEYS)))
    for name in ("home", "deployment", "data_dir"):
        fields[name] = Path(fields[name]) if fields.get(name) else None
    return NodeSettings(**fields)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
