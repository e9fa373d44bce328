"""Keys of closed groups at the command line: drawn by who creates the group, wrapped into invitations, kept by who joins.

Each is a key file like those of nodes, under the same password, so that backups hold it encrypted: keys/groups/ has those of groups that
were created here, keys/NAME/ those of groups that a node is invited to.
"""

from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.passwords import create_keys, open_key
from swarm_chain.errors import IntegrityError, KeyFileError, NotFoundError, UsageError
from swarm_chain.types import Address

if TYPE_CHECKING:
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.invitation import Invitation
    from swarm_chain.cli.settings import Settings
    from swarm_chain.cli.swarm_home import SwarmHome
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.protocol.group_key import Recipient


def draw(swarm: "Swarm") -> str:
    """Draws a key for a group that is about to be created, and keeps it; returns what its manifest is to say of it."""
    from swarm_chain.node.keys import group_key_path
    from swarm_chain.protocol.group_key import fresh_key, key_commitment

    key = fresh_key()
    path = group_key_path(swarm.home.group_keys, key_commitment(key))
    _keep(swarm, path, key)
    present.done(f"Made {path}: keep a copy, since nobody can be invited without it")
    return key_commitment(key)


def opened(settings: "Settings", home: "SwarmHome") -> tuple[bytes, ...]:
    """The keys of closed groups that the settings' node holds."""
    from swarm_chain.node.keys import GROUP_KEYS

    return tuple(bytes(open_key(path, settings, home).key) for path in sorted(home.node_key(settings.name).parent.glob(GROUP_KEYS)))


def commitment_of(swarm: "Swarm", group: "Group") -> str | None:
    """What a group's manifest says of its key; ``None`` where it is not closed.

    Raises:
        NotFoundError: nobody who was asked has the manifest.
    """
    from swarm_chain.cli.moving_group import fetch
    from swarm_chain.learning.manifest import LARGEST_MANIFEST, group_key_of

    return group_key_of(fetch(swarm, group, group.manifest_digest, LARGEST_MANIFEST)) if group.terms.by_invitation else None


def wrapped_for(swarm: "Swarm", group: "Group", identity: int) -> bytes:
    """A closed group's key, wrapped for an identity's node; empty where the group is not closed, or nobody has its manifest, which says so.

    Raises:
        KeyFileError: the key is not in this folder.
        UnknownError: there is no such identity.
    """
    from swarm_chain.node.keys import group_key_path
    from swarm_chain.protocol.addresses import address_of
    from swarm_chain.protocol.group_key import wrap

    try:
        commitment = commitment_of(swarm, group)
    except NotFoundError as error:
        present.say(f"{error.what} If group {group.group} is closed, this invitation does not bring its key.", "yellow")
        return b""
    if commitment is None:
        return b""
    public_key = swarm.contracts.identities.public_key_of(identity)
    # Who moved a group to another deployment may hold its key as a member.
    name = group_key_path(swarm.home.keys, commitment).name
    paths = [group_key_path(swarm.home.group_keys, commitment), *sorted(swarm.home.keys.glob(f"*/{name}"))]
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        raise KeyFileError(
            f"Group {group.group} is closed, and its key is not in {swarm.home}.",
            "Nothing was signed.",
            f"Put your copy back as {paths[0]}, or give the --home that the group was created in.",
        )
    key = bytes(open_key(found, swarm.settings, swarm.home).key)
    return wrap(key, public_key, _recipient(swarm, group, address_of(public_key)))


def keep(swarm: "Swarm", group: "Group", node: "LocalAccount", invitation: "Invitation") -> None:
    """Keeps the key that an invitation to a closed group brings, beside the node's own; one that is there already stays.

    Raises:
        UsageError: the group is closed, and the invitation does not bring its key.
        NotFoundError: nobody who was asked has the manifest that a key is held against.
    """
    from swarm_chain.node.keys import group_key_path
    from swarm_chain.protocol.group_key import key_commitment, unwrap

    if not invitation.signed:
        return
    try:
        commitment = commitment_of(swarm, group)
    except NotFoundError:
        if invitation.wrapped_key:
            raise
        return  # most groups are not closed, and a node with no key says so when it starts
    if commitment is None:
        return
    path = group_key_path(swarm.home.node_key(swarm.settings.name).parent, commitment)
    if path.exists():
        return
    address = Address(str(node.address))
    ask = f"Ask {group.creator} for `swarm-chain group invite` again, for this node, and give what it printed, whole."
    if not invitation.wrapped_key:
        raise UsageError(f"Group {group.group} is closed, and this invitation does not bring its key.", "Nothing was sent.", ask)
    try:
        key = unwrap(invitation.wrapped_key, bytes(node.key), _recipient(swarm, group, address))
    except IntegrityError as error:
        raise UsageError(f"The key in this invitation is not for {address} in group {group.group}.", "Nothing was sent.", ask) from error
    if key_commitment(key) != commitment:
        raise UsageError(f"The key in this invitation is not the one that group {group.group} was created with.", "Nothing was sent.", ask)
    _keep(swarm, path, key)
    present.done(f"The key of group {group.group} is kept as {path}")


def _keep(swarm: "Swarm", path: "Path", key: bytes) -> None:
    from eth_account import Account

    create_keys([path], swarm.settings, swarm.home, local=swarm.local, given={path: Account.from_key(key)})


def _recipient(swarm: "Swarm", group: "Group", node: Address) -> "Recipient":
    from swarm_chain.protocol.group_key import Recipient

    contracts = swarm.contracts
    return Recipient(contracts.deployment.chain_id, contracts.groups.address, group.group, node)
