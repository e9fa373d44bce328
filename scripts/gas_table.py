#!/usr/bin/env python3
"""Measures what each transaction costs, by receipt on a local chain, and writes ``docs/gas.md``.

Two groups, of 10 and of 100 nodes, go through rounds until everything a round writes has been written before (storage that is written
for the first time costs more, and only the first rounds pay for it), and on until reputations are at their top and no weight moves.
"""

import argparse
import json
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from web3 import Web3
from web3.types import Nonce, RPCEndpoint, TxParams, TxReceipt, Wei

from swarm_chain.chain import artifacts
from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.events import GroupCreated, NodeRegistered, SeatTaken, read_events
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.relay import Relay
from swarm_chain.chain.reverts import revert_in
from swarm_chain.chain.rpc import QuorumRpc
from swarm_chain.chain.sender import Sendable, Sender
from swarm_chain.protocol.commitment import commitment, genesis_hash, result_hash
from swarm_chain.protocol.relaying import sign_commit, sign_reveal
from swarm_chain.types import Address, Digest, GroupId, Mixing, Result, Reveal, Round, Rule, Scoring, Seat, Terms

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "gas.md"
SIZES = (10, 100)
RISING = range(11, 15)
"""Rounds in which every word was written before, but reputations, and so weights, still move."""
STEADY = range(81, 85)
RELAYED = {32: range(85, 88), 100: range(88, 91)}
"""Rounds whose commits and reveals a relay brings, by the most messages a transaction; the last batch of a round has what is left."""
GOAL = 75_000
RELAYED_GOAL = 30_000
DISPUTE_GOAL = 3_000_000
"""At 64 seats."""
COORDINATOR = 232_000
FLOOR = 66_800
TOKEN = 10**18
ROWS = (
    "register a node",
    "announce an endpoint",
    "approve and deposit the stake",
    "create a group",
    "fund a group",
    "join, first seat",
    "join, another seat",
    "commit, opens the round",
    "commit",
    "commit, outside the contract",
    "commit, the last seat's",
    "reveal, the first",
    "reveal, the first, presenting the result",
    "reveal",
    "reveal, outside the contract",
    "reveal, the last, closes the round",
    "finalize",
    "finalize, a seat's share",
    "claim, first time",
    "claim, later",
    *(f"relayed {what}, of {batch}" for batch in RELAYED for what in ("commit", "reveal", "commit and reveal")),
)

COUNTED = {
    "commit, opens the round",
    "commit",
    "commit, the last seat's",
    "reveal, the first, presenting the result",
    "reveal",
    "reveal, the last, closes the round",
    "finalize",
}
"""What makes up a round."""


@dataclass
class Gas:
    """Gas used, by what was done."""

    used: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def mean(self, what: str) -> int:
        values = self.used[what]
        return round(sum(values) / len(values))

    def shown(self, what: str) -> str:
        """The mean, if there is one: a group of ten fills no batch of a hundred."""
        return f"{self.mean(what):,}" if self.used[what] else "–"


class Wallet:
    """An account that signs with a nonce it counts itself, so that many transactions can leave at once."""

    def __init__(self, account: LocalAccount, chain_id: int, nonce: int = 0) -> None:
        self.account = account
        self.address = Address(str(account.address))
        self.chain_id = chain_id
        self.nonce = nonce

    def sign(self, function: Sendable) -> bytes:
        fees = TxParams({"gas": 5_000_000, "maxFeePerGas": Wei(10**10), "maxPriorityFeePerGas": Wei(10**9), "value": Wei(0)})
        fees |= TxParams({"chainId": self.chain_id, "nonce": Nonce(self.nonce)})
        built: dict[str, Any] = dict(function.build_transaction(fees))
        signed = self.account.sign_transaction({key: built[key] for key in built if key != "from"} | {"type": 2})
        self.nonce += 1
        return bytes(signed.raw_transaction)

    def sign_hash(self, hash_: bytes) -> bytes:
        """Signs a hash."""
        return bytes(self.account.unsafe_sign_hash(Hash32(hash_)).signature)


