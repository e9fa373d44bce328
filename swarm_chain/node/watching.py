"""A watcher at work: follows a group as its nodes do, without a seat, data or training, and watches over what its votes name."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eth_account.signers.local import LocalAccount

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment, verify_deployment
from swarm_chain.chain.fees import GWEI
from swarm_chain.chain.groups import Group
from swarm_chain.chain.heads import HeadWatch
from swarm_chain.chain.outbox import OUTBOX, Outbox
from swarm_chain.chain.sender import Sender
from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import ChainError, ConfigurationError, DiskFullError, WrongChainError
from swarm_chain.node.aggregate import Aggregator
from swarm_chain.node.collect import Collector
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.follower import Follower
from swarm_chain.node.genesis import key_among, load_commitment
from swarm_chain.node.journal import Journal
from swarm_chain.node.keys import group_key_path
from swarm_chain.node.lock import exclusive
from swarm_chain.node.parents import UNUSABLE, Parents
from swarm_chain.node.prune import prune
from swarm_chain.node.sighting import Sighting
from swarm_chain.node.watch import Watch
from swarm_chain.protocol.commitment import keccak, result_hash
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import ZERO32, Address, Domain, GroupId, Result, Round

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds that a single look waits for bytes."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Everything a watcher needs to know. Durations in seconds.

    Attributes:
        home: folder of its journal and store.
        account: who pays for proofs, and earns.
        providers: gateways to ask for bytes besides those that nodes announce.
        allow_private: whether bytes may be fetched from private and loopback addresses.
        keep_rounds: settled rounds whose bytes stay in the store.
        confirmations: blocks to wait before acting on what the chain says.
        poll_interval: between looks at the chain.
        fee_cap: gwei a gas; what would cost more waits for lower fees.
        replace_after: blocks that a transaction has to be mined in before another replaces it.
        group_key: of a closed group; without it nothing is judged there but what the chain alone shows.
    """

    home: Path
    rpc_url: str | tuple[str, ...]
    deployment: Path
    group: GroupId
    account: LocalAccount = field(repr=False)
    rpc_quorum: int | None = None
    rpc_timeout: float = 30.0
    store_capacity: int | None = None
    providers: tuple[str, ...] = ()
    allow_private: bool = False
    keep_rounds: int = 16
    confirmations: int = 0
    poll_interval: float = 1.0
    fee_cap: float = 500.0
    replace_after: int = 5
    group_key: bytes | None = field(default=None, repr=False)


def run(settings: WatchSettings, tell: Callable[[Sighting], None], stop: threading.Event, *, once: bool = False) -> None:
    """Watches until it is told to stop.

    Args:
        settings: of the watcher.
        tell: is told what was seen and done.
        stop: ends it when set.
        once: ends it when what is named now is judged, and what is wrong of it struck.

    Raises:
        SwarmChainError: it cannot start, or cannot go on.
    """
    with following(settings) as follower, HeadWatch(settings.rpc_url, stop) as heads:
        watcher = Watcher(follower, tell, settings.keep_rounds)
        until = time.monotonic() + PATIENCE
        try:
            while not stop.is_set():
                try:
                    snapshot = follower.look(settings.confirmations)
                    acted = watcher.watch(snapshot)
                    if once and not acted and (watcher.is_done(snapshot) or time.monotonic() > until):
                        return
                except WrongChainError:
                    raise
                except (ChainError, DiskFullError) as error:
                    log.warning("%s", error)
                    acted = False
                if not acted:
                    heads.wait(settings.poll_interval)
        finally:
            watcher.close()


