"""A Kubo daemon as the store, by its RPC.

A small client of our own on httpx. ipfshttpclient, the usual one, was tried (0.7.0, its version check left out): it answers, but its time
limit counts only the wait between two bytes, so a slow daemon holds it for ever, and it takes a block of any length into memory (300 MB
where 256 KiB were asked for) before the caller can look. Here every answer is bounded and hashed while it arrives, and its deadline
checked with every piece.

Blocks are put one by one (``block/put``) and the root pinned, rather than files by ``add``: the layout, and so the CID, is then ours with
every version of Kubo (``add`` can be told the links a node only in recent ones), and the CID that Kubo returns for each block is compared
with ours.

Source: the Kubo RPC reference. Its errors are status 500 with ``{"Message", "Code", "Type"}``.
"""

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from swarm_chain.errors import ConfigurationError, DiskFullError, IntegrityError, NotFoundError, StoreError, TooLargeError
from swarm_chain.protocol.bounded_json import parse
from swarm_chain.storage import retrieval, unixfs
from swarm_chain.storage.cid import CHUNK, DAG_PB, RAW, Block, Cid, File, cut
from swarm_chain.types import Digest

_ANSWER_BYTES = 65_536
_BRACKETS = 64
_CALL_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_MULTIADDR = re.compile(r"(/[0-9A-Za-z.:%_-]{1,253}){2,16}")


