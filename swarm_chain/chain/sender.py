"""The one place that signs and sends transactions: gas, fees (EIP-1559), signature, confirmation.

``send`` does all of it and waits, for commands. Whatever runs for long has an outbox, which does the same in steps that survive a crash.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import BlockIdentifier, Nonce, RPCEndpoint, TxParams, TxReceipt, Wei

from swarm_chain.chain.connection import chain_id, is_loopback, provider_name, told_of
from swarm_chain.chain.fees import GWEI, Fees, Market, offered
from swarm_chain.chain.reverts import refusal_in_words, revert_of
from swarm_chain.chain.rpc import QuorumRpc
from swarm_chain.chain.signer import Signer
from swarm_chain.errors import ChainError, SwarmChainError, TransactionError
from swarm_chain.types import Address

GAS_LIMIT = 16_777_216
"""No transaction may ask for more (EIP-7825)."""


class Sendable(Protocol):
    """A contract function or constructor of web3.py, with its arguments."""

    def build_transaction(self, transaction: TxParams | None = None) -> TxParams:
        """The transaction as a dictionary; asks nobody for anything when all fees, gas, nonce and chain ID are given."""


class NonceUsedError(TransactionError):
    """The nonce went to another transaction of the same account."""


class UnderpricedError(TransactionError):
    """The chain's node does not even keep it at this price, for now."""