class Chain:
    """Sends raw transactions in one request and collects their receipts."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3
        provider = web3.provider
        assert isinstance(provider, QuorumRpc)
        self.rpc = provider

    def send(self, raws: list[bytes]) -> list[TxReceipt]:
        answers = self.rpc.make_batch_request([(RPCEndpoint("eth_sendRawTransaction"), ["0x" + raw.hex()]) for raw in raws])
        for answer in answers:
            if "error" in answer:
                raise SystemExit(f"A transaction was refused: {answer['error']}")
        receipts = [self._receipt(answer["result"]) for answer in answers]
        for receipt in receipts:
            if receipt["status"] != 1:
                raise SystemExit(f"A transaction failed: {self._why(receipt)}")
        return receipts

    def _why(self, receipt: TxReceipt) -> str:
        transaction = self.web3.eth.get_transaction(receipt["transactionHash"])
        call = TxParams({"from": transaction["from"], "to": transaction["to"], "data": transaction["input"]})
        answer = self.rpc.make_request(RPCEndpoint("eth_call"), [call | {"data": transaction["input"].hex()}, hex(receipt["blockNumber"])])
        revert = revert_in(answer.get("error"))
        return revert.text if revert else "for a reason it does not give"

    def _receipt(self, hash_: Any) -> TxReceipt:
        while self.rpc.make_request(RPCEndpoint("eth_getTransactionReceipt"), [hash_]).get("result") is None:
            time.sleep(0.005)
        return self.web3.eth.get_transaction_receipt(hash_)

    def outside(self, receipt: TxReceipt) -> int:
        """What a transaction costs whatever the contract does: its base, its calldata (EIP-2028) and its logs."""
        data = bytes(self.web3.eth.get_transaction(receipt["transactionHash"])["input"])
        logs = sum(375 + 375 * len(log["topics"]) + 8 * len(log["data"]) for log in receipt["logs"])
        return 21_000 + 16 * len(data) - 12 * data.count(0) + logs

    def tried(self, raw: bytes) -> int:
        """Gas that a transaction uses, which is then taken back."""
        before = self.rpc.make_request(RPCEndpoint("evm_snapshot"), [])["result"]
        (receipt,) = self.send([raw])
        self.rpc.make_request(RPCEndpoint("evm_revert"), [before])
        return receipt["gasUsed"]

    def pass_time(self, seconds: int) -> None:
        self.rpc.make_request(RPCEndpoint("evm_increaseTime"), [seconds])
        self.rpc.make_request(RPCEndpoint("evm_mine"), [])


@dataclass
class Swarm:
    """A group of nodes that all take part in every round."""

    chain: Chain
    contracts: Contracts
    group: GroupId
    nodes: list[Wallet]
    seats: dict[Address, Seat]
    parent: bytes

    @property
    def relay(self) -> Relay:
        return Relay(self.contracts.web3, self.contracts.deployment.addresses[Relay.name])

    def round(self, number: Round, results: dict[Round, Result], gas: Gas) -> None:
        """Commits and reveals of every node, then ``finalize`` of the round before."""
        domain, opened = self.contracts.domain(self.group), self._openings()
        commits = [
            node.sign(
                self.contracts.rounds.commit(
                    self.group, number, Digest(secrets.token_bytes(32)), commitment(domain, number, node.address, opened[node.address])
                )
            )
            for node in self.nodes
        ]
        self._in_three(commits, ("commit, opens the round", "commit", "commit, the last seat's"), gas)
        self.chain.pass_time(10)
        first = self.nodes[0]
        alone = first.sign(self.contracts.rounds.reveal(self.group, number, opened[first.address]))
        gas.used["reveal, the first"].append(self.chain.tried(alone))
        first.nonce -= 1
        presented = {first.address: results.get(Round(number - 1))}
        reveals = [
            node.sign(self.contracts.rounds.reveal(self.group, number, opened[node.address], presented.get(node.address)))
            for node in self.nodes
        ]
        self._in_three(reveals, ("reveal, the first, presenting the result", "reveal", "reveal, the last, closes the round"), gas)
        self._finish(number, results, gas)

    def relayed_round(self, number: Round, results: dict[Round, Result], payer: Wallet, batch: int, gas: Gas) -> None:
        """The same round, brought by a relay in batches."""
        domain, opened, relay = self.contracts.domain(self.group), self._openings(), self.relay
        commits = [
            sign_commit(
                domain,
                relay.address,
                number,
                Digest(secrets.token_bytes(32)),
                commitment(domain, number, node.address, opened[node.address]),
                node.sign_hash,
            )
            for node in self.nodes
        ]
        reveals = [sign_reveal(domain, relay.address, number, opened[node.address], node.sign_hash) for node in self.nodes]
        parts = range(0, len(self.nodes), batch)
        commit = self._each([payer.sign(relay.relay_commits(self.group, commits[at : at + batch])) for at in parts])
        self.chain.pass_time(10)
        reveal = self._each([payer.sign(relay.relay_reveals(self.group, reveals[at : at + batch])) for at in parts])
        for what, used in (("commit", commit), ("reveal", reveal), ("commit and reveal", commit + reveal)):
            gas.used[f"relayed {what}, of {batch}"].append(used)
        self.chain.send([self.nodes[0].sign(self.contracts.rounds.present(self.group, results[Round(number - 1)]))])
        self._finish(number, results, Gas())

    def _each(self, raws: list[bytes]) -> int:
        """Gas of all of a round's batches, shared by its nodes."""
        return round(sum(receipt["gasUsed"] for receipt in self.chain.send(raws)) / len(self.nodes))

    def _openings(self) -> dict[Address, Reveal]:
        everyone = (1 << len(self.nodes)) - 1
        return {
            node.address: Reveal(secrets.token_bytes(32), self.parent, secrets.token_bytes(32), 64, 900_000 + index, everyone)
            for index, node in enumerate(self.nodes)
        }

    def _finish(self, number: Round, results: dict[Round, Result], gas: Gas) -> None:
        """Makes the round before final, and this one's result the next one's parent."""
        before, everyone = Round(number - 1), (1 << len(self.nodes)) - 1
        if before in results:
            self.chain.pass_time(2)
            (receipt,) = self.chain.send([self.nodes[0].sign(self.contracts.rounds.finalize(self.group, results[before]))])
            gas.used["finalize"].append(receipt["gasUsed"])
        digests = [secrets.token_bytes(32) for _ in range(3)]
        results[number] = Result(number, self.parent, Digest(digests[0]), digests[1], digests[2], everyone, b"", b"", 900_000)
        self.parent = result_hash(self.contracts.domain(self.group), results[number])

    def _in_three(self, raws: list[bytes], names: tuple[str, str, str], gas: Gas) -> None:
        for name, part in zip(names, (raws[:1], raws[1:-1], raws[-1:]), strict=True):
            receipts = self.chain.send(part)
            gas.used[name] += [receipt["gasUsed"] for receipt in receipts]
            if name in ("commit", "reveal"):
                gas.used[f"{name}, outside the contract"].append(self.chain.outside(receipts[0]))


