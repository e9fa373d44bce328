"""A node in one file: its keys, its journals and its deployment file, to go on elsewhere with.

The file is a zip archive of stored members, mode 0600. ``manifest.json`` comes first and names every other member with size and sha2-256.
Keys stay as encrypted as their files are; the password is not in it. Bytes of the store are not in it either: others serve them.
"""

import hashlib
import json
import os
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from swarm_chain.errors import ConfigurationError, DiskFullError, IntegrityError, KeyFileError, UnsupportedVersionError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.types import Address

VERSION = 1
MANIFEST = "manifest.json"
DEPLOYMENT = "deployment.json"
LARGEST = {"keys": 1 << 16, "home": 1 << 32, "deployment": 1 << 20}
"""Most bytes of a member, by where it goes."""
_LARGEST_MANIFEST = 1 << 16
_BRACKETS = 64
_MEMBER = re.compile(r"(?:keys/(?:operator|node|group-[0-9a-f]{16})\.json|home/[a-z]+\.db|deployment\.json)")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CHUNK = 1 << 20
_MALFORMED = (zipfile.BadZipFile, EOFError, RuntimeError, OSError)
"""What the library says to archives that are none; the last two where one asks for what it does not know, or leads out of the file."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says of itself. ``members`` is size and digest of each file by its name in the archive."""

    name: str
    node: Address
    made_at: str
    members: Mapping[str, tuple[int, str]]


def databases(home: Path) -> list[Path]:
    """A node home's journals. Those of an earlier group or key, put aside, are not among them."""
    return sorted(path for path in home.glob("*.db") if re.fullmatch(r"[a-z]+\.db", path.name))


def write_backup(
    path: Path, name: str, node: Address, made_at: str, keys: Mapping[str, Path], home: Path, deployment: Path | None
) -> Backup:
    """Writes a backup, complete on disk when this returns. The node may run meanwhile.

    Args:
        path: of the file to write.
        name: of the node.
        node: its address.
        made_at: when, as a person reads it.
        keys: key files by role: ``"operator"``, ``"node"``, and ``"group-…"`` for each closed group.
        home: of the node.
        deployment: the deployment file, where there is one.

    Raises:
        ConfigurationError, DiskFullError: it cannot be written, or ``path`` is there already; nothing is left of it.
    """
    if path.exists():
        raise ConfigurationError(f"There is a file {path} already.", "It was not changed.", "Choose another name.")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with _writing(path), tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".backup-") as folder:
        files = {f"keys/{role}.json": file for role, file in keys.items()}
        for database in databases(home):
            files[f"home/{database.name}"] = _snapshot(database, Path(folder) / database.name)
        if deployment is not None:
            files[DEPLOYMENT] = deployment
        members = {member: (file.stat().st_size, _digest(file)) for member, file in files.items()}
        said = {"version": VERSION, "name": name, "node": node, "made_at": made_at}
        said |= {"files": {member: {"size": size, "sha256": digest} for member, (size, digest) in members.items()}}
        try:
            with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as target:
                with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                    archive.writestr(MANIFEST, json.dumps(said, indent=2))
                    for member, file in files.items():
                        archive.write(file, member)
                target.flush()
                os.fsync(target.fileno())
            os.link(partial, path)  # fails where the name was taken meanwhile
        finally:
            partial.unlink(missing_ok=True)
    return Backup(name, node, made_at, members)


def read_backup(path: Path) -> Backup:
    """What a backup holds; every member's name, size and digest is verified.

    Raises:
        ConfigurationError: there is no such file, or it is no backup.
        UnsupportedVersionError: a newer release wrote it.
        IntegrityError: bytes are not what the manifest says.
    """
    with _opened(path) as archive:
        backup = _manifest(path, archive)
        for member in backup.members:
            for _ in _verified(path, archive, backup, member):
                pass
        return backup


