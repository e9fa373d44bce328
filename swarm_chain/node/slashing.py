"""What follows a strike: who named the result is slashed, and the challenger is paid."""

from web3.types import TxReceipt

from swarm_chain.chain.events import Collected, ResultStruck, VoterSlashed, read_events
from swarm_chain.chain.views import Snapshot
from swarm_chain.node.collect import Collector
from swarm_chain.node.dispute_log import DisputeLog
from swarm_chain.node.follower import Follower
from swarm_chain.node.sighting import Teller, done
from swarm_chain.protocol.disputes.evidence import Opened
from swarm_chain.protocol.disputes.record import opening
from swarm_chain.types import Round, Seat


class Slashing:
    """Slashes and collects.

    Args:
        follower: of the group.
        collector: knows who named what.
        log: of the group's disputes.
        teller: is told.
    """

    def __init__(self, follower: Follower, collector: Collector, log: DisputeLog, teller: Teller) -> None:
        self._follower = follower
        self._collector = collector
        self._log = log
        self._teller = teller
        self._collected: set[bytes] = set()

    def slash(self, snapshot: Snapshot) -> bool:
        """Slashes who named struck results: for the own challenges at once, for others' when half of the window is over."""
        acted = False
        for strike in self._log.strikes():
            votes = snapshot.rounds.get(Round(strike.round + 1))
            if votes is None or strike.round <= snapshot.head.settled_round:
                continue
            slashed = self._log.slashed(strike.result_hash)
            for commit in self._collector.commits(snapshot, votes.round):
                named = commit.reveal is not None and commit.reveal.parent == strike.result_hash
                if named and commit.seat not in slashed and self._is_ours_to_slash(snapshot, strike):
                    acted |= self._slash_seat(strike, opening(commit), commit.seat)
        return acted

    def _is_ours_to_slash(self, snapshot: Snapshot, strike: ResultStruck) -> bool:
        if strike.challenger == self._follower.outbox.sender.address:
            return True
        struck_at = self._follower.contracts.disputes.strike_of(self._follower.group, strike.result_hash).struck_at
        return snapshot.block.time >= struck_at + self._follower.terms.challenge_window // 2

    def _slash_seat(self, strike: ResultStruck, opened: Opened, seat: Seat) -> bool:
        function = self._follower.contracts.disputes.slash(self._follower.group, strike.result_hash, opened)

        def tell(receipt: TxReceipt) -> None:
            taken = sum(event.taken for event in read_events(receipt["logs"]) if isinstance(event, VoterSlashed))
            why = f"seat {seat} lost {taken} wei"
            self._teller.tell(done(strike.round, strike.result_hash, "slashed", function, receipt, why))

        return self._follower.outbox.attempt(f"slash {strike.result_hash.hex()} {seat}", function, tell)

    def collect(self, snapshot: Snapshot) -> bool:
        """Takes the challenger's part, once the window after the strike is over."""
        group, disputes, acted = self._follower.group, self._follower.contracts.disputes, False
        for strike in self._log.strikes():
            hash_ = strike.result_hash
            if strike.challenger != self._follower.outbox.sender.address or hash_ in self._collected:
                continue
            state = disputes.strike_of(group, hash_)
            if snapshot.block.time < state.struck_at + self._follower.terms.challenge_window:
                continue
            if state.pot > 0:
                acted |= self._collect(strike, state.slashed)
            elif strike.round <= snapshot.head.settled_round:
                self._collected.add(hash_)  # nobody is slashed for it any more
        return acted

    def _collect(self, strike: ResultStruck, slashed: int) -> bool:
        hash_ = strike.result_hash
        function = self._follower.contracts.disputes.collect(self._follower.group, hash_)

        def tell(receipt: TxReceipt) -> None:
            paid = sum(event.paid for event in read_events(receipt["logs"]) if isinstance(event, Collected))
            self._teller.tell(done(strike.round, hash_, "collected", function, receipt, f"{paid} wei"))

        return self._follower.outbox.attempt(f"collect {hash_.hex()} {slashed}", function, tell)
