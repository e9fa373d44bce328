"""Backups of a node: whole, private, and believed in nothing."""

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import closing

import pytest

from swarm_chain.errors import ConfigurationError, IntegrityError, KeyFileError, SwarmChainError, UnsupportedVersionError
from swarm_chain.node.backup import MANIFEST, read_backup, restore, write_backup
from swarm_chain.node.keys import create_key, load_key

NAME = "ada"


@pytest.fixture
def node(tmp_path):
    """A node's files, as the command line lays them out; returns what ``write_backup`` takes of them."""
    home = tmp_path / "nodes" / NAME
    home.mkdir(parents=True)
    keys = {role: tmp_path / "keys" / NAME / f"{role}.json" for role in ("operator", "node")}
    for path in keys.values():
        account = create_key(path, "p", scrypt_n=2)
    journal = sqlite3.connect(home / "journal.db", isolation_level=None)
    journal.execute("PRAGMA journal_mode = WAL")
    journal.execute("CREATE TABLE commits (salt BLOB)")
    journal.execute("INSERT INTO commits VALUES (x'01')")
    journal.close()
    (home / "journal-until-20260101-000000.db").write_bytes(b"put aside")
    (home / "store").mkdir()
    (tmp_path / "deployment.json").write_text("{}")
    return {"name": NAME, "node": account.address, "made_at": "now", "keys": keys, "home": home, "deployment": tmp_path / "deployment.json"}


@pytest.fixture
def elsewhere(tmp_path):
    """Where to restore to."""
    other = tmp_path / "other"
    return {"keys": other / "keys" / NAME, "home": other / "nodes" / NAME, "deployment": other / "deployment.json"}


def salts(home):
    database = sqlite3.connect(home / "journal.db")
    try:
        return [row[0] for row in database.execute("SELECT salt FROM commits")]
    finally:
        database.close()


def test_a_node_comes_back_as_it_was(tmp_path, node, elsewhere):
    path = tmp_path / "a backup"
    made = write_backup(path, **node)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(made.members) == {"keys/operator.json", "keys/node.json", "home/journal.db", "deployment.json"}
    assert read_backup(path) == restore(path, **elsewhere) == made
    for role in ("operator", "node"):
        restored = elsewhere["keys"] / f"{role}.json"
        assert load_key(restored, "p").key == load_key(node["keys"][role], "p").key
        assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    assert salts(elsewhere["home"]) == [b"\x01"]
    restore(path, **elsewhere)  # what is there already is no obstacle to itself
    assert not list(tmp_path.rglob("*.partial")) + list(tmp_path.rglob(".backup-*"))


def test_no_key_in_the_clear(tmp_path, node):
    write_backup(tmp_path / "backup", **node)
    content = (tmp_path / "backup").read_bytes()
    for path in node["keys"].values():
        key = load_key(path, "p").key
        assert bytes(key) not in content
        assert key.hex().encode() not in content


WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
count = 0
while True:
    database.execute("BEGIN")
    database.execute("INSERT INTO commits VALUES (?)", (count.to_bytes(4, "big"),))
    database.execute("INSERT INTO commits VALUES (?)", (count.to_bytes(4, "big"),))
    database.execute("COMMIT")
    count += 1
    print(count, flush=True)
