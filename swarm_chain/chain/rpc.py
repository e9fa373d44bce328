"""One chain behind one or several RPC URLs: a provider for web3.py that believes what enough of them say.

- *Reads* are asked of as many URLs as must agree; of more, one after the other, where one of these fails, is slow or says something else.
  What a quorum says alike, in the fields that the chain determines, is the answer. The newest block is one that a quorum has, and a read
  "at the newest block" is one at that block's number.
- *Estimates and prices* are asked of all, and the median counts; the next nonce is the highest that a quorum reaches.
- *Transactions* go to all.

Nothing is repeated here: callers know what may be. A URL that failed, or said what the others did not, rests: it is asked only where no
quorum can be had without it.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from statistics import median_high, median_low
from typing import Any, cast

from eth_utils.crypto import keccak
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from swarm_chain.chain.answers import REFUSED, said
from swarm_chain.chain.endpoint import RETRY, Endpoint, Request
from swarm_chain.chain.pinning import pinned
from swarm_chain.errors import ChainError, ChainUnreachableError

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds until a URL more is asked, and that all are waited for where a quorum has answered."""
GRACE = 5.0
"""Seconds that are waited beyond a request's own deadline, which may be kept late on a busy machine, and never where its thread is gone."""
TIP_FORK = 3
"""So many blocks URLs may differ in at the tip of the chain; the newest below them is taken."""
REFUSALS_UNDERSTOOD = {"eth_call", "eth_estimateGas", "eth_sendRawTransaction", "eth_getLogs", "eth_maxPriorityFeePerGas"}
"""Requests whose refusals mean something to whoever made them; those of all others are errors."""
NOT_THERE_YET = {"eth_getTransactionByHash", "eth_getTransactionReceipt"}
"""Where some URLs know something and others nothing yet, the answer is nothing yet."""
MEDIAN = {"eth_estimateGas": median_high, "eth_gasPrice": median_low, "eth_maxPriorityFeePerGas": median_low}
"""Of an even number the higher gas, of which what is not used costs nothing, and the lower price: one of two makes nothing dearer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one URL stands. ``behind`` counts blocks from the newest that any of them has; both are None where it failed, as ``problem``
    says. ``url`` is fit to be shown."""

    url: str
    height: int | None
    behind: int | None
    chain_id: int | None
    problem: str


@dataclass
class _Answers:
    """What was answered so far to one set of requests."""

    said: dict[Endpoint, list[Any]] = field(default_factory=dict)
    responses: dict[Endpoint, list[RPCResponse]] = field(default_factory=dict)
    problems: dict[Endpoint, ChainUnreachableError] = field(default_factory=dict)

    def alike(self) -> list[list[Endpoint]]:
        """Who say the same, most first; those that refused are not among them."""
        groups: dict[str, list[Endpoint]] = {}
        for endpoint, what in self.said.items():
            if REFUSED not in what:
                groups.setdefault(repr(what), []).append(endpoint)
        return sorted(groups.values(), key=len, reverse=True)

    def refused(self) -> list[Endpoint]:
        """Who refused, or one request of several."""
        return [endpoint for endpoint, what in self.said.items() if REFUSED in what]


