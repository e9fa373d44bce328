"""Wrong results: what colluders name instead of what a round came to, and which of its leaves they show when asked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from rounds import (
    ABSENT,
    EMPTY,
    HEADER,
    HIDDEN,
    MINUS128,
    NORMAL,
    PADDING,
    SILENT,
    STRAY,
    Group,
)

from swarm_chain.protocol import merkle
from swarm_chain.protocol.aggregation import stepped
from swarm_chain.protocol.choice import Choice
from swarm_chain.protocol.columns import columns_leaves
from swarm_chain.protocol.disputes.evidence import Fault, Leaf, Tree
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, block_count, next_exponents
from swarm_chain.protocol.inclusion import seats_in
from swarm_chain.protocol.mixtures import encode_choice
from swarm_chain.protocol.model import Model, encode_model, model_leaves
from swarm_chain.protocol.outcome import Outcome, compared
from swarm_chain.protocol.scores import encode_scores
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import Result, Round

MAX, MIN = 2**31 - 1, -(2**31)


@dataclass
class Claim:
    """A wrong result.

    Attributes:
        leaves: what lies under its roots, as far as anybody knows.
        answers: whether its authors show a demanded leaf.
        faults: what a strike may say is wrong with it.
        presented: whether its authors show its preimage.
        behind: hashes behind a tree's last leaf, where none belong.
    """

    result: Result
    faults: set[Fault]
    leaves: dict[Tree, list[bytes]] = field(default_factory=dict)
    answers: Callable[[Tree, int], bool] = lambda tree, index: False
    presented: bool = True
    behind: dict[Tree, list[bytes]] = field(default_factory=dict)
    model: Model | None = None

    def leaf(self, tree: Tree, index: int) -> Leaf:
        return Leaf(self.leaves[tree][index], tuple(merkle.prove(self.hashes(tree), index)))

    def hashes(self, tree: Tree) -> list[bytes]:
        return [merkle.leaf_hash(tree.kind, data) for data in self.leaves[tree]] + self.behind.get(tree, [])


class Truth:
    """A round as it really was, for those who twist it."""

    def __init__(self, group: Group, round_: Round, parent: bytes, outcome: Outcome) -> None:
        assert outcome.result is not None
        self.group, self.round, self.parent, self.outcome, self.rng = group, round_, parent, outcome, group.rng
        self.result = outcome.result
        seats = sorted(seats_in(self.result.included), key=lambda seat: group.players[seat].address.lower())
        self.rows = [outcome.opened[seat] for seat in seats]
        self.before = group.models[parent]

    def model(self, weights: np.ndarray | None = None, exponents: np.ndarray | None = None) -> Model:
        model = self.outcome.model
        chosen = model.weights if weights is None else weights
        return Model(chosen.astype(np.int32), model.exponents if exponents is None else exponents.astype(np.int8), model.fraction_bits)

    def leaves(self, model: Model | None = None, rows: list[np.ndarray] | None = None) -> dict[Tree, list[bytes]]:
        return {
            Tree.MODEL: list(model_leaves(model or self.outcome.model)),
            Tree.COLUMNS: list(columns_leaves(rows or self.rows)),
        }

    def of_rows(self, rows: list[np.ndarray]) -> tuple[Model, Choice | None, list[int]]:
        """The model that other rows come to, by which mixtures, and what they score."""
        terms, before = self.group.terms, self.before
        exponents = next_exponents(rows, before.exponents, terms.min_exponent, terms.max_exponent)
        choice, scores = compared(terms, rows, self.group.known(self.round, self.parent), before.dimension)
        return Model(stepped(rows, before, terms.rule, choice), exponents, before.fraction_bits), choice, scores

    def claim(self, model: Model, leaves: dict[Tree, list[bytes]], faults: set[Fault], *, serve: bool | None = None) -> Claim:
        """A result with another model or other columns; its file is served by its authors, or not."""
        data = encode_model(model)
        if serve if serve is not None else self.rng.random() < 0.5:
            self.group.network.serve(self.group.players[0].endpoint, data)
        roots = {tree: merkle.root_of(tree.kind, each) for tree, each in leaves.items()}
        result = replace(self.result, model_digest=digest_of(data), model_root=roots[Tree.MODEL], columns_root=roots[Tree.COLUMNS])
        claim = Claim(result, faults, leaves, model=model)
        self.answering(claim)
        return claim

    def answering(self, claim: Claim) -> None:
        """Colluders answer everything, nothing, or all but what is wrong."""
        mood, right = self.rng.choice(("all", "none", "all but the wrong")), self.leaves()
        if mood == "all":
            claim.answers = lambda tree, index: True
        elif mood == "all but the wrong":
            claim.answers = lambda tree, index: claim.leaves[tree][index] == right[tree][index]
        if mood != "all":
            claim.faults = claim.faults | {Fault.UNANSWERED}


# ------------------------------------------------------------------------------------------------ kinds of wrong


def coordinate(truth: Truth) -> Claim:
    weights = truth.outcome.model.weights.astype(np.int64)
    where = truth.rng.randrange(len(weights))
    weights[where] += -1 if weights[where] == MAX else 1 if weights[where] == MIN else truth.rng.choice((-1, 1))
    model = truth.model(weights)
    return truth.claim(model, truth.leaves(model), {Fault.COORDINATE})


def saturation(truth: Truth) -> Claim:
    """As if a sum that is too large went round, or stopped a little too early."""
    weights = truth.outcome.model.weights.astype(np.int64)
    at_the_end = np.flatnonzero((weights == MAX) | (weights == MIN))
    where = truth.rng.choice(list(at_the_end)) if len(at_the_end) else truth.rng.randrange(len(weights))
    weights[where] = truth.rng.choice((-weights[where] - 1, weights[where] - 1 if weights[where] > 0 else weights[where] + 1))
    model = truth.model(weights)
    return truth.claim(model, truth.leaves(model), {Fault.COORDINATE})


def exponent(truth: Truth) -> Claim:
    exponents = truth.outcome.model.exponents.astype(int)
    block = truth.rng.randrange(len(exponents))
    others = [e for e in range(EXPONENT_MIN, truth.before.fraction_bits + 1) if e != exponents[block]]
    exponents[block] = truth.rng.choice([e for e in others if abs(e - exponents[block]) <= 2])
    model = truth.model(exponents=exponents)
    return truth.claim(model, truth.leaves(model), {Fault.EXPONENT})


def column(truth: Truth) -> Claim:
    """Other codes in one block of one row, with the model that they come to."""
    rows, rng = [row.copy() for row in truth.rows], truth.rng
    row, block = rng.randrange(len(rows)), rng.randrange(block_count(truth.group.terms.dimension))
    here = slice(block * BLOCK, (block + 1) * BLOCK)
    another = rows[rng.randrange(len(rows))][here]
    if (another == rows[row][here]).all():
        another = rows[row][here].copy()
        another[rng.randrange(len(another))] ^= 1
    rows[row][here] = another
    model, *_ = truth.of_rows(rows)
    return truth.claim(model, truth.leaves(model, rows), {Fault.COLUMN})


def two_columns_swapped(truth: Truth) -> Claim:
    """Rows in another order: the same model, other columns."""
    if len(truth.rows) < 2 or (truth.rows[0] == truth.rows[1]).all():
        return column(truth)
    rows = [truth.rows[1], truth.rows[0], *truth.rows[2:]]
    return truth.claim(truth.outcome.model, truth.leaves(rows=rows), {Fault.COLUMN})


def padded_weight(truth: Truth) -> Claim:
    """A weight behind the last coordinate that is not zero; no file can say so."""
    leaves, real = truth.leaves(), truth.group.terms.dimension % BLOCK
    if real == 0:
        return coordinate(truth)
    where = 1 + 4 * truth.rng.randrange(real, BLOCK)
    last = leaves[Tree.MODEL][-1]
    leaves[Tree.MODEL][-1] = last[:where] + truth.rng.randbytes(3) + b"\x01" + last[where + 4 :]
    return truth.claim(truth.outcome.model, leaves, {Fault.COORDINATE})


def padded_column(truth: Truth) -> Claim:
    leaves, real = truth.leaves(), truth.group.terms.dimension % BLOCK
    if real == 0:
        return column(truth)
    last = bytearray(leaves[Tree.COLUMNS][-1])
    last[truth.rng.randrange(len(truth.rows)) * BLOCK + truth.rng.randrange(real, BLOCK)] = truth.rng.randrange(1, 256)
    leaves[Tree.COLUMNS][-1] = bytes(last)
    return truth.claim(truth.outcome.model, leaves, {Fault.COLUMN})


def leaf_length(truth: Truth) -> Claim:
    """A leaf that is not as long as it must be: nobody can show it."""
    leaves, tree = truth.leaves(), truth.rng.choice(list(Tree))
    index = truth.rng.randrange(len(leaves[tree]))
    data = leaves[tree][index]
    leaves[tree][index] = truth.rng.choice((data[:-1], data + b"\0", b""))
    claim = truth.claim(truth.outcome.model, leaves, {Fault.UNANSWERED})
    known = claim.answers
    claim.answers = lambda asked, at: known(asked, at) and (asked, at) != (tree, index)
    return claim


def padded_tree(truth: Truth) -> Claim:
    """Something behind the last leaf, where nothing is: nobody can show a leaf beside it."""
    leaves, tree = truth.leaves(), truth.rng.choice(list(Tree))
    count = len(leaves[tree])
    if count == 1 << merkle.depth_of(count):
        return garbage_root(truth)
    claim = truth.claim(truth.outcome.model, leaves, {Fault.UNANSWERED})
    claim.behind[tree] = [truth.rng.randbytes(32)]
    name = "model_root" if tree is Tree.MODEL else "columns_root"
    claim.result = replace(claim.result, **{name: merkle.root(claim.hashes(tree))})
    beside = [index for index in range(count) if any((index >> height ^ 1) << height >= count for height in range(count.bit_length()))]
    claim.answers = lambda asked, index: asked is not tree or index not in beside
    return claim


def garbage_root(truth: Truth) -> Claim:
    """A root over nothing that anybody has."""
    claim = truth.claim(truth.outcome.model, truth.leaves(), {Fault.UNANSWERED})
    name = truth.rng.choice(("model_root", "columns_root"))
    claim.result = replace(claim.result, **{name: truth.rng.randbytes(32)})
    claim.answers = lambda tree, index: False
    return claim


def withheld(truth: Truth) -> Claim:
    """A wrong block somewhere, every leaf shown but that one."""
    claim = truth.rng.choice((coordinate, column, exponent))(truth)
    right = truth.leaves()
    claim.answers = lambda tree, index: claim.leaves[tree][index] == right[tree][index]
    claim.faults = {*claim.faults, Fault.UNANSWERED}
    return claim


def _including(truth: Truth, behaviour: str, fault: Fault) -> Claim:
    """As if an update counted that does not, with its codes in the sums where there are any."""
    moves = truth.group.moves[truth.round]
    seat = truth.rng.choice([seat for seat, move in enumerate(moves) if move.behaviour == behaviour])
    claim = _with_seat(truth, seat, moves[seat].shown if moves[seat].shown is not None else moves[seat].codes)
    claim.faults = {fault}
    return claim


def _with_seat(truth: Truth, seat: int, codes: np.ndarray | None) -> Claim:
    if codes is None:
        codes = np.zeros(truth.group.terms.dimension, np.int8)
    opened = {**truth.outcome.opened, seat: codes}
    nodes = {each: truth.group.players[each].address.lower() for each in opened if each < len(truth.group.players)}
    ordered = sorted(opened, key=lambda each: nodes.get(each, "0xff"))
    rows = [opened[each] for each in ordered]
    model, choice, scores = truth.of_rows(rows)
    claim = truth.claim(model, truth.leaves(model, rows), set())
    claim.result = replace(
        claim.result,
        included=truth.result.included | 1 << seat,
        choice=b"" if choice is None else encode_choice(choice),
        scores=encode_scores(dict(zip(ordered, scores, strict=False))),
    )
    return claim


def silent_seat(truth: Truth) -> Claim:
    return _including(truth, SILENT, Fault.ABSENCE)


def absent_seat(truth: Truth) -> Claim:
    return _including(truth, ABSENT, Fault.ABSENCE)


def empty_seat(truth: Truth) -> Claim:
    """A seat that nobody has."""
    claim = _with_seat(truth, truth.rng.randrange(len(truth.group.players), 256), None)
    claim.faults = {Fault.ABSENCE}
    return claim


def stray_seat(truth: Truth) -> Claim:
    return _including(truth, STRAY, Fault.INCLUSION)


def empty_update(truth: Truth) -> Claim:
    return _including(truth, EMPTY, Fault.INCLUSION)


def hidden_update(truth: Truth) -> Claim:
    return _including(truth, HIDDEN, Fault.AVAILABILITY)


def foreign_header(truth: Truth) -> Claim:
    return _including(truth, HEADER, Fault.UPDATE)


def code_of_minus_128(truth: Truth) -> Claim:
    return _including(truth, MINUS128, Fault.UPDATE)


def padded_update(truth: Truth) -> Claim:
    return _including(truth, PADDING, Fault.UPDATE)


def too_few(truth: Truth) -> Claim:
    keep = truth.rng.sample(seats_in(truth.result.included), truth.group.terms.min_updates - 1)
    result = replace(truth.result, included=sum(1 << seat for seat in keep))
    return Claim(result, {Fault.TERMS})


def a_choice(truth: Truth) -> Claim:
    return Claim(replace(truth.result, choice=truth.rng.randbytes(32)), {Fault.TERMS})


def a_score_too_many(truth: Truth) -> Claim:
    return Claim(replace(truth.result, scores=truth.result.scores + truth.rng.randbytes(2)), {Fault.TERMS})


def wrong_parent(truth: Truth) -> Claim:
    # Its updates named the right one, so that is what proves it wrong before the round is the next to settle.
    return Claim(replace(truth.result, parent=truth.rng.randbytes(32)), {Fault.INCLUSION, Fault.TERMS})


def unpresented(truth: Truth) -> Claim:
    claim = truth.rng.choice((coordinate, column, a_choice))(truth)
    return replace(claim, faults={Fault.UNPRESENTED}, presented=False)


KINDS: dict[str, tuple[Callable[[Truth], Claim], str]] = {
    "coordinate off by one": (coordinate, NORMAL),
    "coordinate at saturation": (saturation, NORMAL),
    "exponent": (exponent, NORMAL),
    "another column's codes": (column, NORMAL),
    "columns in another order": (two_columns_swapped, NORMAL),
    "weight behind the last": (padded_weight, NORMAL),
    "code behind the last": (padded_column, NORMAL),
    "leaf of wrong length": (leaf_length, NORMAL),
    "garbage root": (garbage_root, NORMAL),
    "leaf behind the last": (padded_tree, NORMAL),
    "wrong leaf withheld": (withheld, NORMAL),
    "seat that did not reveal": (silent_seat, SILENT),
    "seat that did not commit": (absent_seat, ABSENT),
    "seat that nobody has": (empty_seat, NORMAL),
    "seat that named another parent": (stray_seat, STRAY),
    "empty update": (empty_update, EMPTY),
    "update that was not available": (hidden_update, HIDDEN),
    "header of another author": (foreign_header, HEADER),
    "code of -128": (code_of_minus_128, MINUS128),
    "update with padding": (padded_update, PADDING),
    "too few updates": (too_few, NORMAL),
    "choice that no rule makes": (a_choice, NORMAL),
    "score of nobody": (a_score_too_many, NORMAL),
    "wrong parent": (wrong_parent, NORMAL),
    "unpresented hash": (unpresented, NORMAL),
}
"""Every way to be wrong, and what a player has to do in the round for it."""