"""


def test_a_journal_that_is_being_written_is_whole_in_the_backup(tmp_path, node, elsewhere):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(node["home"] / "journal.db")], stdout=subprocess.PIPE, text=True)
    try:
        before = int(writer.stdout.readline())
        write_backup(tmp_path / "backup", **node)
    finally:
        writer.kill()
        writer.communicate()
    restore(tmp_path / "backup", **elsewhere)
    first, *written = salts(elsewhere["home"])
    assert first == b"\x01"
    assert len(written) >= 2 * before, "what was there before is in it"
    assert written == [count.to_bytes(4, "big") for count in range(len(written) // 2) for _ in range(2)], "a transaction is in it or not"


def test_nothing_is_overwritten(tmp_path, node, elsewhere):
    path = tmp_path / "backup"
    write_backup(path, **node)
    with pytest.raises(ConfigurationError, match="already"):
        write_backup(path, **node)
    for target in (elsewhere["keys"] / "node.json", elsewhere["home"] / "journal.db", elsewhere["deployment"]):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"mine")
        with pytest.raises(KeyFileError, match="another one"):
            restore(path, **elsewhere)
        assert target.read_bytes() == b"mine"
        target.unlink()
    assert not [found for found in (tmp_path / "other").rglob("*") if found.is_file()]


def rewritten(path, change_manifest=None, change=None, extra=None, compression=zipfile.ZIP_STORED):
    """A backup whose manifest, members or names are others."""
    with zipfile.ZipFile(path) as archive:
        content = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    manifest = json.loads(content[MANIFEST])
    if change_manifest:
        change_manifest(manifest)
    content = {MANIFEST: json.dumps(manifest).encode()} | {name: content[name] for name in content if name != MANIFEST}
    content |= change or {}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in (content | (extra or {})).items():
            archive.writestr(name, data)


def files_of(manifest):
    return manifest["files"]


ESCAPES = ["../evil.json", "/etc/evil", "keys/../../evil", "keys/node.json/../x", "home/../journal.db"]
ESCAPES += ["keys/evil.json", "home/x.sh", "home/.db"]


@pytest.mark.parametrize("name", ESCAPES)
def test_no_member_leads_out_of_the_folders(tmp_path, node, elsewhere, name):
    path = tmp_path / "backup"
    write_backup(path, **node)
    empty = {"size": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    rewritten(path, lambda manifest: files_of(manifest).update({name: empty}), extra={name: b""})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError, match="no backup"):
        restore(path, **elsewhere)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("version"),
        lambda manifest: manifest.pop("files"),
        lambda manifest: manifest.update(name="../evil"),
        lambda manifest: manifest.update(name=".."),
        lambda manifest: manifest.update(name=7),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: files_of(manifest).pop("keys/node.json"),
        lambda manifest: files_of(manifest)["keys/node.json"].update(size=1 << 17),
        lambda manifest: files_of(manifest)["keys/node.json"].update(size=-1),
        lambda manifest: files_of(manifest)["home/journal.db"].update(size=1 << 40),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, node, elsewhere, change):
    write_backup(tmp_path / "backup", **node)
    rewritten(tmp_path / "backup", change)
    with pytest.raises(ConfigurationError, match="no backup"):
        restore(tmp_path / "backup", **elsewhere)


def test_a_newer_version_is_refused(tmp_path, node):
    write_backup(tmp_path / "backup", **node)
    rewritten(tmp_path / "backup", lambda manifest: manifest.update(version=2))
    with pytest.raises(UnsupportedVersionError, match="version 2"):
        read_backup(tmp_path / "backup")


def test_bytes_that_are_not_the_manifests_are_refused(tmp_path, node, elsewhere):
    path = tmp_path / "backup"
    write_backup(path, **node)
    rewritten(path, change={"home/journal.db": b"something else"})
    with pytest.raises(IntegrityError, match="journal"):
        restore(path, **elsewhere)
    assert not (tmp_path / "other").exists()


def test_compressed_members_are_refused_so_that_none_can_be_a_bomb(tmp_path, node, elsewhere):
    path = tmp_path / "backup"
    write_backup(path, **node)
    rewritten(path, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(SwarmChainError):
        restore(path, **elsewhere)
    assert not (tmp_path / "other").exists()


def test_every_byte_that_rots_is_seen_or_does_not_matter(tmp_path, node):
    """Members are verified; what else is in a zip archive says only where they are."""
    path = tmp_path / "backup"
    write_backup(path, **node)
    whole, made = path.read_bytes(), read_backup(path)
    seen = 0
    for position in range(0, len(whole), 97):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert read_backup(path).members == made.members
        except SwarmChainError:
            seen += 1
    assert seen > len(range(0, len(whole), 97)) / 2
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigurationError, match="no backup"):
            read_backup(path)


def test_a_directory_that_leads_out_of_the_file_is_refused(tmp_path, node):
    path = tmp_path / "a backup"
    write_backup(path, **node)
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 16 : end + 20] = (int.from_bytes(content[end + 16 : end + 20], "little") + 1_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no backup"):
        read_backup(path)


def test_what_an_earlier_journal_left_beside_is_not_taken_for_the_restored_one_s(tmp_path, node, elsewhere):
    """SQLite would read a write-ahead log into whatever database bears its name."""
    path = tmp_path / "a backup"
    write_backup(path, **node)
    elsewhere["home"].mkdir(parents=True)
    left = elsewhere["home"] / "journal.db-wal"
    with closing(sqlite3.connect(node["home"] / "journal.db", isolation_level=None)) as other:
        other.execute("INSERT INTO commits VALUES (x'02')")
        shutil.copy(node["home"] / "journal.db-wal", left)
    with pytest.raises(KeyFileError, match=r"journal\.db-wal"):
        restore(path, **elsewhere)
    assert not (elsewhere["home"] / "journal.db").exists()
    left.unlink()
    restore(path, **elsewhere)
    assert salts(elsewhere["home"]) == [b"\1"]


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigurationError, match="no backup"):
        read_backup(tmp_path / "file")
    with pytest.raises(ConfigurationError, match="There is no file"):
        read_backup(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_backup(tmp_path)
