"""What an outbox makes of chains that lose, delay and give up transactions, and of crashes: a step is done, and done once."""

import contextlib
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fault_proxy import FaultProxy
from faults import Fault
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint, TxReceipt

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy
from swarm_chain.chain.fees import GWEI, Fees
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.outbox import OUTBOX, Outbox
from swarm_chain.chain.rehearsal import Rehearsal
from swarm_chain.chain.sender import Sender
from swarm_chain.chain.steps import State, Step, recent_steps
from swarm_chain.errors import ChainError, ChainUnreachableError, ConfigurationError, DiskFullError, TransactionError
from swarm_chain.types import Address

SINK = Address(Web3.to_checksum_address("0x" + "51" * 20))
FUNDS = 1_000


@dataclass
class Bench:
    """A chain that mines when it is told to, and an account whose steps give tokens away: twice done, they would be twice gone."""

    chain: LocalChain
    contracts: Contracts
    account: LocalAccount
    home: Path
    boxes: ExitStack
    settings: dict[str, Any] = field(default_factory=dict)
    replace_after: int = 5
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = self.opened()

    def opened(self) -> Outbox:
        """An outbox on the same file, as after a crash."""
        self.outbox = Outbox(self.home / OUTBOX, self.sender(**self.settings), replace_after=self.replace_after)
        self.boxes.callback(self.outbox.close)
        return self.outbox

    def sender(self, **settings: Any) -> Sender:
        """Another program with the same key."""
        return Sender(connect(self.chain.url), self.account, poll=0.01, **settings)

    def rpc(self, method: str, *arguments: Any) -> Any:
        answer = self.contracts.web3.provider.make_request(RPCEndpoint(method), list(arguments))
        assert "error" not in answer, (method, answer["error"])
        return answer.get("result")

    def mine(self, blocks: int = 1, seconds: int = 1) -> None:
        for _ in range(blocks):
            self.rpc("evm_increaseTime", seconds)
            self.rpc("evm_mine")

    def drop(self, step: Step) -> None:
        """The chain's node forgets what was sent."""
        self.rpc("anvil_dropTransaction", "0x" + step.last.hash.hex())

    def base_fee(self, gwei: float) -> None:
        """Of the next block; later ones follow it."""
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(int(gwei * GWEI)))

    def give(self, amount: int = 1) -> ContractFunction:
        return self.contracts.token.transfer(SINK, amount)

    def take(self, name: str, amount: int = 1) -> Step:
        self.outbox.take(name, self.give(amount))
        return self.step(name)

    def take_while_there_is_room(self) -> list[str]:
        """What a file has already can be written, however full the disk."""
        taken: list[str] = []
        for number in range(50):
            try:
                self.take(f"give {number}")
            except DiskFullError:
                return taken
            taken.append(f"give {number}")
        raise AssertionError("there was room for all of them")

    def step(self, name: str) -> Step:
        found = self.outbox.find(name)
        assert found is not None
        return found

    def given(self) -> int:
        """What the steps gave away."""
        return FUNDS - self.contracts.token.balance_of(Address(self.account.address))

    def nonce(self, block: str = "latest") -> int:
        return int(self.rpc("eth_getTransactionCount", self.account.address, block), 16)

    def until_done(self, *names: str, blocks: int = 20) -> None:
        """Blocks go by, and the outbox looks at each."""
        for _ in range(blocks):
            self.outbox.drive()
            if all(self.step(name).state in (State.MINED, State.CONFIRMED) for name in names):
                return
            self.mine()
        raise AssertionError([self.outbox.find(name) for name in names])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalChain, Contracts, Sender]]:
    with LocalChain(tmp_path_factory.mktemp("outbox-chain")) as chain:
        web3 = connect(chain.url)
        treasury = Sender(web3, chain.account(0), poll=0.01)
        contracts = Contracts(web3, deploy(web3, treasury, tmp_path_factory.mktemp("outbox-deployment") / "deployment.json"))
        web3.provider.make_request(RPCEndpoint("evm_setIntervalMining"), [0])
        yield chain, contracts, treasury


