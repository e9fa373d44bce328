"""A node at work: looks at the chain, sees what it owes, does it."""

import logging
import threading

from swarm_chain.chain.connection import block
from swarm_chain.chain.heads import HeadWatch
from swarm_chain.chain.outbox import OUTBOX
from swarm_chain.chain.views import Snapshot
from swarm_chain.errors import ChainError, DiskFullError, NumericError, OutOfMemoryError, WrongChainError
from swarm_chain.node.aggregate import Aggregator
from swarm_chain.node.budget import Budget
from swarm_chain.node.checkpoints import Checkpoints
from swarm_chain.node.collect import Collector
from swarm_chain.node.commit import Brought, commit, commit_again
from swarm_chain.node.evict import free_seats
from swarm_chain.node.journal import JournaledResult
from swarm_chain.node.member import Member
from swarm_chain.node.monitoring import monitored
from swarm_chain.node.observing import Work
from swarm_chain.node.parents import Parents, current
from swarm_chain.node.prune import prune
from swarm_chain.node.reveal import reveal
from swarm_chain.node.rivals import Rivals
from swarm_chain.node.settings import NodeSettings
from swarm_chain.node.settle import Settler
from swarm_chain.node.sighting import Sighting
from swarm_chain.node.status import NodeStatus, Report, RoundFigures, RoundsFile, StatusFile, Teller
from swarm_chain.node.train import Update
from swarm_chain.node.trainer import Trainer
from swarm_chain.node.watch import Watch
from swarm_chain.node.wiring import wired
from swarm_chain.protocol.codecs import CODECS
from swarm_chain.protocol.phases import Duty, duty, on_roster, reveals_are_in, round_to_commit
from swarm_chain.types import Phase, Round, Terms

log = logging.getLogger(__name__)

ENDING_SECONDS = 15.0
"""How long the end waits for transactions that are out; what is not mined by then the next start looks after."""


def run(settings: NodeSettings, report: Report | None = None, stop: threading.Event | None = None) -> bool:
    """Runs a node until its rounds are done, or it is told to stop; a transaction at hand is finished first.

    Args:
        settings: of the node.
        report: is told its status whenever that changes, beside the files in its home.
        stop: ends it when set.

    Returns:
        whether it did all its rounds.

    Raises:
        SwarmChainError: it cannot start, or cannot go on; what it committed it can reveal when started again.
    """
    stop = stop or threading.Event()
    if stop.is_set():  # while this was loading; to begin and end could take longer than whoever said so waits
        return False
    with wired(settings) as member, monitored(settings, member):
        daemon = Daemon(member, settings, report, stop)
        try:
            return daemon.run()
        finally:
            daemon.close()


