"""What a watcher tells of what it saw and did."""

from collections.abc import Callable
from dataclasses import dataclass

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from swarm_chain.chain.disputes import calldata_size
from swarm_chain.protocol.disputes.evidence import Fault
from swarm_chain.types import Round


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a watcher saw or did about a result.

    Attributes:
        what: one of "right", "struck", "slashed", "collected", "demanded", "answered", "unjudged", "unprovable".
        why: in words, where there is something to say.
        fault: of a struck result.
        size: bytes of the call that did it.
        transaction: its hash.
    """

    round: Round
    result_hash: bytes
    what: str
    why: str = ""
    fault: Fault = Fault.NONE
    size: int = 0
    gas: int = 0
    transaction: bytes = b""


def done(
    round_: Round, hash_: bytes, what: str, function: ContractFunction, receipt: TxReceipt, why: str, fault: Fault = Fault.NONE
) -> Sighting:
    """What a transaction did about a result."""
    size = calldata_size(function)
    return Sighting(round_, hash_, what, why, fault, size, receipt["gasUsed"], bytes(receipt["transactionHash"]))


class Teller:
    """Tells each thing once.

    Args:
        tell: is told.
    """

    def __init__(self, tell: Callable[[Sighting], None]) -> None:
        self._tell = tell
        self._told: set[Sighting] = set()

    def tell(self, sighting: Sighting) -> None:
        """Tells it, if it was not told."""
        if sighting not in self._told:
            self._told.add(sighting)
            self._tell(sighting)

    def forget(self, settled: Round) -> None:
        """Lets go of what was told of settled rounds: nobody looks at them again."""
        self._told = {sighting for sighting in self._told if sighting.round > settled}
