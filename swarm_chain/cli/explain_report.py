"""What ``swarm-chain rewards --why`` says, for people and for scripts."""

from typing import TYPE_CHECKING

from swarm_chain.cli import present
from swarm_chain.cli.present import exact

if TYPE_CHECKING:
    from swarm_chain.cli.explain import Explanation
    from swarm_chain.cli.wiring import Swarm


def show(swarm: "Swarm", found: "Explanation") -> None:
    """An explanation as a person reads it: what, why, and lines that sum to the wei."""
    past = found.past
    name = swarm.names.get(found.node)
    who = f"{name} ({found.node})" if name else found.node
    seat = "" if found.seat is None else f", seat {found.seat}"
    earned = "nothing yet" if found.earned is None else f"{exact(found.earned)} tokens" if found.earned else "nothing"
    present.out.print(f"[bold]Round {past.round} of group {past.group}: {present.escape(who)}{seat}[/]", soft_wrap=True)
    present.out.print(f"Earned {earned}.", soft_wrap=True)
    for sentence in found.because:
        present.out.print(present.escape(sentence), soft_wrap=True)
    if found.payment is not None and past.facts is not None:
        present.out.print()
        _show_pot(found)
        _show_shares(swarm, found)
    if found.seat is not None and past.settled is not None:
        moved = "its credit rose by as much in that block" if found.earned else "its credit did not rise in that block"
        ground = moved if found.seen else "by the events alone; its credit before and after that block cannot be seen any more"
        present.out.print(f"Settled in block {past.settled}: {ground}. Read as of block {past.at.number}.", style="dim", soft_wrap=True)
    present.out.print()


def _show_pot(found: "Explanation") -> None:
    facts, payment, terms = found.past.facts, found.payment, found.past.terms
    assert facts is not None
    assert payment is not None
    rows = [("reward of a round, by the group's terms", exact(terms.reward_per_round))]
    if payment.unfunded:
        rows.append((f"the budget held {exact(facts.budget)}", exact(-payment.unfunded)))
    if payment.early:
        took, full = present.seconds(facts.elapsed), present.seconds(facts.duration)
        rows.append((f"it took {took} of the {full} that it could", exact(-payment.early)))
    present.table("What there was", ("", ">tokens"), rows, footer=("to share out", exact(payment.pot)))


def _show_shares(swarm: "Swarm", found: "Explanation") -> None:
    payment, facts = found.payment, found.past.facts
    assert payment is not None
    assert facts is not None
    rows = []
    for seat, sitter in sorted(found.past.ballot.members.items()):
        part = "nothing" if seat not in payment.shares else "a share" if facts.voted >> seat & 1 else "half a share"
        who = swarm.names.get(sitter.node, sitter.node) + (" ◀" if seat == found.seat else "")
        score = f"{facts.scores[seat]:,}" if seat in facts.scores else ""
        rows.append((str(seat), who, score, part, exact(payment.credits.get(seat, 0))))
    if payment.halved:
        rows.append(("", "the budget", "", "the other halves", exact(payment.halved)))
    if payment.rounded:
        rows.append(("", "the budget", "", f"what {len(payment.shares)} shares in whole billionths leave", exact(payment.rounded)))
    columns, footer = (">seat", "node", ">score", "", ">tokens"), ("", "shared out", "", "", exact(payment.pot))
    present.table("Who got it", columns, rows, footer=footer)


def as_json(found: "Explanation") -> dict[str, object]:
    """An explanation for scripts; amounts in wei, as strings."""
    past, payment, facts = found.past, found.payment, found.past.facts
    return {
        "group": past.group,
        "round": past.round,
        "node": found.node,
        "seat": found.seat,
        "outcome": found.outcome,
        "part": found.part,
        "earned": None if found.earned is None else str(found.earned),
        "lost": str(found.lost),
        "because": list(found.because),
        "block": past.at.number,
        "settled": past.settled,
        "credit_seen": found.seen,
        "payment": None
        if payment is None or facts is None
        else {
            "reward": str(facts.reward),
            "budget": str(facts.budget),
            "elapsed": facts.elapsed,
            "duration": facts.duration,
            "unfunded": str(payment.unfunded),
            "early": str(payment.early),
            "pot": str(payment.pot),
            "scores": {str(seat): score for seat, score in facts.scores.items()},
            "credits": {str(seat): str(credit) for seat, credit in payment.credits.items()},
            "paid": str(payment.paid),
            "halved": str(payment.halved),
            "rounded": str(payment.rounded),
        },
    }
