"""The one place that sends transactions: nonce, gas, fees (EIP-1559), signature, confirmation.

``send`` does all of it. A node that must survive a crash in between stores what ``prepare`` signed before ``broadcast`` lets it out: the
same bytes can be broadcast again after a restart, any number of times, and are mined at most once.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt, Wei

from swarm_chain.chain.connection import chain_id, is_loopback, provider_name
from swarm_chain.chain.reverts import refusal_in_words, revert_of
from swarm_chain.errors import ChainError, TransactionError
from swarm_chain.types import Address

GAS_LIMIT = 16_777_216
"""No transaction may ask for more (EIP-7825)."""
GWEI = 10**9


class Sendable(Protocol):
    """A contract function or constructor of web3.py, with its arguments."""

    def build_transaction(self, transaction: TxParams | None = None) -> TxParams:
        """The transaction as a dictionary; asks nobody for anything when all fees, gas, nonce and chain ID are given."""


class NonceUsedError(TransactionError):
    """The nonce went to another transaction of the same account."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready to leave. It holds no secret. ``what`` names what it does, for messages."""

    raw: bytes
    hash: bytes
    nonce: int
    what: str


class Sender:
    """Sends from one account. Safe to share between threads.

    Args:
        web3: the connection.
        account: who pays and signs. Its key goes nowhere but into signatures.
        confirmations: blocks on top of a transaction's own before it counts.
        timeout: seconds until a transaction that isn't mined is given up.
        fee_cap: wei a gas; a transaction that would cost more is refused.
        poll: seconds between looks for a receipt; 0.05 on this machine and 1 elsewhere if not given.
    """

    def __init__(
        self,
        web3: Web3,
        account: LocalAccount,
        *,
        confirmations: int = 0,
        timeout: float = 180.0,
        fee_cap: int = 500 * GWEI,
        poll: float | None = None,
    ) -> None:
        self.web3 = web3
        self.confirmations = confirmations
        self.timeout = timeout
        self.fee_cap = fee_cap
        self.poll = poll if poll is not None else (0.05 if is_loopback(provider_name(web3)) else 1.0)
        self.chain_id = chain_id(web3)
        self._account = account
        self._next_nonce = 0
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Sender({self.address})"

    @property
    def address(self) -> Address:
        """The account's address."""
        return Address(str(self._account.address))

    def balance(self) -> int:
        """The account's coin, in wei."""
        return int(self.web3.eth.get_balance(self._account.address))

    def send(self, function: Sendable, before: Callable[[SignedTransaction], None] | None = None, *, gas: int | None = None) -> TxReceipt:
        """Sends and waits until it counts.

        Args:
            function: what to call.
            before: is given the signed transaction before it leaves; if it raises, nothing leaves.
            gas: limit, if it isn't to be estimated.

        Raises:
            TransactionError: refused, reverted (``reverted_with`` names the contract's error) or not mined in time.
        """
        with self._lock:
            signed = self._sign_and_store(function, before, gas)
            try:
                self.broadcast(signed.raw, signed.what)
            except NonceUsedError:
                # Another program used the account in between. By now the chain counts its transaction.
                signed = self._sign_and_store(function, before, gas)
                self.broadcast(signed.raw, signed.what)
        return self.wait(signed.hash, signed.what)

    def prepare(self, function: Sendable, *, gas: int | None = None) -> SignedTransaction:
        """Estimates, prices and signs. Its nonce is only taken when it is broadcast: prepare the next one after that."""
        with self._lock:
            what = _name_of(function)
            transaction = self._unpriced(function)
            transaction["gas"] = gas if gas is not None else self._estimate(transaction, what)
            transaction["maxFeePerGas"], transaction["maxPriorityFeePerGas"] = self._fees(what)
            transaction["nonce"] = max(self.web3.eth.get_transaction_count(self._account.address, "pending"), self._next_nonce)
            signed = self._account.sign_transaction(transaction)
            return SignedTransaction(bytes(signed.raw_transaction), bytes(signed.hash), transaction["nonce"], what)

    def broadcast(self, raw: bytes, what: str = "The transaction") -> bytes:
        """Lets a signed transaction out; it is no error if it was out already. Returns its hash.

        Raises:
            NonceUsedError: its nonce went to another transaction, so it will never be mined.
        """
        hash_ = bytes(keccak(raw))
        with self._lock:
            try:
                self.web3.eth.send_raw_transaction(raw)
            except Web3RPCError as problem:
                message = str(problem.message)
                if not _already_known(message):
                    self._next_nonce = 0
                    if not _nonce_used(message):
                        raise self._refused(problem, what) from problem
                    if self.receipt(hash_) is None:
                        raise NonceUsedError(
                            f"{what} was not carried out: another transaction of {self.address} took its nonce.",
                            "Nothing else changed.",
                            "Use an account from one program only.",
                        ) from problem
            self._next_nonce = max(self._next_nonce, _nonce_of(raw) + 1)
        return hash_

    def wait(self, transaction: bytes, what: str = "The transaction") -> TxReceipt:
        """Waits until a broadcast transaction is mined and confirmed, through interruptions of the connection.

        Raises:
            TransactionError: it reverted, or the time is over.
            ChainError: the time is over, and the chain can't be reached or refuses to answer.
        """
        until = time.monotonic() + self.timeout
        while True:
            interrupted: ChainError | None = None
            try:
                receipt = self.receipt(transaction)
                if receipt is not None and self._confirmed(receipt):
                    break
            except ChainError as problem:
                interrupted = problem
            if time.monotonic() > until:
                with self._lock:
                    self._next_nonce = 0
                if interrupted is not None:
                    raise interrupted
                raise TransactionError(
                    f"{what} was not confirmed within {self.timeout:.0f} seconds.",
                    f"It may still be: its hash is 0x{transaction.hex()}.",
                    "Look it up before trying again.",
                )
            time.sleep(self.poll)
        if receipt["status"] != 1:
            raise self._why_reverted(receipt, what)
        return receipt

    def receipt(self, transaction: bytes) -> TxReceipt | None:
        """A transaction's receipt, or None while it isn't mined."""
        try:
            return self.web3.eth.get_transaction_receipt(HexBytes(transaction))
        except TransactionNotFound:
            return None

    def price(self) -> int:
        """What a gas costs now, tip included, in wei."""
        base = self.web3.eth.get_block("latest").get("baseFeePerGas", Wei(0))
        return int(base) + int(self.web3.eth.max_priority_fee)

    def _sign_and_store(self, function: Sendable, before: Callable[[SignedTransaction], None] | None, gas: int | None) -> SignedTransaction:
        signed = self.prepare(function, gas=gas)
        if before is not None:
            before(signed)
        return signed

    def _unpriced(self, function: Sendable) -> dict[str, Any]:
        blank = TxParams(
            {"gas": 0, "nonce": Nonce(0), "chainId": self.chain_id, "value": Wei(0), "maxFeePerGas": Wei(0), "maxPriorityFeePerGas": Wei(0)}
        )
        built: dict[str, Any] = dict(function.build_transaction(blank))
        kept = {"data": built["data"], "value": 0, "chainId": self.chain_id, "type": 2}
        return kept | ({"to": built["to"]} if built.get("to") else {})

    def _estimate(self, transaction: dict[str, Any], what: str) -> int:
        try:
            needed = self.web3.eth.estimate_gas({"from": self._account.address, **transaction})  # type: ignore[typeddict-item]  # built above
        except (ContractLogicError, Web3RPCError) as problem:
            raise self._refused(problem, what) from problem
        # What others send in between can make it dearer: the commit that opens a round or the one that ends a phase costs more than
        # the others. Gas that isn't used costs nothing.
        return min(needed + needed // 2 + 50_000, GAS_LIMIT)

    def _fees(self, what: str) -> tuple[int, int]:
        """Highest fee and tip, in wei a gas. Twice the base fee lasts for six full blocks (EIP-1559)."""
        base = int(self.web3.eth.get_block("latest").get("baseFeePerGas", Wei(0)))
        tip = int(self.web3.eth.max_priority_fee)
        if base + tip > self.fee_cap:
            raise TransactionError(
                f"{what} would cost {(base + tip) / GWEI:.1f} gwei a gas now, above the cap of {self.fee_cap / GWEI:.1f}.",
                "Nothing was sent.",
                "Wait for lower fees, or raise the cap.",
            )
        return min(2 * base + tip, self.fee_cap), tip

    def _confirmed(self, receipt: TxReceipt) -> bool:
        return self.confirmations == 0 or self.web3.eth.block_number >= receipt["blockNumber"] + self.confirmations

    def _refused(self, problem: ContractLogicError | Web3RPCError, what: str) -> Exception:
        revert = revert_of(problem)
        if revert is not None:
            return revert.as_error(f"{what} was refused", "Nothing was sent.")
        message = str(problem.message)
        return refusal_in_words(message) or TransactionError(f"{what} was refused by {provider_name(self.web3)}: {message[:200]}.")

    def _why_reverted(self, receipt: TxReceipt, what: str) -> Exception:
        """Makes the call again where it failed, for receipts don't say why."""
        transaction = self.web3.eth.get_transaction(receipt["transactionHash"])
        kept = "Its fee is spent; nothing else changed."
        if receipt["gasUsed"] >= transaction["gas"]:
            return TransactionError(f"{what} ran out of gas.", kept, "Try again.")
        call = TxParams({"from": transaction["from"], "data": transaction["input"], "gas": transaction["gas"]})
        if "to" in transaction:
            call["to"] = transaction["to"]
        for block in (receipt["blockNumber"], receipt["blockNumber"] - 1):
            try:
                self.web3.eth.call(call, block)
            except (ContractLogicError, Web3RPCError) as problem:
                revert = revert_of(problem)
                if revert is not None:
                    return revert.as_error(f"{what} was reverted", kept)
        return TransactionError(
            f"{what} was reverted by the contract (transaction 0x{receipt['transactionHash'].hex()}).", kept, "Try again."
        )


def _name_of(function: Sendable) -> str:
    abi = getattr(function, "abi", None)
    return str(abi.get("name", "The deployment")) if isinstance(abi, dict) else "The deployment"


def _nonce_used(message: str) -> bool:
    """Whether another transaction with the same nonce is mined, or waits to be."""
    low = message.lower()
    return "nonce too low" in low or "replacement transaction" in low or "replacement fee" in low


def _already_known(message: str) -> bool:
    low = message.lower()
    return any(words in low for words in ("already known", "already imported", "known transaction", "alreadyknown"))


def _nonce_of(raw: bytes) -> int:
    return int(TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["nonce"])
