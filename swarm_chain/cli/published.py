"""Manifests and first models of the groups created here: plain files, named by their CIDs.

A creator puts them there, and a gateway in another process serves them; no database is shared between the two.
"""

import hashlib
from pathlib import Path

from swarm_chain.cli.swarm_home import write_whole, writing
from swarm_chain.errors import NotFoundError
from swarm_chain.storage.cid import Cid, blocks_of, cid_of
from swarm_chain.types import Digest


class Published:
    """A folder of files, and their blocks as a gateway serves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blocks: dict[Digest, tuple[Path, int, int]] = {}
        self._seen: set[Path] = set()

    def add(self, data: bytes) -> Cid:
        """Keeps ``data``, complete on disk when this returns; the same bytes again change nothing."""
        cid = cid_of(data)
        path = self.folder / str(cid)
        with writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        return cid

    def files(self) -> dict[Digest, bytes]:
        """Every file by its digest."""
        paths = sorted(path for path in self.folder.glob("*") if path.suffix != ".part") if self.folder.is_dir() else []
        return {cid_of(data).digest: data for path in paths for data in [path.read_bytes()]}

    def block(self, digest: Digest) -> bytes:
        """A block of one of the files, verified. NotFoundError when no file has it; files added since are found."""
        if digest not in self._blocks:
            self._look()
        if digest in self._blocks:
            path, start, length = self._blocks[digest]
            if length < 0:  # a node of a file's tree: small, and made again
                return self._inner(path, digest)
            with path.open("rb") as file:
                file.seek(start)
                block = file.read(length)
            if hashlib.sha256(block).digest() == digest:
                return block
        raise NotFoundError(f"No published file has the block {digest.hex()}.")

    def _look(self) -> None:
        for path in self.folder.glob("*"):
            if path in self._seen or path.suffix == ".part":
                continue
            data, start = path.read_bytes(), 0
            for cid, block in blocks_of(data):
                is_leaf = data[start : start + len(block)] == block
                self._blocks[cid.digest] = (path, start, len(block)) if is_leaf else (path, 0, -1)
                start += len(block) if is_leaf else 0
            self._seen.add(path)

    def _inner(self, path: Path, digest: Digest) -> bytes:
        for cid, block in blocks_of(path.read_bytes()):
            if cid.digest == digest:
                return bytes(block)
        raise NotFoundError(f"No published file has the block {digest.hex()}.")


def hand_over(folder: Path, digest: Digest, store: Path, capacity: int | None) -> None:
    """Puts the manifest of a group created in this folder into an embedded store, so that no gateway is needed."""
    from swarm_chain.storage.embedded import EmbeddedStore

    manifest = Published(folder).files().get(digest)
    if manifest is None:
        return
    embedded = EmbeddedStore(store, capacity)
    try:
        embedded.put(manifest)
    finally:
        embedded.close()
