"""Brings batches to the chain and keeps count of them."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from eth_utils.crypto import keccak
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from swarm_chain.chain.outbox import Outbox
from swarm_chain.chain.relay import Relay
from swarm_chain.chain.steps import State
from swarm_chain.errors import ChainError, DiskFullError, TransactionError
from swarm_chain.protocol.relaying import SignedCommit, SignedReveal
from swarm_chain.relay.desk import Desk, Kept
from swarm_chain.relay.standing import Standing
from swarm_chain.types import GroupId, Round

log = logging.getLogger(__name__)

TOLD = 64
"""Batches that the status tells of, the last ones."""
NOT_MINED_SECONDS = 600.0
"""After so long nobody waits for a transaction any more."""
TROUBLE_SECONDS = 10.0
"""How long nothing is taken after a batch could not be sent."""
GAS_A_MESSAGE = 60_000
"""More than any message costs, also the first of its node."""


@dataclass(slots=True)
class Sent:
    """A batch that left. ``accepted`` and ``gas`` are known once it is mined; the transaction's hash, of the last version, is in hex."""

    round: Round
    what: str
    messages: int
    transaction: str
    accepted: int | None = None
    gas: int | None = None


class Courier:
    """Sends what is due from one account. For one thread; what it tells, any may read.

    Args:
        desk: where messages come from.
        relay: the contract.
        group: of the messages.
        outbox: of the account that pays.
    """

    def __init__(self, desk: Desk, relay: Relay, group: GroupId, outbox: Outbox) -> None:
        self._desk = desk
        self._relay = relay
        self._group = group
        self._outbox = outbox
        self._flying: list[tuple[str, Sent, list[Kept], float]] = []
        self._sent: deque[Sent] = deque(maxlen=TOLD)
        self._trouble = ""
        self._trouble_until = 0.0
        self.balance = 0

    def trouble(self) -> str:
        """Why nothing can be sent for now; empty where all is well."""
        return self._trouble if time.monotonic() < self._trouble_until else ""

    def sent(self) -> list[dict[str, object]]:
        """The last batches, the oldest first."""
        return [asdict(one) for one in list(self._sent)]

    def check_balance(self) -> None:
        """Sees to it that messages are only taken while the account can pay for them.

        Raises:
            ChainError: the chain does not answer.
        """
        self.balance = self._outbox.sender.balance()
        if self.balance < self._outbox.sender.price() * GAS_A_MESSAGE * max(self._desk.pending(), 1):
            self._in_trouble("The account does not hold enough of the chain's coin to pay for a batch.")

    def send_due(self, standing: Standing) -> None:
        """Sends every batch that is due, without waiting for it to be mined."""
        if self.trouble():
            return
        for batch in self._desk.due(standing):
            self._send(batch)

    def look_after(self) -> None:
        """Looks which of the batches on their way arrived. The desk lets go of their messages once it sees them on chain.

        Raises:
            ChainError: the chain does not answer.
        """
        self._outbox.drive()
        for flying in list(self._flying):
            name, sent, batch, left = flying
            step = self._outbox.find(name)
            if step is None or step.state in (State.MINED, State.CONFIRMED, State.REFUSED):
                self._flying.remove(flying)
                receipt = self._outbox.sender.receipt(step.mined.hash) if step is not None and step.mined is not None else None
                self._arrived(sent, batch, receipt)
            elif time.monotonic() > left + NOT_MINED_SECONDS:
                self._flying.remove(flying)
                self._desk.drop(batch)

    def _send(self, batch: list[Kept]) -> None:
        messages = [kept.message for kept in batch]
        what = "commits" if isinstance(messages[0], SignedCommit) else "reveals"
        name = f"relay {what} {messages[0].round} {keccak(b''.join(kept.message.signature for kept in batch)).hex()}"
        try:
            self._outbox.take(name, self._call(messages))
        except TransactionError as error:
            log.warning("A batch of %d was not sent. %s", len(batch), error)
            if error.reverted_with:
                self._desk.drop(batch)  # the phase is over, or all of them came another way
            else:
                self._desk.put_back(batch)
                self._in_trouble(error.what)
        except (ChainError, DiskFullError) as error:
            self._desk.put_back(batch)
            self._in_trouble(error.what)
        else:
            step = self._outbox.find(name)
            sent = Sent(messages[0].round, what, len(batch), "0x" + step.last.hash.hex() if step is not None and step.versions else "")
            self._sent.append(sent)
            self._flying.append((name, sent, batch, time.monotonic()))
            log.info("Round %d: sent %d %s in %s.", sent.round, sent.messages, what, sent.transaction)

    def _call(self, messages: Sequence[SignedCommit | SignedReveal]) -> ContractFunction:
        commits = [message for message in messages if isinstance(message, SignedCommit)]
        if commits:
            return self._relay.relay_commits(self._group, commits)
        return self._relay.relay_reveals(self._group, [message for message in messages if isinstance(message, SignedReveal)])

    def _arrived(self, sent: Sent, batch: list[Kept], receipt: TxReceipt | None) -> None:
        sent.accepted = 0
        if receipt is not None:
            sent.transaction, sent.gas = "0x" + receipt["transactionHash"].hex().removeprefix("0x"), receipt["gasUsed"]
            sent.accepted = self._relay.accepted(receipt) if receipt["status"] == 1 else 0
        if sent.accepted < sent.messages:
            log.warning("Round %d: %d of %d %s were accepted.", sent.round, sent.accepted, sent.messages, sent.what)
        self._desk.drop(batch)

    def _in_trouble(self, why: str) -> None:
        if why != self.trouble():
            log.warning("Nothing is taken for now. %s", why)
        self._trouble, self._trouble_until = why, time.monotonic() + TROUBLE_SECONDS
