"""What a check of ``swarm-chain doctor`` comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from swarm_chain.errors import SwarmChainError


class Verdict(Enum):
    """How a check came out."""

    GOOD = "[green]✓[/]"
    NOTE = "[yellow]·[/]"
    BROKEN = "[red]✗[/]"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``mend`` says how; ``exit_code`` is that of the error behind it."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""
    exit_code: int = 0


def good(what: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(what, Verdict.GOOD, found)


def note(what: str, found: str, mend: str = "") -> Finding:
    """Nothing that keeps a node from running, but worth knowing."""
    return Finding(what, Verdict.NOTE, found, mend)


def broken(what: str, found: str, mend: str, exit_code: int) -> Finding:
    """What would end a node, or keep it from its work."""
    return Finding(what, Verdict.BROKEN, found, mend, exit_code)


def tried(what: str, check: Callable[[], Finding]) -> Finding:
    """A check's finding, or the error that it ran into."""
    try:
        return check()
    except SwarmChainError as problem:
        return broken(what, problem.what, problem.do, problem.exit_code)
