"""The one place that puts a node's parts together, and ends them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from web3 import Web3

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment, verify_deployment
from swarm_chain.chain.fees import GWEI
from swarm_chain.chain.outbox import OUTBOX, Outbox
from swarm_chain.chain.rehearsal import Rehearsal
from swarm_chain.chain.relay import Relay
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError, UnknownError
from swarm_chain.learning import accounting, devices
from swarm_chain.node.endpoints import Endpoints
from swarm_chain.node.genesis import key_among, load_genesis, load_task
from swarm_chain.node.journal import Journal
from swarm_chain.node.member import Member
from swarm_chain.node.relayed import RelayHand
from swarm_chain.node.rivals import Rivals
from swarm_chain.node.settings import NodeSettings
from swarm_chain.protocol.commitment import keccak, result_hash
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.storage.gateway import Gateway
from swarm_chain.storage.kubo import KuboStore
from swarm_chain.storage.kubo_process import KuboProcessStore
from swarm_chain.types import Address, Domain

ANY_ADDRESS = ("0.0.0.0", "::")


@contextmanager
def wired(settings: NodeSettings) -> Iterator[Member]:
    """A node's parts, started, and ended in reverse order. Whoever calls holds the node's home and key (``lock.one_process``)."""
    with ExitStack() as ending:
        web3 = connect(settings.rpc_url, settings.rpc_timeout, settings.rpc_quorum)
        deployment = load_deployment(settings.deployment)
        verify_deployment(web3, deployment)
        contracts = Contracts(web3, deployment)
        node = Address(settings.account.address)
        group = contracts.groups.group(settings.group)
        seat = contracts.views.seat(settings.group, node)
        if seat is None:
            raise UnknownError(
                f"Node {node} has no seat in group {settings.group}.", "Nothing was sent.", "Take one: swarm-chain group join."
            )
        domain = contracts.domain(settings.group)
        journal = Journal(settings.home / "journal.db", binding_of(domain, node, block(web3, 0).hash), is_scratch=settings.dry_run)
        ending.callback(journal.close)

        store = _open_store(settings)
        ending.callback(store.close)
        gateway = Gateway(store, settings.host, settings.port)
        gateway.start()
        ending.callback(gateway.stop)
        outbox = _open_outbox(settings, web3)
        ending.callback(outbox.close)
        if not settings.dry_run:  # and before anything is sent
            Rivals(contracts, node, journal, settings.home / OUTBOX).check(contracts.views.snapshot(settings.group, node))
        url = _announced_url(settings, store, gateway)

        endpoints = Endpoints(contracts, settings.group, group.terms.capacity, node, settings.providers)
        task = load_task(group, store, endpoints)
        if task.local.privacy is not None:
            accounting.require()
        group_key = key_among(group, task.group_key, settings.group_keys)
        genesis = load_genesis(group, task, store, endpoints)
        device = task.device(settings.device)
        if device is not None and settings.threads is not None:
            devices.use_threads(settings.threads)
        part = settings.part if settings.part is not None else seat.seat % task.parts
        own, held_out = task.part(task.load(settings.data_dir), part)
        # Nothing is paid for by a start that comes to nothing: for want of data, say.
        # What an earlier start left of its own announcement must not come after this one.
        announced = contracts.identities.announced(seat.identity)
        if outbox.withdraw("announce ") or announced[-1:] != [url]:
            outbox.take(f"announce {url}, change {len(announced)}", contracts.identities.announce(url))

        relay_at = deployment.addresses[Relay.name]
        is_relayed = bool(settings.relay_url) and not settings.dry_run
        relay = RelayHand(settings.relay_url, domain, relay_at, group.terms, settings.account) if is_relayed else None
        yield Member(
            node=node,
            seat=seat.seat,
            domain=domain,
            terms=group.terms,
            genesis=genesis,
            genesis_hash=result_hash(domain, genesis),
            task=task,
            part=part,
            own=own,
            held_out=held_out,
            device=device,
            contracts=contracts,
            outbox=outbox,
            store=store,
            journal=journal,
            endpoints=endpoints,
            relay=relay,
            group_key=group_key,
        )


def _open_outbox(settings: NodeSettings, web3: Web3) -> Outbox:
    sender = Sender(web3, settings.account, confirmations=settings.confirmations, fee_cap=int(settings.fee_cap * GWEI))
    if settings.dry_run:
        return Rehearsal(sender)
    return Outbox(settings.home / OUTBOX, sender, replace_after=settings.replace_after)


def _open_store(settings: NodeSettings) -> EmbeddedStore | KuboStore | KuboProcessStore:
    path, private = settings.home / "store", settings.allow_private
    match settings.store:
        case "embedded":
            return EmbeddedStore(path, settings.store_capacity, allow_private=private)
        case "kubo":
            return KuboStore(settings.kubo_url, allow_private=private)
        case "kubo-process":
            return KuboProcessStore(path, settings.kubo_port, settings.store_capacity, allow_private=private)


def _announced_url(settings: NodeSettings, store: EmbeddedStore | KuboStore | KuboProcessStore, gateway: Gateway) -> str:
    """Where others reach this node's bytes."""
    if settings.announced_url:
        return settings.announced_url
    if isinstance(store, KuboProcessStore):
        return store.address
    if settings.host in ANY_ADDRESS:
        raise ConfigurationError(
            f"The gateway listens on {settings.host}, every address of this machine, and others need to know one.",
            "Nothing was announced.",
            "Say how they reach it: --gateway-url http://HOST:PORT.",
        )
    return gateway.url


def binding_of(domain: Domain, node: Address, first_block: bytes) -> bytes:
    """What a journal belongs to. The first block tells apart local chains, which all have one ID and the same addresses."""
    return keccak(f"{domain.chain_id} {domain.round_manager} {domain.group} {node} ".encode() + first_block)
