"""Where other nodes' bytes can be fetched, as they announced it."""

from collections.abc import Iterable

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

    def providers(self, first: Iterable[Address] = ()) -> list[str]:
        """Where to ask for bytes: the nodes in ``first``, then every other seat, then the operator's own choice."""
        announced = self._contracts.identities.endpoints()
        seats = self._contracts.rounds.seats(self._group, self._capacity)
        by_node = {seat.node: announced[seat.identity] for seat in seats if seat.node != self._node and seat.identity in announced}
        preferred = [by_node[node] for node in first if node in by_node]
        return list(dict.fromkeys([*preferred, *by_node.values(), *self._others]))