class TooDearError(TransactionError):
    """Gas costs more than the ceiling, for now."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does, without nonce and fees. ``to`` is ``None`` for a deployment; ``what`` names it, for messages."""

    what: str
    to: Address | None
    data: bytes
    gas: int


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
        account: Signer,
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
            call = self.call(function, gas=gas)
            return self.sign(call, max(self.nonce("pending"), self._next_nonce), self.fees(call.what))

    def call(self, function: Sendable, *, gas: int | None = None) -> Call:
        """A call with the gas it may take, estimated if not given.

        Raises:
            TransactionError: the contract would refuse it now.
        """
        blank = TxParams(
            {"gas": 0, "nonce": Nonce(0), "chainId": self.chain_id, "value": Wei(0), "maxFeePerGas": Wei(0), "maxPriorityFeePerGas": Wei(0)}
        )
        built = function.build_transaction(blank)
        to = Address(str(built["to"])) if built.get("to") else None
        call = Call(_name_of(function), to, bytes(HexBytes(built["data"])), gas or 0)
        return call if gas is not None else self.estimated(call)

    def estimated(self, call: Call) -> Call:
        """The same call with the gas it may take now.

        Raises:
            TransactionError: the contract would refuse it now.
        """
        try:
            needed = self.web3.eth.estimate_gas({"from": self._account.address, "value": Wei(0), **_target(call)})
        except (ContractLogicError, Web3RPCError) as problem:
            raise self._refused(problem, call.what) from problem
        # What others send in between can make it dearer: the commit that opens a round or the one that ends a phase costs more than
        # the others. Gas that isn't used costs nothing.
        return replace(call, gas=min(needed + needed // 2 + 50_000, GAS_LIMIT))

    def sign(self, call: Call, nonce: int, fees: Fees) -> SignedTransaction:
        """Signs a call; nothing leaves."""
        transaction = {
            **_target(call),
            "type": 2,
            "value": 0,
            "chainId": self.chain_id,
            "gas": call.gas,
            "nonce": nonce,
            "maxFeePerGas": fees.highest,
            "maxPriorityFeePerGas": fees.tip,
        }
        signed = self._account.sign_transaction(transaction)
        return SignedTransaction(bytes(signed.raw_transaction), bytes(signed.hash), nonce, call.what)

    def nonce(self, block: BlockIdentifier = "latest") -> int:
        """The account's next nonce as a block has it; ``"pending"`` counts what waits to be mined."""
        return int(self.web3.eth.get_transaction_count(self._account.address, block))

    def market(self) -> Market:
        """What gas costs now."""
        with told_of(self.web3):
            base = self.web3.eth.get_block("latest").get("baseFeePerGas", Wei(0))
        return Market(int(base), int(self.web3.eth.max_priority_fee))

    def fees(self, what: str) -> Fees:
        """What a transaction is to offer now.

        Raises:
            TooDearError: gas costs more than the ceiling.
        """
        market = self.market()
        fees = offered(market, self.fee_cap)
        if fees is None:
            raise TooDearError(
                f"{what} would cost {sum(market) / GWEI:.1f} gwei a gas now, above the cap of {self.fee_cap / GWEI:.1f}.",
                "Nothing was sent.",
                "Wait for lower fees, or raise the cap.",
            )
        return fees

    def broadcast(self, raw: bytes, what: str = "The transaction") -> bytes:
        """Lets a signed transaction out; it is no error if it was out already. Returns its hash.

        Raises:
            NonceUsedError: its nonce went to another transaction, so it will never be mined.
            UnderpricedError: it offers less than the chain's node keeps.
            TransactionError: the chain's node refuses it.
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
                        refused = self._refused(problem, what)
                        if _underpriced(message):
                            raise UnderpricedError(str(refused)) from problem
                        raise refused from problem
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
            raise self.why_reverted(receipt, what)
        return receipt

    def receipt(self, transaction: bytes) -> TxReceipt | None:
        """A transaction's receipt, or None while it isn't mined."""
        try:
            return self.web3.eth.get_transaction_receipt(HexBytes(transaction))
        except TransactionNotFound:
            return None

    def is_lost(self, nonce: int, transactions: Sequence[bytes], block: int) -> bool:
        """Whether a nonce of the account went to another transaction than these, by a block's number.

        Asked for in one breath, and so answered by a quorum alike. To single requests for a receipt one server of two may answer that
        there is none.

        Raises:
            ChainError: enough servers do not say the same.
        """
        if self.nonce(block) <= nonce:
            return False
        requests: list[tuple[RPCEndpoint, Any]] = [
            (RPCEndpoint("eth_getTransactionReceipt"), ["0x" + hash_.hex()]) for hash_ in transactions
        ]
        requests.append((RPCEndpoint("eth_getTransactionCount"), [self._account.address, hex(block)]))
        provider = self.web3.provider
        assert isinstance(provider, QuorumRpc)
        responses = provider.make_batch_request(requests)
        if any("error" in response for response in responses):
            return False
        *receipts, count = [response["result"] for response in responses]
        return int(count, 16) > nonce and not any(receipts)

    def price(self) -> int:
        """What a gas costs now, tip included, in wei."""
        return sum(self.market())

    def _sign_and_store(self, function: Sendable, before: Callable[[SignedTransaction], None] | None, gas: int | None) -> SignedTransaction:
        signed = self.prepare(function, gas=gas)
        if before is not None:
            before(signed)
        return signed

    def _confirmed(self, receipt: TxReceipt) -> bool:
        return self.confirmations == 0 or self.web3.eth.block_number >= receipt["blockNumber"] + self.confirmations

    def _refused(self, problem: ContractLogicError | Web3RPCError, what: str) -> SwarmChainError:
        revert = revert_of(problem)
        if revert is not None:
            return revert.as_error(f"{what} was refused", "Nothing was sent.")
        message = str(problem.message)
        return refusal_in_words(message) or TransactionError(f"{what} was refused by {provider_name(self.web3)}: {message[:200]}.")

    def why_reverted(self, receipt: TxReceipt, what: str) -> SwarmChainError:
        """The error that a mined transaction ended with. Makes the call again where it failed, for receipts don't say why."""
        with told_of(self.web3):
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


def _target(call: Call) -> TxParams:
    target = TxParams({"data": HexBytes(call.data)})
    if call.to is not None:
        target["to"] = Web3.to_checksum_address(call.to)
    return target


def _underpriced(message: str) -> bool:
    low = message.lower()
    return "underpriced" in low or "fee too low" in low or "less than block base fee" in low


def _nonce_used(message: str) -> bool:
    """Whether another transaction with the same nonce is mined, or waits to be."""
    low = message.lower()
    return "nonce too low" in low or "replacement transaction" in low or "replacement fee" in low


def _already_known(message: str) -> bool:
    low = message.lower()
    return any(words in low for words in ("already known", "already imported", "known transaction", "alreadyknown"))


def _nonce_of(raw: bytes) -> int:
    return int(TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["nonce"])
