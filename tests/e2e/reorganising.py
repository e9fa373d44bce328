"""A chain of a test's own whose blocks come from the test alone, and can be taken back."""

import secrets
import threading
from types import TracebackType
from typing import Any

from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect

EVERY = 0.2
"""Seconds. Each block is at least a second of chain time."""


class Miner:
    """Mines a block now and then while it is entered.

    Anvil loses blocks for good where one is mined while others are taken back. So nothing else mines: transactions wait for the next block.

    Args:
        url: of an Anvil that nobody else uses.
    """

    def __init__(self, url: str) -> None:
        self._web3 = connect(url)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._mine_on, name="miner")

    def __enter__(self) -> "Miner":
        self._ask("evm_setAutomine", False)
        self._ask("evm_setIntervalMining", 0)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        self._thread.join()

    def mine(self, blocks: int) -> None:
        """Mines at once."""
        with self._lock:
            self._ask("anvil_mine", hex(blocks), "0x1")

    def reorg(self, depth: int) -> None:
        """Replaces the last blocks by as many empty ones; what was in them is in no block, and nobody sends it for its owner."""
        with self._lock:
            head = int(self._web3.eth.block_number)
            gone = self._web3.eth.get_block(head - depth + 1)["hash"]
            stays = self._web3.eth.get_block(head - depth)["hash"]
            # An empty block in an empty one's place would be the same block.
            self._ask("anvil_setCoinbase", "0x" + secrets.token_hex(20))
            self._ask("anvil_reorg", depth, [])
            assert self._web3.eth.get_block(head - depth)["hash"] == stays
            assert self._web3.eth.get_block(head - depth + 1)["hash"] != gone
            assert self._web3.eth.block_number == head

    def _mine_on(self) -> None:
        while not self._ending.wait(EVERY):
            with self._lock:
                self._ask("evm_mine")

    def _ask(self, method: str, *params: object) -> Any:
        answer = self._web3.provider.make_request(RPCEndpoint(method), list(params))
        assert "error" not in answer, answer
        return answer.get("result")
