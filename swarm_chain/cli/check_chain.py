"""What ``swarm-chain doctor`` looks at on the chain: whether it is there and ours, and where this folder's nodes stand on it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.findings import Finding, broken, good, note, tried
from swarm_chain.errors import SwarmChainError
from swarm_chain.types import GroupId

if TYPE_CHECKING:
    from swarm_chain.chain.rpc import Standing
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.wiring import Swarm

CLOCK_SECONDS = 30
LITTLE_COIN = 10**16
BEHIND = 3
"""Blocks that a server may be behind the others: news of one takes its time."""


def on_the_chain(settings: "Settings") -> Iterator[Finding]:
    """The chain, and, where it answers and is ours, all that is known by it."""
    opened: list[Swarm] = []
    yield from _urls(settings)
    yield tried("chain and contracts", partial(_chain, settings, opened))
    for swarm in opened:
        yield tried("contracts' beginning", partial(_beginning, swarm))
        yield tried("clock", partial(_clock, swarm))
        for name in sorted(path.parent.name for path in swarm.home.keys.glob("*/node.json")):
            yield tried(f"node {name}", partial(_node, swarm, name))
            yield tried(f"journal of {name}", partial(_journal, swarm, name))


def _urls(settings: "Settings") -> Iterator[Finding]:
    """How each RPC URL stands by itself; those that are wrong are broken where too few are left for a quorum."""
    from swarm_chain.chain.connection import quorum_of, standings, unasked
    from swarm_chain.cli.wiring import rpc_urls, swarm_home

    try:
        web3 = unasked(rpc_urls(settings, swarm_home(settings)), settings.rpc_timeout, settings.rpc_quorum)
    except SwarmChainError:
        return  # the next finding says it
    found, quorum = standings(web3), quorum_of(web3)
    chains = [standing.chain_id for standing in found if standing.chain_id is not None]
    chain = max(chains, key=chains.count, default=None)
    faults = [_fault(standing, chain) for standing in found]
    is_enough = faults.count("") >= quorum
    for number, (standing, fault) in enumerate(zip(found, faults, strict=True), 1):
        what = f"RPC URL {number} of {len(found)}"
        if not fault:
            yield good(what, f"{standing.url}: block {standing.height} of chain {standing.chain_id}, {standing.behind} behind the newest")
        elif is_enough:
            yield note(what, fault, f"The others make the quorum of {quorum}. Mend it, or take it out of rpc_url.")
        else:
            yield broken(what, fault, f"{quorum} must say the same. Mend it, or take another.", 4)


def _fault(standing: "Standing", chain: int | None) -> str:
    """What is wrong with a URL; empty where it is well."""
    if standing.problem:
        return standing.problem if standing.url in standing.problem else f"{standing.url} {standing.problem}."
    if standing.chain_id != chain:
        return f"{standing.url} is of chain {standing.chain_id}, the others are of {chain}."
    behind = standing.behind or 0
    return f"{standing.url} is {behind} blocks behind, at block {standing.height}." if behind > BEHIND else ""


def _chain(settings: "Settings", opened: "list[Swarm]") -> Finding:
    from swarm_chain.chain.connection import provider_name
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(settings)
    groups = swarm.contracts.groups.group_count()
    opened.append(swarm)
    kind = "a local chain" if swarm.local else "not a local chain"
    found = f"chain {swarm.contracts.deployment.chain_id} at {provider_name(swarm.web3)} ({kind}); contracts are there; groups: {groups}"
    return good("chain and contracts", found)


def _beginning(swarm: "Swarm") -> Finding:
    from swarm_chain.chain.deploying import verify_history

    what, unseen = "contracts' beginning", verify_history(swarm.web3, swarm.contracts.deployment)
    if unseen:
        found = f"not seen: the chain's service no longer has the transactions that made {', '.join(unseen)}"
        return note(what, found, "An --rpc that keeps all transactions shows it.")
    return good(what, "made by this release's constructors")


def _clock(swarm: "Swarm") -> Finding:
    from swarm_chain.chain.connection import chain_time

    behind = round(time.time()) - chain_time(swarm.web3)
    found = f"{behind} s from the chain's newest block"
    if abs(behind) <= CLOCK_SECONDS:
        return good("clock", found)
    return note("clock", found, "Nodes go by the chain's time; a stale chain or a wrong clock may be behind it.")


def _node(swarm: "Swarm", name: str) -> Finding:
    """Its identity, seat, coin and stake; and whether something sends for it while it does not run."""
    what = f"node {name}"
    contracts, node = swarm.contracts, swarm.node_address(name)
    identity = contracts.identities.identity_of(node)
    if not identity:
        return note(what, f"{node} is not registered.", f"`swarm-chain group join GROUP --name {name}` does it.")
    account = swarm.web3.to_checksum_address(node)
    coin = int(swarm.web3.eth.get_balance(account))
    stake, earned = contracts.stakes.stake_of(identity), contracts.rewards.rewards(node)
    seat = f"seat {earned.seat} of group {earned.group}" if earned.group else "no seat"
    found = (
        f"{node}: {seat}, {present.tokens(coin, 6)} coin, stake {present.tokens(stake.locked)} locked and {present.tokens(stake.free)} free"
    )
    if coin < LITTLE_COIN:
        return broken(what, f"{found}.", f"Send the chain's coin to {node}: every commit and reveal costs some.", 4)
    if not earned.group:
        return note(what, found, f"`swarm-chain group join GROUP --name {name}` takes a seat.")
    if stake.locked < contracts.groups.group(GroupId(earned.group)).terms.stake:
        return note(what, f"{found}: it was slashed.", "See why with `swarm-chain rewards`; what is left backs its seat.")
    waiting = swarm.web3.eth.get_transaction_count(account, "pending") - swarm.web3.eth.get_transaction_count(account, "latest")
    if waiting > 0 and swarm.home.process(f"node-{name}") is None:
        mend = "A node that was stopped sends them again when it starts; else another machine has its key: see that it runs once."
        return note(what, f"{found}; {waiting} transactions of it wait in the chain's pool, and it does not run here.", mend)
    return good(what, found)


def _journal(swarm: "Swarm", name: str) -> Finding:
    """Whether the node's journal opens, is of a version this release knows, and is this chain's, group's and node's."""
    from swarm_chain.chain.connection import block
    from swarm_chain.node.journal import Journal
    from swarm_chain.node.wiring import binding_of

    what, path, node = f"journal of {name}", swarm.home.node(name) / "journal.db", swarm.node_address(name)
    if not path.exists():
        return good(what, "none yet; the first start makes it")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            faults = [str(row[0]) for row in file.execute("PRAGMA quick_check(3)")]
            version = file.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        faults = [str(error)]
    if faults != ["ok"]:
        mend = "Keep a copy, and start the node in another home: a commit whose reveal was in there is forfeited."
        return broken(what, f"{path} is damaged: {'; '.join(faults)}.", mend, 3)
    group = swarm.contracts.rewards.rewards(node).group
    if not group:
        return note(what, f"version {version}, and the node has no seat that it could be for")
    domain = swarm.contracts.domain(GroupId(group))
    Journal(path, binding_of(domain, node, block(swarm.web3, 0).hash), is_scratch=True).close()
    return good(what, f"version {version}, for this node in group {group} of this chain")
