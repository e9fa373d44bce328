"""Invitations as people hand them on, and why one is refused."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_chain.errors import SwarmChainError, TransactionError, UsageError

if TYPE_CHECKING:
    from swarm_chain.chain.groups import Group

LARGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a creator hands to who is invited.

    Attributes:
        signed: for the contract; empty where there is none.
        wrapped_key: of a closed group, for the invited node alone; empty where there is none.
    """

    signed: bytes = b""
    wrapped_key: bytes = b""

    def __str__(self) -> str:
        return "0x" + self.signed.hex() + (f".{self.wrapped_key.hex()}" if self.wrapped_key else "")


def read_invitation(text: str) -> Invitation:
    """An invitation given as hex or as the name of a file; empty where none was given.

    Raises:
        UsageError: it is none.
    """
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    if not text:
        return Invitation()
    try:
        given = text if text.startswith("0x") else Path(text).read_bytes()[:LARGEST].decode("ascii")
        signed, _, wrapped = given.strip().removeprefix("0x").partition(".")
        invitation = Invitation(bytes.fromhex(signed), bytes.fromhex(wrapped))
        decode(["uint64", "bytes32", "bytes"], invitation.signed)
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
