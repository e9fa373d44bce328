"""What a relay is told by its command line. Nothing here reads the environment."""

from dataclasses import dataclass, field
from pathlib import Path

from eth_account.signers.local import LocalAccount

from swarm_chain.types import GroupId

BATCH_MAX = 255
"""Messages in one transaction, at most: a full group's, which stays far below what a transaction may cost."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Everything a relay needs to know to run. Durations in seconds.

    Attributes:
        rpc_url: of the chain, or several of it.
        rpc_quorum: how many of them must say the same; more than half if not given.
        deployment: the deployment file.
        group: it works for.
        account: pays for the transactions.
        rpc_timeout: of one request.
        host: where it listens.
        port: to listen on; 0 takes a free one.
        batch: most messages a transaction.
        wait: most seconds that a message waits for others.
        poll_interval: between looks at the chain.
        outbox: file of what it signed; by default it is forgotten with the process.
        fee_cap: gwei a gas; what would cost more waits for lower fees.
        replace_after: blocks that a transaction has to be mined in before another replaces it.
    """

    rpc_url: str | tuple[str, ...]
    deployment: Path
    group: GroupId
    account: LocalAccount = field(repr=False)
    rpc_quorum: int | None = None
    rpc_timeout: float = 30.0
    host: str = "127.0.0.1"
    port: int = 0
    batch: int = 128
    wait: float = 10.0
    poll_interval: float = 1.0
    outbox: Path = Path(":memory:")
    fee_cap: float = 500.0
    replace_after: int = 5
