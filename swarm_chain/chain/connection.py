"""The connection to a chain over the JSON-RPC of one or several servers, and the chain's clock.

Whatever goes wrong on the way is a ``ChainError``. URLs often carry an API key, so messages show their host alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from eth_typing import Hash32
from web3 import Web3
from web3.exceptions import BlockNotFound, TransactionNotFound
from web3.types import BlockIdentifier, RPCEndpoint

from swarm_chain.chain.endpoint import RETRY
from swarm_chain.chain.rpc import QuorumRpc, Standing
from swarm_chain.chain.urls import HTTP, WEBSOCKET, is_usable, several
from swarm_chain.chain.urls import is_loopback as is_loopback
from swarm_chain.chain.urls import shown as shown
from swarm_chain.errors import ChainError, ChainUnreachableError, ConfigurationError, WrongChainError

_UNKNOWN = Hash32(b"")


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as we need it. ``time`` is its timestamp, chain time in seconds; ``parent`` the hash of the block before, if known."""

    number: int
    hash: Hash32
    time: int
    parent: Hash32 = _UNKNOWN


def connect(rpc_urls: str | Sequence[str], timeout: float = 10.0, quorum: int | None = None) -> Web3:
    """Connects and makes sure that a chain answers.

    Args:
        rpc_urls: one or several of the same chain, ``http://`` or ``https://``; those with ``ws://`` or ``wss://`` are for ``HeadWatch``.
        timeout: of one request, in seconds.
        quorum: how many of them must say the same before it is believed; more than half if not given.

    Raises:
        ConfigurationError: a URL that cannot be used, none for requests, or a quorum of more than there are.
        ChainError: too few answer, or they do not agree.
    """
    web3 = unasked(rpc_urls, timeout, quorum)
    chain_id(web3)
    return web3


def unasked(rpc_urls: str | Sequence[str], timeout: float = 10.0, quorum: int | None = None) -> Web3:
    """A connection as ``connect`` makes it, to a chain that may not answer.

    Raises:
        ConfigurationError: as ``connect``.
    """
    urls = several(rpc_urls)
    asked = [url for url in urls if is_usable(url, HTTP)]
    wrong = [url for url in urls if url not in asked and not (asked and is_usable(url, WEBSOCKET))]
    if wrong or not asked:
        raise ConfigurationError(
            f"{shown(wrong[0]) if wrong else 'This'} is not an RPC URL that can be used here.",
            do="Give one that starts with http:// or https://, with a host.",
        )
    if quorum is not None and not 1 <= quorum <= len(asked):
        raise ConfigurationError(
            f"A quorum of {quorum} cannot be had of {len(asked)} RPC URLs.", "Nothing was sent.", "Give more URLs, or a smaller rpc_quorum."
        )
    return Web3(QuorumRpc(asked, timeout, quorum))


def standings(web3: Web3) -> list[Standing]:
    """How each URL of a connection stands: its height, how far behind it is, its chain, or what is wrong with it."""
    assert isinstance(web3.provider, QuorumRpc)
    return web3.provider.standings()


def quorum_of(web3: Web3) -> int:
    """How many of a connection's URLs must say the same before it is believed."""
    assert isinstance(web3.provider, QuorumRpc)
    return web3.provider.quorum


def chain_id(web3: Web3) -> int:
    """The chain's ID, as EIP-155 numbers it."""
    result = web3.provider.make_request(RPCEndpoint("eth_chainId"), []).get("result")
    if not isinstance(result, str):
        raise ChainUnreachableError(f"{provider_name(web3)} does not speak Ethereum's JSON-RPC.", do=RETRY)
    return int(result, 16)


def check_chain_id(web3: Web3, expected: int) -> None:
    """Raises ``WrongChainError`` unless the chain's ID is the expected one."""
    found = chain_id(web3)
    if found != expected:
        raise WrongChainError(
            f"The chain at {provider_name(web3)} has ID {found}, not {expected}.",
            "Nothing was sent.",
            "Give the RPC URL of the chain that the deployment file names, or that chain's deployment file.",
        )


def block(web3: Web3, which: BlockIdentifier = "latest") -> Block:
    """A block by number, hash or name."""
    try:
        found = web3.eth.get_block(which)
    except BlockNotFound:
        raise ChainError(
            f"The chain at {provider_name(web3)} has no block {which.hex() if isinstance(which, bytes) else which} now.", do="Try again."
        ) from None
    return Block(
        number=found["number"], hash=Hash32(bytes(found["hash"])), time=found["timestamp"], parent=Hash32(bytes(found["parentHash"]))
    )


@contextmanager
def told_of(web3: Web3) -> Iterator[None]:
    """Within, blocks and transactions are looked up that the chain told of: where it does not have one, that is a ``ChainError``. It gave
    the block up, or the server that is asked now is behind the one that was asked before."""
    try:
        yield
    except (BlockNotFound, TransactionNotFound):
        raise ChainError(
            f"The chain at {provider_name(web3)} does not have now what it told of a moment ago.", "Nothing was made of it.", "Look again."
        ) from None


def chain_time(web3: Web3) -> int:
    """Timestamp of the newest block, in seconds: the time that contracts go by. It stands still between blocks."""
    return block(web3).time


def provider_name(web3: Web3) -> str:
    """Where a connection goes, fit to be shown."""
    return str(getattr(web3.provider, "shown", "the RPC URL"))
