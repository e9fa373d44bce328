"""What a node is told by its command line. Nothing here reads the environment."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eth_account.signers.local import LocalAccount

from swarm_chain.types import GroupId

StoreKind = Literal["embedded", "kubo", "kubo-process"]


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Everything a node needs to know to run. Durations in seconds.

    Attributes:
        home: folder of its journal, store, lock and status.
        rpc_url: of the chain, or several of it.
        rpc_quorum: how many of them must say the same; more than half if not given.
        deployment: the deployment file.
        group: it trains in; the node has a seat there.
        account: the node key.
        rpc_timeout: of one request.
        host: where its gateway listens.
        port: of the gateway; 0 takes a free one.
        announced_url: where others reach its bytes; empty: the gateway's own address, or the store's where it has one.
        store: where bytes are kept.
        store_capacity: most bytes of an embedded store; ``None``: what the disk has.
        kubo_url: RPC URL of the Kubo daemon, where ``store`` is ``"kubo"``.
        kubo_port: TCP port of the Kubo process, where ``store`` is ``"kubo-process"``.
        providers: gateways to ask for bytes besides those that nodes announce.
        allow_private: whether bytes may be fetched from private and loopback addresses, as in local swarms.
        keep_rounds: settled rounds whose updates and models stay in the store.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        threads: of the training library; ``None`` leaves it its own choice.
        data_dir: of data files, where the task's data is not built in.
        part: which part of the task's split of the data this node trains on; ``None``: that of its seat.
        rounds: to train before the closing vote; ``None``: until stopped.
        confirmations: blocks to wait before acting on what the chain says.
        poll_interval: between looks at the chain.
        fee_cap: gwei a gas; what would cost more waits for lower fees.
        replace_after: blocks that a transaction has to be mined in before another replaces it.
        dry_run: whether to do everything but send; nothing is written into the journal either.
        metrics_host: where ``/metrics`` and ``/health`` are told.
        metrics_port: of those; 0 takes a free one, ``None``: they are not told.
        otlp_endpoint: URL of the OpenTelemetry collector that gets traces; empty: nobody does.
        keep_checkpoints: newest rounds whose models are written out for other programs.
        group_keys: of closed groups; where the group is closed, one of them must be its own.
        relay_url: of the relay that is to bring commits and reveals to the chain; empty: the node sends them itself.
    """

    home: Path
    rpc_url: str | tuple[str, ...]
    deployment: Path
    group: GroupId
    account: LocalAccount = field(repr=False)
    rpc_quorum: int | None = None
    rpc_timeout: float = 30.0
    host: str = "127.0.0.1"
    port: int = 0
    announced_url: str = ""
    store: StoreKind = "embedded"
    store_capacity: int | None = None
    kubo_url: str = "http://127.0.0.1:5001"
    kubo_port: int = 4001
    providers: tuple[str, ...] = ()
    allow_private: bool = False
    keep_rounds: int = 16
    device: str = "auto"
    threads: int | None = None
    data_dir: Path | None = None
    part: int | None = None
    rounds: int | None = None
    confirmations: int = 0
    poll_interval: float = 1.0
    fee_cap: float = 500.0
    replace_after: int = 5
    dry_run: bool = False
    relay_url: str = ""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    otlp_endpoint: str = ""
    keep_checkpoints: int = 3
    group_keys: tuple[bytes, ...] = field(default=(), repr=False)
