"""Before a node changes its group or its key: nothing may be left unrevealed, and its journal, which is bound to both, is put aside."""

import time
from pathlib import Path

from swarm_chain.cli.wiring import Swarm
from swarm_chain.errors import UsageError
from swarm_chain.types import Address, GroupId, Phase

JOURNAL = "journal.db"


def require_revealed(swarm: Swarm, group: GroupId, node: Address) -> None:
    """Makes sure that a node has opened what it committed.

    Raises:
        UsageError: it has not, and can still: a hundredth of its stake is at stake.
    """
    phase = swarm.contracts.views.phase(group)
    if phase.phase is Phase.CLOSED:
        return
    slot = swarm.contracts.views.slot(group, node, phase.round)
    if slot.committed and not slot.revealed:
        raise UsageError(
            f"The node has committed in round {phase.round} of group {group} and not revealed yet, which would cost it stake.",
            "Nothing was changed.",
            "Let it run until it has revealed (`swarm-chain node status`), stop it, then run this again.",
        )


def put_aside(folder: Path, *, learns_the_same: bool) -> Path | None:
    """Renames a node's journal, so that the next run begins a new one; its results and commits stay readable. None if there is none.

    Where the node goes on learning the same, with another key or in the group's new contracts, the new journal counts on from what the old
    one told of its samples.
    """
    from swarm_chain.node.journal import count_on

    journal, following = folder / JOURNAL, folder / f"{JOURNAL}.next"
    if not journal.exists():
        return None
    following.unlink(missing_ok=True)
    if learns_the_same:
        count_on(journal, following)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("-wal", "-shm", ""):  # the file itself last: as long as it is there, it is whole
        part = folder / (JOURNAL + suffix)
        if part.exists():
            part.rename(folder / f"journal-until-{stamp}.db{suffix}")
    if following.exists():
        following.rename(journal)
    return folder / f"journal-until-{stamp}.db"
