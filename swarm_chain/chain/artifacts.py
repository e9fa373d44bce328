"""Compiled contracts as they ship inside this package: ABI and bytecode, built from ``contracts/`` by ``scripts/build_artifacts.py``."""

import json
from collections.abc import Iterable, Iterator, Mapping
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
PARTS = {"Proofs": "Disputes"}
"""Contracts that one of those creates in its constructor, with its first nonce, by name."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    ``immutables`` are the bytes in ``deployed_bytecode`` where a constructor fills in each immutable value, as (start, length) by its
    name in the source; ``links`` and ``deployed_links`` where the address of a library goes, by its name, in the two bytecodes.
    """

    name: str
    abi: list[Any]
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: Mapping[str, tuple[tuple[int, int], ...]]
    links: Mapping[str, tuple[int, ...]]
    deployed_links: Mapping[str, tuple[int, ...]]

    def linked(self, addresses: Mapping[str, Address]) -> bytes:
        """The bytecode to deploy, linked to libraries at these addresses."""
        return _filled(self.bytecode, _links(self.links, addresses))

    def deployed(self, addresses: Mapping[str, Address], values: Mapping[str, bytes]) -> bytes:
        """The code on chain, linked to libraries at these addresses, with these values of its immutables, right-aligned."""
        places = [(start, length, values[name]) for name, found in self.immutables.items() for start, length in found]
        return _filled(self.deployed_bytecode, [*_links(self.deployed_links, addresses), *places])


def _links(links: Mapping[str, tuple[int, ...]], addresses: Mapping[str, Address]) -> Iterator[tuple[int, int, bytes]]:
    for library, starts in links.items():
        for start in starts:
            yield start, 20, bytes.fromhex(addresses[library].removeprefix("0x"))


def _filled(code: bytes, places: Iterable[tuple[int, int, bytes]]) -> bytes:
    filled = bytearray(code)
    for start, length, value in places:
        filled[start : start + length] = value.rjust(length, b"\0")
    return bytes(filled)


@cache
def load(name: str) -> Artifact:
    """A contract's artifact, by the contract's name."""
    source = json.loads((files("swarm_chain.chain") / "artifacts" / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=source["contractName"],
        abi=source["abi"],
        bytecode=bytes.fromhex(source["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(source["deployedBytecode"].removeprefix("0x")),
        immutables={
            variable: tuple((place["start"], place["length"]) for place in places)
            for variable, places in source["immutableReferences"].items()
        },
        links={library: tuple(starts) for library, starts in source["links"].items()},
        deployed_links={library: tuple(starts) for library, starts in source["deployedLinks"].items()},
    )
