import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fault_proxy import FaultProxy
from faults import Fault
from hexbytes import HexBytes
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import NonceUsedError, Sender, SignedTransaction
from swarm_chain.errors import ChainError, TransactionError, UnknownError
from swarm_chain.types import Address, GroupId

NewAccount = Callable[[], LocalAccount]


@pytest.fixture
def sender(web3: Web3, new_account: NewAccount) -> Sender:
    return Sender(web3, new_account())


def test_sends_and_returns_the_receipt(contracts: Contracts, treasury: Sender, sender: Sender) -> None:
    receipt = treasury.send(contracts.token.transfer(sender.address, 7))
    assert receipt["status"] == 1
    assert contracts.token.balance_of(sender.address) == 7


def test_a_revert_names_the_contract_s_error_and_its_arguments(contracts: Contracts, sender: Sender) -> None:
    with pytest.raises(TransactionError, match="ERC20InsufficientBalance") as caught:
        sender.send(contracts.token.transfer(contracts.token.address, 5))
    assert caught.value.reverted_with == "ERC20InsufficientBalance"
    assert caught.value.arguments == (sender.address.lower(), 0, 5)
    assert caught.value.do


def test_a_revert_that_was_mined_is_explained_too(contracts: Contracts, sender: Sender) -> None:
    with pytest.raises(TransactionError, match="fee is spent") as caught:
        sender.send(contracts.token.transfer(contracts.token.address, 5), gas=100_000)
    assert caught.value.reverted_with == "ERC20InsufficientBalance"


def test_why_a_server_that_lags_cannot_say_yet_is_asked_again(
    web3: Web3, anvil: LocalChain, contracts: Contracts, new_account: NewAccount
) -> None:
    with FaultProxy(anvil.url) as proxy:
        lagging = Sender(connect(proxy.url), new_account())
        proxy.begin(Fault.STALE)
        failed = lagging.prepare(contracts.token.transfer(contracts.token.address, 5), gas=100_000)
        web3.eth.send_raw_transaction(failed.raw)
        receipt = web3.eth.wait_for_transaction_receipt(HexBytes(failed.hash))
        with pytest.raises(ChainError, match="does not have now what it told of"):
            lagging.why_reverted(receipt, "It")
        proxy.end()
        assert "ERC20InsufficientBalance" in str(lagging.why_reverted(receipt, "It"))


def test_running_out_of_gas_is_said(contracts: Contracts, treasury: Sender) -> None:
    with pytest.raises(TransactionError, match="out of gas"):
        treasury.send(contracts.token.transfer(Address("0x" + "12" * 20), 1), gas=30_000)


def test_what_is_not_there_is_unknown(contracts: Contracts, sender: Sender) -> None:
    with pytest.raises(UnknownError, match="UnknownGroup") as caught:
        sender.send(contracts.groups.fund(GroupId(4_000_000_000), 5))
    assert caught.value.exit_code == 5


def test_an_account_without_coin_is_told(web3: Web3, contracts: Contracts) -> None:
    poor = Sender(web3, Account.create())
    with pytest.raises(TransactionError, match="enough of the chain's coin"):
        poor.send(contracts.token.approve(contracts.groups.address, 1))


def test_fees_above_the_cap_are_refused(web3: Web3, contracts: Contracts, new_account: NewAccount) -> None:
    thrifty = Sender(web3, new_account(), fee_cap=1)
    with pytest.raises(TransactionError, match="above the cap"):
        thrifty.send(contracts.token.approve(contracts.groups.address, 1))
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(thrifty.address)) == 0


