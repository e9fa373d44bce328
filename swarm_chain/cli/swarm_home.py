"""The swarm folder, and the processes that belong to it.

.swarm/
  deployment.json      where the contracts are
  processes.json       what runs: process ID and start time, so that a process that got the ID later is never ended
  chain/               the local chain's state
  keys/NAME/           operator.json and node.json, keystore V3; never deleted; group-….json of closed groups
  keys/groups/         group-….json of the closed groups created here
  keys/password        opens the keys of a local swarm, mode 0600
  nodes/NAME/          a node's journal and store
  published/           manifests and first models of the groups created here, by CID
  logs/                a file a process
  pictures/            what was drawn
  demo/                the demo's swarm folder, with settings of its own
"""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from swarm_chain.cli.processes import ProcessRecord, end_processes, is_running, started, uninterrupted
from swarm_chain.errors import ConfigurationError, DiskFullError, UnsupportedVersionError

VERSION = 1
PATIENCE = 15.0
"""Seconds for a process to end when asked."""


class SwarmHome:
    """The folder of one swarm."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    def __str__(self) -> str:
        return str(self.path)

    @property
    def deployment(self) -> Path:
        """Where the contracts are."""
        return self.path / "deployment.json"

    @property
    def chain_state(self) -> Path:
        """What the local chain loads and saves."""
        return self.path / "chain" / "state.json"

    @property
    def keys(self) -> Path:
        """All keys; nothing of ours deletes them."""
        return self.path / "keys"

    @property
    def password_file(self) -> Path:
        """Opens the keys of a local swarm."""
        return self.keys / "password"

    @property
    def logs(self) -> Path:
        """A file a process."""
        return self.path / "logs"

    @property
    def published(self) -> Path:
        """Manifests and first models of the groups created here."""
        return self.path / "published"

    @property
    def demo(self) -> "SwarmHome":
        """The demo's swarm: a folder of the same form inside this one."""
        return SwarmHome(self.path / "demo")

    def node(self, name: str) -> Path:
        """A node's journal and store."""
        return self.path / "nodes" / name

    def operator_key(self, name: str) -> Path:
        """The key file that owns a node's stake and rewards."""
        return self.keys / name / "operator.json"

    def node_key(self, name: str) -> Path:
        """The key file a node runs with."""
        return self.keys / name / "node.json"

    @property
    def group_keys(self) -> Path:
        """The keys of closed groups created here."""
        return self.keys / "groups"

    @property
    def relay_key(self) -> Path:
        """The key that pays for what a relay sends."""
        return self.keys / "relay" / "relay.json"

    def key_files(self) -> list[Path]:
        """Every key file of the folder."""
        return sorted(self.keys.glob("*/*.json"))

    def make(self) -> None:
        """Makes the folder, for its owner's eyes.

        Raises:
            ConfigurationError, DiskFullError: it cannot be made.
        """
        with writing(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.keys.mkdir(mode=0o700, exist_ok=True)
            self.logs.mkdir(exist_ok=True)

    # ------------------------------------------------------------------------------------------------ processes

    @property
    def _records(self) -> Path:
        return self.path / "processes.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands at once must not lose each other's record."""
        self.make()
        with (self.path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def processes(self) -> list[ProcessRecord]:
        """What runs now, of what was recorded."""
        return [record for record in self._recorded() if is_running(record)]

    def process(self, role: str) -> ProcessRecord | None:
        """The running process of a role."""
        return next((record for record in self.processes() if record.role == role), None)

    def record(self, role: str, pid: int, url: str = "") -> ProcessRecord:
        """Remembers a process that was just started."""
        new = ProcessRecord(role, pid, started(pid) or "ended", url)
        with self._locked():
            self._write([*(old for old in self.processes() if old.pid != pid), new])
        return new

    def forget(self, ended: Sequence[ProcessRecord]) -> None:
        """Forgets processes, and all that ended by themselves."""
        with self._locked():
            self._write([record for record in self.processes() if record not in ended])

    def spawn(self, role: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts and records a process of its own group (a terminal's Ctrl-C is ours to pass on), its output in ``logs/ROLE.log``."""
        self.make()
        with uninterrupted():  # between its start and its record nobody would find it again
            with writing(self.logs), (self.logs / f"{role}.log").open("ab") as log:
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                )
            try:
                self.record(role, child.pid)
            except BaseException:
                child.terminate()
                child.wait()
                raise
        return child

    def end(self, records: Sequence[ProcessRecord], patience: float = PATIENCE) -> None:
        """Ends processes: asks all, waits, then insists. Never touches a process that only has the same ID."""
        with uninterrupted():
            end_processes(records, patience)
            self.forget(records)

    def remove(self) -> list[Path]:
        """Ends every process of the folder and deletes all but the keys; returns which were kept.

        Raises:
            ConfigurationError: this is no swarm folder.
        """
        if not self.path.exists():
            return []
        if not self.keys.is_dir():
            raise ConfigurationError(f"{self.path} is not a swarm folder: it has no keys/.", "Nothing was deleted.", "Check --home.")
        with uninterrupted():
            end_processes(self.processes(), PATIENCE)
        for name in ("deployment.json", "deployment.old.json", "settings.toml", "processes.json", ".lock"):
            (self.path / name).unlink(missing_ok=True)
        for name in ("chain", "nodes", "published", "logs", "pictures"):
            if (self.path / name).is_dir() and not (self.path / name).is_symlink():
                shutil.rmtree(self.path / name)
        kept = self.key_files()
        if not kept:
            self.password_file.unlink(missing_ok=True)
            for folder in (*self.keys.glob("*/"), self.keys, self.path):
                with suppress(OSError):  # whatever else lies there is not ours, and stays
                    folder.rmdir()
        return kept

    def _recorded(self) -> list[ProcessRecord]:
        try:
            content = json.loads(self._records.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{self._records} cannot be read: {error}.",
                "Nothing was changed.",
                "End this swarm's processes by hand, then delete that file.",
            ) from error
        if not isinstance(content, dict) or content.get("version") != VERSION:
            raise UnsupportedVersionError(
                f"{self._records} is not of version {VERSION}.", "Nothing was changed.", "Use the release that wrote it."
            )
        return [ProcessRecord(**record) for record in content["processes"]]

    def _write(self, records: Sequence[ProcessRecord]) -> None:
        text = json.dumps({"version": VERSION, "processes": [asdict(record) for record in records]}, indent=2)
        with writing(self._records):
            write_whole(self._records, text.encode())


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Writes a file that is either the old or the new one, never half of it."""
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise DiskFullError(
                f"No room on the disk for {path}.", "What was there is unchanged.", "Free some space and run this again."
            ) from error
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", "What was there is unchanged.", "Check --home and its permissions."
        ) from error
