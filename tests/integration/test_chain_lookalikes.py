"""A deployment file that leads to other contracts than this release's, or to ones that work with other parts, is refused.

And a new release's contracts around the token and the identity registry of an earlier deployment.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain import artifacts
from swarm_chain.chain.code import OTHERS, expected_code, with_parts
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deploying import deploy, estimate_cost, verify_history
from swarm_chain.chain.deployment import KEPT, Deployment, load_deployment, load_kept, verify_deployment
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError, UnsupportedVersionError, WrongChainError
from swarm_chain.types import Address

NewAccount = Callable[[], LocalAccount]


@pytest.fixture(scope="session")
def other(web3: Web3, treasury: Sender, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The same contracts once more on the same chain, with a token of their own."""
    return deploy(web3, treasury, tmp_path_factory.mktemp("other") / "deployment.json")


def told_of(web3: Web3, deployment: Deployment, **addresses: Address) -> Deployment:
    """A deployment file whose writer put other contracts in, and hashes that go with them."""
    codes = {name: web3.eth.get_code(Web3.to_checksum_address(address)) for name, address in addresses.items()}
    hashes = {name: "0x" + keccak(code).hex() for name, code in codes.items()}
    return replace(deployment, addresses=deployment.addresses | addresses, code_hashes=deployment.code_hashes | hashes)


def with_code(web3: Web3, name: str, code: bytes) -> Address:
    """Puts code somewhere on the chain."""
    address = Address(Web3.to_checksum_address(keccak(name.encode() + code)[:20]))
    web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + code.hex()])
    return address


def test_every_blank_of_every_contract_has_a_value(deployment: Deployment) -> None:
    for name in (*artifacts.CONTRACTS, *artifacts.PARTS):
        artifact = artifacts.load(name)
        code = expected_code(name, deployment.chain_id, deployment.addresses)
        assert len(code) == len(artifact.deployed_bytecode)
        for places in artifact.immutables.values():
            assert all(any(code[start : start + length]) for start, length in places)


def test_the_code_on_chain_is_as_computed_to_the_byte(web3: Web3, deployment: Deployment, other: Deployment) -> None:
    for one in (deployment, other):
        for name, address in with_parts(one.addresses).items():
            assert bytes(web3.eth.get_code(Web3.to_checksum_address(address))) == expected_code(name, one.chain_id, one.addresses), name


@pytest.mark.parametrize("name", [name for name in artifacts.CONTRACTS if set(artifacts.load(name).immutables) & set(OTHERS)])
def test_a_look_alike_that_works_with_other_parts_is_refused(web3: Web3, deployment: Deployment, other: Deployment, name: str) -> None:
    """The contract of another deployment is, but for its blanks, the same code."""
    forged = told_of(web3, deployment, **{name: other.addresses[name]})
    with pytest.raises(WrongChainError, match="works with other contracts than those of the deployment file"):
        verify_deployment(web3, forged)


def test_the_message_names_what_is_other(web3: Web3, deployment: Deployment, other: Deployment) -> None:
    values = {**deployment.addresses, "StakeVault": other.addresses["StakeVault"]}
    code = expected_code("RoundManager", deployment.chain_id, values)
    forged = told_of(web3, deployment, RoundManager=with_code(web3, "RoundManager", code))
    # Whoever else calls the round manager knows the true one; of the round manager's own parts, the vault is the one that is other.
    with pytest.raises(WrongChainError, match=r"StakeVault at .* \(ROUND_MANAGER\)"):
        verify_deployment(web3, forged)
    in_place = replace(deployment, code_hashes=deployment.code_hashes | {"RoundManager": "0x" + keccak(code).hex()})
    address = Web3.to_checksum_address(deployment.addresses["RoundManager"])
    genuine = web3.eth.get_code(address)
    web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + code.hex()])
    try:
        with pytest.raises(WrongChainError, match=r"RoundManager at .* \(VAULT\)"):
            verify_deployment(web3, in_place)
    finally:
        web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + bytes(genuine).hex()])


def test_a_replaced_token_is_refused(web3: Web3, deployment: Deployment, other: Deployment) -> None:
    """A genuine token, but not the one in which the vault holds stakes."""
    with pytest.raises(WrongChainError, match=r"StakeVault at .* \(TOKEN\)"):
        verify_deployment(web3, told_of(web3, deployment, SwarmToken=other.addresses["SwarmToken"]))


def test_a_library_that_is_linked_to_another_is_refused(web3: Web3, deployment: Deployment, other: Deployment) -> None:
    """The round manager hands its storage to that code, so it is the most that could be swapped."""
    with pytest.raises(WrongChainError, match=r"RoundManager at .* \(Seating\)"):
        verify_deployment(web3, told_of(web3, deployment, Seating=other.addresses["Seating"]))


def test_what_a_contract_creates_is_looked_at_too(web3: Web3, deployment: Deployment, other: Deployment) -> None:
    address = Web3.to_checksum_address(with_parts(deployment.addresses)["Proofs"])
    genuine = bytes(web3.eth.get_code(address))
    for code, says in (
        (genuine[:-1] + bytes([genuine[-1] ^ 1]), "another release"),
        (expected_code("Proofs", other.chain_id, other.addresses), "GROUPS, ROUNDS"),
        (b"", "no Proofs"),
    ):
        web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + code.hex()])
        try:
            with pytest.raises(WrongChainError, match=says):
                verify_deployment(web3, deployment)
        finally:
            web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + genuine.hex()])
    verify_deployment(web3, deployment)