def found(chain: Chain, contracts: Contracts, owner: Wallet, size: int, gas: Gas) -> Swarm:
    """Creates and funds a group and seats its nodes."""
    terms = Terms(
        dimension=100_000,
        fraction_bits=24,
        min_exponent=4,
        max_exponent=20,
        rule=Rule.TRIMMED_MEAN,
        mixing=Mixing.NONE,
        scoring=Scoring.EQUAL,
        capacity=size,
        min_updates=2,
        quorum_bps=5_000,
        by_invitation=False,
        commit_duration=60,
        reveal_duration=20,
        challenge_window=1,
        idle_timeout=86_400,
        max_missed=3,
        maturity=8,
        stake=100 * TOKEN,
        reward_per_round=100 * TOKEN,
    )
    model_digest, model_root = Digest(secrets.token_bytes(32)), secrets.token_bytes(32)
    (receipt,) = chain.send([owner.sign(contracts.groups.create(terms, Digest(secrets.token_bytes(32)), model_digest, model_root))])
    gas.used["create a group"].append(receipt["gasUsed"])
    group = next(event.group for event in read_events(receipt["logs"]) if isinstance(event, GroupCreated))
    chain.send([owner.sign(contracts.token.approve(contracts.groups.address, 10_000 * TOKEN))])
    gas.used["fund a group"].append(chain.send([owner.sign(contracts.groups.fund(group, 10_000 * TOKEN))])[0]["gasUsed"])

    nodes = [Wallet(Account.from_key(secrets.token_bytes(32)), owner.chain_id) for _ in range(size)]
    for node in nodes:
        chain.rpc.make_request(RPCEndpoint("anvil_setBalance"), [node.address, hex(10**20)])
    chain.send([owner.sign(contracts.token.transfer(node.address, terms.stake)) for node in nodes])
    registered = chain.send([node.sign(contracts.identities.register(node.account, node.address)) for node in nodes])
    gas.used["register a node"] += [receipt["gasUsed"] for receipt in registered]
    events = [event for receipt in registered for event in read_events(receipt["logs"]) if isinstance(event, NodeRegistered)]
    identities = {event.node: event.identity for event in events}
    announced = chain.send([node.sign(contracts.identities.announce("https://node.example.org:9443")) for node in nodes])
    gas.used["announce an endpoint"] += [receipt["gasUsed"] for receipt in announced]
    approved = chain.send([node.sign(contracts.token.approve(contracts.stakes.address, terms.stake)) for node in nodes])
    deposited = chain.send([node.sign(contracts.stakes.deposit(identities[node.address], terms.stake)) for node in nodes])
    gas.used["approve and deposit the stake"] += [one["gasUsed"] + two["gasUsed"] for one, two in zip(approved, deposited, strict=True)]
    joined = chain.send([node.sign(contracts.rounds.join(group, node.address)) for node in nodes])
    gas.used["join, first seat"].append(joined[0]["gasUsed"])
    gas.used["join, another seat"] += [receipt["gasUsed"] for receipt in joined[1:]]
    taken = [event for receipt in joined for event in read_events(receipt["logs"]) if isinstance(event, SeatTaken)]
    parent = genesis_hash(contracts.domain(group), model_digest, model_root)
    return Swarm(chain, contracts, group, nodes, {event.node: event.seat for event in taken}, parent)


