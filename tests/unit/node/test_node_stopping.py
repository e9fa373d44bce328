"""A node that is told to end while it is still loading."""

import threading
from pathlib import Path

from eth_account import Account

from swarm_chain.node.daemon import run
from swarm_chain.node.settings import NodeSettings
from swarm_chain.types import GroupId


def test_who_is_told_to_end_before_it_began_begins_nothing(tmp_path: Path) -> None:
    told = threading.Event()
    told.set()
    settings = NodeSettings(tmp_path, "http://127.0.0.1:1", tmp_path / "deployment.json", GroupId(1), Account.create())
    assert run(settings, stop=told) is False  # it asked nobody: nobody listens there
    assert list(tmp_path.iterdir()) == []