class Watcher:
    """Follows and watches, one look after the other.

    Args:
        follower: of the group.
        tell: is told what was seen and done.
        keep_rounds: settled rounds whose bytes stay in the store.
    """

    def __init__(self, follower: Follower, tell: Callable[[Sighting], None], keep_rounds: int = 16) -> None:
        self._follower = follower
        self._keep_rounds = keep_rounds
        self._parents = Parents(follower)
        self._collector = Collector(follower)
        self._aggregator = Aggregator(follower, self._parents, self._collector, lambda _: None)
        self._watch = Watch(follower, self._parents, self._collector, tell)
        self._settled = Round(0)

    def watch(self, snapshot: Snapshot) -> bool:
        """Fetches what was committed, computes what rounds came to, and judges what was named; whether it sent something."""
        if snapshot.head.settled_round != self._settled:
            self._after_settling(snapshot)
        if self._follower.opens:
            self._collector.fetch(snapshot.phase.round, self._collector.commits(snapshot, snapshot.phase.round))
            self._aggregator.aggregate(snapshot)
        counted = self._follower.outbox.drive()
        return self._watch.watch(snapshot) or counted

    def is_done(self, snapshot: Snapshot) -> bool:
        """Whether nothing that votes named waits for bytes, or to be struck, and nothing that was sent to be mined."""
        return self._watch.is_judged(snapshot) and not self._follower.outbox.is_waiting()

    def close(self) -> None:
        """Ends what runs in the background."""
        self._collector.stop()

    def _after_settling(self, snapshot: Snapshot) -> None:
        self._settled = snapshot.head.settled_round
        self._collector.forget(self._settled)
        self._watch.forget(self._settled)
        self._parents.forget(snapshot.head.final_round)
        models = self._parents.last_models(snapshot.head.result_hash)
        if models:
            prune(self._follower, self._settled, self._keep_rounds, models)


@contextmanager
def following(settings: WatchSettings) -> Iterator[Follower]:
    """A follower's parts, started, and ended in reverse order."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.home), ExitStack() as ending:
        web3 = connect(settings.rpc_url, settings.rpc_timeout, settings.rpc_quorum)
        deployment = load_deployment(settings.deployment)
        verify_deployment(web3, deployment)
        contracts, account = Contracts(web3, deployment), Address(settings.account.address)
        domain, group = contracts.domain(settings.group), contracts.groups.group(settings.group)
        binding = binding_of(domain, account, block(web3, 0).hash)
        journal = Journal(settings.home / "journal.db", binding)
        ending.callback(journal.close)
        sender = Sender(web3, settings.account, confirmations=settings.confirmations, fee_cap=int(settings.fee_cap * GWEI))
        outbox = Outbox(settings.home / OUTBOX, sender, replace_after=settings.replace_after)
        ending.callback(outbox.close)
        store = EmbeddedStore(settings.home / "store", settings.store_capacity, allow_private=settings.allow_private)
        ending.callback(store.close)
        endpoints = Endpoints(contracts, settings.group, group.terms.capacity, account, settings.providers)
        key, opens = _key(group, _commitment(group, store, endpoints, settings.group_key), settings.group_key)
        genesis = Result(Round(0), ZERO32, group.genesis_digest, group.genesis_root, ZERO32, 0, b"", b"", 0)
        follower = Follower(
            node=account,
            domain=domain,
            terms=group.terms,
            genesis=genesis,
            genesis_hash=result_hash(domain, genesis),
            contracts=contracts,
            outbox=outbox,
            store=store,
            journal=journal,
            endpoints=endpoints,
            group_key=key,
            opens=opens,
        )
        yield follower


def _commitment(group: Group, store: EmbeddedStore, endpoints: Endpoints, given: bytes | None) -> str | None:
    """What the manifest says of the group's key. Whoever withholds it must not keep watchers away: without it the group is followed as
    one that is not closed, and if it is, none of its updates opens, which strikes nobody."""
    try:
        return load_commitment(group, store, endpoints)
    except (*UNUSABLE, ConfigurationError) as error:
        if given is not None:
            raise
        log.warning("Whether group %d is closed is not known, so it is watched as one that is not. %s", group.group, error.what)
        return None


def _key(group: Group, commitment: str | None, given: bytes | None) -> tuple[bytes | None, bool]:
    """The key of a closed group, and whether updates open with what is here. KeyFileError where another key was given."""
    if given is not None or commitment is None:
        return key_among(group, commitment, [given] if given is not None else []), True
    log.warning(
        "Group %d is closed: its updates open to members alone, so its results are not judged here. What the chain itself shows to be wrong"
        " is struck all the same. A member has the key, in %s.",
        group.group,
        group_key_path(Path("keys/NAME"), commitment),
    )
    return None, False


def binding_of(domain: Domain, account: Address, first_block: bytes) -> bytes:
    """What a watcher's books belong to. The first block tells local chains apart, which all have one ID and the same addresses."""
    return keccak(f"watch {domain.chain_id} {domain.round_manager} {domain.group} {account} ".encode() + first_block)
