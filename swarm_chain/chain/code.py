"""What code a deployment's contracts must have on chain, to the byte.

A contract's code has blanks (immutables) that its constructor fills in: whom it calls, whom it believes, under which domain it checks
signatures. All of them follow from the deployment's addresses and the chain's ID. So code that differs in a blank is that of a
look-alike, which works with other parts than the deployment says.
"""

from collections.abc import Mapping

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from swarm_chain.chain import artifacts
from swarm_chain.types import Address

OTHERS = {
    "TOKEN": "SwarmToken",
    "IDENTITIES": "IdentityRegistry",
    "VAULT": "StakeVault",
    "DISTRIBUTOR": "RewardDistributor",
    "GROUPS": "GroupRegistry",
    "GROUP_REGISTRY": "GroupRegistry",
    "ROUNDS": "RoundManager",
    "ROUND_MANAGER": "RoundManager",
    "DISPUTES": "Disputes",
    "PROOFS": "Proofs",
    "RELAY": "Relay",
}
"""Which contract's address an immutable holds, by its name in the sources."""
DOMAINS = {"SwarmToken": "Swarm", "IdentityRegistry": "IdentityRegistry", "GroupRegistry": "GroupRegistry", "Relay": "Relay"}
"""EIP-712 names of those contracts that check signatures; all of version 1."""
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


def contract_address(deployer: Address, nonce: int) -> Address:
    """Where a deployer's transaction with this nonce puts a contract: the last 20 bytes of keccak256(rlp([deployer, nonce]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    second = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    items = b"\x94" + _bytes(deployer) + second
    return Address(to_checksum_address(keccak(bytes([0xC0 + len(items)]) + items)[12:]))


def with_parts(addresses: Mapping[str, Address]) -> dict[str, Address]:
    """A deployment's addresses and those of what its contracts create themselves."""
    return {**addresses, **{part: contract_address(addresses[maker], 1) for part, maker in artifacts.PARTS.items() if maker in addresses}}


def expected_code(name: str, chain_id: int, addresses: Mapping[str, Address]) -> bytes:
    """A contract's code on chain.

    Args:
        name: of the contract, or of a part that one creates.
        chain_id: EIP-155.
        addresses: every contract's of the deployment.
    """
    return artifacts.load(name).deployed(addresses, _values(name, chain_id, addresses))


def differing(name: str, code: bytes, chain_id: int, addresses: Mapping[str, Address]) -> list[str] | None:
    """Which blanks of a contract's code are filled in with something else than the deployment's.

    Returns:
        the names of immutables and libraries; none where the code is as expected; ``None`` where it is another contract's altogether.
    """
    artifact, expected = artifacts.load(name), expected_code(name, chain_id, addresses)
    places = {
        **artifact.immutables,
        **{library: tuple((start, 20) for start in starts) for library, starts in artifact.deployed_links.items()},
    }
    masked, masked_expected = bytearray(code), bytearray(expected)
    for blanks in places.values():
        for start, length in blanks:
            for either in (masked, masked_expected):
                either[start : start + length] = bytes(len(either[start : start + length]))
    if masked != masked_expected:
        return None
    return [
        blank
        for blank, blanks in places.items()
        if any(code[start : start + length] != expected[start : start + length] for start, length in blanks)
    ]


def _values(name: str, chain_id: int, addresses: Mapping[str, Address]) -> dict[str, bytes]:
    everyone = with_parts(addresses)
    own = _bytes(everyone[name])
    values = {variable: _bytes(everyone[other]) for variable, other in OTHERS.items() if other in everyone}
    values["library_deploy_address"] = own
    if name in DOMAINS:
        called, version = DOMAINS[name].encode(), b"1"
        separator = encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"], [_DOMAIN_TYPE, keccak(called), keccak(version), chain_id, own]
        )
        values |= {
            "_cachedDomainSeparator": keccak(separator),
            "_cachedChainId": chain_id.to_bytes(32, "big"),
            "_cachedThis": own,
            "_hashedName": keccak(called),
            "_hashedVersion": keccak(version),
            "_name": _short_string(called),
            "_version": _short_string(version),
        }
    return values


def _short_string(text: bytes) -> bytes:
    """A string of at most 31 bytes in one word, its length in the last byte."""
    return text.ljust(31, b"\0") + bytes([len(text)])


def _bytes(address: Address) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
