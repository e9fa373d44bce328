"""Bad RPC services: with one of three URLs bad every read is right; with the only one bad nothing hangs, and nothing is made of it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from socket import socket
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from fault_proxy import FaultProxy
from faults import FAILURES, LIES, Fault
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3RPCError

from swarm_chain.chain.connection import Block, block, chain_id, check_chain_id, connect, standings, unasked
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.local import CHAIN_ID, LocalChain
from swarm_chain.chain.rpc import PATIENCE
from swarm_chain.errors import ChainError, ChainUnreachableError, ConfigurationError, WrongChainError

SECRET = "secret-key"
UNREADABLE = [fault for fault in FAILURES if fault is not Fault.DELAY]


@pytest.fixture
def proxies(anvil: LocalChain) -> Iterator[list[FaultProxy]]:
    with ExitStack() as ending:
        yield [ending.enter_context(FaultProxy(anvil.url)) for _ in range(3)]


@dataclass(frozen=True)
class Facts:
    """What there is to be read at one block."""

    chain: int
    block: Block
    supply: int
    transfers: list[tuple[int, bytes]]
    code: bytes
    coin: int
    used: int


def facts(contracts: Contracts, at: int) -> Facts:
    web3, manager = contracts.web3, Web3.to_checksum_address(contracts.rounds.address)
    return Facts(
        chain=chain_id(web3),
        block=block(web3, at),
        supply=contracts.token.total_supply(at),
        transfers=[(log["blockNumber"], bytes(log["data"])) for log in contracts.token.logs([], 0, at)],
        code=bytes(web3.eth.get_code(manager, at)),
        coin=int(web3.eth.get_balance(Web3.to_checksum_address(contracts.deployment.deployer), at)),
        used=int(web3.eth.get_transaction_count(Web3.to_checksum_address(contracts.deployment.deployer), at)),
    )


def pay(web3: Web3, account: LocalAccount, to: str) -> Any:
    """Sends one wei, as a wallet does, and waits for the receipt."""
    call: Any = {"from": account.address, "to": to, "value": 1}
    base = int(web3.eth.get_block("latest")["baseFeePerGas"])
    tip = int(web3.eth.max_priority_fee)
    signed = account.sign_transaction(
        {
            "to": to,
            "value": 1,
            "gas": web3.eth.estimate_gas(call),
            "nonce": web3.eth.get_transaction_count(account.address, "pending"),
            "chainId": web3.eth.chain_id,
            "maxFeePerGas": 2 * base + tip,
            "maxPriorityFeePerGas": tip,
        }
    )
    sent = web3.eth.send_raw_transaction(signed.raw_transaction)
    until = time.monotonic() + 30
    while True:
        try:
            return web3.eth.get_transaction_receipt(sent)
        except TransactionNotFound:
            assert time.monotonic() < until, "it is not mined"
            time.sleep(0.05)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_with_one_of_three_urls_bad_every_read_is_right_and_transactions_arrive(
    fault: Fault,
    proxies: list[FaultProxy],
    contracts: Contracts,
    deployment: Deployment,
    treasury: Any,
    new_account: Callable[[], LocalAccount],
) -> None:
    payer, payee = new_account(), Web3.to_checksum_address("0x" + f"{0x1000 + fault.value:040x}")
    proxies[0].begin(fault)
    three = Contracts(connect([proxy.url for proxy in proxies], timeout=20), deployment)
    before = int(contracts.web3.eth.get_balance(payee))
    receipt = pay(three.web3, payer, payee)
    assert (receipt["status"], receipt["from"]) == (1, payer.address)
    assert contracts.web3.eth.get_transaction_receipt(receipt["transactionHash"])["blockHash"] == receipt["blockHash"]
    assert contracts.web3.eth.get_balance(payee) == three.web3.eth.get_balance(payee) == before + 1

    least = int(contracts.web3.eth.block_number)
    head = block(three.web3)
    assert head.number >= least
    assert head == block(contracts.web3, head.number) == block(three.web3, head.hash)
    assert facts(three, head.number) == facts(contracts, head.number)


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.name.lower())
def test_with_the_only_url_bad_every_read_is_an_error_until_it_serves_again(
    fault: Fault, proxies: list[FaultProxy], contracts: Contracts, deployment: Deployment
) -> None:
    proxy = proxies[0]
    alone = Contracts(unasked(proxy.url, timeout=0.75), deployment)  # a busy machine may not answer in time
    at = block(contracts.web3).number
    truth = facts(contracts, at)
    proxy.begin(fault)
    reads: list[Callable[[], object]] = [
        lambda: facts(alone, at),
        lambda: list(alone.token.logs([], 0, at)),
        lambda: connect(proxy.url, timeout=0.75),
    ]
    for read in reads:
        with pytest.raises(ChainError) as caught:
            read()
        assert SECRET not in str(caught.value)
    proxy.end()
    # The machine may be too busy to answer in time, once; what is asked for is that nothing has to be connected again.
    until = time.monotonic() + 30
    while True:
        try:
            assert facts(alone, at) == truth
            return
        except ChainUnreachableError:
            assert time.monotonic() < until


@pytest.mark.parametrize("other", [Fault.HANG, Fault.BROKEN, Fault.RATE_LIMIT], ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("lie", [Fault.FALSE_STATE, Fault.FALSE_HEAD], ids=lambda fault: fault.name.lower())
def test_with_two_of_three_bad_nothing_is_believed(
    lie: Fault, other: Fault, proxies: list[FaultProxy], contracts: Contracts, deployment: Deployment
) -> None:
    three = Contracts(unasked([proxy.url for proxy in proxies], timeout=1.5), deployment)  # it may well be asked before
    at = block(contracts.web3).number
    proxies[0].begin(lie)
    proxies[1].begin(other)
    with pytest.raises(ChainError) as caught:
        facts(three, at)
    assert SECRET not in str(caught.value)
    assert "swarm-chain doctor" in caught.value.do


def test_a_quorum_of_one_goes_on_with_the_next(proxies: list[FaultProxy], contracts: Contracts, deployment: Deployment) -> None:
    first, second = proxies[:2]
    pair = Contracts(connect([first.url, second.url], timeout=20, quorum=1), deployment)
    at = block(contracts.web3).number
    truth = facts(contracts, at)
    for fault in (Fault.RESET, Fault.RATE_LIMIT, Fault.HANG):
        first.begin(fault)
        assert facts(pair, at) == truth
        first.end()
        second.begin(fault)
        assert facts(pair, at) == truth
        second.end()


@pytest.mark.parametrize("lie", [Fault.FALSE_STATE, Fault.FALSE_LOGS, Fault.FALSE_HEAD], ids=lambda fault: fault.name.lower())
def test_two_of_two_must_agree(lie: Fault, proxies: list[FaultProxy], deployment: Deployment, contracts: Contracts) -> None:
    pair = Contracts(connect([proxy.url for proxy in proxies[:2]], timeout=20), deployment)
    at = block(contracts.web3).number
    proxies[1].begin(lie)
    with pytest.raises(ChainError, match="No 2 of 2"):
        facts(pair, at)


class SlowToSend(FaultProxy):
    """Takes transactions, later than a quorum's patience ends."""

    def _answer(self, connection: socket, body: bytes) -> None:
        if b"eth_sendRawTransaction" in body:
            self._ending.wait(2 * PATIENCE)
        super()._answer(connection, body)


