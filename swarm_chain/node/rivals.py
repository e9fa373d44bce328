"""Another process with this node's key, on another machine: the chain shows what it sends, and this one stops.

Locks keep a key to one process on a machine. Across machines there is nothing but the chain. What only a node's process sends (a commit, a
reveal, where its bytes are), and neither this node's journal nor its outbox knows, somebody else sent with the same key. A journal that was
lost, or restored from a backup older than the commit, looks the same, and cannot be told apart.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from eth_typing import BlockNumber
from eth_utils.abi import function_abi_to_4byte_selector
from hexbytes import HexBytes

from swarm_chain.chain import artifacts
from swarm_chain.chain.connection import told_of
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.steps import account_digest, steps_beside
from swarm_chain.chain.views import Slot, Snapshot
from swarm_chain.errors import KeyFileError
from swarm_chain.node.journal import Journal
from swarm_chain.types import Address, Round

CALLS = ("commit", "reveal", "announce")
"""What only a node's process sends. Anything else may be the user's own doing."""
RECENT = 256
"""Steps of the outbox that are asked for what moved the nonce."""
LOOKED_BACK = 128
"""Most blocks that are searched for what moved the nonce."""


def is_foreign(slot: Slot | None, known: Iterable[bytes]) -> bool:
    """Whether a round's slot has a commitment that is still to be opened, and none of those that this node made.

    One that is opened does no harm any more, so that a node whose journal is new works on in the same round.
    """
    return slot is not None and slot.committed and not slot.revealed and slot.digest not in set(known)


class Rivals:
    """Looks for a rival in every snapshot.

    Args:
        contracts: whose calls count.
        node: this node.
        journal: what it committed.
        outbox: file of what it sent.
    """

    def __init__(self, contracts: Contracts, node: Address, journal: Journal, outbox: Path) -> None:
        self._contracts = contracts
        self._node = contracts.web3.to_checksum_address(node)
        self._journal = journal
        self._outbox = outbox
        # Asked once: a server that lies about the first block later would make this node's own steps a stranger's.
        self._account = account_digest(contracts.web3, Address(self._node))
        self._selectors = {selector: (address, name) for name, address, selector in _calls(contracts)}
        self._seen: tuple[int, int] | None = None
        self._searches_on = True

    def check(self, snapshot: Snapshot) -> None:
        """Makes sure that nobody else uses the key.

        Raises:
            KeyFileError: somebody does, or the journal lacks what this node did.
            ChainError: the chain does not answer, or no longer has what it told of; the next look goes on.
        """
        round_ = snapshot.phase.round
        if is_foreign(snapshot.slot, [commit.commitment for commit in self._journal.commits(round_)]):
            raise _found(self._node, f"a commit of round {round_} on chain", round_)
        number = snapshot.block.number
        nonce = int(self._contracts.web3.eth.get_transaction_count(self._node, BlockNumber(number)))
        before, nonce_before = self._seen or (number, -1)
        has_grown = nonce > nonce_before
        if has_grown or self._searches_on:
            with told_of(self._contracts.web3):
                self._check_blocks(range(max(before + 1, number - LOOKED_BACK), number + 1), round_)
        # Some servers answer for the last block from the one they are making: what made the nonce grow may be in the next block.
        self._searches_on = has_grown or (self._searches_on and number == before)
        self._seen = number, nonce  # not before these blocks were searched

    def _check_blocks(self, numbers: Iterable[int], round_: Round) -> None:
        for number in numbers:
            for name, hash_, data in self._calls_in(number):
                if data not in self._sent() and self._contracts.web3.eth.get_transaction_receipt(HexBytes(hash_))["status"] == 1:
                    raise _found(self._node, f"the transaction 0x{hash_.hex()} ({name})", round_)

    def _sent(self) -> set[bytes]:
        """The calls that this node sent last. Of one that failed and was taken again only the last is kept, so failed ones are not held."""
        return {step.call.data for step in steps_beside(self._outbox, self._account, RECENT)}

    def _calls_in(self, block: int) -> Iterable[tuple[str, bytes, bytes]]:
        """The node's calls that a block holds: name, and the transaction's hash and data."""
        for transaction in self._contracts.web3.eth.get_block(BlockNumber(block), full_transactions=True)["transactions"]:
            if not isinstance(transaction, Mapping) or transaction["from"] != self._node:
                continue
            data = bytes(transaction["input"])
            address, name = self._selectors.get(data[:4], ("", ""))
            if name and transaction.get("to") == address:
                yield name, bytes(transaction["hash"]), data


def _calls(contracts: Contracts) -> Iterable[tuple[str, str, bytes]]:
    for contract in (contracts.rounds, contracts.identities):
        for part in artifacts.load(contract.name).abi:
            if part["type"] == "function" and part["name"] in CALLS:
                yield part["name"], contract.address, bytes(function_abi_to_4byte_selector(part))


def _found(node: str, what: str, round_: Round) -> KeyFileError:
    return KeyFileError(
        f"Another process uses the key of node {node}: {what} is not this process's."
        " Or this node's journal was lost, or comes from an old backup.",
        "This one sends nothing more; its journal is kept.",
        f"Make sure that this key runs nowhere else. If it does not, start the node again when round {round_} is over.",
    )
