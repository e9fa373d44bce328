"""The one interface of every content store."""

from collections.abc import Sequence
from typing import Protocol

from swarm_chain.storage.cid import Cid, File
from swarm_chain.types import Digest


class Blocks(Protocol):
    """What a gateway serves."""

    def block(self, digest: Digest) -> bytes:
        """The local block with this digest, verified as it is read. NotFoundError, or IntegrityError when it rotted on disk."""
        ...


class Store(Protocol):
    """Files of bytes by the digest inside their CID. Safe to use from several threads; calls block.

    A store holds a file when all its blocks are here and pinned, so that nothing but :meth:`remove` takes them away. Errors of every
    method are StoreErrors; after one, what was held before is still held, and nothing half-written is counted.
    """

    def put(self, data: bytes | File) -> Cid:
        """Keeps and pins ``data``; the same bytes again change nothing. Those of a file, which were hashed before, are not hashed again.

        DiskFullError when there is no room. IntegrityError for the one kind of bytes that cannot be kept: a small file that is itself the
        root node of a larger one (``unixfs.is_root``), whose digest would name two files.
        """
        ...

    def get(self, digest: Digest, max_bytes: int, *, verified: bool = True) -> bytes:
        """The file, from here only. NotFoundError when it is not held, TooLargeError above ``max_bytes``, IntegrityError when its blocks
        rotted.

        Not ``verified``, blocks need not be hashed again, and what rotted may come as it is: for who can tell by other means.
        """
        ...

    def fetch(self, digest: Digest, max_bytes: int, providers: Sequence[str], timeout: float) -> bytes:
        """The file, from here or else from ``providers``; then kept and pinned here as by :meth:`put`.

        Every block is verified while it arrives, and sizes are bounded before anything is allocated. A provider that fails or lies is
        passed over for the next. It all takes at most ``timeout`` seconds. The worst of what went wrong is raised when nobody gave the
        file: IntegrityError (bytes that did not verify), TooLargeError (more than ``max_bytes``), NotFoundError (nobody had it in time);
        DiskFullError when it cannot be kept.

        Args:
            digest: of the file.
            max_bytes: of the file.
            providers: base URLs of trustless gateways (``http://host:port``); Kubo's stores take multiaddrs, too.
            timeout: seconds, for all together.
        """
        ...

    def has(self, digest: Digest) -> bool:
        """Whether the file is held: pinned, with all its blocks here (whether they rotted shows when they are read)."""
        ...

    def remove(self, digest: Digest) -> None:
        """Unpins the file, and lets go of the blocks that no other pinned file uses. Nothing happens when it is not held."""
        ...

    def size(self) -> int:
        """Bytes that the blocks take, each counted once."""
        ...
