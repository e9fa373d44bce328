"""What a node is told by its command line. Nothing here reads the environment."""

from dataclasses import dataclass, field
from pathlib import Path

from eth_account.signers.local import LocalAccount

from swarm_chain.types import GroupId


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Everything a node needs to know to run. Durations in seconds.

    Attributes:
        home: folder of its journal, store, lock and status.
        rpc_url: of the chain.
        deployment: the deployment file.
        group: it trains in; the node has a seat there.
        account: the node key.
        host, port: where its gateway listens; port 0 takes a free one.
        announced_url: where others reach the gateway; empty: the gateway's own address.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        data_dir: of data files, where the task's data is not built in.
        part: which part of the task's split of the data this node trains on.
        rounds: to train before the closing vote; ``None``: until stopped.
        confirmations: blocks to wait before acting on a change of phase.
        poll_interval: between looks at the chain.
        allow_private: whether bytes may be fetched from private and loopback addresses, as in local swarms.
        keep_rounds: final rounds whose updates and models stay in the store.
        threads: of the training library; 0 leaves it its own choice.
    """

    home: Path
    rpc_url: str
    deployment: Path
    group: GroupId
    account: LocalAccount = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    announced_url: str = ""
    device: str = "auto"
    data_dir: Path | None = None
    part: int = 0
    rounds: int | None = None
    confirmations: int = 0
    poll_interval: float = 1.0
    allow_private: bool = False
    keep_rounds: int = 16
    threads: int = 0