@pytest.fixture
def bench(deployed: tuple[LocalChain, Contracts, Sender], tmp_path: Path) -> Iterator[Bench]:
    chain, contracts, treasury = deployed
    account: LocalAccount = Account.create()

    def rpc(method: str, *arguments: Any) -> None:
        contracts.web3.provider.make_request(RPCEndpoint(method), list(arguments))

    rpc("anvil_dropAllTransactions")
    rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    rpc("evm_mine")
    rpc("anvil_setBalance", account.address, hex(100 * 10**18))
    rpc("evm_setAutomine", True)
    treasury.send(contracts.token.transfer(Address(account.address), FUNDS))
    rpc("evm_setAutomine", False)
    with ExitStack() as boxes:
        yield Bench(chain, contracts, account, tmp_path, boxes)


# ---------------------------------------------------------------------------------------------------- once, whatever happens


def test_a_step_is_done_once_and_told_of(bench: Bench) -> None:
    told: list[TxReceipt] = []
    assert not bench.outbox.take("give", bench.give(7), told.append)
    assert not bench.outbox.take("give", bench.give(7), told.append)
    assert bench.outbox.is_waiting()
    bench.mine()
    assert bench.outbox.drive()
    assert not bench.outbox.drive()
    assert [receipt["status"] for receipt in told] == [1]
    assert bench.opened().take("give", bench.give(7), told.append)
    assert len(told) == 2
    bench.mine()
    bench.outbox.drive()
    assert (bench.given(), bench.nonce("pending")) == (7, 1)
    assert not bench.outbox.is_waiting()


def test_accounts_share_a_file_and_keep_to_their_own(bench: Bench, tmp_path: Path) -> None:
    bench.take("give")
    other = Outbox(tmp_path / OUTBOX, Sender(bench.contracts.web3, Account.create()))
    bench.boxes.callback(other.close)
    assert not other.was_taken("give")
    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Outbox(tmp_path / "other", bench.outbox.sender)


CRASHING = """
import os, signal, sys
from pathlib import Path
from eth_account import Account
from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.outbox import Outbox
from swarm_chain.chain.sender import Sender
from swarm_chain.chain.steps import Steps
url, path, key, token, point = sys.argv[1:]
web3 = connect(url)
sender = Sender(web3, Account.from_key(key))
outbox = Outbox(Path(path), sender, replace_after=1)
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
let_out = sender.broadcast
def first_out_then_die(*words):
    let_out(*words)
    die()
if point == "before it is on disk":
    Steps.signed = die
if point == "before it leaves":
    sender.broadcast = die
if point == "when it has left":
    sender.broadcast = first_out_then_die
if point == "when that is noted":
    Steps.move = (lambda move: lambda *words: (move(*words), die()))(Steps.move)
abi = [{"type": "function", "name": "transfer", "stateMutability": "nonpayable", "outputs": [],
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}]}]
give = web3.eth.contract(address=token, abi=abi).functions.transfer("0x" + "51" * 20, 7)
outbox.take("give", give)
web3.provider.make_request("evm_mine", [])
if point == "before its replacement leaves":
    sender.broadcast = die
if point == "when its replacement has left":
    sender.broadcast = first_out_then_die
if point == "when the block is noted":
    Steps.mined = (lambda mined: lambda *words: (mined(*words), die()))(Steps.mined)
outbox.drive()
print("it did not die")
"""


@pytest.mark.parametrize(
    "point",
    [
        "before it is on disk",
        "before it leaves",
        "when it has left",
        "when that is noted",
        "before its replacement leaves",
        "when its replacement has left",
        "when the block is noted",
    ],
)
def test_a_process_killed_at_any_point_has_done_its_step_once(bench: Bench, point: str) -> None:
    if "replacement" in point:
        bench.base_fee(50)  # so that the first block does not take it
    program = [sys.executable, "-c", CRASHING, bench.chain.url, str(bench.home / OUTBOX)]
    token = Web3.to_checksum_address(bench.contracts.token.address)
    crashed = subprocess.run([*program, bench.account.key.hex(), token, point], capture_output=True, text=True, timeout=60)
    assert crashed.returncode == -signal.SIGKILL, crashed.stdout + crashed.stderr
    bench.replace_after = 3
    bench.opened()
    first = [version.hash for version in bench.step("give").versions]
    assert len(first) == (0 if "on disk" in point else 2 if "replacement" in point else 1)
    bench.outbox.take("give", bench.give(7))
    bench.until_done("give")
    mined = bench.step("give").mined
    assert mined is not None
    assert not first or mined.hash in first
    assert (bench.given(), bench.nonce("pending")) == (7, 1)