class Daemon:
    """Does a seated node's duties, one after the other.

    Args:
        member: the node, its parts wired.
        settings: of the node.
        report: is told its status whenever that changes.
        stop: ends it when set.
    """

    def __init__(self, member: Member, settings: NodeSettings, report: Report | None, stop: threading.Event) -> None:
        self._member = member
        self._settings = settings
        self._stop = stop
        reports: list[Report] = [StatusFile(settings.home), member.observers.status, *([report] if report else [])]
        self._teller = Teller(NodeStatus(member.node, member.seat), reports)
        self._tell = self._teller.tell
        self._rounds_file = RoundsFile(settings.home)
        self._checkpoints = Checkpoints(settings.home, member.task, settings.keep_checkpoints)
        self._parents = Parents(member)
        self._collector = Collector(member, CODECS[member.task.codec])
        self._aggregator = Aggregator(member, self._parents, self._collector, self._after_aggregating)
        self._settler = Settler(member, self._parents)
        self._watch = Watch(member, self._parents, self._collector, _log_sighting)
        self._heads = HeadWatch(settings.rpc_url, stop)
        self._trainer = Trainer(member, self._parents, self._teller, self._glance, settings.poll_interval, stop)
        self._budget = Budget(member)
        self._rivals = Rivals(member.contracts, member.node, member.journal, settings.home / OUTBOX)
        self._seated = False
        self._seat_seen = 0
        self._settled = Round(0)
        self._last: Round | None = None

    def run(self) -> bool:
        """Works until the rounds are done, or it is stopped; returns whether they are done."""
        self._tell(message="starting", epsilon=self._budget.spent)
        while not self._stop.is_set():
            try:
                acted = False
                if self._is_seated():
                    snapshot = self._look()
                    if self._is_done(snapshot):
                        self._member.outbox.finish(ENDING_SECONDS)
                        self._member.journal.end_run()
                        self._tell(message=self._budget.farewell() if self._budget.is_spent else "done")
                        return True
                    acted = self._act(snapshot)
            except WrongChainError:
                raise
            except (ChainError, DiskFullError) as error:
                log.warning("%s", error)
                self._tell(message=error.what)
                acted = False
            if not acted:
                self._heads.wait(self._settings.poll_interval)
        self._member.outbox.finish(ENDING_SECONDS)
        self._tell(message="stopped")
        return False

    def close(self) -> None:
        """Ends what runs in the background."""
        self._heads.close()
        self._collector.stop()

    # ---------------------------------------------------------------------------------------------- one look, one act

    def _is_seated(self) -> bool:
        """Whether the seat is as deep as is to confirm it: so many blocks ago there may have been neither it nor its group."""
        if not self._seated:
            member, views = self._member, self._member.contracts.views
            member.outbox.drive()
            seen = block(member.contracts.web3, member.at(self._settings.confirmations))
            member.observers.saw(seen.number, seen.time)
            was_there = views.seat(member.group, member.node, seen.number) is not None
            self._seated = was_there or views.seat(member.group, member.node) is None
            if not self._seated:
                self._tell(message="waiting until the seat is confirmed")
        return self._seated

    def _look(self) -> Snapshot:
        """The chain as it stands, as many blocks ago as are to confirm it, when the outbox was looked after."""
        member = self._member
        member.outbox.drive()
        snapshot = member.look(self._settings.confirmations)
        self._require_as_new(snapshot)
        if not self._settings.dry_run:
            self._rivals.check(snapshot)
        member.observers.saw(snapshot.block.number, snapshot.block.time)
        if self._settings.rounds is not None and self._last is None and snapshot.seat is not None:
            first = max(round_to_commit(current(snapshot), snapshot.block.time), snapshot.seat.from_round)
            self._last = Round(member.journal.begin_run(first) + self._settings.rounds - 1)
        if snapshot.head.settled_round != self._settled:
            self._after_settling(snapshot)
        reputation = snapshot.seat.reputation if snapshot.seat else 0
        self._tell(round=snapshot.phase.round, phase=snapshot.phase.phase, reputation=reputation)
        return snapshot

    def _require_as_new(self, snapshot: Snapshot) -> None:
        """A service that lags may show the chain as it was before the node had its seat: that is no sign that it lost it."""
        if snapshot.seat is not None:
            self._seat_seen = max(self._seat_seen, snapshot.block.number)
        elif snapshot.block.number < self._seat_seen:
            raise ChainError(
                f"The chain is shown as of block {snapshot.block.number}, without this node's seat, which block {self._seat_seen} had.",
                "Nothing was made of it.",
                "Wait a little; if it stays so, use another RPC URL.",
            )

    def _is_done(self, snapshot: Snapshot) -> bool:
        if snapshot.seat is None:
            log.warning("The seat is no longer this node's.")
            return True
        return self._last is not None and snapshot.head.settled_round >= self._last

    def _act(self, snapshot: Snapshot) -> bool:
        """Does what is owed; returns whether that changed anything."""
        round_, slot = snapshot.phase.round, snapshot.slot
        commits = self._collector.commits(snapshot, round_)
        self._collector.fetch(round_, commits)
        self._aggregator.aggregate(snapshot)
        if self._settler.settle(snapshot):
            return True
        committed, revealed = (slot.committed, slot.revealed) if slot else (False, False)
        for work, is_on_chain in ((Work.COMMIT, committed), (Work.REVEAL, revealed)):
            if is_on_chain:
                self._member.observers.end(work, round_)
        held, settled = self._collector.held(commits), snapshot.head.settled_round
        owed = duty(current(snapshot), snapshot.seat, committed, revealed, snapshot.block.time, held, settled)
        # To fetch what was claimed can take seconds, and a reveal is due.
        if owed is not Duty.REVEAL and self._watch.watch(snapshot):
            return True
        match owed:
            case Duty.TRAIN_AND_COMMIT:
                return self._train_and_commit(snapshot)
            case Duty.REVEAL:
                return self._reveal(snapshot)
            case Duty.FETCH:
                self._tell(message="fetching others' updates")
            case Duty.WAIT:
                self._tell(message="waiting for the others")
        self._train_ahead(snapshot)
        return False

    # ---------------------------------------------------------------------------------------------- duties

    def _train_and_commit(self, snapshot: Snapshot) -> bool:
        member = self._member
        round_ = round_to_commit(current(snapshot), snapshot.block.time)
        if self._last is not None and round_ > self._last + 1:
            self._tell(message="waiting until the last round is settled")
            return False
        if _is_alone(snapshot, member.terms) and not self._budget.is_spent:
            self._tell(message=f"waiting for {member.terms.min_updates} members")
            return False
        parent = self._parents.to_name(snapshot, round_)
        if parent is None:
            self._tell(message="waiting for bytes to build on")
            return False
        match commit_again(member, round_, parent, snapshot.phase, snapshot.block.time):
            case Brought.SENT:
                log.info("Round %d: the commit is on chain.", round_)
                return True
            case Brought.UNDER_WAY:
                self._tell(message=self._under_way("committing"))
                return False
            case Brought.NOTHING:
                pass
        if self._budget.is_spent and not self._is_closing(round_):
            log.warning("%s", self._budget.farewell())
            self._last = Round(round_ - 1)  # and it ends as after so many rounds
            if snapshot.head.settled_round >= self._last:
                return False
        update = None if self._is_closing(round_) else self._train(round_, parent)
        if self._stop.is_set():
            return False
        self._tell(step=0, steps=0, message="committing" if update else "committing a vote")
        member.observers.begin(Work.COMMIT, round_)
        self._commit(round_, parent, update)
        self._trainer.forget()
        how = "committed" if member.relay is None else "made"
        log.info("Round %d: %s %s on %s….", round_, how, "an update" if update else "a vote", parent.hex()[:8])
        self._tell(epsilon=self._budget.spent)
        return True

    def _is_closing(self, round_: Round) -> bool:
        """Whether the node only votes in a round: those that it trains in are done."""
        return self._last is not None and round_ > self._last

    def _train(self, round_: Round, parent: bytes) -> Update | None:
        return self._trainer.train(round_, parent)

    def _train_ahead(self, snapshot: Snapshot) -> None:
        """While somebody who has not revealed still may: trains on what the open round is expected to come to."""
        view, seat = current(snapshot), snapshot.seat
        round_ = Round(view.round + 1)
        closing = self._is_closing(round_) or self._budget.is_spent
        if seat is None or closing or not on_roster(seat, round_) or not reveals_are_in(view, snapshot.block.time):
            return
        expected = self._aggregator.expected(snapshot)
        if expected is not None:
            self._trainer.train_ahead(expected, view)

    def _glance(self) -> Snapshot | None:
        """While training: looks, fetches what others committed, and watches."""
        try:
            snapshot = self._look()
            self._collector.fetch(snapshot.phase.round, self._collector.commits(snapshot, snapshot.phase.round))
            self._watch.watch(snapshot)
        except (ChainError, DiskFullError) as error:
            log.warning("%s", error)
            return None
        return snapshot

    def _under_way(self, doing: str) -> str:
        return self._member.outbox.trouble() or (doing if self._member.relay is None else f"{doing} by the relay")

    def _commit(self, round_: Round, parent: bytes, update: Update | None) -> None:
        commit(self._member, round_, parent, update)

    def _reveal(self, snapshot: Snapshot) -> bool:
        round_, slot = snapshot.phase.round, snapshot.slot
        assert slot is not None  # it committed
        self._tell(message="revealing")
        self._member.observers.begin(Work.REVEAL, round_)
        commits = self._collector.commits(snapshot, round_)
        match reveal(self._member, current(snapshot), slot.digest, commits, snapshot.phase, snapshot.block.time):
            case Brought.NOTHING:
                log.error("Round %d: the journal has nothing that opens this node's commitment.", round_)
                self._tell(message="the journal lacks this round's commitment")
                return False
            case Brought.UNDER_WAY:
                self._tell(message=self._under_way("revealing"))
                return False
            case Brought.SENT:
                log.info("Round %d: revealed.", round_)
                return True

    # ---------------------------------------------------------------------------------------------- afterwards

    def _after_aggregating(self, computed: JournaledResult) -> None:
        member = self._member
        accuracy = loss = None
        if computed.hash is not None:
            weights = self._parents.model(computed.hash).weights
            self._checkpoints.save(computed.round, computed.hash, weights)
            try:
                accuracy, loss = member.task.evaluate(weights, member.held_out, member.device)
            except (NumericError, OutOfMemoryError) as error:
                log.error("Round %d: %s", computed.round, error)
            self._tell(accuracy=accuracy)
        self._rounds_file.append(RoundFigures(computed.round, computed.parent, computed.hash, computed.result, loss, accuracy))
        log.info("Round %d came to %s.", computed.round, computed.hash.hex()[:8] + "…" if computed.hash else "nothing")

    def _after_settling(self, snapshot: Snapshot) -> None:
        member = self._member
        self._settled = snapshot.head.settled_round
        self._collector.forget(self._settled)
        self._watch.forget(self._settled)
        self._parents.forget(snapshot.head.final_round)
        free_seats(member, snapshot)
        self._tell(credit=member.contracts.rewards.credit_of(member.group, member.seat))
        models = self._parents.last_models(snapshot.head.result_hash)
        if models:
            prune(member, self._settled, self._settings.keep_rounds, models)


def _log_sighting(sighting: Sighting) -> None:
    name, why = f"Round {sighting.round}: the result {sighting.result_hash.hex()[:8]}… is", f" ({sighting.why})" if sighting.why else ""
    level = logging.INFO if sighting.what == "right" else logging.WARNING
    log.log(level, "%s %s%s.", name, sighting.what, why)


def _is_alone(snapshot: Snapshot, terms: Terms) -> bool:
    """Whether a round opened now could come to nothing: too few seats are taken, and no earlier round waits for votes."""
    opens = snapshot.phase.phase is Phase.CLOSED
    return opens and snapshot.roster.seats < terms.min_updates and snapshot.head.settled_round == snapshot.phase.round
