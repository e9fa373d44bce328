"""A local swarm's own processes: the chain with its contracts, and the gateway."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.processes import ProcessRecord, uninterrupted
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import ConfigurationError, WrongChainError

if TYPE_CHECKING:
    from web3 import Web3

    from swarm_chain.chain.deployment import Deployment

USUAL_PORT = 8545
GATEWAY_SECONDS = 20.0

Step = Callable[[str], None]


def start_chain(home: SwarmHome, port: int | None, step: Step) -> ProcessRecord:
    """Starts the folder's chain where it stopped, or a new one; nothing if it runs.

    Args:
        home: the folder.
        port: the one asked for; None takes the usual one, or a free one where that is taken.
        step: is told what happens.

    Raises:
        ConfigurationError: the port asked for is taken, there is no Anvil, or it does not start.
    """
    from swarm_chain.chain.local import LocalChain, port_is_free

    running = home.process("chain")
    if running is not None:
        if port is not None and not running.url.endswith(f":{port}"):
            raise ConfigurationError(
                f"The chain of {home} runs already, at {running.url}.", "It goes on.", "Run `swarm-chain down`, or leave --port out."
            )
        step(f"the chain runs already, at {running.url}")
        return running
    home.make()
    resumed = home.chain_state.exists()
    step("resuming the chain" if resumed else "starting a chain")
    chosen = port if port is not None else USUAL_PORT if port_is_free(USUAL_PORT) else 0
    chain = LocalChain(home.chain_state.parent, chosen, detached=True)
    with uninterrupted():  # not recorded, nobody would find it again
        try:
            chain.start()
            assert chain.pid is not None
            return home.record("chain", chain.pid, chain.url)
        except BaseException:
            chain.stop()
            raise


def ensure_deployed(home: SwarmHome, web3: "Web3", step: Step) -> "Deployment":
    """Deploys this release's contracts on the folder's own chain, unless they are there."""
    from swarm_chain.chain.deploying import deploy
    from swarm_chain.chain.deployment import load_deployment, verify_deployment
    from swarm_chain.chain.local import play_account
    from swarm_chain.chain.sender import Sender

    if home.deployment.exists():
        deployment = load_deployment(home.deployment)
        if deployment.complete:
            try:
                verify_deployment(web3, deployment)
                return deployment
            except WrongChainError as problem:
                # The folder's own chain, with play money: it was killed before it saved its state, or an older release deployed there.
                old = home.deployment.with_suffix(".old.json")
                home.deployment.replace(old)
                present.say(f"The contracts are deployed anew: {problem.what} The old file is {old}.", "yellow")
    return deploy(web3, Sender(web3, play_account(0)), home.deployment, progress=step)


def start_gateway(home: SwarmHome, port: int | None, step: Step) -> ProcessRecord:
    """Starts ``swarm-chain gateway`` for the folder; nothing if it runs."""
    running = home.process("gateway")
    if running is not None:
        return running
    step("starting the gateway")
    arguments = ["--home", str(home), "--host", "127.0.0.1", "--port", str(port or 0)]
    child = home.spawn("gateway", command("gateway", *arguments))
    until = time.monotonic() + GATEWAY_SECONDS
    while time.monotonic() < until and child.poll() is None:
        record = home.process("gateway")
        if record is not None and record.url:
            return record
        time.sleep(0.05)
    home.end([record for record in home.processes() if record.role == "gateway"])
    raise ConfigurationError(
        "The gateway did not start.", "The chain goes on.", f"See {home.logs / 'gateway.log'}; another --gateway-port may help."
    )


def command(*arguments: str) -> list[str]:
    """This very command line, to be run by this very Python."""
    return [sys.executable, "-m", "swarm_chain.cli.main", *arguments]