def measure(size: int) -> tuple[Gas, Gas]:
    """Gas of everything in a group of so many nodes, rounds in the steady state; and that of rounds while reputations rise."""
    gas, rising = Gas(), Gas()
    with tempfile.TemporaryDirectory() as directory, LocalChain(Path(directory) / "chain") as local:
        web3 = connect(local.url)
        sender = Sender(web3, local.account(0))
        contracts = Contracts(web3, deploy(web3, sender, Path(directory) / "deployment.json"))
        chain = Chain(web3)
        owner = Wallet(local.account(0), sender.chain_id, len(artifacts.CONTRACTS))
        swarm = found(chain, contracts, owner, size, gas)
        results: dict[Round, Result] = {}
        last = STEADY.stop - 1
        for number in range(1, STEADY.stop):
            swarm.round(Round(number), results, gas if number in STEADY else rising if number in RISING else Gas())
            if number % 10 == 0:
                print(f"{size} nodes: round {number} of {last}", file=sys.stderr)
            if number in (last - 1, last):
                claims = [node.sign(contracts.rewards.claim([(swarm.group, swarm.seats[node.address])])) for node in swarm.nodes]
                what = "claim, first time" if number == last - 1 else "claim, later"
                gas.used[what] += [receipt["gasUsed"] for receipt in chain.send(claims)]
        for batch, numbers in RELAYED.items():
            for number in numbers if batch <= size else ():
                swarm.relayed_round(Round(number), results, owner, batch, gas)
    gas.used["finalize, a seat's share"] = [round(used / size) for used in gas.used["finalize"]]
    return gas, rising


def per_node_round(gas: Gas, size: int) -> int:
    """Gas of one node's commit and reveal and its share of what a round costs besides, all of a round's transactions counted."""
    rounds = len(STEADY) * size
    return round(sum(sum(values) for what, values in gas.used.items() if what in COUNTED) / rounds)


