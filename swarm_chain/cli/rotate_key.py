"""``swarm-chain node rotate-key``: a new node key for the same identity."""

from typing import TYPE_CHECKING

from swarm_chain.cli import options, present
from swarm_chain.errors import TransactionError, UnknownError, UsageError
from swarm_chain.types import Address, GroupId, Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from swarm_chain.chain.signer import Signer
    from swarm_chain.cli.swarm_home import SwarmHome
    from swarm_chain.cli.wiring import Swarm


def rotate_key(
    config: options.Config = None,
    home: options.Home = None,
    name: options.Name = None,
    rpc_url: options.RpcUrl = None,
    deployment: options.DeploymentFile = None,
    key: options.Key = None,
    password_file: options.PasswordFile = None,
    yes: options.Yes = False,
) -> None:
    """Replace a node's key; identity, seats, stake and reputation stay.

    Makes a new key file, has the operator register it, and hands every seat over. The old key's file is kept beside it and can do nothing
    any more. Stop the node first, and send the new address some of the chain's coin afterwards. What is done already is left out, so run
    it again if it was interrupted.

    Example: `swarm-chain node rotate-key --name ada`
    """
    from swarm_chain.cli.aside import require_revealed
    from swarm_chain.cli.keyring import held
    from swarm_chain.cli.wiring import open_swarm
    from swarm_chain.node.keys import key_address

    settings = options.settings(
        config=config, home=home, name=name, rpc_url=rpc_url, deployment=deployment, key=key, password_file=password_file
    )
    if settings.node_key is not None:
        raise UsageError("The node's key is set, not in a file.", "Nothing was changed.", "Unset SWARM_CHAIN_NODE_KEY where its file is.")
    swarm = open_swarm(settings)
    contracts, folder = swarm.contracts, swarm.home
    current, following = _key_files(folder, settings.name)
    old = key_address(current)
    with held(settings):
        new = key_address(following) if following.exists() else None
        identity = contracts.identities.identity_of(old) or (contracts.identities.identity_of(new) if new else 0)
        if not identity:
            raise UnknownError(
                f"The node {old} is not registered, so there is nothing to rotate.", "Nothing was changed.", "See `swarm-chain group join`."
            )
        operator, owner = swarm.account(), contracts.identities.operator_of(identity)
        if owner != Address(str(operator.address)):
            raise UsageError(f"The node belongs to the operator {owner}, not {operator.address}.", "Nothing was sent.", "Give its --key.")
        seats = _seats(swarm, old)
        for group, _ in seats:
            require_revealed(swarm, group, old)
        swarm.agree(f"Give {settings.name} a new key", ["rotate", *("rekey" for _ in seats)], yes=yes)
        with present.progress("Rotating the key", 4) as step:
            new = _rotated(swarm, identity, operator, seats, step)
    present.done(f"The key of {settings.name} (identity {identity}) is {new} now; {old} has no say any more")
    present.say(f"Send {new} some of the chain's coin, then `swarm-chain node run --name {settings.name}`.")


def _rotated(
    swarm: "Swarm", identity: int, operator: "Signer", seats: "Sequence[tuple[GroupId, Seat]]", step: "Callable[[str], None]"
) -> Address:
    """Makes the new key, registers it and hands the seats over; returns its address."""
    from swarm_chain.cli.aside import put_aside
    from swarm_chain.cli.passwords import create_keys, open_key

    settings, folder, contracts = swarm.settings, swarm.home, swarm.contracts
    current, following = _key_files(folder, settings.name)
    step("making the key")
    create_keys([following], settings, folder, local=swarm.local)
    account = open_key(following, settings, folder)
    new = Address(str(account.address))
    if contracts.identities.identity_of(new) != identity:
        step("registering it")
        put_aside(folder.node(settings.name), learns_the_same=True)
        swarm.send(operator, contracts.identities.rotate(identity, account, Address(str(operator.address))))
    bound = []
    for group, seat in seats:
        step(f"handing over seat {seat} of group {group}")
        try:
            swarm.send(operator, contracts.rounds.rekey(group, seat))
        except TransactionError as problem:
            if problem.reverted_with != "SeatStillBound":
                raise
            bound.append(str(group))
    if bound:
        raise UsageError(
            f"The seat in group {', '.join(bound)} waits until rounds of the key before are settled.",
            "The new key is registered, and everything else handed over.",
            "Run this again when they are (`swarm-chain group show`).",
        )
    kept = current.with_name(f"node.until-{identity}-{contracts.identities.nonce_of(identity)}.json")
    if not kept.exists():
        kept.hardlink_to(current)
    following.replace(current)  # so that at no moment the node is without a key
    return new


def _key_files(folder: "SwarmHome", name: str) -> "tuple[Path, Path]":
    """Of the key in use, and of the one that follows it."""
    current = folder.node_key(name)
    return current, current.with_name("node.next.json")


def _seats(swarm: "Swarm", node: Address) -> list[tuple[GroupId, Seat]]:
    """A key's seats in every group. UsageError where one was left and not freed."""
    views = swarm.contracts.views
    groups = [GroupId(number) for number in range(1, swarm.contracts.groups.group_count() + 1)]
    found = [(group, views.seat(group, node)) for group in groups]
    left = [group for group, seat in found if seat is not None and seat.until_round]
    if left:
        raise UsageError(
            f"The seat in group {left[0]} was left and is not free yet; it stays the old key's.",
            "Nothing was changed.",
            f"`swarm-chain group leave {left[0]}` frees it once its rounds are settled; run this again then.",
        )
    return [(group, seat.seat) for group, seat in found if seat is not None]
