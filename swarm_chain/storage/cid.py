"""CIDs of files, fixed so that every node, and every IPFS implementation told the same sizes, gets the same one (specification, section 4).

Version 1, sha2-256, base32. A file of at most one chunk is one raw block. A larger one is cut in chunks, its raw leaves, under balanced
dag-pb nodes (``unixfs.py``). That is ``ipfs add --cid-version=1 --raw-leaves --chunker=size-262144 --max-file-links=174``; chunk size and
links are written down because implementations' defaults differ and change.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from swarm_chain.errors import IntegrityError
from swarm_chain.storage import unixfs
from swarm_chain.types import Digest

RAW = 0x55
DAG_PB = 0x70
CHUNK = unixfs.CHUNK
LINKS = unixfs.LINKS

# CID version 1, codec, sha2-256, 32 bytes: all four are single-byte varints here.
_PREFIXES = {RAW: bytes([1, RAW, 0x12, 32]), DAG_PB: bytes([1, DAG_PB, 0x12, 32])}
_TEXT_LENGTH = 59

Block = bytes | memoryview
"""A block's bytes."""


@dataclass(frozen=True, slots=True)
class Cid:
    """A CID of version 1 over a sha2-256 digest. ``codec`` is ``RAW`` or ``DAG_PB``."""

    codec: int
    digest: Digest

    def __post_init__(self) -> None:
        if self.codec not in _PREFIXES or len(self.digest) != 32:
            raise ValueError("a CID here has codec raw or dag-pb and a digest of 32 bytes")

    def __bytes__(self) -> bytes:
        return _PREFIXES[self.codec] + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(bytes(self)).decode("ascii").lower().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cid":
        """The CID that ``text`` is the one base32 writing of; IntegrityError for anything else (other versions, bases, codecs, hashes)."""
        refusal = IntegrityError("Not a CID of version 1 in base32 with codec raw or dag-pb and a sha2-256 digest.")
        if len(text) != _TEXT_LENGTH or text[0] != "b" or not text.isascii() or text != text.lower():
            raise refusal
        try:
            data = base64.b32decode(text[1:].upper() + "=" * 6)
        except binascii.Error:
            raise refusal from None
        if data[:4] not in _PREFIXES.values():
            raise refusal
        cid = cls(data[1], Digest(data[4:]))
        # Base32 leaves two spare bits at the end; only zeros are the canonical text.
        if str(cid) != text:
            raise refusal
        return cid


def sha256(data: Block) -> Digest:
    """The sha2-256 digest of one block."""
    return Digest(hashlib.sha256(data).digest())


def blocks_of(data: bytes) -> Iterator[tuple[Cid, Block]]:
    """Every block of the file ``data``, children before their parents, the root last. Equal chunks come as often as they occur."""
    if len(data) <= CHUNK:
        yield Cid(RAW, sha256(data)), data
        return
    level: list[unixfs.Link] = []
    whole = memoryview(data)
    for offset in range(0, len(data), CHUNK):
        chunk = whole[offset : offset + CHUNK]
        digest = sha256(chunk)
        yield Cid(RAW, digest), chunk
        level.append(unixfs.Link(digest, leaf=True, file_size=len(chunk), dag_size=len(chunk)))
    while len(level) > 1:
        parents: list[unixfs.Link] = []
        for first in range(0, len(level), LINKS):
            links = level[first : first + LINKS]
            block = unixfs.encode(links)
            digest = sha256(block)
            yield Cid(DAG_PB, digest), block
            parents.append(
                unixfs.Link(
                    digest,
                    leaf=False,
                    file_size=sum(link.file_size for link in links),
                    dag_size=len(block) + sum(link.dag_size for link in links),
                )
            )
        level = parents


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file in blocks that were hashed, each once: where it was cut (:func:`cut`), or where it arrived (``retrieval.py``).

    What takes a file takes its digests for those of its blocks, so nothing else makes one.

    Attributes:
        blocks: children before their parents, the root last; equal chunks as often as they occur.
    """

    blocks: Sequence[tuple[Cid, Block]]

    @property
    def cid(self) -> Cid:
        return self.blocks[-1][0]

    def is_node(self) -> bool:
        """Whether it is itself the root node of a larger file, so that its digest would name two."""
        return len(self.blocks) == 1 and unixfs.is_root(self.data())

    def data(self) -> bytes:
        """The file's bytes."""
        if len(self.blocks) == 1:
            return bytes(self.blocks[0][1])
        return b"".join(block for cid, block in self.blocks if cid.codec == RAW)


def cut(data: bytes) -> File:
    """The file ``data`` in its blocks, which are parts of it and not copies."""
    return File(list(blocks_of(data)))


def cid_of(data: bytes) -> Cid:
    """The CID of the file ``data``."""
    return cut(data).cid


def digest_of(data: bytes) -> Digest:
    """The digest inside the CID of the file ``data``; it goes on chain."""
    return cid_of(data).digest
