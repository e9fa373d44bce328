"""What can go wrong around a swarm: each trouble begins, lasts for seconds, and ends. Chance says which one, when, and whom it meets."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from fault_proxy import FaultProxy
from faults import FAILURES, LIES
from swarm_of_processes import Swarm
from web3.types import RPCEndpoint

GWEI = 10**9
ENDED_AS_TOLD = (130, -signal.SIGTERM)
NO_CHAIN = 4
"""A node's exit code where the chain does not answer when it starts."""
"""Exit codes after SIGTERM; the latter where it came before the process listened."""
ENDING_SECONDS = 300.0
"""A process that is told to end while it starts does so when it has started, and machines are slow."""
MINING_SECONDS = 1
"""A block each. Transactions wait for it, so that there is something to drop."""

End = Callable[[], None]


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong now. ``what`` is its kind, ``whom`` nobody else may meet meanwhile, ``seconds`` it lasts."""

    what: str
    whom: str
    seconds: float
    end: End


class Troubles:
    """Begins troubles of a swarm's nodes, their connections and their chain.

    Args:
        swarm: whose nodes run.
        proxies: each node's way to the chain, by its index.
        several: those nodes that ask others besides, so that lies about the chain can be found out.
        steady: those nodes whose process is never ended.
        start: starts a node's process again.
        random: decides everything.
    """

    def __init__(
        self, swarm: Swarm, proxies: list[FaultProxy], several: set[int], steady: set[int], start: Callable[[int], None], random: Random
    ) -> None:
        self._swarm = swarm
        self._proxies = proxies
        self._several = several
        self._steady = steady
        self._start = start
        self._random = random
        self.begun: dict[str, int] = {}
        """How many there were, by kind."""

    def begin(self, taken: set[str]) -> Trouble | None:
        """Begins one that meets nobody of ``taken``; ``None`` where that is who was drawn."""
        node = self._random.randrange(len(self._proxies))
        kinds: list[tuple[str, Callable[[int], Trouble]]] = [
            (f"connection {node}", self._connection),
            (f"connection {node}", self._connection),
            (f"node {node}", self._stopped),
            ("chain", self._held),
            ("chain", self._dropped),
            ("chain", self._taken_back),
            ("chain", self._jump),
            ("fees", self._fees),
        ]
        if node not in self._steady:
            kinds += [(f"node {node}", self._terminated), (f"node {node}", self._killed), (f"node {node}", self._killed)]
        whom, begin = self._random.choice(kinds)
        if whom in taken:
            return None
        trouble = begin(node)
        self.begun[trouble.what] = self.begun.get(trouble.what, 0) + 1
        return trouble

    # ------------------------------------------------------------------------------------------------ connections

    def _connection(self, node: int) -> Trouble:
        """Where a node asks this server alone, it cannot know of lies."""
        fault = self._random.choice([*FAILURES, *LIES] if node in self._several else FAILURES)
        self._proxies[node].begin(fault)
        what = f"connection: {fault.name.lower().replace('_', ' ')}"
        return Trouble(what, f"connection {node}", self._random.uniform(1, 20), self._proxies[node].end)

    # ------------------------------------------------------------------------------------------------ processes

    def _stopped(self, node: int) -> Trouble:
        process = self._swarm.processes[node]
        process.send_signal(signal.SIGSTOP)
        return Trouble("SIGSTOP", f"node {node}", self._random.uniform(1, 10), lambda: process.send_signal(signal.SIGCONT))

    def _killed(self, node: int) -> Trouble:
        self._swarm.kill(node)
        return Trouble("SIGKILL", f"node {node}", self._random.uniform(0.5, 10), lambda: self._start(node))

    def _terminated(self, node: int) -> Trouble:
        process = self._swarm.processes[node]
        process.terminate()

        def end() -> None:
            if self._swarm.processes[node] is not process:
                return  # it was starting, found no chain, and was started again
            code = self._swarm.ended(node, ENDING_SECONDS)
            has_begun = bool(self._swarm.status(node))
            assert code in ENDED_AS_TOLD or (code == NO_CHAIN and not has_begun), (
                f"node {node} ended with {code}:\n{self._swarm.log(node).read_text()[-3000:]}"
            )
            self._swarm.processes.pop(node)
            self._start(node)

        return Trouble("SIGTERM", f"node {node}", self._random.uniform(2, 15), end)

    # ------------------------------------------------------------------------------------------------ the chain

    def _held(self, _: int) -> Trouble:
        """No block comes."""
        self.ask("evm_setIntervalMining", 0)
        return Trouble("chain: stands still", "chain", self._random.uniform(2, 20), self._mine)

    def _dropped(self, _: int) -> Trouble:
        """What waits to be mined is forgotten."""
        self.ask("evm_setIntervalMining", 0)

        def end() -> None:
            for waiting in self.ask("txpool_content")["pending"].values():
                for transaction in waiting.values():
                    self.ask("anvil_dropTransaction", transaction["hash"])
            self._mine()

        return Trouble("chain: drops transactions", "chain", self._random.uniform(2, 6), end)

    def _taken_back(self, _: int) -> Trouble:
        """Blocks are replaced by empty ones; no clock may mine meanwhile, or Anvil loses blocks for good."""
        with self._no_mining():
            self.ask("anvil_reorg", self._random.randint(1, 6), [])
        return Trouble("chain: takes blocks back", "chain", 2, lambda: None)

    def _jump(self, _: int) -> Trouble:
        self.ask("evm_increaseTime", self._random.randint(1, 20))
        return Trouble("chain: time jumps", "chain", 1, lambda: None)

    def _fees(self, _: int) -> Trouble:
        """To fifty times what a tip is, or above what nodes pay; empty blocks lower it by an eighth each."""
        self.ask("anvil_setNextBlockBaseFeePerGas", hex(self._random.choice([50, 600]) * GWEI))
        return Trouble("chain: fees jump", "fees", 20, lambda: None)

    def _mine(self) -> None:
        self.ask("evm_setIntervalMining", MINING_SECONDS)

    @contextmanager
    def _no_mining(self) -> Iterator[None]:
        self.ask("evm_setIntervalMining", 0)
        self.ask("evm_mine")  # whatever the clock began is done
        try:
            yield
        finally:
            self._mine()

    def ask(self, method: str, *arguments: object) -> Any:
        """What Anvil answers."""
        answer = self._swarm.contracts.web3.provider.make_request(RPCEndpoint(method), list(arguments))
        assert "error" not in answer, (method, answer)
        return answer["result"]
