"""What a group's manifest says to people: what is learnt, and what becomes of a member's data."""

from typing import TYPE_CHECKING

from swarm_chain.errors import SwarmChainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarm_chain.chain.groups import Group
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.learning.manifest import Task

PATIENCE = 5.0
"""Seconds that members and gateways have to give a manifest that does not lie here."""


def manifest_of(swarm: "Swarm", group: "Group") -> "Task | str":
    """What a group learns, or why that cannot be told: nobody who was asked has the manifest, or its kind is not installed here."""
    from swarm_chain.cli.moving_group import fetch
    from swarm_chain.learning.manifest import LARGEST_MANIFEST, Task

    try:
        return Task.decode(fetch(swarm, group, group.manifest_digest, LARGEST_MANIFEST, PATIENCE))
    except SwarmChainError as error:
        return error.what


def rows(task: "Task | str") -> "Sequence[tuple[str, str]]":
    """For the table of a group."""
    if isinstance(task, str):
        return [("learns", f"not known here: {task}")]
    privacy = task.local.privacy
    if privacy is None:
        kept = "none: an update tells of the data it was trained on"
    else:
        kept = f"epsilon {privacy.epsilon:g} at delta {privacy.delta:g}, gradients clipped to {privacy.clip:g}, noise {privacy.noise:g}"
    return [
        ("learns", f"{task.name}: {task.kind}, network {task.network.name}, {task.local.steps} steps of {task.local.batch} a round"),
        ("updates", f"{task.codec}, open to {'everybody' if task.group_key is None else 'members alone'}"),
        ("privacy", kept),
    ]
