"""Addresses as text, and of public keys. Light to load: a node takes its lock by its address before anything else."""

from string import hexdigits

from eth_hash.auto import keccak

from swarm_chain.types import Address

ADDRESS_BYTES = 20


def checksummed(address: str) -> Address:
    """An address with its checksum in the case of its letters (EIP-55).

    Args:
        address: 40 hexadecimal digits in any case, with or without ``0x``.

    Raises:
        ValueError: it is something else.
    """
    digits = address.removeprefix("0x").lower()
    if len(bytes.fromhex(digits)) != ADDRESS_BYTES or len(digits) != 2 * ADDRESS_BYTES:
        raise ValueError("an address has 40 hexadecimal digits")
    marks = keccak(digits.encode()).hex()
    return Address("0x" + "".join(digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)))


def read_address(text: str) -> Address:
    """An address as somebody wrote it down: 0x and 40 hexadecimal digits, in one case or with their checksum.

    Raises:
        ValueError: it is something else; where its letters' case is not the checksum's, a digit is wrong.
    """
    digits = text[2:]
    if text[:2].lower() != "0x" or len(digits) != 2 * ADDRESS_BYTES or not set(digits) <= set(hexdigits):
        raise ValueError("an address is 0x and 40 figures")
    address = checksummed(digits)
    if digits not in (digits.lower(), digits.upper(), address[2:]):
        raise ValueError("its capitals do not fit its figures")
    return address


def address_of(public_key: bytes) -> Address:
    """The address of a public key: 64 bytes, x and y."""
    return checksummed(keccak(public_key)[-ADDRESS_BYTES:].hex())
