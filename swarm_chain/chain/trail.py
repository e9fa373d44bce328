"""Which of the blocks that were looked at are still of the chain: what was read at others is void."""

import threading

from web3 import Web3

from swarm_chain.chain.connection import Block, block
from swarm_chain.errors import ChainError

KEPT = 256
"""Blocks remembered. What was read before them is read again."""


class Trail:
    """The way that a process followed the chain, from block to block. Safe to share between threads."""

    def __init__(self, web3: Web3) -> None:
        self._web3 = web3
        self._hashes: dict[int, bytes] = {}  # by number, ascending: each is before the next on one chain
        self._lock = threading.Lock()

    def holds(self, seen: Block, head: Block) -> bool:
        """Whether a block that was followed to earlier is ``head``, or before it on its chain.

        Raises:
            ChainError: the chain changed meanwhile, and no longer has ``head``.
        """
        self.follow(head)
        with self._lock:
            return seen.number <= head.number and self._hashes.get(seen.number) == seen.hash

    def follow(self, head: Block) -> None:
        """Goes on to a block; where the chain was reorganised, back to the last common one first."""
        with self._lock:
            if self._hashes.get(head.number) == head.hash:
                return
            before = [number for number in self._hashes if number < head.number]
            if before and self._hashes.get(head.number - 1) != head.parent:
                before = before[: self._common(before)]
                self.confirm(head)
            self._hashes = {number: self._hashes[number] for number in before[-KEPT:]} | {head.number: head.hash}

    def confirm(self, head: Block) -> None:
        """Makes sure that a block is of the chain, and so what was just read by the numbers of blocks up to it.

        Raises:
            ChainError: it is not, any more.
        """
        if block(self._web3, head.number).hash != head.hash:
            raise ChainError("The chain was reorganised while it was read.", "Nothing was made of it.", "Look again.")

    def _common(self, numbers: list[int]) -> int:
        """How many of these blocks, ascending, the chain still has. Searched by halves, the newest first."""
        low, high, middle = 0, len(numbers), len(numbers) - 1
        while low < high:
            number = numbers[middle]
            if block(self._web3, number).hash == self._hashes[number]:
                low = middle + 1
            else:
                high = middle
            middle = (low + high) // 2
        return low
