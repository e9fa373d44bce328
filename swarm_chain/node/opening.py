"""Opening sealed updates of other nodes: whatever they contain, all find the same."""

import logging

from swarm_chain.errors import IntegrityError
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
    assert revealed.reveal is not None
    header = member.header(round_, revealed.node)
    # Given away to be opened, so that it is let go of as soon as it is decrypted: 16 updates take little more than their codes.
    sealed = [member.store.get(revealed.sealed_digest, max_sealed_size(member.terms.dimension))]
    try:
        codes = unseal(header, revealed.reveal.salt, sealed.pop(), member.group_key)
    except IntegrityError as error:
        log.warning("Round %d: the update of seat %d does not count. %s", round_, revealed.seat, error.what)
        return None
    if update_root(header, codes, kernels.hashing(len(codes))) != revealed.reveal.update_root:
        log.warning("Round %d: the update of seat %d does not count. It has another root than was revealed.", round_, revealed.seat)
        return None
    return codes
