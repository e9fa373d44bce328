"""Sends what must be sent once and for all: a step is signed and on disk before it leaves, and looked after until the chain has it.

A step can be taken any number of times, before and after crashes; it is done once. Call ``drive`` at every look at the chain: it sends
again what was lost, replaces what is stuck, signs anew what lost its nonce, and waits where gas costs too much.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from web3.exceptions import BlockNotFound
from web3.types import TxReceipt

from swarm_chain.chain.connection import Block, block
from swarm_chain.chain.fees import GWEI, Fees, Market, offered, raised
from swarm_chain.chain.sender import Call, NonceUsedError, Sendable, Sender, TooDearError, UnderpricedError
from swarm_chain.chain.steps import PENDING, Mined, State, Step, Steps, account_digest
from swarm_chain.errors import ChainError, DiskFullError, SwarmChainError, TransactionError, UnknownError

log = logging.getLogger(__name__)

OUTBOX = "outbox.db"
"""Its file in a home."""
FINAL_BLOCKS = 64
"""A transaction this many blocks deep is settled for good."""
REPLACE_AFTER = 5
"""Blocks that a transaction has to be mined in before another replaces it."""
SAID = 1_000
"""So many reasons are remembered, so as not to be logged at every look."""
PLAIN_GAS = 21_000
"""What a transaction takes that does nothing."""

Then = Callable[[TxReceipt], None]
"""Is told the receipt of a step that counts."""


class Outbox:
    """One account's. For one thread.

    Args:
        path: of its file.
        sender: of the account.
        replace_after: blocks that a transaction has to be mined in.

    Raises:
        DiskFullError: there is no room to write; nothing left.
        ConfigurationError: the file cannot be used.
    """

    def __init__(self, path: Path, sender: Sender, *, replace_after: int = REPLACE_AFTER) -> None:
        self.sender = sender
        self._replace_after = replace_after
        self._steps = Steps(path, account_digest(sender.web3, sender.address))
        self._seen: Block | None = None
        self._is_unsure = False
        self._then: dict[str, Then] = {}
        self._said: set[tuple[str, str]] = set()

    def close(self) -> None:
        self._steps.close()

    # ---------------------------------------------------------------------------------------------- taking steps

    def take(self, name: str, function: Sendable, then: Then | None = None) -> bool:
        """Takes a step, unless it was taken; does not wait for it.

        Args:
            name: of the step.
            function: that does it; only looked at where nothing was signed for the step, or what was signed failed.
            then: is told the receipt once it counts: now, or by ``drive`` as long as this process runs.

        Returns:
            whether it counts: it is mined, and as many blocks deep as are to confirm it.

        Raises:
            TransactionError: the contract or the chain's node refused it; it may be taken again.
            ChainError: the chain did not answer before anything was signed.
            DiskFullError: there is no room to write; nothing left.
        """
        step = self._steps.find(name)
        if step is None or step.state is State.REFUSED:
            at = (self._seen or block(self.sender.web3)).number
            if step is not None:
                step = self._found(step, at)  # it may have been mined after all
            if step is None or step.state is State.REFUSED:
                step = self._sign(self._steps.put(replace(self.sender.call(function), what=name), at), at)
            if step.state is State.SENT:
                step = self._found(step, at)  # some chains mine at once
        receipt = self.sender.receipt(_mined(step).hash) if self._counts(step) else None
        if receipt is not None:
            self._then.pop(name, None)
            if then is not None:
                then(receipt)
        elif then is not None:
            self._then[name] = then
        return receipt is not None

    def attempt(self, name: str, function: Sendable, then: Then | None = None) -> bool:
        """Takes a step that somebody else may take first, or that may be too late: says so where it is refused, once."""
        try:
            return self.take(name, function, then)
        except (TransactionError, UnknownError) as error:
            self._say(name, error.what, f"Could not {name}: {error.what}", logging.INFO)
            return False

    def withdraw(self, prefix: str) -> bool:
        """Gives up steps whose names begin so, where nothing is signed for them: what is taken next is to count, not what waited.

        Returns:
            whether others of them are out, to be mined before whatever is taken next.
        """
        steps = [step for step in self._steps.open() if step.name.startswith(prefix)]
        for step in steps:
            if step.state is State.WAITING:
                self._steps.refused(step, "something newer takes its place")
        return any(step.state in PENDING for step in steps)

    def was_taken(self, name: str) -> bool:
        """Whether a step is on its way, or done."""
        step = self._steps.find(name)
        return step is not None and step.state is not State.REFUSED

    def find(self, name: str) -> Step | None:
        """A step as it stands."""
        return self._steps.find(name)

    def counts(self) -> dict[str, int]:
        """How many steps are in each state, by its name."""
        return self._steps.counts()

    def is_waiting(self) -> bool:
        """Whether anything that was taken does not count yet."""
        return any(not self._counts(step) for step in self._steps.open())

    def trouble(self) -> str:
        """What holds up the first step that is held up, in words; empty where nothing does."""
        return next((f"{step.name}: {step.why}" for step in self._steps.open() if step.why), "")

    def finish(self, seconds: float) -> None:
        """Waits until what is out is mined, no longer than this; the rest goes on with the next start."""
        until = time.monotonic() + seconds
        while any(step.state in PENDING for step in self._steps.open()) and time.monotonic() < until:
            time.sleep(self.sender.poll)
            try:
                self.drive()
            except (ChainError, DiskFullError) as error:
                log.warning("%s", error)

    # ---------------------------------------------------------------------------------------------- looking after them

    def drive(self) -> bool:
        """Looks after every step that is not settled for good.

        Returns:
            whether a step counts now that did not.

        Raises:
            ChainError: the chain did not answer; the next look goes on.
            DiskFullError: there is no room to write; nothing left.
        """
        head = block(self.sender.web3)
        if head == self._seen and not self._is_unsure:
            return False
        self._is_unsure = False
        # What was mined before a block is there as long as that block is.
        is_whole = self._seen is not None and self._is_there(self._seen.number, self._seen.hash)
        self._seen = None
        if not is_whole:
            self._take_back(head)
        market: Market | None = None
        for step in self._steps.open():
            if step.state is State.MINED and is_whole:
                if head.number - _mined(step).number >= max(FINAL_BLOCKS, self.sender.confirmations):
                    self._steps.confirmed(step)
                continue
            step = self._found(step, head.number)
            if step.state in (*PENDING, State.WAITING):
                market = market or self.sender.market()
                self._move(step, head, market)
        if market is not None:
            self._fill_gap(head, market)
        self._seen = head
        return self._tell()

    def _move(self, step: Step, head: Block, market: Market) -> None:
        """Takes a step further that is not mined."""
        # A block that may be given up says nothing for good; for the last one Anvil answers from the state of the one that it is making.
        settled = max(head.number - max(min(self.sender.confirmations, FINAL_BLOCKS), 1), 0)
        if step.state is not State.WAITING and self.sender.is_lost(step.nonce, [version.hash for version in step.versions], settled):
            step = self._lost(step)
        if step.state is State.WAITING:
            try:
                self._sign(replace(step, call=self.sender.estimated(step.call)), head.number)
            except (TransactionError, UnknownError) as error:
                self._refuse(step, error)
        elif head.number - step.last.out_since >= self._replace_after or market.base > step.last.fees.highest:
            self._replace(step, head, market)
        else:
            self._send(step)

    def _sign(self, step: Step, at: int) -> Step:
        """Signs a step that waits, on the next nonce, and sends it; leaves it waiting where gas costs too much."""
        try:
            fees = self.sender.fees(step.name)
        except TooDearError as dear:
            return self._hold(step, dear)
        try:
            self._check_balance(step.call, fees)
            nonce = max([self.sender.nonce("pending"), *(other.nonce + 1 for other in self._steps.open())])
            step = self._keep(step, nonce, fees, at)
            step = self._send(step, is_new=True)
        except (TransactionError, UnknownError) as error:
            self._refuse(step, error)
            raise
        return self._sign(step, at) if step.state is State.WAITING else step

    def _check_balance(self, call: Call, fees: Fees) -> None:
        missing = call.gas * fees.highest - self.sender.balance()
        if missing > 0:
            raise TransactionError(
                f"{self.sender.address} does not hold enough of the chain's coin: to {call.what} it lacks {missing / 10**18:.6f}.",
                "Nothing was sent.",
                "Send it some.",
            )

    def _keep(self, step: Step, nonce: int, fees: Fees, at: int) -> Step:
        step = self._steps.signed(step, self.sender.sign(step.call, nonce, fees), fees, at)
        log.info("%s: signed with nonce %d, at most %.3f gwei a gas.", step.name, nonce, fees.highest / GWEI)
        return step

    def _send(self, step: Step, *, is_new: bool = False) -> Step:
        """Lets the last version out, or out again. A step whose only version the chain's node refuses is refused.

        Raises:
            TransactionError: that version is new, and never left.
        """
        is_only = step.state is State.SIGNED and sum(version.nonce == step.nonce for version in step.versions) == 1
        try:
            self.sender.broadcast(step.last.raw, step.name)
        except NonceUsedError:
            return self._lost(step) if is_only else step
        except UnderpricedError as error:
            return self._hold(step, error)
        except (TransactionError, UnknownError) as error:
            if is_new and is_only:
                raise
            # It is kept, for it may have left before a crash, and be mined.
            return self._steps.move(step, State.REFUSED, error.what) if is_only else self._hold(step, error)
        except ChainError as error:
            self._is_unsure = True  # it may or may not have left: the next look sends it again
            return self._hold(step, error)
        return self._steps.move(step, State.SENT)

    def _replace(self, step: Step, head: Block, market: Market) -> None:
        """Signs a step again on the same nonce, for more.

        Where it makes no sense any more its nonce has to be used up all the same, and the contract's refusal costs hardly more than a
        transaction that does nothing.
        """
        fees = raised(step.last.fees, market, self.sender.fee_cap)
        if fees is not None:
            self._send(self._keep(step, step.nonce, fees, head.number))
            return
        ceiling = f"To replace it would cost more than the ceiling of {self.sender.fee_cap / GWEI:.1f} gwei a gas."
        self._hold(self._send(step), TooDearError(ceiling))

    def _fill_gap(self, head: Block, market: Market) -> None:
        """Uses up a nonce that nobody's transaction has, where one of ours waits behind it."""
        first = next((step for step in self._steps.open() if step.state in PENDING), None)
        if first is None or head.number - first.since < self._replace_after:
            return
        nonce, fees = self.sender.nonce("pending"), offered(market, self.sender.fee_cap)
        if nonce < first.nonce and fees is not None:
            call = Call(f"fill the gap at nonce {nonce}", self.sender.address, b"", PLAIN_GAS)
            step = self._keep(self._steps.put(call, head.number), nonce, fees, head.number)
            try:
                self._send(step, is_new=True)
            except (TransactionError, UnknownError) as error:
                self._refuse(step, error)

    # ---------------------------------------------------------------------------------------------- what became of them

    def _found(self, step: Step, at: int) -> Step:
        """The step, where one of its versions is in a block: as mined, or as refused. One that was mined and is not: as sent."""
        for version in reversed(step.versions):
            receipt = self.sender.receipt(version.hash)
            if receipt is None:
                continue
            mined = Mined(version.hash, bytes(receipt["blockHash"]), int(receipt["blockNumber"]))
            if receipt["status"] != 1:
                error = self.sender.why_reverted(receipt, step.name)
                self._say(step.name, error.what, str(error))
                return self._steps.reverted(step, mined, error.what)
            if step.state is not State.MINED or mined != step.mined:
                log.info("%s: mined in block %d.", step.name, mined.number)
                step = self._steps.mined(step, mined)
            return step
        if step.state is State.MINED:
            log.warning("%s: the block that it was mined in is gone.", step.name)
            step = self._steps.gone(step, at)
        return step

    def _take_back(self, head: Block) -> None:
        """Takes up again what was settled for good, where the chain gave up its block all the same."""
        gone = list(takewhile(lambda step: not self._is_there(_mined(step).number, _mined(step).block), self._steps.settled()))
        if gone:
            log.warning(
                "The chain gave up more than %d blocks, with %d transactions that were settled for good. They are sent again. A chain that"
                " does this is not to be relied on: wait for more confirmations there, or see that the RPC URL is of the right chain.",
                FINAL_BLOCKS,
                len(gone),
            )
        for step in gone:
            self._steps.gone(step, head.number)

    def _counts(self, step: Step) -> bool:
        """Whether a step is mined, and as deep as is to confirm it."""
        if step.state is not State.MINED or not self.sender.confirmations:
            return step.state in (State.MINED, State.CONFIRMED)
        head = self._seen or block(self.sender.web3)
        return head.number >= _mined(step).number + self.sender.confirmations

    def _tell(self) -> bool:
        """Tells those who wait for a step that it counts."""
        told = False
        for name in list(self._then):
            step = self._steps.find(name)
            if step is None or step.state is State.REFUSED:
                del self._then[name]
            elif self._counts(step) and (receipt := self.sender.receipt(_mined(step).hash)) is not None:
                self._then.pop(name)(receipt)
                told = True
        return told

    def _lost(self, step: Step) -> Step:
        log.warning("%s: another transaction of %s took its nonce %d.", step.name, self.sender.address, step.nonce)
        return self._steps.move(step, State.WAITING, "another transaction took its nonce")

    def _refuse(self, step: Step, error: SwarmChainError) -> None:
        self._steps.refused(step, error.what)

    def _hold(self, step: Step, error: SwarmChainError) -> Step:
        self._say(step.name, type(error).__name__, f"{step.name} waits. {error.what}")
        return self._steps.move(step, step.state, error.what)

    def _say(self, name: str, why: str, words: str, level: int = logging.WARNING) -> None:
        """Logs what was not said of a step for the same reason."""
        if (name, why) not in self._said:
            if len(self._said) >= SAID:
                self._said.clear()
            self._said.add((name, why))
            log.log(level, "%s", words)

    def _is_there(self, number: int, hash_: bytes) -> bool:
        try:
            return bytes(self.sender.web3.eth.get_block(number)["hash"]) == hash_
        except BlockNotFound:
            return False


def _mined(step: Step) -> Mined:
    assert step.mined is not None
    return step.mined
