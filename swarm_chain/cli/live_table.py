"""The live table: what each node does now, read from the status files that nodes write."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from swarm_chain.cli.present import escape, tokens
from swarm_chain.node.logs import printable

PHASE_STYLE = {"train": "yellow", "commit": "cyan", "reveal": "magenta"}
TRAINING_SHARE = 0.7
"""Of a round, for its bar; committing and revealing share the rest."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as its status file says. ``credit`` in wei; ``accuracy`` 0 to 1 on its held-out images; ``epsilon`` spent, where its
    group has differential privacy."""

    name: str
    round: int = 0
    phase: str = "closed"
    step: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    reputation: int = 0
    credit: int = 0
    message: str = "starting"
    epsilon: float | None = None

    @classmethod
    def of(cls, name: str, status: Mapping[str, Any]) -> Self:
        """From a status as JSON."""
        return cls(
            name,
            int(status["round"]),
            str(status["phase"]),
            int(status["step"]),
            int(status["steps"]),
            status["loss"],
            status["accuracy"],
            int(status["reputation"]),
            int(status["credit"]),
            str(status["message"]),
            status.get("epsilon"),
        )


def read_row(name: str, folder: Path) -> NodeRow:
    """A node's row; a node that has written nothing yet is starting."""
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NodeRow(name)
    return NodeRow.of(name, status)


def read_rounds(folder: Path) -> dict[int, dict[str, Any]]:
    """What a node computed of each round, by number; a line still being written is left for the next look."""
    try:
        lines = (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return {}
    figures = [json.loads(line) for line in lines if line.endswith("\n")]
    return {int(entry["round"]): entry for entry in figures}


def percent(share: float | None) -> str:
    """``0.9312`` as ``93.1 %``."""
    return "–" if share is None else f"{share * 100:.1f} %"


def render(rows: Sequence[NodeRow], rounds: int | None, begun: float, note: str = "") -> RenderableType:
    """The whole picture.

    Args:
        rows: a node each.
        rounds: to be done; None for no end.
        begun: ``time.monotonic()`` of the start.
        note: a last line.
    """
    number, phase, part = _where(rows)
    shown = f"round [bold]{number}[/]" + (f" of {rounds}" if rounds else "")
    if rounds and number > rounds:
        shown = "closing vote"
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text.from_markup(shown),
        Text(phase, style=PHASE_STYLE[phase]),
        ProgressBar(total=rounds or 1, completed=min(number - 1 + part, rounds) if rounds else part, width=30),
        Text(f"{time.monotonic() - begun:.0f} s", style="dim"),
    )
    body = Table(header_style="bold", expand=False)
    private = any(row.epsilon is not None for row in rows)
    for name in ("node", "training", "loss", "accuracy", *(["epsilon"] if private else []), "reputation", "credits", "doing"):
        right = name in ("loss", "accuracy", "epsilon", "reputation", "credits")
        body.add_column(
            name, justify="right" if right else "left", no_wrap=True, min_width={"loss": 6, "credits": 8, "doing": 24}.get(name)
        )
    for row in rows:
        bar: RenderableType = ProgressBar(total=max(row.steps, 1), completed=row.step, width=16) if row.steps else Text("")
        body.add_row(
            escape(row.name),
            bar,
            "–" if row.loss is None else f"{row.loss:.3f}",
            percent(row.accuracy),
            *(["–" if row.epsilon is None else f"{row.epsilon:.2f}"] if private else []),
            f"{row.reputation:,}",
            tokens(row.credit, 2),
            Text(printable(row.message), overflow="ellipsis", no_wrap=True),
        )
    return Group(head, body, *([Text.from_markup(note)] if note else []))


def _where(rows: Sequence[NodeRow]) -> tuple[int, str, float]:
    """The round that nodes work on, its phase, how far they are in it, 0 to 1. On chain it opens with its first commit, after training."""
    number = max((row.round for row in rows), default=0)
    phase = next((row.phase for row in rows if row.round == number), "closed")
    if phase == "closed":
        trained = sum(row.step / row.steps for row in rows if row.steps) / max(len(rows), 1)
        return number + 1, "train", TRAINING_SHARE * trained
    return number, phase, TRAINING_SHARE + (0.1 if phase == "commit" else 0.2)
