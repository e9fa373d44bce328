"""Invitations as people hand them on, and why one is refused."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_chain.errors import SwarmChainError, TransactionError, UsageError

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group

LARGEST = 1 << 16


def read_invitation(text: str) -> bytes:
    """An invitation given as hex or as the name of a file; empty where none was given.

    Raises:
        UsageError: it is none.
    """
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    if not text:
        return b""
    try:
        given = text if text.startswith("0x") else Path(text).read_bytes()[:LARGEST].decode("ascii")
        invitation = bytes.fromhex(given.strip().removeprefix("0x"))
        decode(["uint64", "bytes32", "bytes"], invitation)
    except (OSError, ValueError, DecodingError) as error:
        raise UsageError(
            "The invitation is neither a file nor hex that `group invite` printed.", "Nothing was sent.", "Give what it printed, whole."
        ) from error
    return invitation


def refused(problem: TransactionError, group: "Group", identity: int, kept: str) -> SwarmChainError:
    """What a refusal to join means to whoever wants to; other refusals as they are."""
    ask = f"Ask {group.creator} for `swarm-chain group invite {identity} --group {group.group}`"
    match problem.reverted_with:
        case "InvitationNeeded":
            what, do = f"Group {group.group} takes members by invitation.", f"{ask}, then run this again with --invitation."
        case "InvitationExpired":
            ended = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(str(problem.arguments[0]))))
            what, do = f"The invitation counted until {ended}.", f"{ask} again."
        case "InvitationUsed":
            what, do = "This invitation was used already; each counts once.", f"{ask} again."
        case "BadInvitationSignature":
            what = f"The invitation is not one of {group.creator} for identity {identity} to group {group.group}."
            do = f"{ask}: each is for one identity and one group, and signed by who created it."
        case "GroupFull":
            what = f"All {group.terms.capacity} seats of group {group.group} are taken."
            do = "Wait for one to come free (`swarm-chain group show`), or join another group."
        case _:
            return problem
    return UsageError(what, kept, do)
