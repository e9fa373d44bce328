"""The embedded store: what it keeps, what it lets go of, and what a failing disk does to it."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swarm_chain.errors import ConfigurationError, DiskFullError, IntegrityError, NotFoundError, StoreError, TooLargeError
from swarm_chain.storage import embedded
from swarm_chain.storage.cid import CHUNK, blocks_of, cid_of, digest_of
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.storage.store import Blocks, Store


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "a store")


def files(store: EmbeddedStore) -> list[Path]:
    return sorted(file for folder in ("blocks", "partial", "damaged") for file in (store.path / folder).rglob("*") if file.is_file())


def test_it_is_a_store(store: EmbeddedStore) -> None:
    as_store: Store = store
    as_blocks: Blocks = store
    assert as_store is as_blocks


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
def test_what_is_put_is_got_and_removed(store: EmbeddedStore, size: int) -> None:
    data = os.urandom(size)
    cid = store.put(data)
    assert cid == cid_of(data)
    assert store.put(data) == cid
    assert store.has(cid.digest)
    assert store.get(cid.digest, size) == data
    assert store.size() == sum(len(block) for _, block in blocks_of(data))
    assert store.pinned() == [cid.digest]
    store.remove(cid.digest)
    store.remove(cid.digest)
    assert not store.has(cid.digest)
    assert store.size() == 0
    assert files(store) == []
    with pytest.raises(NotFoundError):
        store.get(cid.digest, size)


def test_a_file_above_the_bound_is_not_read(store: EmbeddedStore) -> None:
    for size in (100, CHUNK + 1):
        cid = store.put(os.urandom(size))
        with pytest.raises(TooLargeError):
            store.get(cid.digest, size - 1)


def test_shared_blocks_stay_while_one_file_uses_them(store: EmbeddedStore) -> None:
    common = os.urandom(CHUNK)
    one, other = common + b"one", common + b"other"
    store.put(one)
    store.put(other)
    store.put(common)
    before = store.size()
    store.remove(digest_of(one))
    assert store.get(digest_of(other), len(other)) == other
    assert store.get(digest_of(common), CHUNK) == common
    store.remove(digest_of(other))
    assert store.get(digest_of(common), CHUNK) == common
    assert store.size() == CHUNK < before


def test_equal_chunks_are_stored_once(store: EmbeddedStore) -> None:
    data = bytes(5 * CHUNK)
    cid = store.put(data)
    assert len(files(store)) == 2
    assert store.get(cid.digest, len(data)) == data


def test_a_leaf_of_a_file_is_not_held_by_itself(store: EmbeddedStore) -> None:
    data = os.urandom(CHUNK + 1)
    store.put(data)
    assert not store.has(digest_of(data[:CHUNK]))
    with pytest.raises(NotFoundError):
        store.get(digest_of(data[:CHUNK]), CHUNK)


def test_a_file_that_is_a_root_node_is_refused(store: EmbeddedStore) -> None:
    *_, (_, root) = blocks_of(bytes(CHUNK + 1))
    with pytest.raises(IntegrityError, match="two files"):
        store.put(root)
    assert files(store) == []


def test_it_opens_again_with_what_it_held(tmp_path: Path) -> None:
    data = os.urandom(2 * CHUNK)
    first = EmbeddedStore(tmp_path)
    first.put(data)
    size = first.size()
    first.close()
    again = EmbeddedStore(tmp_path)
    assert again.get(digest_of(data), len(data)) == data
    assert again.size() == size


def test_opening_removes_what_a_crash_left(tmp_path: Path) -> None:
    data, half = os.urandom(2 * CHUNK), os.urandom(CHUNK)
    first = EmbeddedStore(tmp_path)
    first.put(data)
    kept = files(first)
    # As a crash between the blocks and the pin, and one while a block was written, leave it.
    list(first._write([(digest_of(half), half)]))
    (tmp_path / "partial" / "tmp123").write_bytes(b"half a block")
    first.close()
    again = EmbeddedStore(tmp_path)
    assert files(again) == kept
    assert again.get(digest_of(data), len(data)) == data
    with pytest.raises(NotFoundError):
        again.block(digest_of(half))


@pytest.mark.parametrize("block", [0, -1])
def test_a_rotten_block_is_noticed_set_aside_and_replaced(store: EmbeddedStore, block: int) -> None:
    data = os.urandom(2 * CHUNK + 9)
    cid = store.put(data)
    before = store.size()
    digest = [cid.digest for cid, _ in blocks_of(data)][block]
    file = store._file(digest)
    rotten = bytearray(file.read_bytes())
    rotten[17] ^= 1
    file.write_bytes(rotten)
    with pytest.raises(IntegrityError):
        store.get(cid.digest, len(data))
    assert [file.read_bytes() for file in (store.path / "damaged").iterdir()] == [bytes(rotten)]
    assert not store.has(cid.digest)
    assert store.size() == before - len(rotten)
    with pytest.raises(IntegrityError):
        store.get(cid.digest, len(data))
    store.put(data)
    assert store.has(cid.digest)
    assert store.get(cid.digest, len(data)) == data
    assert store.size() == before


def test_putting_replaces_a_rotten_block_not_yet_noticed(store: EmbeddedStore) -> None:
    data = os.urandom(100)
    cid = store.put(data)
    store._file(cid.digest).write_bytes(b"")
    store.put(data)
    assert store.get(cid.digest, 100) == data


def test_capacity_is_kept_and_nothing_is_left_of_what_did_not_fit(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, capacity_bytes=3 * CHUNK)
    kept = os.urandom(CHUNK)
    store.put(kept)
    before = files(store)
    with pytest.raises(DiskFullError):
        store.put(os.urandom(2 * CHUNK))  # with its node it is a little more
    assert files(store) == before
    assert store.size() == CHUNK
    assert store.pinned() == [digest_of(kept)]
    store.put(os.urandom(CHUNK))
    store.put(kept)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("step", range(5))
def test_a_failing_disk_leaves_nothing_half_written(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, number: int, step: int) -> None:
    kept = os.urandom(CHUNK + 5)
    store.put(kept)
    before, size = files(store), store.size()
    real, calls = os.fsync, iter(range(100))

    def fsync(handle: int) -> None:
        if next(calls) >= step:
            raise OSError(number, os.strerror(number))
        real(handle)

    # Three blocks are synced, then their folders.
    monkeypatch.setattr(embedded.os, "fsync", fsync)
    with pytest.raises(StoreError) as caught:
        store.put(os.urandom(2 * CHUNK))
    assert isinstance(caught.value, DiskFullError) == (number != errno.EIO)
    monkeypatch.undo()
    assert files(store) == before
    assert store.size() == size
    assert store.get(digest_of(kept), len(kept)) == kept


def test_a_second_process_is_refused(store: EmbeddedStore) -> None:
    data = b"kept"
    store.put(data)
    program = (
        "import sys; from pathlib import Path; from swarm_chain.storage.embedded import EmbeddedStore; EmbeddedStore(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(store.path)], capture_output=True, text=True, timeout=60, check=False)
    assert "ConfigurationError" in done.stderr
    assert store.get(digest_of(data), 4) == data
    with pytest.raises(ConfigurationError):
        EmbeddedStore(store.path)
    store.close()
    assert subprocess.run([sys.executable, "-c", program, str(store.path)], timeout=60, check=False).returncode == 0


def test_pins_that_are_no_database_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "pins.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="pins"):
        EmbeddedStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        EmbeddedStore(tmp_path / "file" / "store")


def test_threads_put_get_and_remove_at_once(store: EmbeddedStore) -> None:
    common = os.urandom(CHUNK)
    kept = common + b"kept"
    store.put(kept)

    def work(number: int) -> None:
        for turn in range(10):
            data = common + bytes([number, turn])
            cid = store.put(data)
            assert store.get(cid.digest, len(data)) == data
            assert store.get(digest_of(kept), len(kept)) == kept
            store.remove(cid.digest)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert store.pinned() == [digest_of(kept)]
    assert store.size() == sum(len(block) for _, block in blocks_of(kept))
