import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import sealing
from swarm_chain.protocol.sealing import fresh_salt, max_sealed_size, seal, unseal
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.types import Domain

SALT = bytes(range(32))


def _header(dimension, number=3):
    domain = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7)
    return UpdateHeader(domain, number, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", dimension, 24)


def _codes(dimension, largest=127):
    return np.random.default_rng(dimension).integers(-largest, largest + 1, dimension).astype(np.int8)


def test_vectors(vectors):
    case = vectors("sealing")
    domain = Domain(case["chainId"], case["roundManager"], case["group"])
    header = UpdateHeader(domain, case["round"], case["node"], case["dimension"], case["fractionBits"])
    for name in ("opens", "opensInTwoBlocks"):
        assert unseal(header, case["salt"], case[name]).tobytes() == case["codes"]
    assert len(case["sealed"]) > 40
    for sealed, reason in zip(case["sealed"], case["reason"], strict=True):
        with pytest.raises(IntegrityError, match=reason):
            unseal(header, case["salt"], sealed)


@pytest.mark.parametrize("dimension", [1, 127, 128, 129, 1000, 200_000, 3_000_000])
@pytest.mark.parametrize("largest", [0, 3, 127])
def test_what_is_sealed_opens(dimension, largest):
    codes = _codes(dimension, largest)
    sealed = seal(_header(dimension), SALT, codes)
    assert len(sealed) <= max_sealed_size(dimension)
    assert (unseal(_header(dimension), SALT, sealed) == codes).all()


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_change_is_refused(at, change):
    sealed = bytearray(seal(_header(300), SALT, _codes(300)))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(IntegrityError):
        unseal(_header(300), SALT, bytes(sealed))


@given(st.binary(max_size=1600))
def test_any_bytes_are_refused(data):
    for sealed in (data, b"SCSEAL\0\1" + data):
        with pytest.raises(IntegrityError):
            unseal(_header(300), SALT, sealed)


@given(st.binary(max_size=600), st.booleans())
def test_any_frame_is_refused(data, magic):
    """Whoever knows the salt, the author, can put any bytes under it."""
    frame = b"\x28\xb5\x2f\xfd" + data if magic else data
    sealed = b"SCSEAL\0\1" + sealing._cipher(SALT).encrypt(bytes(12), frame, _header(300).encode())
    with pytest.raises(IntegrityError):
        unseal(_header(300), SALT, sealed)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_frame_gives_codes_or_is_refused(at, change):
    """A change inside compressed codes may give other codes, which the root then tells apart; never another error."""
    header = _header(3000)
    plain = sealing._cipher(SALT).decrypt(bytes(12), seal(header, SALT, _codes(3000, 2))[8:], header.encode())
    frame = bytearray(plain)
    frame[at % len(frame)] ^= change
    sealed = b"SCSEAL\0\1" + sealing._cipher(SALT).encrypt(bytes(12), bytes(frame), header.encode())
    try:
        codes = unseal(header, SALT, sealed)
    except IntegrityError:
        return
    assert codes.shape == (3000,)
    assert codes.min() >= -127


def test_a_copy_does_not_open_as_anothers():
    """The header is authenticated: nobody earns with another's bytes, and no round takes an earlier one's."""
    sealed = seal(_header(300), SALT, _codes(300))
    with pytest.raises(IntegrityError, match="salt or the header"):
        unseal(_header(300, number=4), SALT, sealed)
    with pytest.raises(IntegrityError, match="salt or the header"):
        unseal(_header(300), fresh_salt(), sealed)


def test_salts_are_fresh_and_of_one_size():
    assert len({fresh_salt() for _ in range(100)}) == 100
    assert len(fresh_salt()) == 32
    with pytest.raises(ValueError, match="32 bytes"):
        seal(_header(3), b"short", _codes(3))
