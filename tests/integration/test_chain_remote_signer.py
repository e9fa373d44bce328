"""An operator whose key is elsewhere. Real HTTP; what web3signer and Clef would sign, eth-account signs."""

import secrets
from collections.abc import Callable

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fault_proxy import FaultProxy
from faults import Fault
from signing_server import SigningServer, signing
from web3 import Web3

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.groups import sign_invitation
from swarm_chain.chain.local import free_port
from swarm_chain.chain.remote_signer import RemoteSigner
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ChainError, ConfigurationError, KeyFileError
from swarm_chain.types import Address, GroupId

TRANSACTION = {
    "to": "0x" + "00" * 19 + "01",
    "data": b"\x01\x02",
    "value": 0,
    "chainId": 31337,
    "type": 2,
    "gas": 60_000,
    "nonce": 3,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 1,
}


@pytest.mark.parametrize("clef", [False, True])
def test_it_sends_and_invites_as_an_account_of_ours_does(
    clef: bool, web3: Web3, contracts: Contracts, new_account: Callable[[], LocalAccount]
) -> None:
    account = new_account()
    with signing(account, clef=clef) as server:
        signer = RemoteSigner(server.url)
        assert signer.address == account.address
        receipt = Sender(web3, signer).send(contracts.identities.register(Account.create(), Address(account.address)))
        assert (receipt["status"], receipt["from"]) == (1, account.address)
        there = (GroupId(1), 7, 2**40, secrets.token_bytes(32), 31337, contracts.groups.address)
        assert sign_invitation(signer, *there) == sign_invitation(account, *there)
        prefix = "account" if clef else "eth"
        assert {f"{prefix}_signTransaction", f"{prefix}_signTypedData"} <= set(server.asked)
    assert account.key.hex() not in repr(signer) + str(vars(signer))


def test_it_signs_exactly_what_an_account_of_ours_signs() -> None:
    account = Account.create()
    with signing(account) as server:
        for transaction in (TRANSACTION, {name: value for name, value in TRANSACTION.items() if name != "to"}):
            assert RemoteSigner(server.url).sign_transaction(dict(transaction)) == account.sign_transaction(dict(transaction))


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "0x" + "00" * 19 + "02"},
        {"data": "0x0103"},
        {"value": 1},
        {"nonce": 4},
        {"gas": 60_001},
        {"chainId": 1},
        {"maxFeePerGas": 10**10},
        {"maxPriorityFeePerGas": 2},
        {"accessList": [{"address": "0x" + "00" * 20, "storageKeys": []}]},
    ],
)
def test_a_signer_that_signs_another_transaction_is_not_used(changes: dict[str, object]) -> None:
    with signing() as server:
        server.changes = changes
        with pytest.raises(ChainError, match="another transaction"):
            RemoteSigner(server.url).sign_transaction(dict(TRANSACTION))


def test_a_signer_that_signs_with_another_key_is_not_used() -> None:
    ours, theirs = Account.create(), Account.create()
    with signing(ours) as server:
        signer = RemoteSigner(server.url)
        server.accounts[ours.address] = theirs
        with pytest.raises(ChainError, match="another transaction"):
            signer.sign_transaction(dict(TRANSACTION))
        with pytest.raises(ChainError, match="another account"):
            sign_invitation(signer, GroupId(1), 7, 1, bytes(32), 1, Address("0x" + "00" * 20))


ANSWERS = [
    b"",
    b"{",
    b"[]",
    b"[" * 5000,
    b"\xff\xfe",
    b"null",
    b'{"result": null}',
    b'{"result": 7}',
    b'{"result": "0x02f8"}',
    b'{"result": {"raw": 1}}',
    b'{"result": "' + b"0" * (1 << 20) + b'"}',
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_whatever_a_signer_answers_is_an_error_that_says_so(answer: bytes) -> None:
    with signing() as server:
        signer = RemoteSigner(server.url)
        server.tampers = lambda _: answer
        with pytest.raises(ChainError, match=f"signer at {server.url} (gave|answered)"):
            signer.sign_transaction(dict(TRANSACTION))
        with pytest.raises(ChainError, match=f"signer at {server.url} (gave|answered)"):
            sign_invitation(signer, GroupId(1), 7, 1, bytes(32), 1, Address("0x" + "00" * 20))


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP, Fault.DRIP_HEADERS], ids=lambda fault: fault.name.lower())
def test_a_signer_that_never_comes_to_an_end_is_not_waited_for(fault: Fault) -> None:
    with signing() as server, FaultProxy(server.url) as proxy:
        signer = RemoteSigner(proxy.url, timeout=3)
        proxy.begin(fault)
        with pytest.raises(ChainError, match=r"signer at .* does not answer in time") as caught:
            signer.sign_transaction(dict(TRANSACTION))
        assert caught.value.kept == "Nothing was sent."
        assert "secret-key" not in str(caught.value) + repr(signer)


def test_a_refusal_is_passed_on() -> None:
    with signing() as server:
        signer = RemoteSigner(server.url)
        server.tampers = lambda _: b'{"id": 1, "error": {"code": -32000, "message": "request denied"}}'
        with pytest.raises(ChainError, match="request denied"):
            signer.sign_transaction(dict(TRANSACTION))


def test_which_account_is_meant() -> None:
    accounts = [Account.create(), Account.create()]
    with signing(*accounts) as server:
        with pytest.raises(KeyFileError, match="2 accounts"):
            RemoteSigner(server.url)
        assert RemoteSigner(server.url, accounts[1].address.lower()).address == accounts[1].address
        with pytest.raises(KeyFileError, match="no account"):
            RemoteSigner(server.url, Account.create().address)
        with pytest.raises(ConfigurationError, match="no address"):
            RemoteSigner(server.url, "0x12")


def test_a_signer_that_is_not_there() -> None:
    with pytest.raises(ChainError, match="cannot be reached"):
        RemoteSigner(f"http://127.0.0.1:{free_port()}/secret-path")
    with pytest.raises(ConfigurationError, match="no URL of a signer"):
        RemoteSigner("ipc:///clef.ipc")


def test_something_that_is_no_signer() -> None:
    with signing() as server:
        server.answer = lambda method, parameters: {}[method]  # type: ignore[method-assign]
        with pytest.raises(ChainError, match="neither eth_accounts nor account_list"):
            RemoteSigner(server.url)
        assert isinstance(server, SigningServer)
