"""Many mutants in one build: each is behind a condition, and the block's coinbase says which one runs.

Compiling takes most of the time of a mutant, so a batch is compiled once and tested once a mutant (mutant schemata: Untch, Offutt and
Harrold, 1993). A mutant that can't be put behind a condition (it changes a constant or a modifier, or does not compile) is left out of
the batch; it is compiled by itself.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import contract_copy
from contract_copy import DoesNotCompileError, Json, Solc, log
from mutants import Mutant

FEWEST = 6
"""Fewer mutants than this that overlap those of an earlier batch are sooner compiled one by one."""

_NUMBER = re.compile(r"u?int\d+")
_PURE = re.compile(r"\bpure\b")


def coinbase(number: int) -> str:
    """The coinbase under which the mutant of this number runs. Number 0 is the code without a fault."""
    return f"0x{number:040x}"


@dataclass(frozen=True)
class Batch:
    """Code in which `mutants[i]` runs where the coinbase is that of i + 1."""

    mutants: tuple[Mutant, ...]
    artifacts: dict[str, Json]


def disjoint(mutants: Iterable[Mutant]) -> list[Mutant]:
    """Those that can be switched, without those that overlap an earlier one."""
    taken: dict[str, list[tuple[int, int]]] = {}
    found = []
    for mutant in mutants:
        if mutant.whole is None:
            continue
        start, end = mutant.whole
        if all(end <= other[0] or other[1] <= start for other in taken.get(mutant.path, [])):
            taken.setdefault(mutant.path, []).append(mutant.whole)
            found.append(mutant)
    return found


def batches_of(
    solc: Solc,
    sources: dict[str, str],
    names: Sequence[str],
    mutants: Sequence[Mutant],
    is_sound: Callable[[dict[str, Json]], bool],
) -> Iterator[Batch]:
    """Batches of these mutants, as few as compile and are sound with none of them on.

    Those that are in none have to be compiled by themselves.
    """
    waiting = [mutant for mutant in mutants if mutant.whole is not None]
    apart = disjoint(waiting)
    while apart:
        yield from _batches(solc, sources, names, apart, is_sound)
        waiting = [mutant for mutant in waiting if mutant not in apart]
        apart = disjoint(waiting)
        if len(apart) < FEWEST:
            return


def _batches(
    solc: Solc,
    sources: dict[str, str],
    names: Sequence[str],
    mutants: Sequence[Mutant],
    is_sound: Callable[[dict[str, Json]], bool],
) -> Iterator[Batch]:
    while mutants:
        texts, places = _switched(sources, mutants)
        try:
            artifacts = contract_copy.compile_contracts(solc, texts, names, contract_copy.LIGHT)
            if is_sound(artifacts):
                yield Batch(tuple(mutants), artifacts)
                return
            log(f"{len(mutants)} mutants together fail a test where none is on")
        except DoesNotCompileError as problem:
            log(f"{len(mutants)} mutants do not compile together: {str(problem).splitlines()[0]}")
            wrong = _blamed(problem, places) or _in_the_function_of(problem, places, mutants)
            if wrong:
                mutants = [mutant for number, mutant in enumerate(mutants) if number not in wrong]
                continue
        # Too much code for the stack, most of the time: half of it fits.
        middle = len(mutants) // 2
        for half in (mutants[:middle], mutants[middle:]) if middle >= FEWEST else ():
            yield from _batches(solc, sources, names, half, is_sound)
        return


def _blamed(problem: DoesNotCompileError, places: Sequence[tuple[str, int, int]]) -> set[int]:
    """Numbers of the mutants that the errors are in, or that are in what the errors are about."""
    found = set()
    for path, start, end in problem.places:
        here = [(number, first, last) for number, (place, first, last) in enumerate(places) if place == path]
        found |= {number for number, first, last in here if first <= start < last} or {
            number for number, first, last in here if start <= first and last <= end
        }
    return found


def _in_the_function_of(problem: DoesNotCompileError, places: Sequence[tuple[str, int, int]], mutants: Sequence[Mutant]) -> set[int]:
    """Numbers of the mutants of the function an error is in: that of the mutant nearest to it."""
    found = set()
    for path, start, _ in problem.places:
        here = [(abs(first - start), number) for number, (place, first, _) in enumerate(places) if place == path]
        if here:
            function = mutants[min(here)[1]].function
            found |= {number for number, mutant in enumerate(mutants) if (mutant.path, mutant.function) == (path, function)}
    return found


def _switched(sources: dict[str, str], mutants: Sequence[Mutant]) -> tuple[dict[str, str], list[tuple[str, int, int]]]:
    """Sources with every mutant behind its condition; and where each mutant is in them, in bytes, by its number."""
    raws = {path: text.encode() for path, text in sources.items()}
    places: dict[int, tuple[str, int, int]] = {}
    for path in {mutant.path for mutant in mutants}:
        raw, pieces, at, length = raws[path], [], 0, 0
        here = [(number, mutant) for number, mutant in enumerate(mutants) if mutant.path == path]
        for number, mutant in sorted(here, key=lambda entry: entry[1].whole or (0, 0)):
            assert mutant.whole is not None
            start, end = mutant.whole
            replaced = _behind_condition(mutant, number + 1, raw)
            kept = _as_view(raw[at:start])
            places[number] = (path, length + len(kept), length + len(kept) + len(replaced))
            pieces += [kept, replaced]
            length, at = places[number][2], end
        raws[path] = b"".join([*pieces, _as_view(raw[at:])])
    touched = {mutant.path for mutant in mutants}
    texts = {path: (raw if path in touched or not path.startswith("contracts/") else _as_view(raw)).decode() for path, raw in raws.items()}
    return texts, [places[number] for number in range(len(mutants))]


def _as_view(raw: bytes) -> bytes:
    """What reads the coinbase is not pure, nor is what calls it."""
    return _PURE.sub("view", raw.decode()).encode()


def _behind_condition(mutant: Mutant, number: int, raw: bytes) -> bytes:
    assert mutant.whole is not None
    start, end = mutant.whole
    sound = raw[start:end].decode()
    faulty = (raw[start : mutant.start] + mutant.text.encode() + raw[mutant.end : end]).decode()
    is_on = f"block.coinbase == address(uint160({number}))"
    if mutant.is_statement:
        return f"{{ if ({is_on}) {{ {faulty} }} else {{ {sound} }} }}".encode()
    cast = mutant.cast if _NUMBER.fullmatch(mutant.cast) else ""
    return f"{cast}({is_on} ? ({faulty}) : ({sound}))".encode()