def test_others_can_read_how_far_it_is(bench: Bench) -> None:
    web3, address = bench.contracts.web3, Address(bench.account.address)
    assert recent_steps(bench.home / "none.db", web3, address) == []
    bench.take("one")
    bench.mine()
    bench.outbox.drive()
    bench.take("two")
    found = recent_steps(bench.home / OUTBOX, web3, address)
    assert [(step.name, step.state, step.nonce) for step in found] == [("two", State.SENT, 1), ("one", State.MINED, 0)]
    assert recent_steps(bench.home / OUTBOX, web3, Address(Account.create().address)) == []


# ---------------------------------------------------------------------------------------------------- lost, stuck, too dear


def test_what_the_node_forgot_is_sent_again_in_order(bench: Bench) -> None:
    names = ["first", "second", "third"]
    steps = [bench.take(name) for name in names]
    assert [step.nonce for step in steps] == [0, 1, 2]
    for step in steps:
        bench.drop(step)
    assert bench.nonce("pending") == 0
    bench.mine()
    bench.outbox.drive()
    assert bench.nonce("pending") == 3
    bench.mine()
    bench.outbox.drive()
    assert [bench.step(name).mined.hash for name in names] == [step.last.hash for step in steps]  # type: ignore[union-attr]  # mined
    assert bench.given() == 3


def test_fifty_times_the_base_fee_is_paid_where_the_ceiling_allows(bench: Bench) -> None:
    settle, before = bench.take("settle"), bench.nonce("pending")
    bench.base_fee(50)
    bench.mine()
    assert bench.nonce() == 0
    # What is due now waits behind the one that is stuck, so that one is replaced at once.
    reveal = bench.take("reveal")
    assert (settle.nonce, reveal.nonce, before) == (0, 1, 1)
    bench.outbox.drive()
    first, second = bench.step("settle").versions
    assert first.nonce == second.nonce == 0
    assert second.fees.highest >= max(first.fees.highest * 1.1, 50 * GWEI)
    assert second.fees.tip >= first.fees.tip * 1.1
    bench.mine()
    bench.outbox.drive()
    assert [bench.step(name).state for name in ("settle", "reveal")] == [State.MINED, State.MINED]
    assert bench.step("settle").mined.hash == second.hash  # type: ignore[union-attr]  # mined
    assert bench.given() == 2


def test_above_the_ceiling_everything_waits_and_says_so_and_goes_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.settings = {"fee_cap": 20 * GWEI}
    bench.opened()
    bench.take("early")
    bench.base_fee(50)
    bench.mine()
    late = bench.take("late")
    assert (late.state, late.versions) == (State.WAITING, ())
    for _ in range(3):
        bench.outbox.drive()
        bench.mine()
    early = bench.step("early")
    assert len(early.versions) == 1
    assert "ceiling of 20.0 gwei" in early.why
    assert "early: " in bench.outbox.trouble()
    assert "cap of 20.0" in bench.step("late").why
    assert caplog.text.count("early waits. To replace it") == caplog.text.count("late waits.") == 1
    bench.opened()  # it waits through restarts, too
    bench.base_fee(1)
    bench.until_done("early", "late")
    assert bench.given() == 2
    assert bench.outbox.trouble() == ""


def test_what_waits_does_not_come_after_what_takes_its_place(bench: Bench) -> None:
    bench.settings = {"fee_cap": 20 * GWEI}
    bench.opened()
    out = bench.take("announce the first", 1)
    bench.take("another", 2)
    bench.base_fee(50)
    bench.mine()
    waits = bench.take("announce the second", 10)
    assert (out.state, waits.state) == (State.SENT, State.WAITING)
    assert bench.outbox.withdraw("announce ")
    bench.base_fee(1)
    bench.take("announce the third", 100)
    bench.until_done("announce the first", "another", "announce the third")
    assert not bench.outbox.withdraw("announce ")
    assert bench.step("announce the second").state is State.REFUSED
    assert bench.given() == 103
    bench.take("announce the second", 10)  # again, when it is wanted again
    bench.until_done("announce the second")
    assert bench.given() == 113