class RefusesToSend(FaultProxy):
    """Takes no transaction, and says so at once."""

    def ask(self, request: Any) -> Any:
        if request["method"] == "eth_sendRawTransaction":
            return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32000, "message": "insufficient funds"}}
        return super().ask(request)


def test_one_url_s_refusal_of_a_transaction_is_not_believed_though_the_others_are_slow(
    anvil: LocalChain, contracts: Contracts, new_account: Callable[[], LocalAccount]
) -> None:
    with ExitStack() as ending:
        proxies = [ending.enter_context(kind(anvil.url)) for kind in (RefusesToSend, SlowToSend, SlowToSend)]
        receipt = pay(connect([proxy.url for proxy in proxies], timeout=20), new_account(), Web3.to_checksum_address("0x" + "33" * 20))
    assert contracts.web3.eth.get_transaction_receipt(receipt["transactionHash"])["status"] == 1


def test_what_a_quorum_refuses_to_send_is_refused(anvil: LocalChain, new_account: Callable[[], LocalAccount]) -> None:
    with ExitStack() as ending:
        proxies = [ending.enter_context(kind(anvil.url)) for kind in (RefusesToSend, RefusesToSend, FaultProxy)]
        proxies[2].begin(Fault.HANG)
        web3 = connect([proxy.url for proxy in proxies], timeout=20)
        with pytest.raises(Web3RPCError, match="insufficient funds"):
            pay(web3, new_account(), Web3.to_checksum_address("0x" + "33" * 20))


def test_one_of_two_urls_cannot_make_gas_dearer(proxies: list[FaultProxy], contracts: Contracts) -> None:
    pair = connect([proxy.url for proxy in proxies[:2]], timeout=20)
    proxies[1].begin(Fault.FALSE_COUNTS)
    assert pair.eth.max_priority_fee == contracts.web3.eth.max_priority_fee
    base = int(contracts.web3.eth.get_block("latest")["baseFeePerGas"])
    assert pair.eth.gas_price <= 2 * (base + contracts.web3.eth.max_priority_fee)


