"""``swarm-chain rewards --why NODE ROUND``: what a node earned in a round, and why, to the wei."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.present import clock, exact
from swarm_chain.errors import KeyFileError, UnknownError, UsageError
from swarm_chain.protocol.addresses import read_address
from swarm_chain.types import Address, Phase, Round, Scoring, Seat

if TYPE_CHECKING:
    from swarm_chain.chain.past_round import PastRound
    from swarm_chain.cli.wiring import Swarm
    from swarm_chain.protocol.absence import Absence
    from swarm_chain.protocol.payment import Payment

WRONG = (
    "something",
    "a weight",
    "an exponent",
    "a column",
    "an update",
    "an update that too few held",
    "a seat that did not reveal",
    "an update that could not count",
    "too few updates, or another parent",
    "it was never shown",
    "a leaf of it was never shown",
)
"""What was wrong with a struck result, by ``IDisputes.Kind``."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a node earned in a round.

    Attributes:
        seat: None if it was not a member.
        outcome: of the round: final, void, struck or not settled.
        part: whole, half or nothing.
        earned: in wei; None while the round is not settled.
        because: in sentences.
        lost: of its stake, for this round, in wei.
        payment: of the round, if it is final.
        seen: the credit was seen to rise by as much, not in the event alone.
    """

    past: "PastRound"
    node: Address
    seat: Seat | None
    outcome: str
    part: str
    earned: int | None
    because: tuple[str, ...]
    lost: int
    payment: "Payment | None"
    seen: bool


def node_of(swarm: "Swarm", text: str) -> Address:
    """The node that a person means: by its address, or by its name in the swarm folder.

    Raises:
        UsageError: an address with a mistake in it.
        UnknownError: no such name.
    """
    if not text.lower().startswith("0x"):
        named = [address for address, name in swarm.names.items() if name == text]
        if named:
            return named[0]
        try:
            return swarm.node_address(text)
        except KeyFileError:
            raise UnknownError(
                f"No node of {swarm.home} has the name {text!r}.",
                do="Give a name of `swarm-chain node status`, or the node's address.",
            ) from None
    try:
        return read_address(text)
    except ValueError as error:
        raise UsageError(f"{text} is no address: {error}.", do="Copy the node's address from `swarm-chain rewards`.") from None


def explain(swarm: "Swarm", node: Address, round_: Round) -> Explanation:
    """What a node earned in a round of the group that is meant, and why.

    Raises:
        UnknownError: no such group, round or node.
        ChainError: what the chain says of the pay does not fit together.
    """
    from swarm_chain.chain.connection import block
    from swarm_chain.chain.paid import checked_payment, is_credited
    from swarm_chain.chain.past_round import read_past_round

    contracts, group = swarm.contracts, swarm.group().group
    with present.progress("Reading the chain", lines=False):
        past = read_past_round(contracts, group, round_, block(swarm.web3))
        payment = checked_payment(past) if past.facts is not None else None
        seat = next((seat for seat, sitter in past.ballot.members.items() if sitter.goes_by(node)), None)
        if seat is None:
            return Explanation(past, node, None, _outcome(past), "nothing", 0, (_no_seat(swarm, past, node),), 0, payment, seen=False)
        earned = payment.credits.get(seat, 0) if payment is not None else 0 if past.settled is not None else None
        seen = past.settled is not None and is_credited(contracts, past, seat, earned or 0)
    key = past.ballot.members[seat].node
    lost = past.forfeits.get(seat, 0) + (past.strike.slashed.get(key, 0) if past.strike is not None else 0)
    part, because = _final(past, seat) if past.facts is not None else ("nothing", _not_final(past, seat))
    because += () if key == node else (f"Its key was {key} then.",)
    return Explanation(past, node, seat, _outcome(past), part, earned, because, lost, payment, seen)


def _no_seat(swarm: "Swarm", past: "PastRound", node: Address) -> str:
    """Why a node was not a member. UnknownError if nobody knows it."""
    if swarm.contracts.identities.identity_of(node, past.at.number) == 0:
        raise UnknownError(
            f"No node {node} is registered, and none had that key in round {past.round} of group {past.group}.",
            do="`swarm-chain rewards` shows the nodes' addresses. An operator's address is another than its node's.",
        )
    now = swarm.contracts.views.seat(past.group, node, past.at.number)
    if now is not None and now.from_round > past.round:
        return f"It had no seat in round {past.round}: it sits in group {past.group} since round {now.from_round}."
    elsewhere = swarm.contracts.rewards.rewards(node, past.at.number).group
    sits = f", and sits in group {elsewhere}" if elsewhere not in (0, past.group) else ""
    return f"It had no seat in round {past.round} of group {past.group}{sits}."


def _outcome(past: "PastRound") -> str:
    if past.facts is not None:
        return "final"
    if past.strike is not None:
        return "struck"
    return "void" if past.settled is not None else "not settled"


def _final(past: "PastRound", seat: Seat) -> tuple[str, tuple[str, ...]]:
    """The part that a member of a final round gets, and why."""
    from swarm_chain.protocol.absence import absence

    after, votes = past.round + 1, past.votes
    assert past.facts is not None
    assert votes is not None
    missing = absence(seat, past.ballot.updates.values(), past.result, weighed=past.ballot.weighed)
    if missing is not None:
        return "nothing", (_left_out(past, seat, missing), *_forfeit(past, seat))
    scored = _scored(past, seat)
    if past.facts.voted >> seat & 1:
        return "whole", (f"Its update is in the result, and it revealed in round {after} too: a whole share.", *scored)
    if seat not in votes.members:
        why = f"it had left by round {after}"
    elif seat not in votes.updates:
        why = f"it committed nothing in round {after}"
    else:
        why = f"it did not reveal what it committed in round {after}"
    return "half", (f"Its update is in the result, but {why}, and so did not vote for it: half a share.", *scored)


def _scored(past: "PastRound", seat: Seat) -> tuple[str, ...]:
    """What a member's share goes by, where updates are scored."""
    assert past.facts is not None
    if past.terms.scoring is Scoring.EQUAL:
        return ()
    score, best = past.facts.scores[seat], max(past.facts.scores.values())
    if score == 0:
        return ("Its update scored nothing: what was new in it did not go the way of what was new in the others'.",)
    return (f"By what was new in it its update scored {score:,}, the best one {best:,}: shares are in proportion.",)


