"""Opening sealed updates of other nodes: whatever they contain, all find the same."""

import logging
from contextlib import suppress

from swarm_chain.errors import IntegrityError, TooLargeError
from swarm_chain.learning import kernels
from swarm_chain.node.follower import Follower
from swarm_chain.protocol.grid import Codes
from swarm_chain.protocol.sealing import max_sealed_size, unseal
from swarm_chain.protocol.update import update_root
from swarm_chain.types import CommittedUpdate, Round

log = logging.getLogger(__name__)


def open_update(member: Follower, round_: Round, revealed: CommittedUpdate) -> Codes | None:
    """The codes of a revealed update whose bytes are in the store; ``None`` if it does not open canonically.

    Raises:
        NotFoundError: its bytes are not here.
    """
    digest, size = revealed.sealed_digest, max_sealed_size(member.terms.dimension)
    with suppress(IntegrityError, TooLargeError):
        # What opens to the root that was revealed is what was sealed, so its bytes need not be hashed again.
        return _opened(member, round_, revealed, [member.store.get(digest, size, verified=False)])
    sealed = [member.store.get(digest, size)]  # if anything rotted here, that shows now
    try:
        return _opened(member, round_, revealed, sealed)
    except IntegrityError as error:
        log.warning("Round %d: the update of seat %d does not count. %s", round_, revealed.seat, error.what)
        return None


def _opened(member: Follower, round_: Round, revealed: CommittedUpdate, sealed: list[bytes]) -> Codes:
    """``sealed`` is given away to be opened, so that it is let go of once it is decrypted: 16 updates take little more than their codes.

    Raises:
        IntegrityError: it does not open canonically, or not to what was revealed.
    """
    assert revealed.reveal is not None
    header = member.header(round_, revealed.node)
    codes = unseal(header, revealed.reveal.salt, sealed.pop(), member.group_key)
    if update_root(header, codes, kernels.hashing(len(codes))) != revealed.reveal.update_root:
        raise IntegrityError("It has another root than was revealed.")
    return codes
