"""What a process logs: lines for people, or lines of JSON for machines, on stderr or in a file.

The level that is asked for is that of our own words. Libraries speak from warnings on: what they say below that holds whole URLs, in which
API keys are, and raw transactions.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from swarm_chain.node.status import NodeStatus

Format = Literal["human", "json"]
FORMATS: tuple[Format, ...] = ("human", "json")
Level = Literal["debug", "info", "warning", "error"]

OURS = "swarm_chain"
LARGEST_FILE = 16 << 20
"""Bytes of a log file; the next lines go to a new one."""
KEPT_FILES = 3
"""Full ones, ``.1`` the newest."""

Context = Callable[[], Mapping[str, object]]
"""What is known of the process just now, by name: round, phase, node."""


class StatusContext:
    """Where a node stands, as it was told last: which node, group, seat, round and phase its lines are about."""

    def __init__(self, **always: object) -> None:
        self._now: Mapping[str, object] = always
        self._always = always

    def __call__(self) -> Mapping[str, object]:
        return self._now

    def told(self, status: NodeStatus) -> None:
        """Takes what a node reports of itself."""
        here = {"node": status.node, "seat": status.seat, "round": status.round, "phase": status.phase.name.lower()}
        self._now = {**self._always, **here}


def printable(text: str, keep: str = "") -> str:
    """What others may have written, fit for a terminal and a line: what would steer one or break the other is escaped, as in Python.

    Args:
        text: any.
        keep: characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in text)


class Lines(logging.Formatter):
    """A line a record for people: time, level, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the library's name
        record.message = printable(record.message)
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """A line of JSON a record: time (UTC, milliseconds), level, logger, message, what the context knows, the error if there is one."""

    def __init__(self, context: Context = dict) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._context(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def begin(level: Level, form: Format = "human", file: Path | None = None, context: Context = dict) -> None:
    """Sets this process's logging, whatever was set before.

    Args:
        level: of our own words.
        form: of a line.
        file: where the lines go, and beside it those before; ``None``: stderr.
        context: what every line of JSON tells besides.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = RotatingFileHandler(file, maxBytes=LARGEST_FILE, backupCount=KEPT_FILES, encoding="utf-8")
    handler.setFormatter(JsonLines(context) if form == "json" else Lines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(OURS).setLevel(level.upper())