def _not_final(past: "PastRound", seat: Seat) -> tuple[str, ...]:
    """Why a member of a round without a result earned nothing, or nothing yet."""
    after, update = past.round + 1, past.ballot.updates.get(seat)
    did = "revealed its update" if update is not None and update.reveal is not None else "did not reveal" if update else "committed nothing"
    if past.strike is not None:
        wrong = WRONG[past.strike.kind] if past.strike.kind < len(WRONG) else WRONG[0]
        own = "its result was" if past.strike.round == past.round else f"it built on that of round {past.strike.round}, which was"
        waits = "" if past.settled is not None else " It is settled a challenge window after that."
        named = past.strike.slashed.get(past.ballot.members[seat].node)
        cost = () if named is None else (f"It named the wrong result, and lost {exact(named)} tokens of its stake.",)
        return (f"The round is void: {own} proven wrong ({wrong}). Nobody is paid for it.{waits}", f"The node {did}.", *cost)
    if past.settled is None:
        return (_waits(past), f"The node {did}.")
    if past.votes is None or past.idle:
        why = f"nobody opened round {after} in time"
    else:
        votes = [update.reveal.parent for update in past.votes.updates.values() if update.reveal is not None]
        why = (
            f"the votes of round {after} agreed on no result of it"
            f" (members {len(past.votes.members)}, revealed {len(votes)}, different results named {len(set(votes))})"
        )
    return (f"The round is void: {why}. Nobody is paid for it.", f"The node {did}.", *_forfeit(past, seat))


def _waits(past: "PastRound") -> str:
    after = past.round + 1
    if past.phase is not Phase.CLOSED:
        return f"The round is open ({past.phase.name.lower()} phase). What it pays is known when it is settled."
    if past.due:
        return f"The round is agreed on, and not settled yet; it can be final from {clock(past.due)} on."
    if past.idle:
        return f"Nobody opened round {after} in time, so this one comes to nothing; it is not settled yet."
    return f"The round is closed, and not settled yet: the votes of round {after} say what it came to."


def _left_out(past: "PastRound", seat: Seat, missing: "Absence") -> str:
    from swarm_chain.protocol.absence import Absence, holders

    held, revealed = holders(seat, past.ballot.updates.values())
    unheld = f"less than two thirds of the weight that revealed held its update's bytes ({held} of {revealed} seats did)"
    unread = "its update's bytes did not open as they must, which the chain alone cannot show"
    words = {
        Absence.NOT_COMMITTED: f"It committed nothing in round {past.round}.",
        Absence.NOT_REVEALED: f"It committed in round {past.round} and did not reveal.",
        Absence.EMPTY: "It revealed, and its update was empty: it said itself that it had none.",
        Absence.OTHER_PARENT: "It revealed, but its update was trained on another parent than the round builds on.",
        Absence.NOT_AVAILABLE: f"It revealed, but {unheld}.",
        Absence.NOT_CANONICAL: f"It revealed, and the chain knows nothing against it. What is left: {unread}.",
        Absence.NOT_AVAILABLE_OR_NOT_CANONICAL: (
            f"It revealed, but {held} of {revealed} seats that revealed held its update's bytes; what they weighed then, this chain's node"
            f" no longer says. Either that was less than two thirds, or {unread}."
        ),
    }
    return words[missing]


def _forfeit(past: "PastRound", seat: Seat) -> tuple[str, ...]:
    burnt = past.forfeits.get(seat)
    return () if burnt is None else (f"For that {exact(burnt)} tokens of its stake were burnt.",)
