"""Handing commits and reveals to a relay, which nobody has to trust.

A relay can do nothing with what a node signed but bring it to the chain. It can lie, forget or be down; so a node that handed something
over watches the chain, asks again now and then, and sends its own transaction when the relay refuses or is not reached, or when two thirds
of the phase are over. What comes twice is taken once.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from swarm_chain.chain.connection import is_loopback
from swarm_chain.chain.views import PhaseView
from swarm_chain.errors import ConfigurationError
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.protocol.relaying import SignedCommit, SignedReveal, sign_commit, sign_reveal
from swarm_chain.types import Address, Domain, Phase, Reveal, Round, Terms

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""A relay that takes longer to answer counts as not reached."""
AGAIN_SECONDS = 5.0
"""Between requests for one message."""
OPENING_SECONDS = 60.0
"""Most patience with a relay that is to open a round: no deadline runs yet."""
ANSWER_BYTES = 1_024


def is_late(phase: PhaseView, terms: Terms, now: int) -> bool:
    """Whether two thirds of the open phase are over, in chain time."""
    match phase.phase:
        case Phase.COMMIT:
            return 3 * (phase.commit_deadline - now) <= terms.commit_duration
        case Phase.REVEAL:
            return 3 * (phase.reveal_deadline - now) <= terms.reveal_duration
        case Phase.CLOSED:
            return False


@dataclass(slots=True)
class _Handed:
    """What is in the relay's hands; by the clock ``time.monotonic``."""

    path: str
    message: SignedCommit | SignedReveal = field(repr=False)
    patient_until: float
    asked: float = float("-inf")
    is_taken: bool = False


class RelayHand:
    """One node's dealings with its relay.

    Args:
        url: of the relay.
        domain: of the group.
        relay: address of the relay contract.
        terms: of the group.
        account: the node key; it signs.

    Raises:
        ConfigurationError: that is no URL.
    """

    def __init__(self, url: str, domain: Domain, relay: Address, terms: Terms, account: LocalAccount) -> None:
        try:
            parsed = httpx.URL(url)
            is_url = parsed.scheme in ("http", "https") and bool(parsed.host) and urlsplit(url).port != 0
        except (httpx.InvalidURL, ValueError) as error:
            raise _bad_url(url) from error
        if not is_url:
            raise _bad_url(url)
        self._url = url.rstrip("/")
        self._domain = domain
        self._relay = relay
        self._terms = terms
        self._account = account
        self._handed: _Handed | None = None

    def holds_commit(self, journaled: JournaledCommit, phase: PhaseView, now: int) -> bool:
        """Hands a commit over, or asks after it. Whether it is to be left to the relay for now."""

        def message() -> SignedCommit:
            return sign_commit(self._domain, self._relay, journaled.round, journaled.sealed_digest, journaled.commitment, self._sign)

        patience = 2 * self._terms.commit_duration / 3
        if phase.phase is not Phase.COMMIT:
            patience = min(patience, OPENING_SECONDS)
        return self._holds("commits", journaled.round, journaled.commitment, message, patience, is_late(phase, self._terms, now))

    def holds_reveal(self, round_: Round, opened: Reveal, phase: PhaseView, now: int) -> bool:
        """Hands a reveal over, or asks after it. Whether it is to be left to the relay for now."""

        def message() -> SignedReveal:
            return sign_reveal(self._domain, self._relay, round_, opened, self._sign)

        patience = 2 * self._terms.reveal_duration / 3
        return self._holds("reveals", round_, opened.salt, message, patience, is_late(phase, self._terms, now))

    def _sign(self, hash_: bytes) -> bytes:
        return bytes(self._account.unsafe_sign_hash(Hash32(hash_)).signature)

    def _holds(
        self,
        path: str,
        round_: Round,
        what: bytes,
        message: Callable[[], SignedCommit | SignedReveal],
        patience: float,
        late: bool,
    ) -> bool:
        now = time.monotonic()
        handed = self._handed
        if handed is None or handed.path != path or handed.message.round != round_ or _named(handed.message) != what:
            handed = self._handed = _Handed(path, message(), now + patience)
        if now >= handed.asked + AGAIN_SECONDS:
            handed.asked = now
            self._ask(handed)
        return handed.is_taken and not late and time.monotonic() < handed.patient_until

    def _ask(self, handed: _Handed) -> None:
        body = json.dumps(handed.message.as_json()).encode()
        try:
            status, said = asyncio.run(_post(f"{self._url}/{handed.path}", body))
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            handed.is_taken = False
            log.warning("Round %d: the relay is not reached (%s).", handed.message.round, type(error).__name__)
            return
        taken = status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
        if not taken:
            log.warning("Round %d: the relay does not take this node's %s: HTTP %d, %s.", handed.message.round, handed.path, status, said)
        elif not handed.is_taken:
            log.info("Round %d: the relay has this node's %s.", handed.message.round, handed.path)
        handed.is_taken = taken


async def _post(url: str, body: bytes) -> tuple[int, str]:
    """The status, and the beginning of what was said, in printable characters. All of it within ``ANSWER_SECONDS``."""
    headers = {"Content-Type": "application/json"}
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        httpx.AsyncClient(trust_env=not is_loopback(url), follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as response,
    ):
        said = b""
        async for chunk in response.aiter_raw():
            said += chunk[: ANSWER_BYTES - len(said)]
            if len(said) >= ANSWER_BYTES:
                break
        return response.status_code, "".join(letter for letter in said.decode("ascii", "replace") if letter.isprintable())


def _named(message: SignedCommit | SignedReveal) -> bytes:
    return message.commitment if isinstance(message, SignedCommit) else message.opened.salt


def _bad_url(url: str) -> ConfigurationError:
    return ConfigurationError(f"{url[:200]!r} is not a relay's URL.", "Nothing was started.", "Give one like http://HOST:PORT.")