def report(measured: dict[int, tuple[Gas, Gas]]) -> str:
    """The page."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run(
        ["git", "status", "--short", "swarm_chain/chain/artifacts"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    where = f"commit {commit or 'unknown'}{' with changes to the contracts' if changed else ''}"
    steady = [gas for gas, _ in measured.values()]
    sums = [per_node_round(gas, size) for size, (gas, _) in measured.items()]
    while_rising = [per_node_round(rising, size) for size, (_, rising) in measured.items()]
    relayed = [
        gas.mean(f"relayed commit and reveal, of {batch}")
        for size, gas in zip(measured, steady, strict=True)
        for batch in RELAYED
        if batch <= size
    ]
    disputes = dispute_lines()
    rows = [["transaction", *(f"N = {size}" for size in measured)]]
    rows += [[what, *(gas.shown(what) for gas in steady)] for what in ROWS]
    rows += [["**a node's round**: commit, reveal, its share of the rest", *(f"**{value:,}**" for value in sums)]]
    rows += [["the same while reputations rise", *(f"{value:,}" for value in while_rising)]]
    lines = [
        "# Gas",
        "",
        "By receipt on Anvil, in a steady state: every word of storage that a round writes was written before, and reputations",
        "are at their top. Regenerated by `make gas`.",
        "",
        f"Measured on {datetime.now(UTC).date()} at {where}; {compiler()}.",
        f"Rounds {STEADY.start} to {STEADY.stop - 1} of a group of N nodes that all commit, reveal and agree; means.",
        f"Reputations rise until about round 70; the last line is of rounds {RISING.start} to {RISING.stop - 1}.",
        "",
        "_Outside the contract_ is what a transaction costs whatever the contract does: its base of 21,000, its calldata and its event.",
        "",
        *table(rows),
        "",
        f"The goal is at most {GOAL:,} a node and round:",
        "; ".join(_verdict(value, GOAL, size) for size, value in zip(measured, sums, strict=True)),
        "Two transactions that each write two words, with their calldata and events, cost about 69,600 before the contract computes",
        "anything; what a round costs once (opening, presenting, finalizing) is shared by its nodes, so small groups pay more each.",
        "",
        "Beside it, as measured elsewhere on the same kind of chain: the same work on `SwarmCoordinator` of Gensyn's rl-swarm costs",
        f"{COORDINATOR:,} a node and round at N = 100; three calls that carry the same data and store nothing, {FLOOR:,}.",
        "",
        f"Relayed, the goal is at most {RELAYED_GOAL:,} a node for its commit and reveal, all told, in batches of 32 or more:",
        f"{'met' if max(relayed) <= RELAYED_GOAL else 'missed'}. _Of 32_: 100 nodes in batches of 32, 32, 32 and 4, all counted.",
        "",
        *disputes,
        "",
    ]
    return "\n".join(lines)


def _verdict(value: int, goal: int, size: int) -> str:
    return f"{'met' if value <= goal else 'missed'} at N = {size}"


def dispute_lines() -> list[str]:
    """What every kind of dispute costs, as forge measures it: each call a transaction, its calldata by EIP-7623."""
    (forge,) = (ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge")
    command = [str(forge), "test", "--match-path", "tests/contracts/DisputesGas.t.sol", "-vvvv"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = re.findall(r'Measured\(seats: (\d+), what: "([a-z ]+)", gasUsed: (\d+)[^,]*, bytesSent: (\d+)', done.stdout)
    measured = {(int(seats), what): (int(gas), int(size)) for seats, what, gas, size in found}
    kinds = list(dict.fromkeys(what for _, what in measured))
    sizes = sorted({seats for seats, _ in measured})
    rows = [["dispute", *(f"{seats} seats, {unit}" for seats in sizes for unit in ("gas", "calldata bytes"))]]
    for kind in kinds:
        cells = [f"{value:,}" if value else "–" for seats in sizes for value in measured.get((seats, kind), (0, 0))]
        rows.append([kind, *cells])
    dearest = max(gas for (seats, _), (gas, _) in measured.items() if seats == 64)
    return [
        "## Disputes",
        "",
        "A group of 2^31 coordinates, the deepest trees there are. Each call is a transaction of its own in forge, its calldata counted",
        "with EIP-7623's floor. Bytes only where there are leaves or reveals to bring.",
        "",
        *table(rows),
        "",
        f"The goal is at most {DISPUTE_GOAL:,} at 64 seats: {'met' if dearest <= DISPUTE_GOAL else 'missed'}.",
        "At capacity, 255 seats, the limits are 16,777,216 gas and 120,000 bytes a transaction.",
    ]


def table(rows: list[list[str]]) -> list[str]:
    """Rows as Markdown, in columns; the first row is the head, numbers stand at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], f"| {' | '.join(rule)} |", *lines[1:]]


def compiler() -> str:
    """The compiler and its settings, as the artifacts were built with them."""
    built = ROOT / "swarm_chain" / "chain" / "artifacts"
    version = json.loads((built / "RoundManager.json").read_text(encoding="utf-8"))["compiler"]
    settings = json.loads((built / "standard-input.json").read_text(encoding="utf-8"))["settings"]
    optimizer = f"optimizer {settings['optimizer']['runs']:,} runs" if settings["optimizer"]["enabled"] else "no optimizer"
    return f"solc {version}, {optimizer}, {'via IR, ' if settings.get('viaIR') else ''}EVM {settings['evmVersion']}"


def main() -> int:
    """Measures and writes."""
    argparse.ArgumentParser(description="Measures gas by receipt and writes docs/gas.md.").parse_args()
    text = report({size: measure(size) for size in SIZES})
    REPORT.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
