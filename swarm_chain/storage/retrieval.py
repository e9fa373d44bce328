"""Fetching a file from other nodes' trustless gateways, none of which is believed.

One raw block a request (``GET {provider}/ipfs/{cid}?format=raw``), hashed while it arrives, never longer than its place in the file
allows; the file's tree is walked here. No redirect is followed. A provider that is slow, cut off or lies is passed over for the next.

Built on httpcore, the layer below httpx, because there the address that a name resolved to can be checked and then be the one that is
connected to.
"""

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from swarm_chain.errors import IntegrityError, NotFoundError, StoreError, TooLargeError
from swarm_chain.storage import unixfs
from swarm_chain.storage.cid import CHUNK, DAG_PB, RAW, Block, Cid, File
from swarm_chain.types import Digest

PROVIDERS_MAX = 64
BLOCK_SECONDS = 20.0
"""One block from one provider, at most; less when the deadline is nearer."""
PARALLEL = 8
_CONNECT_SECONDS = 5.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def retrieve(digest: Digest, max_bytes: int, providers: Sequence[str], timeout: float, *, allow_private: bool = False) -> File:
    """The file, every block verified as it arrived.

    Blocks the calling thread, which must not run an event loop, for at most ``timeout`` seconds.

    When nobody gave it, the worst of what went wrong: IntegrityError, TooLargeError, NotFoundError (also when time ran out).
    At most ``PROVIDERS_MAX`` providers are asked.
    """
    return asyncio.run(_retrieve(digest, max_bytes, providers[:PROVIDERS_MAX], timeout, allow_private))


async def _retrieve(digest: Digest, max_bytes: int, urls: Sequence[str], timeout: float, allow_private: bool) -> File:
    deadline = asyncio.get_running_loop().time() + timeout
    async with httpcore.AsyncConnectionPool(max_connections=PARALLEL, network_backend=_CheckedNetwork(allow_private), http2=False) as pool:
        source = _Source(pool, urls, digest, deadline)
        try:
            async with asyncio.timeout_at(deadline):
                return await _walk(source, digest, max_bytes)
        except TimeoutError:
            raise source.failure("the time ran out") from None


async def _walk(source: "_Source", digest: Digest, max_bytes: int) -> File:
    if max_bytes <= CHUNK:
        root = await source.block(digest, (RAW,), max_bytes)
    else:
        root = await source.block(digest, (DAG_PB, RAW), CHUNK)
    if not unixfs.is_root(root):
        return File([(Cid(RAW, digest), root)])
    size, links = unixfs.open_root(root)
    unixfs.check_size(size, max_bytes)
    levels: list[list[tuple[Cid, Block]]] = [[(Cid(DAG_PB, digest), root)]]
    for depth in range(unixfs.depth_of(size) - 1, 0, -1):
        nodes = [node async for node in source.blocks(links, DAG_PB)]
        levels.append([(Cid(DAG_PB, link.digest), node) for link, node in zip(links, nodes, strict=True)])
        links = [child for link, node in zip(links, nodes, strict=True) for child in unixfs.open_node(node, link.file_size, depth)]
    leaves = [leaf async for leaf in source.blocks(links, RAW)]
    levels.append([(Cid(RAW, link.digest), leaf) for link, leaf in zip(links, leaves, strict=True)])
    return File([block for level in reversed(levels) for block in level])


@dataclass
class _Provider:
    name: str
    """As it was given, shortened; only for messages."""
    base: bytes
    trusted: bool = True


