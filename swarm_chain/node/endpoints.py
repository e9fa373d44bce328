"""Where other nodes' bytes can be fetched, as they announced it."""

from collections.abc import Iterable, Mapping

from swarm_chain.chain.contracts import Contracts
from swarm_chain.types import Address, GroupId


class Endpoints:
    """Providers of a group's bytes.

    Args:
        contracts: of the deployment.
        group: whose seats are asked.
        capacity: of the group.
        node: this one, which does not ask itself.
        others: the operator's own choice, asked last.
    """

    def __init__(self, contracts: Contracts, group: GroupId, capacity: int, node: Address, others: Iterable[str]) -> None:
        self._contracts = contracts
        self._group = group
        self._capacity = capacity
        self._node = node
        self._others = tuple(others)

    def announced(self) -> dict[Address, str]:
        """What every other seated node announced, by node."""
        announced = self._contracts.identities.endpoints()
        seats = self._contracts.views.seats(self._group, self._capacity)
        return {seat.node: announced[seat.identity] for seat in seats if seat.node != self._node and seat.identity in announced}

    def order(self, announced: Mapping[Address, str], first: Address) -> list[str]:
        """Whom to ask: one node, then the others, then the operator's own choice."""
        preferred = [announced[first]] if first in announced else []
        return list(dict.fromkeys([*preferred, *announced.values(), *self._others]))

    def providers(self) -> list[str]:
        """Whom to ask where no node is likelier than another."""
        return [*dict.fromkeys([*self.announced().values(), *self._others])]