class KuboStore:
    """A :class:`~swarm_chain.storage.store.Store` in a Kubo daemon of the operator's own, who trusts it to keep what it has pinned, not
    for its bytes: those are verified.

    ``fetch`` takes gateway URLs and multiaddrs of IPFS peers; with no provider, Kubo looks in its own network. Removed files' blocks go
    with Kubo's garbage collection, so run the daemon with ``--enable-gc``; :meth:`size` is that of the whole repository.

    Args:
        rpc_url: of the daemon, ``http://127.0.0.1:5001``. Whoever reaches it rules the daemon: never open it to a network.
        allow_private: as of :class:`~swarm_chain.storage.embedded.EmbeddedStore`, for gateway URLs.
    """

    def __init__(self, rpc_url: str, *, allow_private: bool = False) -> None:
        parts = urlsplit(rpc_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError("Kubo's RPC URL must begin with http:// or https:// and name a host.")
        self._url = rpc_url.rstrip("/")
        self._allow_private = allow_private
        # No proxy from the environment: the RPC rules the daemon and is nobody else's business.
        self._client = httpx.Client(trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Closes connections to the daemon."""
        self._client.close()

    def put(self, data: bytes | File) -> Cid:
        """As :meth:`Store.put`."""
        file = data if isinstance(data, File) else cut(data)
        if file.is_node():
            raise IntegrityError(
                "These bytes are the root node of a larger file, so their digest would name two files.", "Nothing was stored."
            )
        seen: set[Cid] = set()
        for cid, block in file.blocks:
            if cid not in seen:
                self._put_block(cid, block)
                seen.add(cid)
        self._json("pin/add", {"arg": str(file.cid), "recursive": "true", "offline": "true"}, _deadline())
        return file.cid

    def get(self, digest: Digest, max_bytes: int, *, verified: bool = True) -> bytes:
        """As :meth:`Store.get`; always verified, for a daemon has the blocks."""
        if not self.has(digest):
            raise NotFoundError(f"Kubo has not pinned {Cid(RAW, digest)}.", "", "Fetch it from the nodes that have it.")
        return unixfs.read(self.block(digest), self.block, max_bytes)

    def fetch(self, digest: Digest, max_bytes: int, providers: Sequence[str], timeout: float) -> bytes:
        """As :meth:`Store.fetch`."""
        deadline = time.monotonic() + timeout
        if self.has(digest):
            return self.get(digest, max_bytes)
        gateways = [provider for provider in providers if not provider.startswith("/")]
        if gateways:
            share = timeout if len(gateways) == len(providers) else timeout / 2
            try:
                file = retrieval.retrieve(digest, max_bytes, gateways, share, allow_private=self._allow_private)
            except (NotFoundError, IntegrityError):
                if len(gateways) == len(providers):
                    raise
            else:
                self.put(file)
                return file.data()
        for provider in providers:
            if _MULTIADDR.fullmatch(provider):
                self._connect(provider, deadline)

        def load(wanted: Digest) -> bytes:
            return self._block(wanted, deadline, local=False)

        data = unixfs.read(load(digest), load, max_bytes)
        self.put(data)
        return data

    def has(self, digest: Digest) -> bool:
        """As :meth:`Store.has`: whether Kubo has pinned the file itself, of whose blocks it keeps every one then."""
        return any(self._is_pinned(Cid(codec, digest)) for codec in (DAG_PB, RAW))

    def remove(self, digest: Digest) -> None:
        """As :meth:`Store.remove`; the blocks go with Kubo's next garbage collection."""
        for codec in (DAG_PB, RAW):
            cid = Cid(codec, digest)
            if self._is_pinned(cid):
                self._json("pin/rm", {"arg": str(cid), "recursive": "true"}, _deadline())

    def size(self) -> int:
        """Bytes of the whole repository, with what else the daemon keeps."""
        size = self._json("repo/stat", {"size-only": "true"}, _deadline()).get("RepoSize")
        if not isinstance(size, int):
            raise StoreError("Kubo did not say how large its repository is.")
        return size

    def block(self, digest: Digest) -> bytes:
        """As :meth:`Blocks.block`: any block Kubo has here, pinned by us or not."""
        return self._block(digest, _deadline(), local=True)

    def _put_block(self, cid: Cid, block: Block) -> None:
        codec = "raw" if cid.codec == RAW else "dag-pb"
        parameters = {"cid-codec": codec, "mhtype": "sha2-256", "pin": "false"}
        answer = self._json("block/put", parameters, _deadline(), files={"data": ("block", bytes(block), "application/octet-stream")})
        if answer.get("Key") != str(cid):
            raise IntegrityError(f"Kubo stored a block under another CID than {cid}.", "Nothing was pinned.", "Check the daemon's version.")

    def _is_pinned(self, cid: Cid) -> bool:
        try:
            answer = self._json("pin/ls", {"arg": str(cid), "type": "recursive"}, _deadline())
        except NotFoundError:
            return False
        keys = answer.get("Keys")
        return isinstance(keys, dict) and str(cid) in keys

    def _connect(self, provider: str, deadline: float) -> None:
        # A peer that cannot be reached is no error: another may have the file.
        try:
            self._json("swarm/connect", {"arg": provider}, min(deadline, time.monotonic() + _CONNECT_SECONDS))
        except (StoreError, ConfigurationError):
            return

    def _block(self, digest: Digest, deadline: float, *, local: bool) -> bytes:
        cid = Cid(RAW, digest)
        parameters = {"arg": str(cid), "offline": "true"} if local else {"arg": str(cid), "timeout": f"{_left(deadline):.0f}s"}
        block = self._call("block/get", parameters, deadline, CHUNK)
        if hashlib.sha256(block).digest() != digest:
            raise IntegrityError(f"Kubo gave other bytes than {cid} names.", "Nothing was kept of them.", "Run ipfs repo verify.")
        return block

    def _json(self, method: str, parameters: dict[str, str], deadline: float, files: Any = None) -> dict[str, Any]:
        try:
            answer = parse(self._call(method, parameters, deadline, _ANSWER_BYTES, files), _BRACKETS)
        except ValueError as error:
            raise StoreError(f"Kubo's answer to {method} is not JSON.", "", "Check that the URL is Kubo's RPC.") from error
        if not isinstance(answer, dict):
            raise StoreError(f"Kubo's answer to {method} is not an object.", "", "Check that the URL is Kubo's RPC.")
        return answer

    def _call(self, method: str, parameters: dict[str, str], deadline: float, limit: int, files: Any = None) -> bytes:
        url = f"{self._url}/api/v0/{method}"
        answer = bytearray()
        try:
            with self._client.stream("POST", url, params=parameters, files=files, timeout=httpx.Timeout(_left(deadline))) as response:
                for piece in response.iter_raw():
                    if len(answer) + len(piece) > limit:
                        raise TooLargeError(f"Kubo's answer to {method} has more than {limit} bytes.", "Nothing was kept of it.")
                    if time.monotonic() > deadline:
                        raise NotFoundError(f"Kubo's answer to {method} did not end in time.")
                    answer += piece
        except httpx.TimeoutException as error:
            raise NotFoundError(f"Kubo did not answer {method} in time.", "", "It is worth another try later.") from error
        except httpx.HTTPError as error:
            raise StoreError(
                f"Kubo's RPC at {self._url} cannot be reached: {error}.", "What was pinned stays so.", "Start the daemon or check the URL."
            ) from error
        if response.status_code != 200:
            raise _refusal(method, response.status_code, bytes(answer))
        return bytes(answer)


def _refusal(method: str, status: int, answer: bytes) -> StoreError:
    """Kubo's error as one of ours, by its words: it has no codes for them."""
    try:
        message = str(parse(answer, _BRACKETS)["Message"])
    except (ValueError, KeyError, TypeError):
        message = f"status {status}"
    said = f"Kubo refused {method}: {message[:300]}."
    if "not pinned" in message or "not found" in message or "could not find" in message or "deadline exceeded" in message:
        return NotFoundError(said)
    if "no space left" in message:
        return DiskFullError(said, "What was pinned stays so.", "Make room for Kubo's repository.")
    return StoreError(said, "What was pinned stays so.", "Check that the URL is Kubo's RPC and that it allows the call.")


def _deadline() -> float:
    return time.monotonic() + _CALL_SECONDS


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise NotFoundError("The time ran out.", "Nothing was kept.", "It is worth another try later.")
    return left
