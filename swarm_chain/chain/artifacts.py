"""Compiled contracts as they ship inside this package: ABI and bytecode, built from ``contracts/`` by ``scripts/build_artifacts.py``."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

CONTRACTS = ("SwarmToken", "IdentityRegistry", "StakeVault", "RewardDistributor", "GroupRegistry", "RoundManager")
"""Every contract of a deployment, in the order in which they are deployed."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    ``immutables`` are (start, length) of the places in ``deployed_bytecode`` that a constructor fills in.
    """

    name: str
    abi: list[Any]
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: tuple[tuple[int, int], ...]

    def matches(self, code: bytes) -> bool:
        """Whether code found on chain is this contract's, whatever its constructor was given."""
        return self._masked(code) == self._masked(self.deployed_bytecode)

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
        return bytes(masked)


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
    )
