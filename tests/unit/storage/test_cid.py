"""CIDs against another implementation (npm ipfs-unixfs-importer), and the strictness of what is read back."""

import contextlib
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_chain.errors import IntegrityError, TooLargeError
from swarm_chain.storage import unixfs
from swarm_chain.storage.cid import CHUNK, DAG_PB, LINKS, RAW, Cid, blocks_of, cid_of, digest_of, sha256
from swarm_chain.types import Digest

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 10 << 20, LINKS * CHUNK, LINKS * CHUNK + 1, (LINKS + 1) * CHUNK + 7]


def pattern(size: int) -> bytes:
    i = np.arange(size, dtype=np.int64)
    return ((i * 31 + (i >> 9)) & 0xFF).astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def theirs() -> dict[int, str]:
    script = Path(__file__).with_name("importer.mjs")
    done = subprocess.run(["node", str(script), *map(str, SIZES)], check=True, capture_output=True, text=True, timeout=120)
    lines = (line.split() for line in done.stdout.splitlines())
    return {int(size): cid for size, cid in lines}


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_gives_the_same_cid(theirs: dict[int, str], size: int) -> None:
    assert str(cid_of(pattern(size))) == theirs[size]


def test_known_cids() -> None:
    assert str(cid_of(b"")) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert digest_of(b"") == sha256(b"")
    assert cid_of(bytes(CHUNK)).codec == RAW
    assert cid_of(bytes(CHUNK + 1)).codec == DAG_PB


@settings(deadline=None)
@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_a_cid_reads_back(codec: int, digest: bytes) -> None:
    cid = Cid(codec, Digest(digest))
    assert Cid.parse(str(cid)) == cid
    assert str(cid).startswith("bafkrei" if codec == RAW else "bafybei")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "bafkqaaa",
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv",  # spare bits set
        "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku=",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",
        "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",  # dag-cbor
        "b" + "é" * 58,
        "b" + "0" * 58,
    ],
)
def test_anything_else_is_no_cid(text: str) -> None:
    with pytest.raises(IntegrityError):
        Cid.parse(text)


@settings(deadline=None)
@given(st.text(max_size=70))
def test_parsing_never_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(IntegrityError):
        assert str(Cid.parse(text)) == text


@pytest.mark.parametrize("size", [CHUNK + 1, LINKS * CHUNK, LINKS * CHUNK + 1])
def test_a_file_reads_back_from_its_blocks(size: int) -> None:
    data = pattern(size)
    blocks = {cid.digest: block for cid, block in blocks_of(data)}
    root = blocks[digest_of(data)]
    assert max(map(len, blocks.values())) <= CHUNK
    assert unixfs.read(root, blocks.__getitem__, size) == data
    with pytest.raises(TooLargeError):
        unixfs.read(root, blocks.__getitem__, size - 1)


def test_nothing_is_loaded_of_a_file_that_is_too_large() -> None:
    *_, (_, root) = blocks_of(pattern(3 * CHUNK))

    def load(digest: Digest) -> bytes:
        raise AssertionError("nothing may be loaded")

    with pytest.raises(TooLargeError):
        unixfs.read(root, load, 3 * CHUNK - 1)


def leaves(count: int, last: int = CHUNK) -> list[unixfs.Link]:
    sizes = [CHUNK] * (count - 1) + [last]
    return [unixfs.Link(Digest(bytes([i]) * 32), True, size, size) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    "links",
    [
        [],
        leaves(1),
        leaves(1, 5),
        leaves(LINKS + 1),
        leaves(2, CHUNK + 1),
        leaves(2, 0),
        [*leaves(2)[:1], *leaves(2, 7)[1:], *leaves(1)],
        [unixfs.Link(Digest(bytes(32)), True, 1000, 1000)] * 300,
        [unixfs.Link(link.digest, False, link.file_size, link.dag_size) for link in leaves(2)],
        [unixfs.Link(link.digest, True, link.file_size, link.dag_size + 1) for link in leaves(2)],
        [unixfs.Link(Digest(bytes(32)), False, unixfs.FILE_BYTES, unixfs.FILE_BYTES)] * 2,
    ],
)
def test_a_root_of_another_shape_is_refused(links: list[unixfs.Link]) -> None:
    assert not unixfs.is_root(unixfs.encode(links))


def test_the_right_shape_is_taken() -> None:
    assert unixfs.open_root(unixfs.encode(leaves(LINKS, 1))) == ((LINKS - 1) * CHUNK + 1, leaves(LINKS, 1))


@pytest.mark.parametrize("size", [CHUNK, 3 * CHUNK, 2 * CHUNK - 1, 2 * CHUNK + 1])
def test_a_node_with_more_or_less_below_it_than_its_place_is_refused(size: int) -> None:
    node = unixfs.encode(leaves(2))
    assert unixfs.open_node(node, 2 * CHUNK, 1) == leaves(2)
    with pytest.raises(IntegrityError):
        unixfs.open_node(node, size, 1)
    with pytest.raises(IntegrityError):
        unixfs.open_node(node, 2 * CHUNK, 2)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_other_bytes_open_as_the_same_node(position: int, change: int) -> None:
    *_, (_, root) = blocks_of(pattern(3 * CHUNK + 5))
    changed = bytearray(root)
    changed[position % len(root)] ^= change
    if unixfs.is_root(bytes(changed)):
        # Only the digests of children are free.
        size, links = unixfs.open_root(bytes(changed))
        assert (size, [link.file_size for link in links]) == (3 * CHUNK + 5, [CHUNK] * 3 + [5])
        assert unixfs.encode(links) == bytes(changed)
    assert not unixfs.is_root(root + bytes([change]))
    assert not unixfs.is_root(root[: position % len(root)])


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_arbitrary_bytes_never_fail_in_another_way(block: bytes) -> None:
    for data in (block, b"\x12" + block, unixfs.encode(leaves(2))[:52] + block):
        if unixfs.is_root(data):
            assert unixfs.encode(unixfs.open_root(data)[1]) == data


def test_a_deep_claim_costs_nothing() -> None:
    # The largest size a root may claim, with children's digests made up: refused without walking the shape of a terabyte.
    data = b"\x08\x02\x18" + unixfs._varint(unixfs.FILE_BYTES)
    link = unixfs._link(unixfs.Link(Digest(bytes(32)), False, CHUNK, CHUNK))
    assert not unixfs.is_root(link * LINKS + b"\x0a" + unixfs._varint(len(data)) + data)
