"""A relay at work: takes messages, looks at the chain, sends batches. The one place that wires a relay's parts together."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment, verify_deployment
from swarm_chain.chain.fees import GWEI
from swarm_chain.chain.outbox import Outbox
from swarm_chain.chain.relay import Relay
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ChainError, DiskFullError
from swarm_chain.relay.courier import Courier
from swarm_chain.relay.desk import Desk
from swarm_chain.relay.desk_server import DeskServer
from swarm_chain.relay.settings import RelaySettings
from swarm_chain.relay.standing import Standing, Watch

log = logging.getLogger(__name__)

BALANCE_SECONDS = 5.0
"""Between looks at the account; sooner than trouble with it would be forgotten."""


def run(settings: RelaySettings, stop: threading.Event, started: Callable[[str], None] | None = None) -> None:
    """Relays until told to stop. Messages that were not sent by then are let go: their nodes send them themselves.

    Args:
        settings: of the relay.
        stop: ends it when set.
        started: is told the URL once messages are taken.

    Raises:
        SwarmChainError: it cannot start.
    """
    watching, sending = _contracts(settings), _contracts(settings)
    group = watching.groups.group(settings.group)
    watch = Watch(watching, group.group, group.terms)
    relay = Relay(sending.web3, sending.deployment.addresses[Relay.name])
    desk = Desk(sending.domain(group.group), relay.address, watch, settings.batch, settings.wait)
    sender = Sender(sending.web3, settings.account, fee_cap=int(settings.fee_cap * GWEI))
    outbox = Outbox(settings.outbox, sender, replace_after=settings.replace_after)
    courier = Courier(desk, relay, group.group, outbox)
    service = Service(settings, watch, desk, courier)
    service.look()
    server = DeskServer(desk, courier.trouble, service.status, settings.host, settings.port)
    server.start()
    try:
        log.info("Group %d: relaying at %s, paid by %s.", group.group, server.url, settings.account.address)
        if started is not None:
            started(server.url)
        service.run(stop)
    finally:
        server.stop()
        outbox.close()


def _contracts(settings: RelaySettings) -> Contracts:
    """The deployment over a connection of its own: one is the watch's, whom every request may ask, one the courier's."""
    web3 = connect(settings.rpc_url, settings.rpc_timeout, settings.rpc_quorum)
    deployment = load_deployment(settings.deployment)
    verify_deployment(web3, deployment)
    return Contracts(web3, deployment)


@dataclass(slots=True)
class Service:
    """The loop, and what it tells of itself."""

    settings: RelaySettings
    watch: Watch
    desk: Desk
    courier: Courier
    standing: Standing | None = None

    def look(self) -> Standing:
        """Looks at the chain and the account."""
        self.standing = self.watch.look()
        self.courier.check_balance()
        return self.standing

    def run(self, stop: threading.Event) -> None:
        """Sends what is due until told to stop, through interruptions of the connection."""
        paid = time.monotonic()
        while not stop.is_set():
            # Woken by what arrives, so that a batch that is complete leaves at once.
            self.desk.arrived.wait(self.settings.poll_interval)
            self.desk.arrived.clear()
            try:
                self.courier.look_after()
                self.standing = self.watch.look()
                self.courier.send_due(self.standing)
                if time.monotonic() >= paid + BALANCE_SECONDS:
                    self.courier.check_balance()
                    paid = time.monotonic()
            except (ChainError, DiskFullError) as error:
                log.warning("%s", error)
                stop.wait(self.settings.poll_interval)

    def status(self) -> dict[str, object]:
        """What ``GET /`` tells: nothing that is not, or will not be, on chain for all to see; no salts."""
        standing = self.standing
        assert standing is not None  # it looked before it listened
        return {
            "group": self.settings.group,
            "account": self.settings.account.address,
            "balance": str(self.courier.balance),
            "round": standing.round,
            "phase": standing.phase.name.lower(),
            "owing": len(standing.owing),
            "pending": self.desk.pending(),
            "trouble": self.courier.trouble(),
            "sent": self.courier.sent(),
        }
