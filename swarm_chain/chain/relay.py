"""The relay contract: what many nodes signed, in one transaction."""

from collections.abc import Sequence

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from swarm_chain.chain.contract import DeployedContract
from swarm_chain.chain.events import Committed, Revealed, read_events
from swarm_chain.protocol.relaying import SignedCommit, SignedReveal
from swarm_chain.types import GroupId, report_of, round_id


class Relay(DeployedContract):
    """``Relay``."""

    name = "Relay"

    def relay_commits(self, group: GroupId, commits: Sequence[SignedCommit]) -> ContractFunction:
        """Brings commits of one round. Anyone's call; refused with ``NothingAccepted`` where none of them can be taken."""
        signed = [(commit.sealed_digest, commit.commitment, *_halves(commit.signature)) for commit in commits]
        return self.function("relayCommits", round_id(group, commits[0].round), signed)

    def relay_reveals(self, group: GroupId, reveals: Sequence[SignedReveal]) -> ContractFunction:
        """Brings reveals of one round that vote for one parent. Anyone's call; refused as ``relay_commits``."""
        signed = [
            (
                reveal.opened.salt,
                reveal.opened.update_root,
                report_of(reveal.opened.samples, reveal.opened.metric),
                reveal.opened.available,
                *_halves(reveal.signature),
            )
            for reveal in reveals
        ]
        return self.function("relayReveals", round_id(group, reveals[0].round), reveals[0].opened.parent, signed)

    @staticmethod
    def accepted(receipt: TxReceipt) -> int:
        """How many messages of a batch the contract took, by the transaction's events."""
        return sum(isinstance(event, Committed | Revealed) for event in read_events(receipt["logs"]))


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]