class QuorumRpc(BaseProvider):
    """JSON-RPC that answers, or raises a ``ChainError``.

    Args:
        urls: ``http://`` or ``https://``, the preferred ones first.
        timeout: of one request, in seconds.
        quorum: how many URLs must say the same; more than half of them if not given.
    """

    def __init__(self, urls: Sequence[str], timeout: float, quorum: int | None = None) -> None:
        super().__init__()
        self.endpoints = [Endpoint(url) for url in urls]
        self.quorum = quorum if quorum is not None else len(urls) // 2 + 1
        self.shown = ", ".join(endpoint.shown for endpoint in self.endpoints)
        self._timeout = timeout
        self._patience = min(PATIENCE, timeout / 4)

    def __repr__(self) -> str:
        return f"QuorumRpc({self.shown})"

    __str__ = __repr__

    # -------------------------------------------------------------------------------------------- what web3.py calls
    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        params = list(params or [])
        if method == "eth_sendRawTransaction":
            response = self._sent(params)
        elif self.quorum == 1:
            response = self._agreed([(method, params)])[0]
        elif method in MEDIAN:
            response = self._median(method, params)
        elif method == "eth_blockNumber":
            response = _result(self._newest("latest")["number"])
        elif method == "eth_getTransactionCount" and params[1:] == ["pending"]:
            response = self._nonce(params)
        else:
            response = self._agreed(self._pinned([(method, params)]))[0]
        return self._understood(method, response)

    def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Makes several requests at once: if reads, all at one block. Returns their responses in the order of the requests."""
        if any(method == "eth_sendRawTransaction" for method, _ in batch_requests):
            return self._agreed(batch_requests) if len(self.endpoints) == 1 else [self.make_request(*request) for request in batch_requests]
        return self._agreed(self._pinned(batch_requests) if self.quorum > 1 else batch_requests)

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the chain answers."""
        try:
            self.make_request(RPCEndpoint("eth_chainId"), [])
        except ChainError:
            return False
        return True

    def standings(self) -> list[Standing]:
        """How every URL stands, each by itself; asks all of them, also those that rest."""
        requests: list[Request] = [(RPCEndpoint("eth_blockNumber"), []), (RPCEndpoint("eth_chainId"), [])]
        answers = self._everyone(requests, self.endpoints, len(self.endpoints))
        numbers = {endpoint: said for endpoint, said in answers.said.items() if all(isinstance(value, str) for value in said)}
        found = {endpoint: [int(value, 16) for value in said] for endpoint, said in numbers.items()}
        newest = max((height for height, _ in found.values()), default=0)
        return [
            Standing(endpoint.shown, found[endpoint][0], newest - found[endpoint][0], found[endpoint][1], "")
            if endpoint in found
            else Standing(endpoint.shown, None, None, None, _why(answers, endpoint))
            for endpoint in self.endpoints
        ]

    # -------------------------------------------------------------------------------------------- kinds of answers
    def _agreed(self, requests: Sequence[Request]) -> list[RPCResponse]:
        """What a quorum says alike."""
        answers = self._until_agreed(requests)
        groups, refused = answers.alike(), answers.refused()
        if groups and len(groups[0]) >= self.quorum:
            for other in (*(endpoint for group in groups[1:] for endpoint in group), *refused):
                self._failed(other, f"The chain at {other.shown} says something else than the others.")
            for agreeing in groups[0]:
                if agreeing.served():
                    log.info("The chain at %s serves again.", agreeing.shown)
            return [
                response if "error" in response else _result(value)
                for response, value in zip(answers.responses[groups[0][0]], answers.said[groups[0][0]], strict=True)
            ]
        if len(refused) >= self.quorum:
            return answers.responses[refused[0]]
        if len(requests) == 1 and requests[0][0] in NOT_THERE_YET and [None] in answers.said.values() and len(answers.said) >= self.quorum:
            return [_result(None)]
        raise self._no_quorum(answers)

    def _newest(self, tag: str) -> dict[str, Any]:
        """The newest block that a quorum has; of those that are ``safe`` or ``finalized`` where ``tag`` says so."""
        request: Request = (RPCEndpoint("eth_getBlockByNumber"), [tag, False])
        answers = self._everyone([request], self._awake(), self.quorum)
        blocks = [values[0] for values in answers.said.values() if isinstance(values[0], dict)]
        if len(blocks) < self.quorum:
            raise self._no_quorum(answers)
        # The liar of three can neither name a block that is not there nor keep the chain back: the others' numbers surround its own.
        reached = sorted((int(block["number"], 16) for block in blocks), reverse=True)[self.quorum - 1]
        same = [block for block in blocks if int(block["number"], 16) == reached]
        for block in same:
            if sum(other == block for other in same) >= self.quorum:
                return cast(dict[str, Any], block)
        problem: ChainError | None = None
        for number in range(reached, max(reached - TIP_FORK, -1), -1):
            try:
                found = self._agreed([(RPCEndpoint("eth_getBlockByNumber"), [hex(number), False])])[0].get("result")
            except ChainError as disagreement:
                problem = disagreement
                continue
            if isinstance(found, dict):
                return found
        raise problem or self._no_quorum(answers)

    def _median(self, method: RPCEndpoint, params: list[Any]) -> RPCResponse:
        answers = self._everyone([(method, params)], self._awake(), self.quorum)
        numbers = [int(what, 16) for (what,) in answers.said.values() if isinstance(what, str)]
        return _result(hex(MEDIAN[method](numbers))) if len(numbers) >= self.quorum else self._error(answers, self.quorum)

    def _nonce(self, params: list[Any]) -> RPCResponse:
        """The highest that a quorum reaches: no single URL can name one that leaves a gap."""
        answers = self._everyone([(RPCEndpoint("eth_getTransactionCount"), params)], self._awake(), self.quorum)
        numbers = sorted((int(what, 16) for (what,) in answers.said.values() if isinstance(what, str)), reverse=True)
        return _result(hex(numbers[self.quorum - 1])) if len(numbers) >= self.quorum else self._error(answers, self.quorum)

    def _sent(self, params: list[Any]) -> RPCResponse:
        """A transaction given to every URL, also those that rest: taken if one of them takes it, or the chain has it; refused if a quorum
        refuses it.

        One URL may take it and its answer be lost, and when it comes to the others it is known, or mined and its nonce used.
        """
        answers = self._everyone([(RPCEndpoint("eth_sendRawTransaction"), params)], self.endpoints, self.quorum, cancel=False)
        hash_ = "0x" + keccak(hexstr=params[0]).hex()
        if [hash_] in answers.said.values():
            return _result(hash_)
        found = self._agreed([(RPCEndpoint("eth_getTransactionByHash"), [hash_])])[0] if answers.said else {}
        return _result(hash_) if found.get("result") is not None else self._error(answers, self.quorum)

    def _error(self, answers: _Answers, enough: int) -> RPCResponse:
        """The revert that most URLs answered with, else a refusal, where enough did."""
        reverts = [group for group in answers.alike() if "error" in answers.responses[group[0]][0]]
        for group in (*reverts, answers.refused()):
            if len(group) >= enough:
                return answers.responses[group[0]][0]
        raise self._no_quorum(answers)

    def _pinned(self, requests: Sequence[Request]) -> list[Request]:
        return pinned(requests, lambda tag: str(self._newest(tag)["number"]))

    # -------------------------------------------------------------------------------------------- asking
    def _awake(self) -> list[Endpoint]:
        """Those that do not rest, in the order given; with those that rest the least if a quorum needs them."""
        awake = [endpoint for endpoint in self.endpoints if not endpoint.rests]
        resting = sorted((endpoint for endpoint in self.endpoints if endpoint not in awake), key=lambda endpoint: endpoint.rests_until)
        return awake + resting[: max(self.quorum - len(awake), 0)]

    def _until_agreed(self, requests: Sequence[Request]) -> _Answers:
        """Asks a quorum, and one more wherever that is not enough or takes long."""
        awake = self._awake()
        unasked = awake + [endpoint for endpoint in self.endpoints if endpoint not in awake]
        answers, until = _Answers(), time.monotonic() + self._timeout
        under_way: dict[Future[list[RPCResponse]], Endpoint] = {}
        wanted = self.quorum
        while under_way or (unasked and wanted):
            for endpoint in unasked[:wanted]:
                under_way[self._ask(endpoint, requests, until)] = endpoint
            unasked = unasked[wanted:]
            done, _ = wait(under_way, timeout=self._patience if unasked else _left(until), return_when=FIRST_COMPLETED)
            if not done and not unasked:
                break
            for future in done:
                self._take(answers, under_way.pop(future), requests, future)
            most = max(map(len, answers.alike()), default=0)
            if most >= self.quorum:
                break
            wanted = max(self.quorum - most - len(under_way), 0) if done else 1
        for future, endpoint in under_way.items():
            self._leave(future, endpoint, slow=endpoint in awake[: self.quorum])
        return answers

    def _everyone(self, requests: Sequence[Request], endpoints: Sequence[Endpoint], enough: int, *, cancel: bool = True) -> _Answers:
        """Asks several at once; where enough have answered, waits for the others a moment longer."""
        answers, until = _Answers(), time.monotonic() + self._timeout
        under_way = {self._ask(endpoint, requests, until): endpoint for endpoint in endpoints}
        moment: float | None = None
        while under_way:
            done, _ = wait(under_way, timeout=_left(until) if moment is None else _left(moment, 0.0), return_when=FIRST_COMPLETED)
            for future in done:
                self._take(answers, under_way.pop(future), requests, future)
            if moment is None and len(answers.said) >= enough:
                moment = time.monotonic() + self._patience
            elif not done:
                break
        for future, endpoint in under_way.items():
            self._leave(future, endpoint, slow=True, cancel=cancel)
        return answers

    def _ask(self, endpoint: Endpoint, requests: Sequence[Request], until: float) -> "Future[list[RPCResponse]]":
        return endpoint.ask(requests, max(until - time.monotonic(), 0.05))

    def _take(self, answers: _Answers, endpoint: Endpoint, requests: Sequence[Request], future: "Future[list[RPCResponse]]") -> None:
        try:
            responses = future.result()
            answers.said[endpoint] = [said(method, response) for (method, _), response in zip(requests, responses, strict=True)]
            answers.responses[endpoint] = responses
        except ChainUnreachableError as problem:
            answers.problems[endpoint] = problem
        except ValueError as problem:
            answers.problems[endpoint] = ChainUnreachableError(f"The chain at {endpoint.shown} answered {problem}.", do=RETRY)
        if endpoint in answers.problems:
            self._failed(endpoint, answers.problems[endpoint].what)

    def _leave(self, future: "Future[list[RPCResponse]]", endpoint: Endpoint, *, slow: bool, cancel: bool = True) -> None:
        """Goes on without an answer."""
        if slow:
            self._failed(endpoint, f"The chain at {endpoint.shown} is slower than the others.")
        if cancel:
            future.cancel()

    def _failed(self, endpoint: Endpoint, what: str) -> None:
        if endpoint.failed() and len(self.endpoints) > 1:
            log.warning("%s It is asked less often until it serves again.", what)

    # -------------------------------------------------------------------------------------------- what went wrong
    def _no_quorum(self, answers: _Answers) -> ChainError:
        if len(self.endpoints) == 1 and answers.problems:
            return answers.problems[self.endpoints[0]]
        why = " ".join(problem.what for problem in answers.problems.values())
        if len(answers.said) < self.quorum:
            return ChainUnreachableError(
                f"Of {len(self.endpoints)} RPC URLs {len(answers.said)} answer, and {self.quorum} are needed. {why}",
                "Nothing was done on the word of fewer.",
                "Check the RPC URLs; swarm-chain doctor shows how each stands.",
            )
        return ChainError(
            f"No {self.quorum} of {len(self.endpoints)} RPC URLs say the same. {why}".strip(),
            "Nothing was done on the word of fewer.",
            "Wait a little; if it stays so, swarm-chain doctor shows how each stands.",
        )

    def _understood(self, method: str, response: RPCResponse) -> RPCResponse:
        if "error" in response and method not in REFUSALS_UNDERSTOOD:
            error: Any = response["error"]
            message = str(error.get("message", error) if isinstance(error, dict) else error)
            raise ChainError(f"The chain at {self.shown} refused {method}: {message[:200]}.", do="Wait a little, or use another RPC URL.")
        return response


def _left(until: float, grace: float = GRACE) -> float:
    """Seconds until then by the monotonic clock, and some more."""
    return max(until + grace - time.monotonic(), 0.0)


def _result(value: Any) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 0, "result": value}


def _why(answers: _Answers, endpoint: Endpoint) -> str:
    problem = answers.problems.get(endpoint)
    return problem.what if problem else "refused to say" if endpoint in answers.said else "does not answer in time"
