"""The nodes above a large file's leaves: dag-pb with a UnixFS file inside, of the one shape that the specification allows.

The shape follows from the file's size alone: leaves of ``CHUNK`` bytes (the last may be shorter), ``LINKS`` children a node, all leaves
at one depth. So a node's every field but its children's digests is known from the size, and a node opens only if writing it again gives
the same bytes: one file has one digest, and no declared size is believed that the shape does not confirm.

Source: the dag-pb specification (links before data, fields ascending) and the UnixFS specification (type file, filesize, blocksizes).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from swarm_chain.errors import IntegrityError, TooLargeError
from swarm_chain.types import Digest

CHUNK = 262_144
"""Bytes in a leaf."""
LINKS = 174
"""Links in a node, at most."""
NODE_BYTES = 16_384
"""Above the length of any node: 174 links take less than 10 KiB."""
FILE_BYTES = CHUNK * LINKS**3
"""Bytes in a file, at most (1.3 TiB)."""

_RAW_CID = bytes([0x0A, 36, 1, 0x55, 0x12, 32])
_NODE_CID = bytes([0x0A, 36, 1, 0x70, 0x12, 32])


@dataclass(frozen=True, slots=True)
class Link:
    """A child: its digest, whether it is a raw leaf, the bytes of file below it, and the bytes of its own and all blocks below
    (``Tsize``).
    """

    digest: Digest
    leaf: bool
    file_size: int
    dag_size: int


def encode(links: Sequence[Link]) -> bytes:
    """The block of the node with these children, in file order."""
    sizes = b"".join(b"\x20" + _varint(link.file_size) for link in links)
    data = b"\x08\x02\x18" + _varint(sum(link.file_size for link in links)) + sizes
    return b"".join(_link(link) for link in links) + b"\x0a" + _varint(len(data)) + data


def open_root(block: bytes) -> tuple[int, list[Link]]:
    """The file's size in bytes and the root's children. IntegrityError unless ``block`` is a root of the allowed shape."""
    digests, size = _read(block)
    if not CHUNK < size <= FILE_BYTES:
        raise _misshapen()
    return size, _children(block, digests, size, depth_of(size))


def open_node(block: bytes, file_size: int, depth: int) -> list[Link]:
    """The children of a node with ``file_size`` bytes below it, ``depth`` levels above the leaves (1: its children are leaves).

    IntegrityError unless ``block`` is exactly what :func:`encode` gives for that size.
    """
    return _children(block, _read(block)[0], file_size, depth)


def is_root(block: bytes) -> bool:
    """Whether ``block`` is a root of the allowed shape. No update or model begins like one, and stores refuse a small file that is one,
    so that a digest alone says which file is meant.
    """
    try:
        open_root(block)
    except IntegrityError:
        return False
    return True


def depth_of(file_size: int) -> int:
    """Levels of nodes above the leaves of a file of this size; 0 for at most one chunk."""
    depth = 0
    while CHUNK * LINKS**depth < file_size:
        depth += 1
    return depth


def read(root: bytes, load: Callable[[Digest], bytes], max_bytes: int) -> bytes:
    """The file under the root block ``root``, which may be the whole file itself.

    ``load`` gives a block whose digest it has verified. TooLargeError above ``max_bytes``, before anything more is loaded; IntegrityError
    when a block does not have the shape its place asks for.
    """
    if not is_root(root):
        check_size(len(root), max_bytes)
        return root
    size, links = open_root(root)
    check_size(size, max_bytes)
    return b"".join(_leaves(links, depth_of(size), load))


def _leaves(links: Sequence[Link], depth: int, load: Callable[[Digest], bytes]) -> Iterator[bytes]:
    for link in links:
        block = load(link.digest)
        if depth > 1:
            yield from _leaves(open_node(block, link.file_size, depth - 1), depth - 1, load)
        else:
            yield open_leaf(block, link)


def open_leaf(block: bytes, link: Link) -> bytes:
    """The leaf's bytes, which are ``block``; IntegrityError when they are not as many as its parent says."""
    if len(block) != link.file_size:
        raise _misshapen()
    return block


def check_size(size: int, max_bytes: int) -> None:
    """TooLargeError when a file has more than ``max_bytes`` bytes."""
    if size > max_bytes:
        raise TooLargeError(f"The file has {size} bytes, more than the {max_bytes} allowed.", "Nothing was kept of it.")


def _children(block: bytes, digests: Sequence[Digest], size: int, depth: int) -> list[Link]:
    links = [
        Link(digest, depth == 1, part, _dag_size(part, depth - 1))
        for digest, part in zip(digests, _parts(size, CHUNK * LINKS ** (depth - 1)), strict=False)
    ]
    if sum(link.file_size for link in links) != size or encode(links) != block:
        raise _misshapen()
    return links


def _misshapen() -> IntegrityError:
    return IntegrityError("A block is not a node of the shape that the file's size asks for.")


def _parts(size: int, part: int) -> Iterator[int]:
    for offset in range(0, size, part):
        yield min(part, size - offset)


@lru_cache(maxsize=4096)
def _dag_size(size: int, depth: int) -> int:
    """Bytes of all blocks of a part of a file, which its size and depth decide (every digest is as long as any other)."""
    if depth == 0:
        return size
    below = [(part, _dag_size(part, depth - 1)) for part in _parts(size, CHUNK * LINKS ** (depth - 1))]
    block = encode([Link(Digest(bytes(32)), depth == 1, part, dag) for part, dag in below])
    return len(block) + sum(dag for _, dag in below)


def _read(block: bytes) -> tuple[list[Digest], int]:
    """The digests of the links and the file size a node declares. Only what :func:`encode` writes is looked for; the caller compares the
    rest.
    """
    if len(block) > NODE_BYTES:
        raise _misshapen()
    digests: list[Digest] = []
    at = 0
    while block[at : at + 1] == b"\x12" and len(digests) < LINKS:
        length, start = _read_varint(block, at + 1)
        if block[start : start + 6] not in (_RAW_CID, _NODE_CID) or start + 38 > len(block):
            raise _misshapen()
        digests.append(Digest(block[start + 6 : start + 38]))
        at = start + length
    if block[at : at + 1] != b"\x0a":
        raise _misshapen()
    _, start = _read_varint(block, at + 1)
    if block[start : start + 3] != b"\x08\x02\x18":
        raise _misshapen()
    size, _ = _read_varint(block, start + 3)
    return digests, size


def _link(link: Link) -> bytes:
    cid = (_RAW_CID if link.leaf else _NODE_CID) + link.digest
    body = cid + b"\x12\x00\x18" + _varint(link.dag_size)
    return b"\x12" + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(block: bytes, at: int) -> tuple[int, int]:
    """The value at ``at`` and where it ends; at most 49 bits."""
    value = 0
    for position in range(7):
        if at + position >= len(block):
            raise _misshapen()
        byte = block[at + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, at + position + 1
    raise _misshapen()
