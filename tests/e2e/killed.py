"""A real node that kills itself by SIGKILL at a named step, as a power cut would.

Its process is forked from one that has loaded the program (``multiprocessing``'s fork server), so that to start it again costs little.
"""

import importlib
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from kill_steps import STEPS

from swarm_chain.learning import data
from swarm_chain.learning.task import DIGITS_LINEAR
from swarm_chain.node import __main__ as program

# What it loads when it runs is loaded before the fork.
importlib.import_module("swarm_chain.node.daemon")
data.load(DIGITS_LINEAR.images.source)

TOLD = "killed at"
"""File in the home that says at which step."""


def run(settings: Path, log: Path, armed: Mapping[str, int]) -> None:
    """Runs a node.

    Args:
        settings: its settings file.
        log: gets what it says.
        armed: by name, the steps that kill it, and at which time.
    """
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    for name, time in armed.items():
        arm(name, time, settings.with_name(TOLD))
    sys.exit(program.main(settings))


def arm(name: str, time: int, told: Path) -> None:
    """Makes the process kill itself when it comes to a step for the ``time``-th time."""
    step = STEPS[name]
    module, path = step.where.split(":")
    *owners, attribute = path.split(".")
    holder = importlib.import_module(module)
    for owner in owners:
        holder = getattr(holder, owner)
    original, left = getattr(holder, attribute), time

    def killing(*arguments, **named):
        nonlocal left
        is_now = re.search(step.about, words_of(arguments)) is not None
        left -= is_now
        is_now = is_now and left == 0
        if is_now and step.when == "before":
            die(name, told)
        result = original(*arguments, **named)
        if is_now:
            die(name, told)
        return result

    setattr(holder, attribute, killing)


def words_of(arguments: tuple[object, ...]) -> str:
    """A call's numbers, texts and paths, and the names of its calls and steps, one after the other; each followed by a space."""
    named = (getattr(argument, "what", getattr(argument, "name", None)) for argument in arguments)
    plain = (str(it) if isinstance(it, int | float | str | Path) else name for it, name in zip(arguments, named, strict=True))
    return "".join(f"{word} " for word in plain if isinstance(word, str))


def die(name: str, told: Path) -> None:
    told.write_text(name)
    os.kill(os.getpid(), signal.SIGKILL)
