import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import sealing
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.group_key import fresh_key
from swarm_chain.protocol.sealing import contents, fresh_salt, max_sealed_size, seal, unseal
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.types import Domain

SALT = bytes(range(32))
KEY = fresh_key()


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


# ------------------------------------------------------------------------------------------------ closed groups


def test_vectors_of_a_closed_group(vectors):
    case = vectors("sealing_for_members")
    domain = Domain(case["chainId"], case["roundManager"], case["group"])
    header = UpdateHeader(domain, case["round"], case["node"], case["dimension"], case["fractionBits"])
    assert unseal(header, case["salt"], case["opens"], case["groupKey"]).tobytes() == case["codes"]
    assert len(case["sealed"]) == len(case["reason"]) == 8
    for sealed, reason in zip(case["sealed"], case["reason"], strict=True):
        with pytest.raises(IntegrityError, match=reason):
            unseal(header, case["salt"], sealed, case["groupKey"])


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
@pytest.mark.parametrize("dimension", [1, 300, 200_000])
def test_what_is_sealed_for_members_opens_with_the_groups_key(dimension, codec):
    codes = np.zeros(dimension, np.int8)
    sealed = seal(_header(dimension), SALT, codes, codec, KEY)
    assert len(sealed) == len(seal(_header(dimension), SALT, codes, codec)) <= max_sealed_size(dimension, codec)
    assert (unseal(_header(dimension), SALT, sealed, KEY) == codes).all()
    assert contents(_header(dimension), SALT, sealed, [128 + dimension], KEY)[128:] == codes.tobytes()


def test_the_salt_alone_opens_nothing_of_a_closed_group():
    sealed = seal(_header(300), SALT, _codes(300), group_key=KEY)
    with pytest.raises(IntegrityError, match="sealed for members of the group"):
        unseal(_header(300), SALT, sealed)
    with pytest.raises(IntegrityError, match="sealed for members of the group"):
        contents(_header(300), SALT, sealed, [428])
    as_open = sealed[:7] + b"\1" + sealed[8:]
    with pytest.raises(IntegrityError, match="does not open it"):
        unseal(_header(300), SALT, as_open)


def test_another_groups_key_and_another_salt_open_nothing():
    sealed = seal(_header(300), SALT, _codes(300), group_key=KEY)
    for salt, key in ((SALT, fresh_key()), (fresh_salt(), KEY), (KEY, SALT)):
        with pytest.raises(IntegrityError, match="the group's key, the salt or the header"):
            unseal(_header(300), salt, sealed, key)


def test_in_a_closed_group_nothing_counts_that_anybody_can_open():
    sealed = seal(_header(300), SALT, _codes(300))
    with pytest.raises(IntegrityError, match="without the key of this closed group"):
        unseal(_header(300), SALT, sealed, KEY)
    with pytest.raises(IntegrityError, match="without the key of this closed group"):
        contents(_header(300), SALT, sealed, [428], KEY)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_change_of_what_is_sealed_for_members_is_refused(at, change):
    sealed = bytearray(seal(_header(300), SALT, _codes(300), group_key=KEY))
    sealed[at % len(sealed)] ^= change
    for key in (KEY, None):
        with pytest.raises(IntegrityError):
            unseal(_header(300), SALT, bytes(sealed), key)


@given(st.binary(max_size=1600), st.integers(0, 255))
def test_any_bytes_are_refused_with_a_key(data, version):
    for sealed in (data, b"SCSEAL\0" + bytes((version,)) + data):
        with pytest.raises(IntegrityError):
            unseal(_header(300), SALT, sealed, KEY)


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_a_key_of_another_size_is_refused_before_anything_is_sealed(key):
    with pytest.raises(ValueError, match="key has 32 bytes"):
        seal(_header(3), SALT, _codes(3), group_key=key)
