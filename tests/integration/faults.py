"""What can be wrong with an RPC service, and how those lie that answer well and wrongly."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any


class Fault(Enum):
    """What a proxy does to the answers."""

    # the transport
    REFUSE = auto()  # nobody listens
    RESET = auto()  # the connection is reset when the request has come
    TRUNCATE = auto()  # half of the answer, then the end
    HANG = auto()  # no answer, ever
    HANG_AFTER_HEADERS = auto()
    CLOSE_AFTER_HEADERS = auto()
    DRIP = auto()  # a byte now and then
    DRIP_HEADERS = auto()
    DELAY = auto()  # late, but within the time of a request
    # the service
    BROKEN = auto()  # HTTP 500
    BUSY = auto()  # HTTP 429
    REDIRECT = auto()
    GARBAGE = auto()  # bytes that are not JSON
    DEEP = auto()  # JSON that would end a careless parser
    FLOOD = auto()  # more bytes than anybody wants
    NOT_HTTP = auto()
    WRONG_SHAPE = auto()  # JSON-RPC whose results are of other types
    OTHER_ANSWER = auto()  # of another request
    RATE_LIMIT = auto()  # a JSON-RPC error
    BAD_ERROR = auto()  # one of the wrong types
    # liars
    STALE = auto()  # the chain as it was when the fault began
    BEHIND = auto()  # a head some blocks ago, everything else as it is
    AHEAD = auto()  # a head that is not there
    FALSE_HEAD = auto()  # a block of another hash and time
    FALSE_STATE = auto()  # other results of calls
    FALSE_LOGS = auto()  # no events
    FALSE_RECEIPTS = auto()  # transactions that were not mined, mined
    FALSE_COUNTS = auto()  # nonces, prices and estimates
    OTHER_CHAIN = auto()  # another ID


LIES = [fault for fault in Fault if fault.value >= Fault.STALE.value]
FAILURES = [fault for fault in Fault if fault not in LIES]
BACK = 5
"""Blocks that ``BEHIND`` is, where no more are asked for."""


class Liar:
    """Answers requests from the real chain, as a fault changes them.

    Args:
        ask: the real chain, a request at a time.
        fault: None changes nothing.
        stale: number of the newest block for ``STALE``.
        back: how many blocks ``BEHIND`` is.
    """

    def __init__(self, ask: Callable[[Any], Any], fault: Fault | None, stale: int, back: int = BACK) -> None:
        self._ask = ask
        self._fault = fault
        self._stale = stale
        self._back = back

    def answer(self, request: Any) -> Any:
        """The answer to a request, or to a batch of them."""
        if isinstance(request, list):
            return [self._one(part) for part in request]
        return self._one(request)

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        method, answer = request["method"], None
        head = self._head()
        if head is not None:
            request = self._moved_back(request, head)
        answer = self._ask(request)
        if self._fault is Fault.RATE_LIMIT:
            return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32005, "message": "rate limit exceeded"}}
        if self._fault is Fault.BAD_ERROR:
            return {"jsonrpc": 1, "id": None, "error": {"code": "none", "message": [7], "data": [1]}}
        if self._fault is Fault.OTHER_ANSWER:
            return dict(answer) | {"id": request["id"] + 1_000_003}
        if "result" in answer:
            answer["result"] = self._changed(method, answer["result"], head)
        return dict(answer)

    def _head(self) -> int | None:
        """The newest block that is pretended; None where none is."""
        match self._fault:
            case Fault.STALE:
                return self._stale
            case Fault.BEHIND:
                return max(height(self._ask) - self._back, 0)
            case _:
                return None

    def _moved_back(self, request: dict[str, Any], head: int) -> dict[str, Any]:
        """The request as a server asks it whose newest block is an older one."""
        places = {"eth_call": 1, "eth_getBalance": 1, "eth_getTransactionCount": 1, "eth_getCode": 1, "eth_getBlockByNumber": 0}
        place, params = places.get(request["method"]), list(request["params"])
        if place is not None and place < len(params) and params[place] in ("latest", "pending"):
            params[place] = hex(head)
        return request | {"params": params}

    def _changed(self, method: str, result: Any, head: int | None) -> Any:
        match self._fault:
            case Fault.WRONG_SHAPE:
                return {"0x": [result]} if not isinstance(result, dict) else "0x"
            case Fault.STALE | Fault.BEHIND if method == "eth_blockNumber":
                return hex(head or 0)
            case Fault.STALE if isinstance(result, dict) and int(str(result.get("blockNumber") or result.get("number") or "0x0"), 16) > (
                head or 0
            ):
                return None
            case Fault.STALE if method == "eth_getLogs":
                return [each for each in result if int(each["blockNumber"], 16) <= (head or 0)]
            case Fault.AHEAD if method == "eth_blockNumber":
                return hex(int(result, 16) + 1_000)
            case Fault.AHEAD if method == "eth_getBlockByNumber" and result:
                number, time_ = int(result["number"], 16) + 1_000, int(result["timestamp"], 16) + 12_000
                return result | {"number": hex(number), "timestamp": hex(time_), "hash": "0x" + f"{number:064x}"}
            case Fault.FALSE_HEAD if method in ("eth_getBlockByNumber", "eth_getBlockByHash") and result:
                return result | {"hash": "0x" + "66" * 32, "timestamp": hex(int(result["timestamp"], 16) + 86_400)}
            case Fault.FALSE_STATE if method == "eth_call" and len(result) > 2:
                return "0x" + f"{(int(result, 16) + 1) % 16 ** (len(result) - 2):0{len(result) - 2}x}"
            case Fault.FALSE_STATE if method in ("eth_getBalance", "eth_getTransactionCount"):
                return hex(int(result, 16) + 1)
            case Fault.FALSE_STATE if method == "eth_getCode":
                return "0x" + result[4:]
            case Fault.FALSE_LOGS if method == "eth_getLogs":
                return []
            case Fault.FALSE_RECEIPTS if method == "eth_getTransactionReceipt":
                return None if result else {"status": "0x1", "blockNumber": "0x1"}
            case Fault.FALSE_COUNTS if method in ("eth_getTransactionCount", "eth_estimateGas", "eth_gasPrice", "eth_maxPriorityFeePerGas"):
                return hex(int(result, 16) * 1_000 + 7)
            case Fault.OTHER_CHAIN if method == "eth_chainId":
                return hex(int(result, 16) + 1)
        return result


def height(ask: Callable[[Any], Any]) -> int:
    """Number of the real chain's newest block."""
    return int(ask({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})["result"], 16)