def test_another_program_s_transactions_are_counted(web3: Web3, contracts: Contracts, new_account: NewAccount) -> None:
    account = new_account()
    first, second = Sender(web3, account), Sender(web3, account)
    for sender in (first, second, second, first):
        assert sender.send(contracts.token.approve(contracts.groups.address, 1))["status"] == 1
    # What was prepared before another took the nonce: the node is told, and send prepares anew.
    stale = first.prepare(contracts.token.approve(contracts.groups.address, 2))
    second.send(contracts.token.approve(contracts.groups.address, 3))
    with pytest.raises(NonceUsedError):
        first.broadcast(stale.raw)

    def take_the_nonce(signed: SignedTransaction) -> None:
        if not taken:
            taken.append(signed)
            second.send(contracts.token.approve(contracts.groups.address, 4))

    taken: list[SignedTransaction] = []
    assert first.send(contracts.token.approve(contracts.groups.address, 5), take_the_nonce)["status"] == 1
    assert contracts.token.allowance(first.address, contracts.groups.address) == 5


def test_the_same_bytes_can_be_broadcast_again(web3: Web3, contracts: Contracts, sender: Sender) -> None:
    signed = sender.prepare(contracts.token.approve(contracts.groups.address, 9))
    assert contracts.token.allowance(sender.address, contracts.groups.address) == 0
    for _ in range(3):
        assert sender.broadcast(signed.raw) == signed.hash
        assert sender.wait(signed.hash)["status"] == 1
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address)) == 1
    assert contracts.token.allowance(sender.address, contracts.groups.address) == 9


def test_what_waits_to_be_mined_can_be_broadcast_again(tmp_path: Path) -> None:
    with LocalChain(tmp_path / "chain") as chain:
        web3 = connect(chain.url)
        sender = Sender(web3, chain.account(0))
        contracts = Contracts(web3, deploy(web3, sender, tmp_path / "deployment.json"))
        for method, argument in (("evm_setAutomine", False), ("evm_setIntervalMining", 0)):
            web3.provider.make_request(RPCEndpoint(method), [argument])
        first = sender.prepare(contracts.token.approve(contracts.groups.address, 1))
        for _ in range(3):
            sender.broadcast(first.raw)
        # It counts already: the account's next transaction comes after it.
        other = Sender(web3, chain.account(0)).prepare(contracts.token.approve(contracts.groups.address, 2))
        assert other.nonce == first.nonce + 1
        assert sender.receipt(first.hash) is None
        web3.provider.make_request(RPCEndpoint("evm_mine"), [])
        assert sender.wait(first.hash)["status"] == 1


def test_nothing_leaves_when_it_can_not_be_stored(web3: Web3, contracts: Contracts, sender: Sender) -> None:
    def full(_: SignedTransaction) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        sender.send(contracts.token.approve(contracts.groups.address, 9), full)
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address), "pending") == 0
    sender.send(contracts.token.approve(contracts.groups.address, 1))


def test_threads_share_a_sender(web3: Web3, contracts: Contracts, sender: Sender) -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                sender.send(contracts.token.approve(contracts.groups.address, 1))
        except TransactionError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address)) == 20


def test_confirmations_are_waited_for(web3: Web3, contracts: Contracts, new_account: NewAccount) -> None:
    careful = Sender(web3, new_account(), confirmations=2)
    receipt = careful.send(contracts.token.approve(contracts.groups.address, 1))
    assert web3.eth.block_number >= receipt["blockNumber"] + 2


def test_giving_up_says_that_it_may_still_happen(web3: Web3, new_account: NewAccount) -> None:
    hasty = Sender(web3, new_account(), timeout=0.1)
    with pytest.raises(TransactionError, match="may still be"):
        hasty.wait(b"\x11" * 32)


def test_no_key_is_shown(
    anvil: LocalChain, web3: Web3, contracts: Contracts, new_account: NewAccount, caplog: pytest.LogCaptureFixture
) -> None:
    account = new_account()
    key = bytes(account.key).hex()
    sender = Sender(web3, account)
    with caplog.at_level(logging.DEBUG):
        signed = sender.prepare(contracts.token.approve(contracts.groups.address, 1))
        with pytest.raises(TransactionError) as caught:
            sender.send(contracts.token.transfer(contracts.token.address, 5))
        contracts.identities.register(account, sender.address)
    texts = [repr(sender), str(sender), repr(signed), str(caught.value), repr(caught.value), caplog.text, repr(contracts.identities)]
    assert all(key not in text.lower() for text in texts)
    assert sender.address in repr(sender)
