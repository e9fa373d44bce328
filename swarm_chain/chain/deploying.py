"""Putting the contracts on a chain.

The contracts know each other by immutable addresses, in a circle, so the addresses are computed before the first is deployed: a contract's
address follows from its deployer and the deployer's nonce. The deployment file is written before and after every step, so that a
deployment that was interrupted goes on where it stopped.

A new release's contracts can be deployed around an earlier deployment's token and identity registry, neither of which anybody
administers: so identities, node keys and balances stay what they are.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from eth_typing import HexStr
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract.contract import ContractConstructor
from web3.exceptions import TransactionNotFound

from swarm_chain.chain import artifacts
from swarm_chain.chain.code import contract_address, expected_code
from swarm_chain.chain.connection import check_chain_id
from swarm_chain.chain.deployment import KEPT, Deployment, load_deployment, verify_contract, verify_deployment
from swarm_chain.chain.sender import NonceUsedError, Sender, SignedTransaction
from swarm_chain.errors import ConfigurationError, TransactionError, WrongChainError
from swarm_chain.types import Address

DEPLOYMENT_GAS, CODE_GAS, BYTE_GAS, ZERO_BYTE_GAS = 53_000, 200, 16, 4
"""Of a transaction that creates a contract, of each byte of its code, and of each byte sent (EIP-2, EIP-2028)."""
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


def deploy(
    web3: Web3,
    sender: Sender,
    path: Path,
    *,
    treasury: Address | None = None,
    keep: Deployment | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Deploys every contract, or what is missing of an earlier attempt that the file at ``path`` tells of.

    Args:
        web3: the connection.
        sender: of the deployer, whose account nothing else uses meanwhile.
        path: the deployment file.
        treasury: who holds the whole supply of the token; the deployer if not given.
        keep: an earlier deployment on the same chain, whose token and identity registry stay, as ``load_kept`` reads it.
        progress: is told each step in a sentence.

    Raises:
        TransactionError: a step failed; the file keeps the steps before it, and another call goes on from there.
        WrongChainError: the file is about another chain, or what is to be kept is of other code than this release knows.
        ConfigurationError: the file is of another deployment than the one asked for.
    """
    if keep is not None:
        check_chain_id(web3, keep.chain_id)
        for name in KEPT:
            verify_contract(web3, keep, name)
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
        if keep is not None and any(state.addresses[name] != keep.addresses[name] for name in KEPT):
            raise ConfigurationError(
                f"{path} holds a deployment with another token or identity registry.", "Nothing was sent.", "Choose another file."
            )
        if not _can_go_on(web3, state):
            say("The deployer's account was used meanwhile, so the planned addresses can't come true. Starting over.")
            state = None
    if state is None:
        state = _plan(sender.chain_id, sender.address, treasury or sender.address, _nonce(web3, sender.address), keep)
        _write(path, state)
    for number, name in enumerate(state.own, start=1):
        if name not in state.code_hashes:
            state = _deploy_one(web3, sender, path, state, name)
            say(f"{name} is at {state.addresses[name]} ({number} of {len(state.own)}).")
    verify_deployment(web3, state)
    return state


def estimate_cost(sender: Sender, kept: Sequence[str] = ()) -> int:
    """What deploying everything but what is kept costs about, in wei of the chain's coin.

    Most of it is for the bytes of code. Constructors that call other contracts can't be tried out before those are there.
    """
    sizes = [(len(code), code.count(0)) for code in (artifacts.load(name).bytecode for name in artifacts.CONTRACTS if name not in kept)]
    return sum(DEPLOYMENT_GAS + (CODE_GAS + BYTE_GAS) * size - (BYTE_GAS - ZERO_BYTE_GAS) * zeros for size, zeros in sizes) * sender.price()


def verify_history(web3: Web3, deployment: Deployment) -> list[str]:
    """Makes sure that the contracts began as they should: what a constructor wrote into storage, their code does not show.

    A forged constructor could leave tokens with somebody that the supply knows nothing of. So the transactions that made the contracts are
    held against what this release would have sent.

    Returns:
        contracts whose transaction the chain's service does not have any more.

    Raises:
        WrongChainError: one was made by something else.
    """
    unseen = []
    for name in artifacts.CONTRACTS:
        try:
            made = web3.eth.get_transaction(HexStr(deployment.transactions[name]))
        except TransactionNotFound:
            unseen.append(name)
            continue
        expected = bytes.fromhex(str(_constructor(web3, deployment, name).data_in_transaction).removeprefix("0x"))
        address = contract_address(Address(str(made["from"])), int(made["nonce"]))
        if bytes(made["input"]) != expected or made.get("to") or address != deployment.addresses[name]:
            raise WrongChainError(
                f"The {name} at {deployment.addresses[name]} was not made by this release's constructor.",
                do="Do not use it: ask whoever gave you the deployment file.",
            )
    return unseen


def _plan(chain_id: int, deployer: Address, treasury: Address, start_nonce: int, keep: Deployment | None) -> Deployment:
    kept = KEPT if keep else ()
    own = [name for name in artifacts.CONTRACTS if name not in kept]
    found = {name: contract_address(deployer, start_nonce + index) for index, name in enumerate(own)} | (keep.addresses if keep else {})
    addresses = {name: found[name] for name in artifacts.CONTRACTS}
    if keep is None:
        return Deployment(chain_id, deployer, treasury, start_nonce, addresses)
    return replace(keep, deployer=deployer, start_nonce=start_nonce, addresses=addresses)


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
    expected = state.start_nonce + state.own.index(name)
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
    code = bytes(web3.eth.get_code(Web3.to_checksum_address(address), receipt["blockNumber"]))
    if code != expected_code(name, state.chain_id, state.addresses):
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
    used = web3.eth.get_transaction_count(Web3.to_checksum_address(state.deployer)) - state.start_nonce
    done = [name in state.code_hashes for name in state.own]
    if used < sum(done):
        return False  # the chain was reset
    return all(web3.eth.get_code(Web3.to_checksum_address(state.addresses[name])) for name in state.own[:used])


def _is_known(web3: Web3, hash_: str) -> bool:
    try:
        web3.eth.get_transaction(HexStr(hash_))
    except TransactionNotFound:
        return False
    return True


def _nonce(web3: Web3, account: Address) -> int:
    return int(web3.eth.get_transaction_count(Web3.to_checksum_address(account), "pending"))


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
