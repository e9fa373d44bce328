"""What the terminal shows: errors, tables, questions, progress. Data goes to stdout, everything said about it to stderr."""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm, Prompt
from rich.table import Table

from swarm_chain.errors import SwarmChainError, UsageError
from swarm_chain.node.logs import printable

WIDE = 200
"""Columns where there is no terminal: lines in files and pipes are not broken."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)

TOKEN = 10**18
"""Wei a token; ether has as many."""


def error(problem: SwarmChainError) -> None:
    """What happened, what was kept, what to do: a line each, on stderr."""
    err.print(f"[bold red]Error:[/] {escape(problem.what)}", soft_wrap=True)
    if problem.kept:
        err.print(f"[dim]Kept:[/]  {escape(problem.kept)}", soft_wrap=True)
    if problem.do:
        err.print(f"[bold]Do:[/]    {escape(problem.do)}", soft_wrap=True)


def unexpected(folder: Path) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An exception hook that writes the traceback to a file in ``folder``, and says so in a few words."""

    def hook(kind: type[BaseException], value: BaseException, where: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, value, where))
        path = folder / f"swarm-chain-error-{time.strftime('%Y%m%d-%H%M%S')}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            shown = f"The traceback is in {path}"
        except OSError:
            sys.stderr.write(text)
            shown = "The traceback is above"
        error(
            SwarmChainError(f"Unexpected: {kind.__name__}: {value}", "Keys and journals are as they were.", f"{shown}; please report it.")
        )

    return hook


def escape(text: str) -> str:
    """Text as it is: nothing of it is markup, or steers the terminal."""
    return escape_markup(printable(text, keep="\n"))


def say(text: str, style: str = "") -> None:
    """A line for whoever watches, on stderr; plain text."""
    err.print(printable(text, keep="\n"), style=style, markup=False, soft_wrap=True)


def done(text: str) -> None:
    """A step that is finished; plain text."""
    err.print(f"[green]✓[/] {escape(text)}", soft_wrap=True)


def as_json(value: object) -> None:
    """The answer of a command for scripts: one JSON document on stdout, bytes as 0x-hex, token amounts as strings of wei."""
    print_plain(json.dumps(value, indent=2, default=_plain))


def print_plain(text: str) -> None:
    """A line of data on stdout, never wrapped or coloured."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return "0x" + bytes(value).hex()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, footer: Sequence[str] | None = None) -> None:
    """A table on stdout. Columns whose name starts with ``>`` are aligned to the right; cells are plain text."""
    out.print(f"[bold]{escape(title)}[/]")
    shown = Table(
        box=SIMPLE_HEAD, show_edge=False, show_header=any(columns), show_footer=footer is not None, header_style="dim", pad_edge=False
    )
    for index, name in enumerate(columns):
        shown.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            footer=footer[index] if footer else "",
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(escape(cell) for cell in row))
    out.print(shown)
    out.print()


def tokens(amount: int, digits: int = 4) -> str:
    """An amount of wei in tokens: ``1,234.5``; cut, never rounded up."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), TOKEN)
    fraction = f"{part:018d}"[:digits].rstrip("0")
    return f"{sign}{whole:,}" + (f".{fraction}" if fraction else "")


def exact(amount: int) -> str:
    """An amount of wei in tokens, with all of its 18 places: ``-1,234.500000000000000000``."""
    whole, part = divmod(abs(amount), TOKEN)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:018d}"


def wei(amount: float) -> int:
    """An amount of tokens as people write it, in wei; a billionth of a token is the least that counts."""
    return round(amount * 10**9) * 10**9


def short(value: bytes | str) -> str:
    """The first and last figures of a hash or an address."""
    text = value if isinstance(value, str) else "0x" + value.hex()
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def seconds(count: int) -> str:
    """``90`` as ``1 min 30 s``."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, count = divmod(count, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def clock(time: int) -> str:
    """A time of the chain: ``2026-11-22 23:07:10 UTC``."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def agree(question: str, *, yes: bool) -> bool:
    """Asks, unless ``--yes`` was given.

    Raises:
        UsageError: nobody is there to answer.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"This needs an answer, and there is no terminal: {question}", "Nothing was changed.", "Run it again with --yes.")
    return Confirm.ask(escape(question), console=err, default=False)


def ask_secret(question: str) -> str:
    """Asks for a password or a mnemonic, unseen.

    Raises:
        UsageError: nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "A password is needed, and there is no terminal to ask on.",
            "Nothing was changed.",
            "Give --password-file FILE or the environment variable SWARM_CHAIN_PASSWORD.",
        )
    return Prompt.ask(escape(question), console=err, password=True)


@contextmanager
def silence() -> Iterator[None]:
    """Within, nothing is shown but what is written plainly: for a command that runs others as its own steps."""
    before, err.quiet = err.quiet, True
    out_before, out.quiet = out.quiet, True
    try:
        yield
    finally:
        err.quiet, out.quiet = before, out_before


@contextmanager
def progress(what: str, total: int | None = None, *, lines: bool = True) -> Iterator[Callable[[str], None]]:
    """A long step: a bar in a terminal, elsewhere a line for each part or, without ``lines``, one in all.

    Call what it yields with the name of each part as it begins.
    """
    if err.quiet or not err.is_terminal:
        if not lines:
            err.print(escape(what), soft_wrap=True)
        yield lambda part: err.print(f"{escape(what)}: {escape(part)}", soft_wrap=True) if lines else None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        shown = bar.add_task(escape(what), total=total)
        begun = False

        def step(part: str) -> None:
            nonlocal begun
            bar.update(shown, description=f"{escape(what)}: {escape(part)}", advance=1 if begun and total else 0)
            begun = True

        yield step
