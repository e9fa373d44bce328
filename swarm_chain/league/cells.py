"""What was played: a line of JSON each, in a file that a league goes on with where it was ended, and the processes that play the rest."""

import io
import json
import subprocess
import sys
import threading
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from swarm_chain.errors import ConfigurationError, LearningError
from swarm_chain.league.play import Cell, Contest
from swarm_chain.learning.data import Data

_DECIDING = (
    "swarm_chain.league.attacks",
    "swarm_chain.league.play",
    "swarm_chain.protocol.choice",
    "swarm_chain.protocol.rules",
    "swarm_chain.protocol.aggregation",
    "swarm_chain.protocol.grid",
    "swarm_chain.protocol.novelty",
)
"""Modules whose code decides what a cell comes to. Compiled passes come to the same as these, which tests see to."""
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


@dataclass(frozen=True)
class Line:
    """A cell that was played.

    Attributes:
        ran: digest of what was played: :func:`digest_of`.
        accuracy: share of the test images that are classified rightly, by round.
        earned: a mean attacker's reward as a part of a mean honest node's.
        model: digest of the last model's weights.
        seconds: that it took.
    """

    rule: str
    attack: str
    seed: int
    ran: str
    accuracy: Mapping[int, float]
    earned: float
    model: str
    seconds: float

    @property
    def cell(self) -> Cell:
        return Cell(self.rule, self.attack, self.seed)

    @property
    def last(self) -> float:
        """Accuracy after the last round."""
        return self.accuracy[max(self.accuracy)]

    def encode(self) -> str:
        """The line, without its end."""
        return json.dumps(asdict(self))


def decode(text: str) -> Line:
    """A line as it was written. ValueError for anything else."""
    fields = json.loads(text)
    if not isinstance(fields, dict) or set(fields) != set(Line.__dataclass_fields__) or not isinstance(fields["accuracy"], dict):
        raise ValueError("no cell")
    accuracy = {int(number): float(share) for number, share in fields.pop("accuracy").items()}
    if not accuracy:
        raise ValueError("no accuracy")
    return Line(accuracy=accuracy, **fields)


def digest_of(contest: Contest, data: Data) -> str:
    """Names what decides a cell beside its rule, attack and seed: task, attackers, rounds, data, and code without its comments."""
    digest = sha256(contest.task.encode() + f" {contest.attackers} {contest.rounds} ".encode())
    for part in (data.train, data.test):
        digest.update(sha256(part.images.tobytes() + part.labels.tobytes()).digest())
    for name in _DECIDING:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        digest.update(sha256(_code(Path(spec.origin).read_text("utf-8")).encode()).digest())
    return digest.hexdigest()[:16]


def _code(source: str) -> str:
    """Code without comments, docstrings and layout."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "".join(token.string for token in tokens if token.type not in _LAYOUT and not token.string.startswith('"""'))


def read(path: Path, ran: str) -> dict[Cell, Line]:
    """The lines of a file that are of what would be played now; none where there is no file.

    A last line that was cut off is as if it were not there.

    Raises:
        ConfigurationError: the file holds something else.
    """
    if not path.exists():
        return {}
    found = {}
    *whole, _ = path.read_text("utf-8").split("\n")
    for number, text in enumerate(whole, 1):
        try:
            line = decode(text)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"Line {number} of {path} is no cell of a league: {error}.", "It was not changed.", "Name another file, or mend it."
            ) from error
        if line.ran == ran:
            found[line.cell] = line
    return found


def append(path: Path, line: Line) -> None:
    """Writes a cell behind the others; what was cut off there goes first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        before = file.read()
        file.truncate(before.rfind(b"\n") + 1)
        file.write(line.encode().encode() + b"\n")


class Players:
    """Processes that play cells, each with a thread of its own for torch. Ended with the context, whatever they are at.

    Args:
        contest: what they play.
        data: folder of the images; ``None``: where the task finds them by itself.
        count: processes.
    """

    def __init__(self, contest: Contest, data: Path | None, count: int, environment: Mapping[str, str]) -> None:
        self._first = json.dumps(
            {
                "manifest": contest.task.to_manifest(),
                "attackers": contest.attackers,
                "rounds": contest.rounds,
                "data": data and str(data.absolute()),
            }
        )
        self._count = count
        self._environment = {**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Players":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def play(self, cells: Sequence[Cell], ran: str) -> Iterator[Line]:
        """Cells as they are done, in any order.

        Raises:
            LearningError: a process could not play, or ended.
        """
        waiting: SimpleQueue[Cell] = SimpleQueue()
        for cell in cells:
            waiting.put(cell)
        done: SimpleQueue[Line | LearningError] = SimpleQueue()
        for _ in range(min(self._count, len(cells))):
            command = [sys.executable, "-m", __package__]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=self._environment, start_new_session=True)
            self._processes.append(process)
            threading.Thread(target=self._serve, args=(process, waiting, done, ran), daemon=True).start()
        for _ in cells:
            line = done.get()
            if isinstance(line, LearningError):
                raise line
            yield line

    def _serve(
        self, process: "subprocess.Popen[str]", waiting: "SimpleQueue[Cell]", done: "SimpleQueue[Line | LearningError]", ran: str
    ) -> None:
        """Gives a process one cell after the other."""
        assert process.stdin is not None
        assert process.stdout is not None
        words = self._first + "\n"
        try:
            while True:
                try:
                    cell = waiting.get_nowait()
                except Empty:
                    break
                process.stdin.write(words + json.dumps(asdict(cell)) + "\n")
                process.stdin.flush()
                answer: dict[str, Any] = json.loads(process.stdout.readline())
                if "failed" in answer:
                    done.put(LearningError(*answer["failed"]))
                    return
                done.put(decode(json.dumps({**asdict(cell), "ran": ran, **answer})))
                words = ""
            process.stdin.close()
        except (OSError, ValueError) as error:
            done.put(LearningError(f"A process that played ended: {error}.", "What was played before is kept.", "Run it again."))
