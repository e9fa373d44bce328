"""What a transaction offers for its gas (EIP-1559), below a ceiling. All in wei a gas."""

from typing import NamedTuple

GWEI = 10**9


class Fees(NamedTuple):
    """The most that is paid, and what of it goes to whoever builds the block."""

    highest: int
    tip: int


class Market(NamedTuple):
    """The chain's base fee, and the tip it asks for."""

    base: int
    tip: int


def offered(market: Market, ceiling: int) -> Fees | None:
    """What a new transaction offers: twice the base fee lasts for six full blocks. ``None`` where gas costs more than the ceiling."""
    base, tip = market
    return None if base + tip > ceiling else Fees(min(2 * base + tip, ceiling), tip)


def raised(before: Fees, market: Market, ceiling: int) -> Fees | None:
    """What replaces a transaction: both fees at least an eighth higher (nodes want a tenth), and no less than a new one offers.

    ``None`` where that is above the ceiling.
    """
    fresh = offered(market, ceiling)
    least = Fees(_an_eighth_more(before.highest), _an_eighth_more(before.tip))
    if fresh is None or least.highest > ceiling:
        return None
    highest = max(least.highest, fresh.highest)
    return Fees(highest, min(max(least.tip, fresh.tip), highest))


def _an_eighth_more(fee: int) -> int:
    return fee + max(-(-fee // 8), 1)
