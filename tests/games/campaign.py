"""Many games, and what they came to. It goes on where it was stopped:

python tests/games/campaign.py --games 1000 --seed 20261122 --state games.jsonl --report docs/runs/dispute-games-2026-11-22.md
"""

import argparse
import json
import logging
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from claims import KINDS
from fuzz import HonestGame
from play import Game
from table import Table

PER_TABLE = 100
"""Games on one chain; a new one keeps its memory small."""


def play(count: int, seed: int, state: Path) -> None:
    """Plays what is left of ``count`` disputes and as many honest rounds; a line of JSON for each in ``state``."""
    done = {(line["game"], line["number"]) for line in read(state)}
    names = list(KINDS)
    todo = [(game, number) for number in range(count) for game in ("dispute", "honest") if (game, number) not in done]
    for first in range(0, len(todo), PER_TABLE):
        with tempfile.TemporaryDirectory() as folder:
            table = Table(Path(folder))
            try:
                for game, number in todo[first : first + PER_TABLE]:
                    line = one(table, game, seed + number, names[number % len(names)])
                    with state.open("a") as file:
                        file.write(json.dumps({"game": game, "number": number, "seed": seed + number, **line}) + "\n")
            finally:
                table.close()


def one(table: Table, game: str, seed: int, kind: str) -> dict[str, object]:
    """Plays one game; fails where the honest side does not win."""
    table.reset()
    begun = time.monotonic()
    played = Game(table, seed, kind) if game == "dispute" else HonestGame(table, seed)
    try:
        return asdict(played.play()) | {"seconds": round(time.monotonic() - begun, 2)}
    finally:
        played.close()


def read(state: Path) -> list[dict]:
    return [json.loads(line) for line in state.read_text().splitlines()] if state.exists() else []


def report(lines: list[dict], seed: int, commit: str) -> str:
    """What the games came to, in Markdown."""
    disputes = [line for line in lines if line["game"] == "dispute"]
    honest = [line for line in lines if line["game"] == "honest"]
    slashes = [gas for line in disputes for gas in line["slash_gas"]]
    attempts, answered = sum(line["attempts"] for line in honest), [line for line in honest if line["demands"]]
    demands = sum(line["demands"] for line in answered)
    seconds = sum(line["seconds"] for line in lines)
    text = [
        "# Dispute games\n",
        f"Commit `{commit}`, seed {seed}, {seconds / 60:.0f} minutes of play. The contracts of this release on Anvil, groups of 3 to 12",
        "seats and 300 to 3,000 coordinates, every rule, random terms, random codes in place of training. Again:",
        f"`python tests/games/campaign.py --games {len(disputes)} --seed {seed} --state games.jsonl --report FILE`.\n",
        "## Colluders against one honest watcher\n",
        f"{len(disputes):,} games. Two thirds of the seats or more agree on a wrong result, build on it, and try to have it final in the",
        "first block that could do it, to leave, to withdraw, to be released, and to be settled before they are slashed. Demanded leaves",
        "are shown, withheld, or shown at the last moment. The watcher is the one of `swarm-chain watch`.\n",
        f"**It won {len(disputes):,} of {len(disputes):,}**: each wrong result was struck before it was final, the head did not move,",
        "every seat that named it lost half of its stake, the watcher got a tenth of that, and every token was accounted for.\n",
        "| what was wrong | games | struck for | demands | bytes of the strike | gas of the strike | with its demands: bytes | gas |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, games in grouped(disputes, "kind"):
        faults = ", ".join(f"{fault} {count}" for fault, count in counted(games, "fault"))
        columns = [spread(games, name) for name in ("demands", "strike_size", "strike_gas", "all_size", "all_gas")]
        text.append(f"| {kind} | {len(games)} | {faults} | {' | '.join(columns)} |")
    text += [
        "\nMinimum / median / maximum. A seat's slash took",
        f"{low_middle_high(slashes)} gas, {len(slashes):,} of them.\n",
        "| struck for | games | bytes | gas |",
        "| --- | ---: | ---: | ---: |",
    ]
    for fault, games in grouped(disputes, "fault"):
        text.append(f"| {fault} | {len(games)} | {spread(games, 'strike_size')} | {spread(games, 'strike_gas')} |")
    text += [
        "\n## A fuzzing challenger against honest rounds\n",
        f"{len(honest):,} games. Every kind of challenge, with evidence that is true in every part and with parts of it bent: leaves,",
        "siblings, indexes, reveals, results; also the calls that only contracts may make.",
        f"**None of {attempts:,} attempts was taken**, and each result became final in the first block that it could.\n",
        f"Leaves of right results were demanded in {len(answered):,} games, {demands:,} times; the watcher",
        f"answered each and earned half of its bond: {spread(answered, 'answer_size')} bytes, {spread(answered, 'answer_gas')} gas.\n",
    ]
    return "\n".join(text)


def grouped(lines: list[dict], name: str) -> list[tuple[str, list[dict]]]:
    found = defaultdict(list)
    for line in lines:
        found[line[name]].append(line)
    return sorted(found.items())


def counted(lines: list[dict], name: str) -> list[tuple[str, int]]:
    return [(value, len(games)) for value, games in grouped(lines, name)]


def spread(lines: list[dict], name: str) -> str:
    return low_middle_high(line[name] for line in lines)


def low_middle_high(values: Iterable[float]) -> str:
    found = sorted(values)
    return " / ".join(f"{value:,.0f}" for value in (found[0], statistics.median(found), found[-1])) if found else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    play(given.games, given.seed, given.state)
    if given.report is not None:
        given.report.write_text(report(read(given.state), given.seed, commit))


if __name__ == "__main__":
    main()