class _Source:
    """The providers, as one source of verified blocks."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, urls: Iterable[str], digest: Digest, deadline: float) -> None:
        self._pool = pool
        self._digest = digest
        self._deadline = deadline
        self._reasons: dict[str, str] = {}
        self._worst: type[StoreError] = NotFoundError
        self._providers: list[_Provider] = []
        for url in dict.fromkeys(urls):
            base = _base(url)
            if base is None:
                self._reasons[url[:100]] = "not an http or https URL"
            else:
                self._providers.append(_Provider(url[:100], base))

    async def blocks(self, links: Sequence[unixfs.Link], codec: int) -> Any:
        """The blocks of ``links`` in order, a few at a time. A leaf is exactly as long as its link says."""
        for first in range(0, len(links), PARALLEL):
            batch = links[first : first + PARALLEL]
            limits = [link.file_size if codec == RAW else unixfs.NODE_BYTES for link in batch]
            asked = (self.block(link.digest, (codec,), limit) for link, limit in zip(batch, limits, strict=True))
            # All are waited for, so that none is left running when one fails.
            for link, answer in zip(batch, await asyncio.gather(*asked, return_exceptions=True), strict=True):
                if isinstance(answer, BaseException):
                    raise answer
                yield unixfs.open_leaf(answer, link) if codec == RAW else answer

    async def block(self, digest: Digest, codecs: Sequence[int], limit: int) -> bytes:
        """The block with this digest, of at most ``limit`` bytes, from the first provider that gives it."""
        providers = [provider for provider in self._providers if provider.trusted]
        for index, provider in enumerate(providers):
            now = asyncio.get_running_loop().time()
            # A share of the time left, so that a slow one cannot use up the others'.
            seconds = min(BLOCK_SECONDS, (self._deadline - now) / (len(providers) - index))
            for codec in codecs:
                try:
                    async with asyncio.timeout(seconds):
                        return await self._ask_twice(provider, Cid(codec, digest), limit)
                except NotFoundError:
                    self._reasons.setdefault(provider.name, "does not have it")
                except (IntegrityError, TooLargeError) as error:
                    if self._worst is not IntegrityError:
                        self._worst = type(error)
                    self._pass_over(provider, error.what)
                    break
                except StoreError as error:
                    self._pass_over(provider, error.what)
                    break
                except TimeoutError:
                    self._pass_over(provider, "too slow")
                    break
                except _NETWORK_ERRORS as error:
                    self._pass_over(provider, str(error) or type(error).__name__)
                    break
        raise self.failure("nobody gave it")

    def failure(self, why: str) -> StoreError:
        """The worst of what went wrong, with everybody's reason."""
        reasons = "; ".join(f"{name}: {reason[:200]}" for name, reason in list(self._reasons.items())[:8])
        return self._worst(
            f"Could not fetch {Cid(RAW, self._digest)}, {why}" + (f" ({reasons})." if reasons else ", no provider was named."),
            "Nothing was kept of it.",
            "It is worth another try when more nodes hold it.",
        )

    def _pass_over(self, provider: _Provider, reason: str) -> None:
        provider.trusted = False
        self._reasons[provider.name] = reason

    async def _ask_twice(self, provider: _Provider, cid: Cid, limit: int) -> bytes:
        # A kept connection may be closed by the other side just as it is used again.
        try:
            return await self._ask(provider, cid, limit)
        except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
            return await self._ask(provider, cid, limit)

    async def _ask(self, provider: _Provider, cid: Cid, limit: int) -> bytes:
        headers = [(b"Accept", b"application/vnd.ipld.raw"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"swarm-chain")]
        url = provider.base + f"/ipfs/{cid}?format=raw".encode()
        timeouts = {"connect": _CONNECT_SECONDS, "read": BLOCK_SECONDS, "write": BLOCK_SECONDS, "pool": None}
        async with self._pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response:
            if response.status in (404, 410):
                raise NotFoundError("It does not have it.")
            if response.status != 200:
                raise StoreError(f"It answered {response.status}.")
            hasher = hashlib.sha256()
            block = bytearray()
            async for piece in response.aiter_stream():
                if len(block) + len(piece) > limit:
                    raise TooLargeError(f"It sent more than {limit} bytes.")
                hasher.update(piece)
                block += piece
        if hasher.digest() != cid.digest:
            raise IntegrityError("It sent bytes of another digest.")
        return bytes(block)


class _AddressRefusedError(OSError):
    """A provider's address is not one of the public network."""


_NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
)


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects only to addresses it has checked itself, whatever a name resolves to the next time."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        error: Exception = _AddressRefusedError(f"{host} has no address")
        for address in await _resolve(host, port):
            if not self._allow_private and not is_public(address):
                error = _AddressRefusedError(f"{address} is a private address, and those are refused here")
                continue
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.TimeoutException) as failed:
                error = failed
        raise error

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, also when it only carries an IPv4 address inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(ip.packed[12:]) if ip in _NAT64 else None)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


async def _resolve(host: str, port: int) -> list[str]:
    """The addresses of ``host``. In a thread of its own, which nothing waits for: a stuck resolver must not hold up the deadline."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str] | None, error: OSError | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(addresses or [])

    def look_up() -> None:
        addresses: list[str] | None = None
        failed: OSError | None = None
        try:
            addresses = list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            failed = OSError(f"{host} cannot be resolved: {error}")
        # The loop is closed when the deadline came first.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, addresses, failed)

    threading.Thread(target=look_up, daemon=True).start()
    return await done


def _base(url: str) -> bytes | None:
    """The URL without a slash at its end; None unless it is a plain http or https one."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and not parts.query and not parts.fragment
        _ = parts.port
        return url.rstrip("/").encode("ascii") if plain and url.isprintable() and " " not in url else None
    except ValueError:
        return None
