"""Accuracy per round, as text and as PNG."""

from collections.abc import Sequence
from pathlib import Path

BLOCKS = " ▁▂▃▄▅▆▇█"


def text(values: Sequence[float], *, height: int = 8, reference: float | None = None) -> str:
    """Columns of blocks, a column a round.

    Args:
        values: 0 to 1, first round first.
        height: lines.
        reference: drawn as a line of dashes, 0 to 1.
    """
    if not values:
        return "(no rounds)"
    shown = [*values, *([] if reference is None else [reference])]
    low = max(0.0, int(min(shown) * 10 - 0.5) / 10)
    top = min(1.0, int(max(shown) * 20 + 1) / 20)
    span = max(top - low, 0.05)
    lines = []
    for line in range(height, 0, -1):
        floor = low + span * (line - 1) / height
        is_reference = reference is not None and floor <= reference < floor + span / height
        blank = "┄" if is_reference else " "
        cells = []
        for value in values:
            filled = max(0, min(8, round((value - floor) / span * height * 8)))
            cells.append(BLOCKS[filled] * 3 if filled else blank * 3)
        label = f"{(floor + span / height) * 100:5.1f} % ┤"
        note = f"{blank * 2} central {reference:.1%}" if is_reference and reference is not None else ""
        lines.append(f"{label}{blank}{blank.join(cells)}{note}")
    lines.append("        └" + "─" * (4 * len(values) + 1))
    lines.append("         " + "".join(f"{number:>3} " for number in range(1, len(values) + 1)) + " round")
    return "\n".join(lines)


def png(
    path: Path, values: Sequence[float], *, by_node: Sequence[Sequence[float | None]] = (), reference: float | None = None, title: str = ""
) -> None:
    """Draws test accuracy per round; thin lines are each node's own on its held-out images.

    Args:
        path: of the file to write.
        values: of the agreed models on the test images, 0 to 1, first round first.
        by_node: per node as many values; None where there is none.
        reference: the same network trained in one place.
        title: above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rounds = range(1, len(values) + 1)
    for index, of_node in enumerate(by_node):
        points = [(number, value) for number, value in enumerate(of_node, 1) if value is not None]
        axes.plot(
            [number for number, _ in points],
            [value for _, value in points],
            color="0.75",
            linewidth=1,
            zorder=1,
            label="each node's held-out images" if index == 0 else None,
        )
    axes.plot(rounds, values, color="#1f6feb", marker="o", linewidth=2, zorder=3, label="agreed model, test images")
    if reference is not None:
        axes.axhline(reference, color="#d9822b", linestyle="--", linewidth=1.5, zorder=2, label=f"trained in one place ({reference:.1%})")
    axes.set(xlabel="round", ylabel="accuracy", title=title)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)
