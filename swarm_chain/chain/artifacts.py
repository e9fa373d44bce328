"""Compiled contracts as they ship inside this package: ABI and bytecode, built from ``contracts/`` by ``scripts/build_artifacts.py``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from swarm_chain.types import Address

CONTRACTS = (
    "SwarmToken",
    "IdentityRegistry",
    "StakeVault",
    "RewardDistributor",
    "GroupRegistry",
    "Seating",
    "RoundManager",
    "Disputes",
    "Relay",
    "RoundViews",
)
"""Every contract of a deployment, in the order in which they are deployed."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    ``immutables`` are (start, length) of the places in ``deployed_bytecode`` that a constructor fills in; ``links`` and ``deployed_links``
    where the address of a library goes, by its name, in the two bytecodes.
    """

    name: str
    abi: list[Any]
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: tuple[tuple[int, int], ...]
    links: Mapping[str, tuple[int, ...]]
    deployed_links: Mapping[str, tuple[int, ...]]

    def linked(self, addresses: Mapping[str, Address]) -> bytes:
        """The bytecode to deploy, linked to libraries at these addresses."""
        return _linked(self.bytecode, self.links, addresses)

    def matches(self, code: bytes, addresses: Mapping[str, Address]) -> bool:
        """Whether code found on chain is this contract's, linked to these libraries, whatever its constructor was given."""
        return self._masked(code) == self._masked(_linked(self.deployed_bytecode, self.deployed_links, addresses))

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
        return bytes(masked)


def _linked(code: bytes, links: Mapping[str, tuple[int, ...]], addresses: Mapping[str, Address]) -> bytes:
    linked = bytearray(code)
    for library, starts in links.items():
        for start in starts:
            linked[start : start + 20] = bytes.fromhex(addresses[library].removeprefix("0x"))
    return bytes(linked)


@cache
def load(name: str) -> Artifact:
    """A contract's artifact, by the contract's name."""
    source = json.loads((files("swarm_chain.chain") / "artifacts" / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=source["contractName"],
        abi=source["abi"],
        bytecode=bytes.fromhex(source["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(source["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((place["start"], place["length"]) for place in source["immutableReferences"]),
        links={library: tuple(starts) for library, starts in source["links"].items()},
        deployed_links={library: tuple(starts) for library, starts in source["deployedLinks"].items()},
    )
