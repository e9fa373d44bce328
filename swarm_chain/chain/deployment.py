"""Putting the contracts on a chain, and knowing them again.

The contracts know each other by immutable addresses, in a circle, so the addresses are computed before the first is deployed: a contract's
address follows from its deployer and the deployer's nonce. The deployment file is written before and after every step, so that a
deployment that was interrupted goes on where it stopped.
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_typing import ChecksumAddress, HexStr
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract.contract import ContractConstructor
from web3.exceptions import TransactionNotFound

from swarm_chain.chain import artifacts
from swarm_chain.chain.connection import check_chain_id, provider_name
from swarm_chain.chain.sender import NonceUsedError, Sender, SignedTransaction
from swarm_chain.errors import ConfigurationError, TransactionError, UnsupportedVersionError, WrongChainError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.types import Address

VERSION = 2
_LARGEST_FILE = 1 << 20
DEPLOYMENT_GAS, CODE_GAS, BYTE_GAS, ZERO_BYTE_GAS = 53_000, 200, 16, 4
"""Of a transaction that creates a contract, of each byte of its code, and of each byte sent (EIP-2, EIP-2028)."""
_BRACKETS = 64
CONSTRUCTORS: dict[str, tuple[str, ...]] = {
    "IdentityRegistry": (),
    "StakeVault": ("SwarmToken", "IdentityRegistry", "RoundManager"),
    "RewardDistributor": ("SwarmToken", "GroupRegistry", "RoundManager"),
    "GroupRegistry": ("SwarmToken", "RewardDistributor", "RoundManager"),
    "Seating": (),
    "RoundManager": ("IdentityRegistry", "StakeVault", "GroupRegistry", "RewardDistributor", "Disputes", "Relay"),
    "Disputes": ("RoundManager", "GroupRegistry", "IdentityRegistry", "StakeVault"),
    "Relay": ("RoundManager",),
    "RoundViews": ("RoundManager",),
}
"""Whose addresses each contract's constructor takes, in order. The token's takes the treasury's."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are. Everything by contract name; what isn't deployed yet is missing from ``blocks`` and ``code_hashes``.

    ``start_nonce`` is the deployer's nonce of the first contract; ``transactions`` holds hashes in hex, ``code_hashes`` keccak256 of the
    code found on chain, in hex.
    """

    chain_id: int
    deployer: Address
    treasury: Address
    start_nonce: int
    addresses: dict[str, Address]
    transactions: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    code_hashes: dict[str, str] = field(default_factory=dict)
    version: int = VERSION

    @property
    def complete(self) -> bool:
        """Whether every contract is there."""
        return all(name in self.code_hashes for name in artifacts.CONTRACTS)

    def to_json(self) -> str:
        """As written to the deployment file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def deploy(
    web3: Web3,
    sender: Sender,
    path: Path,
    *,
    treasury: Address | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Deploys every contract, or what is missing of an earlier attempt that the file at ``path`` tells of.

    Args:
        web3: the connection.
        sender: of the deployer, whose account nothing else uses meanwhile.
        path: the deployment file.
        treasury: who holds the whole supply of the token; the deployer if not given.
        progress: is told each step in a sentence.

    Raises:
        TransactionError: a step failed; the file keeps the steps before it, and another call goes on from there.
        WrongChainError: the file is about another chain.
    """
    say = progress or (lambda _: None)
    state = load_deployment(path) if path.exists() else None
    if state is not None:
        check_chain_id(web3, state.chain_id)
        if not state.complete and state.deployer != sender.address:
            raise ConfigurationError(
                f"{path} holds a deployment that {state.deployer} began, not {sender.address}.",
                "Nothing was sent.",
                "Go on with that account, or choose another file.",
            )
        if not _can_go_on(web3, state):
            say("The deployer's account was used meanwhile, so the planned addresses can't come true. Starting over.")
            state = None
    if state is None:
        state = _plan(sender.chain_id, sender.address, treasury or sender.address, _nonce(web3, sender.address))
        _write(path, state)
    for number, name in enumerate(artifacts.CONTRACTS, start=1):
        if name not in state.code_hashes:
            state = _deploy_one(web3, sender, path, state, name)
            say(f"{name} is at {state.addresses[name]} ({number} of {len(artifacts.CONTRACTS)}).")
    verify_deployment(web3, state)
    return state


def estimate_cost(sender: Sender) -> int:
    """What deploying everything costs about, in wei of the chain's coin.

    Most of it is for the bytes of code. Constructors that call other contracts can't be tried out before those are there.
    """
    sizes = [(len(code), code.count(0)) for code in (artifacts.load(name).bytecode for name in artifacts.CONTRACTS)]
    return sum(DEPLOYMENT_GAS + (CODE_GAS + BYTE_GAS) * size - (BYTE_GAS - ZERO_BYTE_GAS) * zeros for size, zeros in sizes) * sender.price()


def load_deployment(path: Path) -> Deployment:
    """Reads a deployment file.

    Raises:
        ConfigurationError: there is none, or it is not one.
        UnsupportedVersionError: it is of a later release.
    """
    try:
        with path.open("rb") as file:
            values: Any = parse(file.read(_LARGEST_FILE), _BRACKETS)
        version = values["version"]
        if version != VERSION:
            raise UnsupportedVersionError(
                f"{path} has format version {version}; this release knows version {VERSION}.", do="Use the release that wrote it."
            )
        return Deployment(**{key: values[key] for key in Deployment.__dataclass_fields__})
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no deployment file at {path}.", do="Run swarm-chain deploy or up, or name the right file."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ConfigurationError(f"{path} is not a deployment file ({type(problem).__name__}).", do="Name the right file.") from problem


def verify_deployment(web3: Web3, deployment: Deployment) -> None:
    """Makes sure that the chain holds exactly this release's contracts, where the deployment says.

    Raises:
        WrongChainError: other chain, no code, other code than was deployed, or than this release was made for.
        ConfigurationError: the deployment isn't complete.
    """
    check_chain_id(web3, deployment.chain_id)
    if not deployment.complete:
        raise ConfigurationError("The deployment is not complete.", "What is deployed stays.", "Run swarm-chain deploy again to go on.")
    for name in artifacts.CONTRACTS:
        address = deployment.addresses[name]
        code = bytes(web3.eth.get_code(_checksum(address)))
        if not code:
            raise WrongChainError(
                f"There is no {name} at {address} on the chain at {provider_name(web3)}.",
                do="Check the RPC URL and the deployment file. A local chain that was reset needs a new deployment.",
            )
        if "0x" + keccak(code).hex() != deployment.code_hashes[name]:
            raise WrongChainError(
                f"The code at {address} is not the {name} that the deployment file tells of.", do="Check the deployment file."
            )
        if not artifacts.load(name).matches(code, deployment.addresses):
            raise WrongChainError(
                f"The {name} at {address} is of another release.",
                do="Use the release that it was deployed with, or deploy this one's contracts.",
            )


def contract_address(deployer: Address, nonce: int) -> Address:
    """Where a deployer's transaction with this nonce puts a contract: the last 20 bytes of keccak256(rlp([deployer, nonce]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    second = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    items = b"\x94" + bytes.fromhex(deployer.removeprefix("0x")) + second
    return Address(_checksum(Address("0x" + keccak(bytes([0xC0 + len(items)]) + items)[12:].hex())))


def _plan(chain_id: int, deployer: Address, treasury: Address, start_nonce: int) -> Deployment:
    addresses = {name: contract_address(deployer, start_nonce + index) for index, name in enumerate(artifacts.CONTRACTS)}
    return Deployment(chain_id, deployer, treasury, start_nonce, addresses)


def _arguments(plan: Deployment, name: str) -> list[Address]:
    """What a contract's constructor takes."""
    if name == "SwarmToken":
        return [plan.treasury]
    return [plan.addresses[other] for other in CONSTRUCTORS[name]]


def _constructor(web3: Web3, plan: Deployment, name: str) -> ContractConstructor:
    artifact = artifacts.load(name)
    constructor: ContractConstructor = web3.eth.contract(abi=artifact.abi, bytecode=artifact.linked(plan.addresses)).constructor(
        *_arguments(plan, name)
    )
    return constructor


def _deploy_one(web3: Web3, sender: Sender, path: Path, state: Deployment, name: str) -> Deployment:
    address = state.addresses[name]
    expected = state.start_nonce + artifacts.CONTRACTS.index(name)
    hash_ = state.transactions.get(name)
    if hash_ is not None and _is_known(web3, hash_):
        receipt = sender.wait(bytes.fromhex(hash_[2:]), f"Deploying {name}")
    else:

        def before(signed: SignedTransaction) -> None:
            nonlocal state
            if signed.nonce != expected:
                raise NonceUsedError(
                    f"{name} can't be deployed at the address that the others expect: the deployer's account was used meanwhile.",
                    f"{path} keeps what was done.",
                    "Run it again, with an account that nothing else uses: it starts over by itself.",
                )
            state = replace(state, transactions=state.transactions | {name: "0x" + signed.hash.hex()})
            _write(path, state)

        receipt = sender.send(_constructor(web3, state, name), before)
    code = bytes(web3.eth.get_code(_checksum(address), receipt["blockNumber"]))
    if not artifacts.load(name).matches(code, state.addresses):
        raise TransactionError(
            f"{name} was deployed, but the code at {address} is another.", f"{path} keeps what was done.", "Please report this."
        )
    state = replace(
        state,
        blocks=state.blocks | {name: int(receipt["blockNumber"])},
        code_hashes=state.code_hashes | {name: "0x" + keccak(code).hex()},
    )
    _write(path, state)
    return state


def _can_go_on(web3: Web3, state: Deployment) -> bool:
    """Whether an interrupted deployment's addresses can still come true, or have."""
    if state.complete:
        return True
    used = web3.eth.get_transaction_count(_checksum(state.deployer)) - state.start_nonce
    done = [name in state.code_hashes for name in artifacts.CONTRACTS]
    if used < sum(done):
        return False  # the chain was reset
    return all(web3.eth.get_code(_checksum(state.addresses[name])) for name in artifacts.CONTRACTS[:used])


def _is_known(web3: Web3, hash_: str) -> bool:
    try:
        web3.eth.get_transaction(HexStr(hash_))
    except TransactionNotFound:
        return False
    return True


def _nonce(web3: Web3, account: Address) -> int:
    return int(web3.eth.get_transaction_count(_checksum(account), "pending"))


def _checksum(address: Address) -> ChecksumAddress:
    return Web3.to_checksum_address(address)


def _write(path: Path, state: Deployment) -> None:
    """Replaces the file in one step, so that a crash leaves the old one or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8") as file:
            file.write(state.to_json())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as problem:
        raise ConfigurationError(
            f"The deployment file {path} could not be written ({problem.strerror}).",
            "Nothing more was sent.",
            "Make room, or choose another place.",
        ) from problem
