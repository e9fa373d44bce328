"""The connection to an Ethereum node over JSON-RPC, and the chain's clock.

Whatever goes wrong on the way is a ``ChainUnreachableError``. URLs often carry an API key, so messages show their host alone.
"""

from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockIdentifier, RPCEndpoint, RPCResponse

from swarm_chain.errors import ChainError, ChainUnreachableError, ConfigurationError, WrongChainError

RETRY = "Check that the node runs and that the RPC URL is right, then try again."


REFUSALS_UNDERSTOOD = {"eth_call", "eth_estimateGas", "eth_sendRawTransaction", "eth_getLogs", "eth_maxPriorityFeePerGas"}
"""Requests whose refusals mean something to whoever made them; those of all others are errors."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as we need it. ``time`` is its timestamp: chain time, in seconds."""

    number: int
    hash: bytes
    time: int


class HttpRpc(HTTPProvider):
    """JSON-RPC over HTTP that answers, or raises ``ChainUnreachableError``. Nothing is retried here: callers know what may be repeated."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url)
        self.shown = shown(url)
        self._url = url
        self._timeout = timeout
        self._session = requests.Session()
        # A proxy from the environment can't reach our own machine; with it, a local chain would look down.
        self._session.trust_env = not is_loopback(url)

    def __repr__(self) -> str:
        return f"HttpRpc({self.shown})"

    __str__ = __repr__

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = self._post(self.encode_rpc_request(method, params))
        if not isinstance(answer, dict):
            raise self._unreachable("answered a request with something else than a JSON-RPC response")
        response = cast(RPCResponse, answer)
        if "error" in response and method not in REFUSALS_UNDERSTOOD:
            raise self._refused(method, response["error"])
        return response

    def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Sends several requests at once. Returns their responses in the order of the requests."""
        answer = self._post(self.encode_batch_rpc_request(batch_requests))
        if not isinstance(answer, list):  # some services know no batches
            return [self.make_request(method, params) for method, params in batch_requests]
        if len(answer) != len(batch_requests) or not all(isinstance(part, dict) and isinstance(part.get("id"), int) for part in answer):
            raise self._unreachable("answered a batch of requests incompletely")
        return sorted(answer, key=lambda part: int(part["id"]))

    def _post(self, body: bytes) -> Any:
        try:
            response = self._session.post(
                self._url, data=body, headers=self.get_request_headers(), timeout=self._timeout, allow_redirects=False
            )
        except requests.Timeout:
            raise self._unreachable("does not answer in time") from None
        except requests.RequestException as problem:
            # The exception's own text holds the whole URL.
            raise self._unreachable(f"cannot be reached ({type(problem).__name__})") from None
        # Refusals of a JSON-RPC server may come with status 4xx or 5xx, and a JSON-RPC body all the same.
        try:
            return self.decode_rpc_response(response.content)
        except ValueError:
            pass
        status = response.status_code
        name = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
        raise self._unreachable(f"answered without JSON-RPC, HTTP {status} ({name})")

    def _refused(self, method: str, error: Any) -> ChainError:
        message = str(error.get("message", error) if isinstance(error, dict) else error)
        return ChainError(f"The chain at {self.shown} refused {method}: {message[:200]}.", do="Wait a little, or use another RPC URL.")

    def _unreachable(self, what: str) -> ChainUnreachableError:
        return ChainUnreachableError(f"The chain at {self.shown} {what}.", do=RETRY)


def connect(rpc_url: str, timeout: float = 10.0) -> Web3:
    """Connects and makes sure that an Ethereum node answers.

    Args:
        rpc_url: ``http://`` or ``https://``.
        timeout: of one request, in seconds.

    Raises:
        ConfigurationError: the URL is not HTTP.
        ChainUnreachableError: nobody answers there.
    """
    parts = urlsplit(rpc_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"{shown(rpc_url)} is not an RPC URL that can be used here.", do="Give one that starts with http:// or https://, with a host."
        )
    web3 = Web3(HttpRpc(rpc_url, timeout))
    # Proof-of-authority chains put more into a block's extra data than web3.py accepts on its own.
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware(), layer=0)
    chain_id(web3)
    return web3


def chain_id(web3: Web3) -> int:
    """The chain's ID, as EIP-155 numbers it."""
    response = web3.provider.make_request(RPCEndpoint("eth_chainId"), [])
    result = response.get("result")
    if not isinstance(result, str) or not result.startswith("0x"):
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
        raise ChainError(f"The chain at {provider_name(web3)} has no block {which!r} now.", do="Try again.") from None
    return Block(number=found["number"], hash=bytes(found["hash"]), time=found["timestamp"])


def chain_time(web3: Web3) -> int:
    """Timestamp of the newest block, in seconds: the time that contracts go by. It stands still between blocks."""
    return block(web3).time


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, by name or number."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def provider_name(web3: Web3) -> str:
    """Where a connection goes, fit to be shown."""
    return str(getattr(web3.provider, "shown", "the RPC URL"))


def shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, path and query."""
    parts = urlsplit(url)
    if not parts.hostname:
        return "This"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