def test_a_transaction_held_back_for_a_minute_is_replaced_for_more(bench: Bench) -> None:
    bench.take("give")
    for _ in range(5):  # of twelve seconds each, as on the main network
        bench.drop(bench.step("give"))
        bench.mine(seconds=12)
        bench.outbox.drive()
    versions = bench.step("give").versions
    assert [version.nonce for version in versions] == [0, 0]
    assert versions[1].fees >= Fees(int(versions[0].fees.highest * 1.1), int(versions[0].fees.tip * 1.1))
    bench.until_done("give")
    assert (bench.given(), bench.nonce()) == (1, 1)


def test_what_may_not_have_left_is_sent_again_though_no_block_follows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> bytes:
        raise ChainUnreachableError("The connection broke.")

    bench.outbox.drive()
    with monkeypatch.context() as broken:
        broken.setattr(bench.outbox.sender, "broadcast", unreachable)
        assert bench.take("give").state is State.SIGNED
        assert "The connection broke" in bench.outbox.trouble()
        bench.outbox.drive()
    assert bench.nonce("pending") == 0
    bench.outbox.drive()
    assert (bench.step("give").state, bench.nonce("pending")) == (State.SENT, 1)
    assert len(bench.step("give").versions) == 1
    bench.until_done("give")


def test_an_earlier_version_that_was_mined_after_all_is_recognised(bench: Bench) -> None:
    bench.replace_after = 1
    bench.opened()
    first = bench.take("give").last
    bench.drop(bench.step("give"))
    bench.mine()
    bench.outbox.drive()
    assert len(bench.step("give").versions) == 2
    bench.drop(bench.step("give"))
    bench.outbox.sender.broadcast(first.raw)
    bench.mine()
    bench.outbox.drive()
    assert bench.step("give").mined.hash == first.hash  # type: ignore[union-attr]  # mined
    assert (bench.given(), bench.nonce("pending")) == (1, 1)


# ---------------------------------------------------------------------------------------------------- other wallets


def test_a_nonce_that_another_wallet_took_is_left_to_it(bench: Bench) -> None:
    lost = bench.take("give").last
    other = bench.sender()
    theirs = other.sign(other.call(bench.give(100)), 0, Fees(900 * GWEI, 30 * GWEI))
    other.broadcast(theirs.raw)
    bench.mine()
    bench.outbox.drive()
    assert (bench.step("give").state, bench.step("give").nonce) == (State.SENT, 0)  # what the last block has may still be in the making
    bench.mine()
    bench.outbox.drive()
    assert (bench.step("give").state, bench.step("give").nonce) == (State.SENT, 1)
    assert lost.hash in [version.hash for version in bench.step("give").versions]
    bench.until_done("give")
    assert (bench.given(), bench.nonce("pending")) == (101, 2)


def test_a_wallet_that_was_quicker_costs_nothing(bench: Bench) -> None:
    """Two outboxes of one account sign the same nonce; the second is told at once."""
    quick = bench.sender()
    hurried = quick.sign(quick.call(bench.give(100)), 0, Fees(900 * GWEI, 30 * GWEI))
    keep, kept = bench.outbox._steps.signed, []

    def overtaken(*words: Any) -> Step:
        if not kept:
            kept.append(quick.broadcast(hurried.raw))
        return keep(*words)

    bench.outbox._steps.signed = overtaken  # type: ignore[method-assign]
    assert bench.take("give").nonce == 1
    bench.until_done("give")
    assert bench.given() == 101


def test_what_makes_no_sense_any_more_is_not_signed_again(bench: Bench) -> None:
    bench.take("give", 10)
    other = bench.sender()
    theirs = other.sign(other.call(bench.give(FUNDS - 5)), 0, Fees(900 * GWEI, 30 * GWEI))
    other.broadcast(theirs.raw)
    bench.mine()
    bench.outbox.drive()
    assert (bench.step("give").state, bench.step("give").nonce) == (State.SENT, 0)  # what the last block has may still be in the making
    bench.mine()
    bench.outbox.drive()
    step = bench.step("give")
    assert step.state is State.REFUSED
    assert "ERC20InsufficientBalance" in step.why
    assert not bench.outbox.was_taken("give")
    assert not bench.outbox.is_waiting()
    with pytest.raises(TransactionError, match="ERC20InsufficientBalance"):
        bench.outbox.take("give", bench.give(10))
    assert bench.take("give", 5).nonce == 1
    bench.until_done("give")
    assert bench.given() == FUNDS


