"""What a round comes to, from the updates that opened (specification, section 6 from step 4 on)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarm_chain.protocol import inclusion, novelty
from swarm_chain.protocol.aggregation import stepped
from swarm_chain.protocol.choice import Choice, Gram, gram_matrix
from swarm_chain.protocol.columns import columns_root
from swarm_chain.protocol.grid import Codes, Exponents, Rows, next_exponents
from swarm_chain.protocol.merkle import Digests, digests
from swarm_chain.protocol.metric import weighted_median
from swarm_chain.protocol.mixtures import encode_choice
from swarm_chain.protocol.model import Model, encode_model, file_root
from swarm_chain.protocol.rules import MIXINGS
from swarm_chain.protocol.scores import encode_scores
from swarm_chain.types import CommittedUpdate, Digest, Domain, Result, Round, Rule, Scoring, Seat, Terms


def _plainly(_: int) -> Digests:
    return digests


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes over all codes of a round. Others than the plain ones come to the same, faster.

    Attributes:
        hashing: gives what hashes the leaves of a tree of so many bytes.
    """

    stepped: Callable[[Rows, Model, Rule, Choice | None], NDArray[np.int32]]
    next_exponents: Callable[[Rows, Exponents, int, int], Exponents]
    gram_matrix: Callable[[Rows], Gram] = gram_matrix
    hashing: Callable[[int], Digests] = _plainly


PLAIN = Passes(stepped, next_exponents)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A round's result and the model it leads to; without a result, the model is the parent's.

    Attributes:
        result: none when too few updates counted; the next round then names the same parent.
        model: the next model.
        model_bytes: its file.
        opened: codes int8[d] of the included updates by seat.
    """

    result: Result | None
    model: Model
    model_bytes: bytes
    opened: dict[Seat, Codes]


def compute(
    domain: Domain,
    terms: Terms,
    round: Round,
    parent_hash: bytes,
    parent: Model,
    commits: Sequence[CommittedUpdate],
    opened: Mapping[Seat, Codes],
    model_digest: Callable[[bytes], Digest],
    passes: Passes = PLAIN,
    known: Sequence[Codes] = (),
) -> Outcome:
    """Computes a closed round's outcome, the same on every machine.

    Args:
        domain: the group's.
        terms: the group's.
        round: the round.
        parent_hash: hash of the agreed parent.
        parent: its model.
        commits: every commit of the round, in any order.
        opened: codes of the candidates that were available and opened canonically.
        model_digest: gives the digest of a file's CID.
        passes: over the codes.
        known: rows on this round's grid that were known before it (``novelty.known_rows``), where the terms score by novelty.
    """
    candidates = [commit for commit in inclusion.candidates(commits, parent_hash) if commit.seat in opened]
    if len(candidates) != len(opened) or not all(inclusion.available(commits, candidate) for candidate in candidates):
        raise ValueError("Only updates that are candidates and available can be opened.")
    included = dict(opened)
    if len(included) < max(terms.min_updates, 1):
        return Outcome(None, parent, encode_model(parent), included)

    ordered = sorted(candidates, key=lambda candidate: candidate.node.lower())
    rows = [included[candidate.seat] for candidate in ordered]
    chosen, worth = compared(terms, rows, known, parent.dimension, passes)
    weights = passes.stepped(rows, parent, terms.rule, chosen)
    exponents = passes.next_exponents(rows, parent.exponents, terms.min_exponent, terms.max_exponent)
    model = Model(weights, exponents, parent.fraction_bits)
    data = encode_model(model)
    result = Result(
        round=round,
        parent=parent_hash,
        model_digest=model_digest(data),
        model_root=file_root(data, passes.hashing(len(data))),
        columns_root=columns_root(rows, passes.hashing(len(rows) * model.dimension)),
        included=inclusion.bitmap_of(included),
        choice=b"" if chosen is None else encode_choice(chosen),
        scores=encode_scores({commit.seat: score for commit, score in zip(ordered, worth, strict=True)}) if worth else b"",
        metric=weighted_median(
            [candidate.reveal.metric for candidate in ordered if candidate.reveal],
            [candidate.weight for candidate in ordered],
            [candidate.node for candidate in ordered],
        ),
    )
    return Outcome(result, model, data, included)


def compared(
    terms: Terms, rows: Sequence[Codes], known: Sequence[Codes], dimension: int, passes: Passes = PLAIN
) -> tuple[Choice | None, list[int]]:
    """What comes of comparing whole updates with each other: mixtures, and scores, each where the terms want them.

    Args:
        terms: the group's.
        rows: the included updates, in the order of their nodes' addresses.
        known: rows that were known before.
        dimension: codes a row.
        passes: over the codes.
    """
    choose, is_scored = MIXINGS.get(terms.mixing), terms.scoring is Scoring.NOVELTY
    if choose is None and not is_scored:
        return None, []
    before = known if is_scored else ()
    gram = passes.gram_matrix([*before, *rows])
    chosen = choose(gram[len(before) :, len(before) :]) if choose is not None else None
    return chosen, novelty.scores(gram, len(before), dimension) if is_scored else []