def test_a_url_that_failed_is_left_alone_and_tried_again_later(proxies: list[FaultProxy], contracts: Contracts) -> None:
    web3 = connect([proxy.url for proxy in proxies], timeout=20)
    at = block(contracts.web3).number
    bad = proxies[0]
    bad.begin(Fault.BROKEN)
    for _ in range(4):  # it rests longer after every failure, so it does not run out while this goes on
        block(web3, at)
        time.sleep(0.3)
    bad.asked.clear()
    for _ in range(20):
        block(web3, at)
    assert len(bad.asked) <= 2
    bad.end()
    until = time.monotonic() + 60
    while "eth_getBlockByNumber" not in bad.asked[2:]:
        assert time.monotonic() < until, "it is not tried again"
        block(web3, at)
        time.sleep(0.05)


def test_a_url_that_lies_in_some_answers_alone_is_not_well_again_for_the_others(
    proxies: list[FaultProxy], contracts: Contracts, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    """It agrees on the newest block at every look, and lies about what is there."""
    caplog.set_level(logging.INFO)
    three = Contracts(connect([proxy.url for proxy in proxies], timeout=20), deployment)
    proxies[0].begin(Fault.FALSE_STATE)
    until = time.monotonic() + 60
    while proxies[0].asked[-1:] != ["eth_call"]:
        assert time.monotonic() < until, "it is not asked"
        three.token.total_supply()
    for _ in range(12):  # its first rests are shorter than that
        block(three.web3)
        three.token.total_supply()
        time.sleep(0.6)
    liar = f"127.0.0.1:{proxies[0].port} "  # of the others one may be slow
    (said,) = [record.message for record in caplog.records if record.name == "swarm_chain.chain.rpc" and liar in record.message]
    assert "says something else than the others" in said


def test_a_url_of_another_chain_is_outvoted_and_seen(proxies: list[FaultProxy]) -> None:
    proxies[1].begin(Fault.OTHER_CHAIN)
    check_chain_id(connect([proxy.url for proxy in proxies], timeout=20), CHAIN_ID)
    with pytest.raises(WrongChainError):
        check_chain_id(connect(proxies[1].url), CHAIN_ID)
    found = standings(connect([proxy.url for proxy in proxies], timeout=20))
    assert [each.chain_id for each in found] == [CHAIN_ID, CHAIN_ID + 1, CHAIN_ID]


def test_how_each_url_stands_is_shown_without_its_secrets(proxies: list[FaultProxy], contracts: Contracts) -> None:
    web3 = connect([proxy.url for proxy in proxies], timeout=20)
    proxies[1].back = 50  # the clock may mine some while the URLs are asked
    proxies[1].begin(Fault.BEHIND)
    proxies[2].begin(Fault.BROKEN)
    while block(contracts.web3).number < 60:
        contracts.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]  # Anvil's own
    good, behind, broken = standings(web3)
    assert good.height is not None
    assert behind.behind is not None
    assert behind.behind >= 4
    assert (broken.height, broken.behind, broken.chain_id) == (None, None, None)
    assert "HTTP 500" in broken.problem
    assert SECRET not in repr((good, behind, broken))
    assert broken.url == f"http://127.0.0.1:{proxies[2].port}"


@pytest.mark.parametrize("quorum", [0, 3])
def test_a_quorum_that_cannot_be_had_is_refused(quorum: int, proxies: list[FaultProxy]) -> None:
    with pytest.raises(ConfigurationError, match=f"quorum of {quorum}"):
        connect([proxies[0].url, proxies[1].url, proxies[0].url], quorum=quorum)


def test_every_lie_is_one_that_a_single_url_can_tell(proxies: list[FaultProxy], contracts: Contracts, deployment: Deployment) -> None:
    """Else the tests above would show nothing: each lie changes some answer of the only URL."""
    alone = Contracts(connect(proxies[0].url, timeout=20), deployment)
    at = block(contracts.web3).number
    truth, sent = facts(contracts, at), contracts.deployment.transactions["RoundManager"]

    def seen(source: Contracts) -> list[object]:
        found: list[object] = []
        for read in (
            lambda: facts(source, at),
            lambda: source.web3.eth.get_transaction_receipt(sent),  # type: ignore[arg-type]  # a hash in hex
            lambda: source.web3.eth.max_priority_fee,
            lambda: block(source.web3).number >= least,
            lambda: block(source.web3).number <= least + 100,
        ):
            try:
                found.append(read())
            except (ChainError, TransactionNotFound) as problem:
                found.append(type(problem))
        return found

    for lie in LIES:
        proxies[0].begin(lie)
        contracts.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]  # Anvil's own
        least = int(contracts.web3.eth.block_number)
        assert seen(alone) != seen(contracts), lie
    assert facts(contracts, at) == truth
