import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rlp
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import TxReceipt

from swarm_chain.chain import artifacts
from swarm_chain.chain.code import contract_address
from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import CONSTRUCTORS, deploy, estimate_cost
from swarm_chain.chain.deployment import Deployment, load_deployment, verify_deployment
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError, UnsupportedVersionError, WrongChainError
from swarm_chain.types import Address

NewAccount = Callable[[], LocalAccount]


class PowerCut(Exception):
    """The program ends here."""


class FailingSender(Sender):
    """Ends the program after its third transaction left, before the receipt is looked at."""

    left = 0

    def wait(self, transaction: bytes, what: str = "") -> TxReceipt:
        self.left += 1
        if self.left == 3:
            raise PowerCut
        return super().wait(transaction, what)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "deployment.json"


def interrupt(web3: Web3, sender: Sender, path: Path, after: int) -> Deployment:
    """Deploys until so many contracts are there."""
    steps: list[str] = []

    def progress(step: str) -> None:
        steps.append(step)
        if len(steps) == after:
            raise PowerCut

    with pytest.raises(PowerCut):
        deploy(web3, sender, path, progress=progress)
    return load_deployment(path)


def test_deploys_what_the_file_says(web3: Web3, deployment: Deployment, treasury: Sender) -> None:
    assert deployment.complete
    assert deployment.deployer == treasury.address
    assert list(deployment.addresses) == list(artifacts.CONTRACTS)
    verify_deployment(web3, deployment)
    contracts = Contracts(web3, deployment)
    assert contracts.token.balance_of(treasury.address) > 0
    # The circle is closed: whoever a contract was told of is who is there.
    assert Web3.to_checksum_address(contracts.stakes.read("ROUND_MANAGER")) == deployment.addresses["RoundManager"]
    told = [Address(str(Web3.to_checksum_address(address))) for address in contracts.rounds.read("contracts")]
    assert told == [deployment.addresses[name] for name in CONSTRUCTORS["RoundManager"]]
    assert Web3.to_checksum_address(contracts.disputes.read("ROUNDS")) == deployment.addresses["RoundManager"]
    assert Web3.to_checksum_address(contracts.views.read("ROUNDS")) == deployment.addresses["RoundManager"]


def test_the_cost_is_told_before(web3: Web3, new_account: NewAccount, path: Path) -> None:
    sender = Sender(web3, new_account())
    cost = estimate_cost(sender)
    before = sender.balance()
    deploy(web3, sender, path)
    assert 0.5 * cost < before - sender.balance() < 1.5 * cost


def test_resumes_after_a_failure(web3: Web3, new_account: NewAccount, path: Path) -> None:
    sender = Sender(web3, new_account())
    half = interrupt(web3, sender, path, after=2)
    assert len(half.code_hashes) == 2
    whole = deploy(web3, sender, path)
    assert whole.addresses == half.addresses
    assert {name: whole.transactions[name] for name in half.transactions} == half.transactions
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address)) == len(artifacts.CONTRACTS)
    assert load_deployment(path) == whole
    assert deploy(web3, sender, path) == whole  # nothing left to do
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address)) == len(artifacts.CONTRACTS)


def test_resumes_when_a_transaction_left_but_its_receipt_was_not_seen(web3: Web3, new_account: NewAccount, path: Path) -> None:
    account = new_account()
    with pytest.raises(PowerCut):
        deploy(web3, FailingSender(web3, account), path)
    half = load_deployment(path)
    assert (len(half.transactions), len(half.code_hashes)) == (3, 2)
    whole = deploy(web3, Sender(web3, account), path)
    assert whole.transactions[artifacts.CONTRACTS[2]] == half.transactions[artifacts.CONTRACTS[2]]
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(account.address)) == len(artifacts.CONTRACTS)


def test_starts_over_when_the_account_was_used_meanwhile(web3: Web3, contracts: Contracts, new_account: NewAccount, path: Path) -> None:
    sender = Sender(web3, new_account())
    half = interrupt(web3, sender, path, after=2)
    sender.send(contracts.token.approve(contracts.groups.address, 1))
    said: list[str] = []
    whole = deploy(web3, sender, path, progress=said.append)
    assert "Starting over" in said[0]
    assert whole.start_nonce == half.start_nonce + 3
    assert all(whole.addresses[name] != half.addresses[name] for name in artifacts.CONTRACTS)
    verify_deployment(web3, whole)


def test_an_interrupted_deployment_is_its_deployer_s(web3: Web3, new_account: NewAccount, path: Path) -> None:
    half = interrupt(web3, Sender(web3, new_account()), path, after=1)
    with pytest.raises(ConfigurationError, match=half.deployer):
        deploy(web3, Sender(web3, new_account()), path)
    with pytest.raises(ConfigurationError, match="not complete"):
        verify_deployment(web3, half)


def test_another_chain_is_noticed(deployment: Deployment, web3: Web3, tmp_path: Path) -> None:
    with pytest.raises(WrongChainError, match="not 1"):
        verify_deployment(web3, replace(deployment, chain_id=1))
    with LocalChain(tmp_path / "reset") as chain:
        other = connect(chain.url)
        with pytest.raises(WrongChainError, match="no SwarmToken"):
            verify_deployment(other, deployment)
        # A view says the same to whoever doesn't verify first.
        with pytest.raises(WrongChainError, match="no GroupRegistry"):
            Contracts(other, deployment).groups.group_count()


def test_other_code_is_noticed(web3: Web3, deployment: Deployment) -> None:
    token, vault = deployment.addresses["SwarmToken"], deployment.addresses["StakeVault"]
    swapped = replace(deployment, addresses=deployment.addresses | {"SwarmToken": vault})
    with pytest.raises(WrongChainError, match="is not the SwarmToken"):
        verify_deployment(web3, swapped)
    # Also when the file was forged to go with it.
    forged = replace(swapped, code_hashes=deployment.code_hashes | {"SwarmToken": deployment.code_hashes["StakeVault"]})
    with pytest.raises(WrongChainError, match="another release"):
        verify_deployment(web3, forged)
    assert token != vault


def test_bad_files_are_refused(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    with pytest.raises(ConfigurationError, match="no deployment file"):
        load_deployment(path)
    values = json.loads(deployment.to_json())
    path.write_text(json.dumps(values | {"version": 3}))
    with pytest.raises(UnsupportedVersionError, match="version 3"):
        load_deployment(path)
    del values["addresses"]
    for text in (json.dumps(values), "[1, 2]", "{", "\x00"):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="not a deployment file"):
            load_deployment(path)
    with pytest.raises(ConfigurationError, match="not a deployment file"):
        load_deployment(tmp_path)


def test_addresses_follow_from_deployer_and_nonce() -> None:
    # The example everybody gives, and a nonce of each length of its RLP.
    deployer = Address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert contract_address(deployer, 0) == "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"
    assert contract_address(deployer, 1) == "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"
    for nonce in (0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**63):
        expected = keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:]
        assert contract_address(deployer, nonce) == str(Web3.to_checksum_address(expected))
