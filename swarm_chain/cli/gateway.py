"""``swarm-chain gateway``: serves the manifests and first models of the groups created here."""

import os
import time
from typing import Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.cli.processes import interruptible


def gateway(
    config: options.Config = None,
    home: options.Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every one.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port; a free one if not given.", show_default=False)] = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Serve the manifests and first models of the groups created here.

    Nodes on other machines that join such a group fetch what it learns from here, once; afterwards the nodes serve each other. It is a
    read-only IPFS trustless gateway, so any other that pins these files does as well. Runs until Ctrl-C.

    Example: `swarm-chain gateway --host 0.0.0.0 --port 8080`
    """
    from swarm_chain.cli.published import Published
    from swarm_chain.cli.wiring import swarm_home
    from swarm_chain.node import logs
    from swarm_chain.storage.gateway import Gateway

    settings = options.settings(config=config, home=home, gateway_host=host, gateway_port=port, log_level=log_level, log_format=log_format)
    logs.begin(settings.log_level, settings.log_format)
    folder = swarm_home(settings)
    folder.make()
    server = Gateway(Published(folder.published), settings.gateway_host, settings.gateway_port)
    with interruptible() as interruption:
        server.start()
        record = folder.record("gateway", os.getpid(), server.url)
        present.say(f"Serving {folder.published} at {server.url}; Ctrl-C ends it.")
        try:
            while not interruption.asked:
                time.sleep(1)
            raise KeyboardInterrupt
        finally:
            server.stop()
            folder.forget([record])
