"""Published files: what a gateway serves of them is what their CIDs name."""

import hashlib
from pathlib import Path

import pytest

from swarm_chain.cli.published import Published
from swarm_chain.errors import NotFoundError
from swarm_chain.storage.cid import CHUNK, blocks_of, digest_of
from swarm_chain.types import Digest


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_every_block_of_a_file_is_served(tmp_path: Path, size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    published = Published(tmp_path / "published")
    cid = published.add(data)
    assert published.files() == {cid.digest: data}
    for block_cid, block in blocks_of(data):
        assert published.block(block_cid.digest) == block


def test_a_file_added_by_another_process_is_found(tmp_path: Path) -> None:
    serving, other = Published(tmp_path), Published(tmp_path)
    with pytest.raises(NotFoundError):
        serving.block(digest_of(b"later"))
    other.add(b"later")
    assert serving.block(digest_of(b"later")) == b"later"


def test_a_file_that_was_changed_is_not_served(tmp_path: Path) -> None:
    published = Published(tmp_path)
    cid = published.add(b"right")
    assert published.block(cid.digest) == b"right"
    (tmp_path / str(cid)).write_bytes(b"wrong")
    with pytest.raises(NotFoundError):
        published.block(cid.digest)


def test_what_was_never_published_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Published(tmp_path / "none").block(Digest(hashlib.sha256(b"x").digest()))
