"""When a commit on chain is somebody else's."""

import pytest

from swarm_chain.chain.views import Slot
from swarm_chain.node.rivals import is_foreign

OURS, THEIRS = b"o" * 24, b"t" * 24


@pytest.mark.parametrize(
    ("digest", "committed", "revealed", "foreign"),
    [
        (OURS, True, False, False),
        (THEIRS, True, False, True),
        (THEIRS, True, True, False),
        (b"\0" * 24, False, False, False),
        (OURS, True, True, False),
    ],
)
def test_a_commitment_to_open_that_is_not_in_the_journal_is_foreign(digest, committed, revealed, foreign):
    fields = {"digest": digest, "committed": committed, "revealed": revealed}
    slot = Slot(**{name: fields.get(name, 0) for name in Slot._fields})
    assert is_foreign(slot, [b"another of ours", OURS]) is foreign
    assert not is_foreign(None, [])
