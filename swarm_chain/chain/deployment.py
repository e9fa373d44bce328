"""Where a deployment's contracts are, and knowing them again.

Nothing is called that is not, to the byte, the code of this release with the deployment's own addresses in it.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from web3 import Web3

from swarm_chain.chain import artifacts
from swarm_chain.chain.code import differing, with_parts
from swarm_chain.chain.connection import check_chain_id, provider_name
from swarm_chain.errors import ConfigurationError, UnsupportedVersionError, WrongChainError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.types import Address

VERSION = 2
_LARGEST_FILE = 1 << 20
_BRACKETS = 64
KEPT = ("SwarmToken", "IdentityRegistry")
"""What a new deployment can keep of an earlier one: they call no other contract, and hold what is the holders' own."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are. Everything by contract name; what isn't deployed yet is missing from ``blocks`` and ``code_hashes``.

    ``start_nonce`` is the deployer's nonce of the first contract; ``transactions`` holds hashes in hex, ``code_hashes`` keccak256 of the
    code found on chain, in hex. ``kept`` names the contracts that are an earlier deployment's.
    """

    chain_id: int
    deployer: Address
    treasury: Address
    start_nonce: int
    addresses: dict[str, Address]
    transactions: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    code_hashes: dict[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def complete(self) -> bool:
        """Whether every contract is there."""
        return all(name in self.code_hashes for name in artifacts.CONTRACTS)

    @property
    def own(self) -> list[str]:
        """The contracts that the deployer deploys, in that order."""
        return [name for name in artifacts.CONTRACTS if name not in self.kept]

    def to_json(self) -> str:
        """As written to the deployment file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def load_deployment(path: Path) -> Deployment:
    """Reads a deployment file.

    Raises:
        ConfigurationError: there is none, or it is not one.
        UnsupportedVersionError: it is of another release.
    """
    return _load(path, VERSION)


def load_kept(path: Path) -> Deployment:
    """Reads what can be kept of a deployment: its token and identity registry. The file may be of an earlier release.

    Raises:
        ConfigurationError: there is none, or it is not one.
        UnsupportedVersionError: it is of a later release.
    """
    whole = _load(path, 1)
    missing = [name for name in KEPT if name not in whole.code_hashes]
    if missing:
        raise ConfigurationError(f"{path} is of a deployment that has no {missing[0]} yet.", "Nothing was sent.", "Finish it first.")
    return replace(
        whole,
        addresses={name: whole.addresses[name] for name in KEPT},
        transactions={name: whole.transactions[name] for name in KEPT},
        blocks={name: whole.blocks[name] for name in KEPT},
        code_hashes={name: whole.code_hashes[name] for name in KEPT},
        kept=KEPT,
        version=VERSION,
    )


def verify_deployment(web3: Web3, deployment: Deployment) -> None:
    """Makes sure that the chain holds exactly this release's contracts, where the deployment says, and that they work with each other.

    Raises:
        WrongChainError: other chain, no code, other code than was deployed or than this release was made for, or other parts in it.
        ConfigurationError: the deployment isn't complete.
    """
    check_chain_id(web3, deployment.chain_id)
    if not deployment.complete:
        raise ConfigurationError("The deployment is not complete.", "What is deployed stays.", "Run swarm-chain deploy again to go on.")
    for name in (*artifacts.CONTRACTS, *artifacts.PARTS):
        verify_contract(web3, deployment, name)


def verify_contract(web3: Web3, deployment: Deployment, name: str) -> None:
    """Makes sure of one contract, or of a part that one creates; see ``verify_deployment``."""
    address = with_parts(deployment.addresses)[name]
    code = bytes(web3.eth.get_code(Web3.to_checksum_address(address)))
    if not code:
        raise WrongChainError(
            f"There is no {name} at {address} on the chain at {provider_name(web3)}.",
            do="Check the RPC URL and the deployment file. A local chain that was reset needs a new deployment.",
        )
    if name in deployment.addresses and "0x" + keccak(code).hex() != deployment.code_hashes[name]:
        raise WrongChainError(
            f"The code at {address} is not the {name} that the deployment file tells of.", do="Check the deployment file."
        )
    blanks = differing(name, code, deployment.chain_id, deployment.addresses)
    if blanks is None:
        raise WrongChainError(
            f"The {name} at {address} is of another release.",
            do="Use the release that it was deployed with, or deploy this one's contracts.",
        )
    if blanks:
        raise WrongChainError(
            f"The {name} at {address} works with other contracts than those of the deployment file ({', '.join(blanks)}).",
            do="Trust neither: ask whoever gave you the deployment file.",
        )


def _load(path: Path, oldest: int) -> Deployment:
    try:
        with path.open("rb") as file:
            values: Any = parse(file.read(_LARGEST_FILE), _BRACKETS)
        version = values["version"]
        if not oldest <= version <= VERSION:
            raise UnsupportedVersionError(
                f"{path} has format version {version}; this release knows version {VERSION}.", do="Use the release that wrote it."
            )
        kept = tuple(values["kept"]) if version >= 2 else ()  # what the first release could not keep
        return Deployment(**{key: values[key] for key in Deployment.__dataclass_fields__ if key != "kept"}, kept=kept)
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no deployment file at {path}.", do="Run swarm-chain deploy or up, or name the right file."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ConfigurationError(f"{path} is not a deployment file ({type(problem).__name__}).", do="Name the right file.") from problem
