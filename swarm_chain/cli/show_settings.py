"""``swarm-chain settings``: what can be set, what it is set to."""

from swarm_chain.cli import options, present


def show_settings(config: options.Config = None, home: options.Home = None, as_json: options.Json = False) -> None:
    """List every setting, what it is now, and what it does.

    A flag comes first, then the environment (SWARM_CHAIN_ and the name in upper case), then the file: --config, SWARM_CHAIN_CONFIG, or
    swarm-chain.toml or swarm-chain.yaml in this folder. Paths in a file are relative to it.

    Example: `SWARM_CHAIN_RPC_URL=http://10.0.0.5:8545 swarm-chain settings`
    """
    from swarm_chain.chain.urls import shown

    settings = options.settings(config=config, home=home)
    values = {name: _shown(getattr(settings, name)) for name in type(settings).model_fields}
    if settings.rpc_url:  # their paths may hold a key
        values["rpc_url"] = ", ".join(map(shown, settings.rpc_url))
    if as_json:
        present.as_json(values)
        return
    fields = type(settings).model_fields
    present.table(
        "Settings",
        ("name", "now", "what it does"),
        [(name, value or "–", fields[name].description or "") for name, value in values.items()],
    )


def _shown(value: object) -> str | None:
    from pydantic import SecretStr

    if value is None:
        return None
    if isinstance(value, SecretStr):
        return "(set, not shown)"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