@pytest.mark.parametrize("name", artifacts.CONTRACTS)
def test_code_of_another_release_is_refused(web3: Web3, deployment: Deployment, name: str) -> None:
    """One byte differs, and the deployment file was written to go with it."""
    address = Web3.to_checksum_address(deployment.addresses[name])
    genuine = bytes(web3.eth.get_code(address))
    code = genuine[:-1] + bytes([genuine[-1] ^ 1])
    web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + code.hex()])
    try:
        with pytest.raises(WrongChainError, match=f"{name} at .* is of another release"):
            verify_deployment(web3, told_of(web3, deployment, **{name: deployment.addresses[name]}))
    finally:
        web3.provider.make_request(RPCEndpoint("anvil_setCode"), [address, "0x" + genuine.hex()])


def test_how_a_contract_began_is_looked_at_where_the_chain_still_says(
    web3: Web3, deployment: Deployment, other: Deployment, treasury: Sender, new_account: NewAccount
) -> None:
    assert verify_history(web3, deployment) == []
    # Another contract's transaction, and the right bytes for a contract elsewhere.
    for hash_ in (deployment.transactions["StakeVault"], other.transactions["SwarmToken"]):
        told = replace(deployment, transactions=deployment.transactions | {"SwarmToken": hash_})
        with pytest.raises(WrongChainError, match=r"SwarmToken at .* was not made by this release's constructor"):
            verify_history(web3, told)
    with pytest.raises(WrongChainError, match="SwarmToken"):  # the supply went to somebody else than the file says
        verify_history(web3, replace(deployment, treasury=Address(new_account().address)))
    told = replace(deployment, transactions=deployment.transactions | {"Relay": "0x" + "11" * 32})
    assert verify_history(web3, told) == ["Relay"]


# ------------------------------------------------------------------------------------------------ around what stays


def test_a_new_deployment_keeps_token_and_identities(
    web3: Web3, contracts: Contracts, deployment: Deployment, treasury: Sender, new_account: NewAccount, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(deployment.to_json())
    keep = load_kept(old)
    operator, node, deployer = new_account(), new_account(), Sender(web3, new_account())
    Sender(web3, operator).send(contracts.identities.register(node, Address(operator.address)))
    identity = contracts.identities.identity_of(Address(node.address))
    before = contracts.token.balance_of(treasury.address)

    made = deploy(web3, deployer, new, keep=keep)
    assert made == load_deployment(new)
    assert made.kept == KEPT
    assert list(made.addresses) == list(artifacts.CONTRACTS)
    for name in artifacts.CONTRACTS:
        assert (made.addresses[name] == deployment.addresses[name]) == (name in KEPT)
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(deployer.address)) == len(artifacts.CONTRACTS) - len(KEPT)
    assert estimate_cost(deployer, KEPT) < estimate_cost(deployer)
    moved = Contracts(web3, made)
    assert moved.identities.identity_of(Address(node.address)) == identity
    assert moved.token.balance_of(treasury.address) == before
    assert moved.groups.group_count() == 0
    assert deploy(web3, deployer, new, keep=keep) == made  # nothing left to do
    assert verify_history(web3, made) == []
    # Kept once more, from the one that kept.
    assert load_kept(new).addresses == keep.addresses


def test_it_goes_on_where_it_stopped(web3: Web3, deployment: Deployment, new_account: NewAccount, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(deployment.to_json())
    keep, path, sender = load_kept(tmp_path / "old.json"), tmp_path / "new.json", Sender(web3, new_account())
    whole = deploy(web3, sender, path, keep=keep)
    written = json.loads(path.read_text())
    for part in ("code_hashes", "blocks"):
        written[part] = dict(list(written[part].items())[:4])
    path.write_text(json.dumps(written))
    assert deploy(web3, sender, path, keep=keep) == whole


def test_only_what_this_release_knows_is_kept(
    web3: Web3, deployment: Deployment, other: Deployment, new_account: NewAccount, tmp_path: Path
) -> None:
    old, path, sender = tmp_path / "old.json", tmp_path / "new.json", Sender(web3, new_account())
    code = bytearray(expected_code("SwarmToken", deployment.chain_id, deployment.addresses))
    code[-1] ^= 1
    old.write_text(told_of(web3, deployment, SwarmToken=with_code(web3, "SwarmToken", bytes(code))).to_json())
    with pytest.raises(WrongChainError, match="another release"):
        deploy(web3, sender, path, keep=load_kept(old))
    assert not path.exists()
    assert web3.eth.get_transaction_count(Web3.to_checksum_address(sender.address)) == 0
    # A file of another deployment is not gone on with.
    old.write_text(deployment.to_json())
    path.write_text(other.to_json())
    with pytest.raises(ConfigurationError, match="another token"):
        deploy(web3, sender, path, keep=load_kept(old))


def test_files_of_earlier_releases_can_be_kept_and_no_later_ones(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    values = json.loads(deployment.to_json())
    del values["kept"]
    path.write_text(json.dumps(values | {"version": 1}))
    assert load_kept(path).addresses == {name: deployment.addresses[name] for name in KEPT}
    with pytest.raises(UnsupportedVersionError, match="version 1"):
        load_deployment(path)
    path.write_text(json.dumps(values | {"version": 3}))
    with pytest.raises(UnsupportedVersionError, match="version 3"):
        load_kept(path)
    path.write_text(json.dumps(values | {"version": 1, "code_hashes": {}}))
    with pytest.raises(ConfigurationError, match="no SwarmToken yet"):
        load_kept(path)
