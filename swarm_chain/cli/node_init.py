"""``swarm-chain node init``: the keys of a node."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarm_chain.cli import options, present
from swarm_chain.errors import KeyFileError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.swarm_home import SwarmHome

TAKEN = "Keys that exist already"


def init(
    config: options.Config = None,
    home: options.Home = None,
    name: options.Name = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    password_file: options.PasswordFile = None,
    operator_of: Annotated[
        str | None,
        typer.Option("--operator-of", metavar="NAME", help="Take this node's operator, for one more node.", show_default=False),
    ] = None,
    import_operator: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the operator's key from a key file (V3).", rich_help_panel=TAKEN)
    ] = None,
    import_node: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the node's key from a key file (V3).", rich_help_panel=TAKEN)
    ] = None,
    import_password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its first line opens what is imported; else asked for.", rich_help_panel=TAKEN)
    ] = None,
    mnemonic: Annotated[
        bool, typer.Option("--mnemonic", help="Take both keys from a mnemonic (BIP-39), which is asked for.", rich_help_panel=TAKEN)
    ] = False,
    mnemonic_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take both keys from the mnemonic on its first line.", rich_help_panel=TAKEN)
    ] = None,
    operator_index: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The operator's account of the mnemonic.", rich_help_panel=TAKEN)
    ] = 0,
    node_index: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The node's account of the mnemonic.", rich_help_panel=TAKEN)] = 1,
    fund_local: Annotated[bool, typer.Option("--fund-local", help="On a local chain: get coin and tokens from its treasury.")] = False,
    tokens: Annotated[float, typer.Option(min=0, help="With --fund-local: how many tokens.")] = 1000,
    as_json: options.Json = False,
) -> None:
    """Make a node's two keys, or take existing ones, where they are not there yet.

    The operator's key owns stake and rewards; keep it away from the machine that trains if you can. The node's key signs commits and
    reveals, and needs a little of the chain's coin for them. Both are password-protected key files (keystore V3) in the swarm folder; the
    password comes from --password-file, SWARM_CHAIN_PASSWORD, or is asked for. A local swarm generates one, in keys/password.

    Keys can come from key files or a mnemonic (accounts m/44'/60'/0'/0/i). No key file is made for a key that is set in the environment
    (SWARM_CHAIN_OPERATOR_KEY, SWARM_CHAIN_NODE_KEY), as in containers, nor for an operator whose key a signer holds
    (SWARM_CHAIN_OPERATOR_SIGNER: the URL of a web3signer or Clef) or that is a contract, such as a multisig
    (SWARM_CHAIN_OPERATOR_CONTRACT: its address). With --operator-of several nodes have one operator.

    Example: `swarm-chain node init --name ada --fund-local`
    """
    from swarm_chain.cli import keyring
    from swarm_chain.cli.passwords import create_keys
    from swarm_chain.cli.wiring import swarm_home

    settings = options.settings(config=config, home=home, name=name, rpc_url=rpc_url, deployment=deployment, password_file=password_file)
    folder = swarm_home(settings)
    own_chain = settings.rpc_url is None and folder.process("chain") is not None
    operator_file, node_file = folder.operator_key(settings.name), folder.node_key(settings.name)
    if operator_of is not None:
        _share_operator(folder, operator_of, settings.name)
    paths = [*(() if keyring.is_elsewhere(settings) else (operator_file,)), *(() if settings.node_key is not None else (node_file,))]
    imports = {path: given for path, given in ((operator_file, import_operator), (node_file, import_node)) if given is not None}
    for path in imports:
        if path.exists() or path not in paths:
            raise KeyFileError(f"There is a key for {path} already.", "It was kept.", "Import into another --name.")
    given = {path: _imported(source, import_password_file) for path, source in imports.items()}
    if mnemonic or mnemonic_file is not None:
        given = _derived(mnemonic_file, {operator_file: operator_index, node_file: node_index}) | given
    made = create_keys(paths, settings, folder, local=own_chain or fund_local, given=given)
    operator, node = keyring.operator_address(settings, folder), keyring.node_address(settings, folder)
    for path in paths:
        present.done(f"{'Made' if path in made else 'Kept'} {path}")
    if fund_local:
        _fund(settings, operator, node, present.wei(tokens))
    if as_json:
        present.as_json({"name": settings.name, "operator": operator, "node": node})
        return
    present.table(f"Node {settings.name}", ("key", "address"), (("operator", operator), ("node", node)))
    if not fund_local:
        present.say(
            f"Send some of the chain's coin to both addresses, and a seat's stake in tokens to the operator ({operator})."
            " On a local chain `--fund-local` does it."
        )
    if made and not (own_chain or fund_local):
        present.say(f"Keep a copy elsewhere: `swarm-chain node backup FILE --name {settings.name}`")


def _imported(path: Path, password_file: Path | None) -> "LocalAccount":
    from swarm_chain.cli.passwords import first_line
    from swarm_chain.node.keys import key_address, load_key

    address = key_address(path)
    password = first_line(password_file) if password_file is not None else present.ask_secret(f"Password of {path} ({address})")
    return load_key(path, password)


def _derived(file: Path | None, indices: dict[Path, int]) -> "dict[Path, LocalAccount]":
    from swarm_chain.cli.passwords import first_line
    from swarm_chain.node.mnemonic import account_of

    words = first_line(file) if file is not None else present.ask_secret("Mnemonic")
    return {path: account_of(words, index) for path, index in indices.items()}


def _share_operator(folder: "SwarmHome", other: str, name: str) -> None:
    """Links a node's operator key file to another node's: one file, one password, one account."""
    from swarm_chain.node.keys import key_address

    theirs, ours = folder.operator_key(other), folder.operator_key(name)
    address = key_address(theirs)
    if ours.exists():
        if key_address(ours) != address:
            raise KeyFileError(f"{name} has another operator already: {ours}.", "It was kept.", "Take another --name.")
        return
    ours.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours.symlink_to(Path("..") / other / theirs.name)


def _fund(settings: "Settings", operator: Address, node: Address, wei: int) -> None:
    from swarm_chain.cli.membership import fund_from_treasury
    from swarm_chain.cli.wiring import open_swarm

    swarm = open_swarm(settings)
    fund_from_treasury(swarm, [operator, node], operator, wei)
    held = swarm.contracts.token.balance_of(operator)
    present.done(f"The operator holds {present.tokens(held)} tokens; both have coin for transactions")
