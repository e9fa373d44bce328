"""``swarm-chain doctor``: what works, what does not, and how to mend it."""

import typer

from swarm_chain.cli import options, present


def doctor(
    config: options.Config = None,
    home: options.Home = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    as_json: options.Json = False,
) -> None:
    """Check this swarm folder, the chain, and all that its nodes need to run.

    Looks at the folder, disk, keys and their password, other processes with a key, ports, every RPC URL, the chain, its contracts' code,
    the clock, each node's coin, stake, seat and journal, stores, and the device that trains. Says for everything that is broken how to
    mend it, and ends with the exit code of the first such error. Changes nothing.

    Example: `swarm-chain doctor`
    """
    from swarm_chain.cli.check_chain import on_the_chain
    from swarm_chain.cli.check_machine import after_the_chain, before_the_chain
    from swarm_chain.cli.wiring import swarm_home

    settings = options.settings(config=config, home=home, rpc_url=rpc_url, deployment=deployment)
    folder = swarm_home(settings)
    findings = [*before_the_chain(settings, folder), *on_the_chain(settings), *after_the_chain(settings, folder)]
    if as_json:
        present.as_json(
            [{"what": item.what, "verdict": item.verdict.name.lower(), "found": item.found, "mend": item.mend} for item in findings]
        )
    else:
        for item in findings:
            present.out.print(f"{item.verdict.value} [bold]{item.what}[/]: {present.escape(item.found)}", soft_wrap=True)
            if item.mend:
                present.out.print(f"    {present.escape(item.mend)}", soft_wrap=True)
    raise typer.Exit(next((item.exit_code for item in findings if item.exit_code), 0))