def test_one_of_two_urls_cannot_make_a_mined_step_look_lost(bench: Bench) -> None:
    with FaultProxy(bench.chain.url) as honest, FaultProxy(bench.chain.url) as liar:
        pair = connect([honest.url, liar.url], timeout=10)
        outbox = Outbox(bench.home / OUTBOX, Sender(pair, bench.account))
        bench.boxes.callback(outbox.close)
        outbox.take("give", bench.give())
        liar.begin(Fault.FALSE_RECEIPTS)
        bench.mine(2)
        for _ in range(2):
            with pytest.raises(ChainError, match="No 2 of 2"):
                outbox.drive()
        liar.end()
        outbox.drive()
        assert bench.step("give").state is State.MINED
    assert (bench.given(), bench.nonce("pending")) == (1, 1)


def test_a_nonce_that_nobody_uses_is_filled(bench: Bench) -> None:
    other = bench.sender()
    theirs = other.prepare(bench.give(100))
    other.broadcast(theirs.raw)
    assert bench.take("give").nonce == 1
    bench.rpc("anvil_dropTransaction", "0x" + theirs.hash.hex())
    bench.until_done("give")
    assert (bench.given(), bench.nonce()) == (1, 2)
    assert bench.step("fill the gap at nonce 0").state is State.MINED


def test_without_coin_a_gap_waits_and_holds_up_nothing_else(bench: Bench) -> None:
    other = bench.sender()
    theirs = other.prepare(bench.give(100))
    other.broadcast(theirs.raw)
    bench.take("give")
    bench.rpc("anvil_dropTransaction", "0x" + theirs.hash.hex())
    bench.rpc("anvil_setBalance", bench.account.address, "0x0")
    for _ in range(bench.replace_after + 3):
        bench.mine()
        bench.outbox.drive()
    gap = bench.step("fill the gap at nonce 0")
    assert (gap.state, gap.versions) == (State.REFUSED, ())
    bench.rpc("anvil_setBalance", bench.account.address, hex(10**18))
    bench.until_done("give")
    assert (bench.given(), bench.nonce()) == (1, 2)


# ---------------------------------------------------------------------------------------------------- reorganisations


@pytest.mark.parametrize("depth", [1, 64])
def test_what_a_reorganisation_removed_is_sent_again_byte_for_byte(bench: Bench, depth: int) -> None:
    names = ["one", "two"]
    sent = [bench.take(name).last.hash for name in names]
    bench.mine()
    bench.outbox.drive()
    bench.mine(depth - 1)
    bench.outbox.drive()
    assert bench.given() == 2
    bench.rpc("anvil_reorg", depth, [])
    assert (bench.given(), bench.nonce("pending")) == (0, 0)
    bench.outbox.drive()
    assert bench.nonce("pending") == 2
    bench.mine()
    bench.outbox.drive()
    assert [bench.step(name).mined.hash for name in names] == sent  # type: ignore[union-attr]  # mined
    assert bench.given() == 2


def test_what_was_settled_for_good_and_is_taken_back_all_the_same_is_sent_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    names = ["one", "two"]
    stays = bench.take("before").last.hash
    bench.mine(10)
    sent = [bench.take(name).last.hash for name in names]
    for blocks in (1, 70):
        bench.mine(blocks)
        bench.outbox.drive()
    assert [bench.step(name).state for name in ("before", *names)] == [State.CONFIRMED] * 3
    caplog.clear()
    bench.rpc("anvil_reorg", 75, [])
    assert (bench.given(), bench.nonce("pending")) == (1, 1)
    bench.opened()  # whether it ran or not
    bench.outbox.drive()
    assert caplog.text.count("gave up more than 64 blocks") == 1
    bench.until_done(*names)
    assert [bench.step(name).mined.hash for name in ("before", *names)] == [stays, *sent]  # type: ignore[union-attr]  # mined
    assert bench.given() == 3
    assert "before: " not in caplog.text


def test_deep_enough_it_is_settled_for_good(bench: Bench) -> None:
    bench.take("give")
    bench.mine()
    bench.outbox.drive()
    bench.mine(63)
    bench.outbox.drive()
    assert bench.step("give").state is State.MINED
    bench.mine()
    bench.outbox.drive()
    step = bench.step("give")
    assert step.state is State.CONFIRMED
    assert bench.outbox.take("give", bench.give())


