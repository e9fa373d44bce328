"""Requests at the newest block, made requests at a block's number: so that what several servers answer is of one block."""

from collections.abc import Callable, Sequence

from swarm_chain.chain.endpoint import Request

PLACE = {
    "eth_call": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
    "eth_getBlockByNumber": 0,
    "eth_feeHistory": 1,
}
"""Where a method's parameters say at which block."""
NEWEST = {"latest", "pending"}
NAMED = NEWEST | {"safe", "finalized"}


def pinned(requests: Sequence[Request], newest: Callable[[str], str]) -> list[Request]:
    """The same requests, at a block's number where they name the newest, the safe or the final one.

    Args:
        requests: any.
        newest: asks for the number, in hex, of the ``latest``, ``safe`` or ``finalized`` block; once for each.
    """
    numbers: dict[str, str] = {}

    def pin(tag: object) -> object:
        if not isinstance(tag, str) or tag not in NAMED:
            return tag
        name = "latest" if tag in NEWEST else tag
        if name not in numbers:
            numbers[name] = newest(name)
        return numbers[name]

    found: list[Request] = []
    for method, given in requests:
        params = list(given or [])
        if method in PLACE:
            place = PLACE[method]
            params += ["latest"] * (place + 1 - len(params))
            params[place] = pin(params[place])
        elif method == "eth_getLogs":
            wanted = dict(params[0])
            if "blockHash" not in wanted:
                wanted |= {end: pin(wanted.get(end, "latest")) for end in ("fromBlock", "toBlock")}
            params = [wanted]
        found.append((method, params))
    return found