def restore(path: Path, keys: Path, home: Path, deployment: Path) -> Backup:
    """Puts what a backup holds where a node looks for it. What is there already with the same bytes stays, so it can be run again.

    Args:
        path: of the backup.
        keys: folder of the node's key files.
        home: of the node.
        deployment: where the deployment file goes.

    Raises:
        KeyFileError: something else is there already; nothing was changed.
        ConfigurationError, IntegrityError: as ``read_backup``; nothing was changed.
        DiskFullError: no room; run it again.
    """
    backup = read_backup(path)
    folders = {"keys": keys, "home": home, DEPLOYMENT: deployment.parent}
    targets = {member: folders[PurePosixPath(member).parts[0]] / PurePosixPath(member).name for member in backup.members}
    targets = {member: deployment if member == DEPLOYMENT else target for member, target in targets.items()}
    for member, target in targets.items():
        left = target.with_name(f"{target.name}-wal")
        if left.exists() and not target.exists():  # SQLite would read it into what is restored
            raise KeyFileError(f"There is {left} of an earlier journal.", "Nothing was changed.", "Move it away, or restore elsewhere.")
        if target.exists() and _digest(target) != backup.members[member][1]:
            raise KeyFileError(f"There is {target} already, and it is another one.", "Nothing was changed.", "Restore into another --home.")
    with _opened(path) as archive, _writing(home):
        # Keys come last: a node that has its key has its journal.
        for member in sorted(targets, key=lambda member: (member.startswith("keys/"), member)):
            if not targets[member].exists():
                _put(targets[member], _verified(path, archive, backup, member))
    return backup


def _put(target: Path, content: Iterator[bytes]) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for part in content:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _snapshot(database: Path, target: Path) -> Path:
    """A copy of a database as it is at one moment, by SQLite itself, whoever writes to it."""
    try:
        with closing(sqlite3.connect(database, timeout=30.0)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise ConfigurationError(f"The journal {database} cannot be read: {error}.", "It was not changed.") from error
    return target


def _manifest(path: Path, archive: zipfile.ZipFile) -> Backup:
    found = archive.infolist()
    try:
        if not found or found[0].filename != MANIFEST or found[0].file_size > _LARGEST_MANIFEST:
            raise ValueError("no manifest")
        said: Any = parse(b"".join(_bytes_of(archive, found[0], _LARGEST_MANIFEST)), _BRACKETS)
        if int(said["version"]) > VERSION:
            raise UnsupportedVersionError(
                f"{path} has version {said['version']}.", "Nothing was changed.", "Use the release that wrote it."
            )
        members = {str(member): (int(part["size"]), str(part["sha256"])) for member, part in said["files"].items()}
        well_formed = (
            _NAME.fullmatch(said["name"])
            and set(said["name"]) != {"."}
            and all(_MEMBER.fullmatch(member) for member in members)
            and sorted(entry.filename for entry in found[1:]) == sorted(members)
            and all(0 <= size <= LARGEST[member.split("/")[0].split(".")[0]] for member, (size, _) in members.items())
        )
        backup = Backup(said["name"], Address(str(said["node"])), str(said["made_at"]), members)
    except (ValueError, TypeError, KeyError, AttributeError, *_MALFORMED):
        raise _no_backup(path) from None
    if not well_formed:
        raise _no_backup(path)
    return backup


def _verified(path: Path, archive: zipfile.ZipFile, backup: Backup, member: str) -> Iterator[bytes]:
    """A member's bytes; raises at their end where they are not what the manifest says."""
    size, digest = backup.members[member]
    hasher, length = hashlib.sha256(), 0
    try:
        for part in _bytes_of(archive, archive.getinfo(member), size):
            hasher.update(part)
            length += len(part)
            yield part
    except (ValueError, *_MALFORMED):
        length = -1
    if (length, hasher.hexdigest()) != (size, digest):
        raise IntegrityError(
            f"{member} in {path} is not what its manifest says.", "Nothing of it was kept.", "Take another copy of the backup."
        )


def _bytes_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most or entry.flag_bits & 1:
        raise ValueError("compressed, encrypted or too large")
    with archive.open(entry) as source:
        while part := source.read(_CHUNK):
            yield part


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {path}.", "Nothing was changed.", "Check the path.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "Nothing was changed.", "Check the path.") from error
    except (ValueError, *_MALFORMED):
        raise _no_backup(path) from None
    with archive:
        yield archive


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise DiskFullError(
                f"No room on the disk for {path}.", "Nothing there was overwritten.", "Make room, then run this again."
            ) from error
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", "Nothing there was overwritten.", "Check the path."
        ) from error


def _no_backup(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is no backup of a node.", "Nothing was changed.", "Name a file of `swarm-chain node backup`.")