def test_a_step_counts_when_it_is_confirmed(bench: Bench) -> None:
    bench.settings = {"confirmations": 2}
    bench.opened()
    told: list[TxReceipt] = []
    bench.outbox.take("give", bench.give(), told.append)
    for blocks in range(3):
        bench.mine()
        assert bench.outbox.drive() == (blocks == 2)
        assert len(told) == (blocks == 2)
    assert bench.outbox.take("give", bench.give())


# ---------------------------------------------------------------------------------------------------- refused


def test_what_the_contract_refuses_is_not_kept_and_said_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        assert not bench.outbox.attempt("give", bench.give(FUNDS + 1))
    assert caplog.text.count("Could not give") == 1
    assert bench.outbox.find("give") is None
    assert bench.nonce("pending") == 0


def test_what_was_mined_and_reverted_may_be_taken_again(bench: Bench) -> None:
    bench.take("all of it", FUNDS)
    bench.take("a part", 5)  # nothing is mined yet, so both look possible
    bench.mine()
    bench.outbox.drive()
    step = bench.step("a part")
    assert step.state is State.REFUSED
    assert "ERC20InsufficientBalance" in step.why
    bench.outbox.take("a part", bench.give(0))
    bench.until_done("a part")
    assert (bench.given(), bench.nonce()) == (FUNDS, 3)


def test_an_account_without_coin_is_told_and_goes_on_when_it_has_some(bench: Bench) -> None:
    bench.rpc("anvil_setBalance", bench.account.address, "0x0")
    with pytest.raises(TransactionError, match="enough of the chain's coin"):
        bench.take("give")
    assert bench.step("give").state is State.REFUSED
    bench.rpc("anvil_setBalance", bench.account.address, hex(10**18))
    bench.take("give")
    bench.until_done("give")
    assert (bench.given(), bench.nonce()) == (1, 1)


def test_what_may_have_left_and_is_refused_now_holds_up_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a crash or a broken connection, when the account was emptied meanwhile."""

    def unreachable(*_: object) -> bytes:
        raise ChainUnreachableError("The connection broke.")

    with monkeypatch.context() as broken:
        broken.setattr(bench.outbox.sender, "broadcast", unreachable)
        left = bench.take("give").last
    told: list[TxReceipt] = []
    bench.rpc("anvil_setBalance", bench.account.address, "0x0")
    bench.outbox.drive()
    step = bench.step("give")
    assert (step.state, "enough of the chain's coin" in step.why) == (State.REFUSED, True)
    assert not bench.outbox.was_taken("give")
    assert [version.hash for version in step.versions] == [left.hash]  # it may be mined after all
    bench.rpc("anvil_setBalance", bench.account.address, hex(10**18))
    bench.outbox.sender.broadcast(left.raw)
    bench.mine()
    assert bench.outbox.take("give", bench.give(), told.append)
    assert [bytes(receipt["transactionHash"]) for receipt in told] == [left.hash]
    assert (bench.given(), bench.nonce("pending")) == (1, 1)


# ---------------------------------------------------------------------------------------------------- disks and rehearsals


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    path = tmp_path / "tiny"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.fail(f"To mount a disk that fills up needs root, or CAP_SYS_ADMIN: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Leaves no room; the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def test_on_a_full_disk_nothing_leaves_and_with_room_it_goes_on(bench: Bench, tiny_disk: Path) -> None:
    bench.home = tiny_disk
    bench.opened()
    ballast = fill(tiny_disk)
    taken = bench.take_while_there_is_room()
    assert bench.nonce("pending") == len(taken)
    refused = f"give {len(taken)}"
    with pytest.raises(DiskFullError, match="outbox"):
        bench.take(refused)
    assert bench.nonce("pending") == len(taken)
    ballast.unlink()
    bench.outbox.drive()
    bench.take(refused)
    bench.until_done(*taken, refused)
    assert bench.given() == len(taken) + 1 == bench.nonce("pending")


def test_a_rehearsal_sends_nothing_and_says_what_it_would(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rehearsal = Rehearsal(bench.sender())
    bench.boxes.callback(rehearsal.close)
    for _ in range(2):
        assert not rehearsal.take("give", bench.give())
        bench.mine()
        assert not rehearsal.drive()
    assert caplog.text.count("Would send give: transfer, up to ") == 1
    assert rehearsal.was_taken("give")
    with pytest.raises(TransactionError, match="ERC20InsufficientBalance"):
        rehearsal.take("too much", bench.give(FUNDS + 1))
    assert (bench.given(), bench.nonce("pending")) == (0, 0)
