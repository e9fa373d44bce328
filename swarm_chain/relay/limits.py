"""How often one address may ask."""

import ipaddress
import threading
import time
from collections import OrderedDict

ADDRESSES = 4_096
"""Remembered, the last ones."""


class Limits:
    """A bucket of tokens for each address; one request takes one. Safe to share between threads.

    Args:
        burst: most requests at once.
        rate: requests a second, in the long run.
    """

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = burst
        self._rate = rate
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Whether this address may ask once more now. Neighbours of one IPv6 network count as one."""
        now = time.monotonic()
        who = _network(address)
        with self._lock:
            left, at = self._buckets.pop(who, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            allowed = left >= 1
            self._buckets[who] = (left - 1 if allowed else left), now
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
        return allowed


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
