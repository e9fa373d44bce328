"""Faults in the numbers: what the included updates come to, against what a result claims."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swarm_chain.protocol import merkle
from swarm_chain.protocol.aggregation import stepped
from swarm_chain.protocol.choice import Choice
from swarm_chain.protocol.columns import columns_leaves
from swarm_chain.protocol.disputes.evidence import Column, Coordinate, Exponent, Leaf, Opened, Tree
from swarm_chain.protocol.grid import BLOCK, Codes, block_count, next_exponents
from swarm_chain.protocol.model import Model, model_leaves, model_size
from swarm_chain.protocol.update import LEAF, UpdateHeader, update_leaves
from swarm_chain.types import Result, Terms

_HEADER = 32
_WEIGHT = 4


@dataclass(frozen=True, slots=True, eq=False)
class IncludedUpdate:
    """An update that a result includes: what its node revealed, its header, its codes int8[d]."""

    opened: Opened
    header: UpdateHeader
    codes: Codes


class Reference:
    """What a result's included updates come to from its parent: what a right result's trees hold.

    Args:
        terms: the group's.
        parent: the result that they were trained on; ``before`` is its model.
        before: whose root is the parent's.
        updates: canonical, one at least, in any order.
        choice: how the result says that they are mixed; none where the terms mix none.
    """

    def __init__(
        self, terms: Terms, parent: Result, before: Model, updates: Sequence[IncludedUpdate], choice: Choice | None = None
    ) -> None:
        self.parent = parent
        self.updates = sorted(updates, key=lambda update: update.opened.node.lower())
        self._rows = [update.codes for update in self.updates]
        self._before = before
        exponents = next_exponents(self._rows, before.exponents, terms.min_exponent, terms.max_exponent)
        weights = stepped(self._rows, before, terms.rule, choice)
        self.model = Model(weights, exponents, before.fraction_bits)
        self.hashes = {
            Tree.MODEL: [merkle.leaf_hash(merkle.Kind.MODEL, leaf) for leaf in model_leaves(self.model)],
            Tree.COLUMNS: [merkle.leaf_hash(merkle.Kind.COLUMNS, leaf) for leaf in columns_leaves(self._rows)],
        }
        self.roots = {tree: merkle.root(hashes) for tree, hashes in self.hashes.items()}

    def leaf(self, tree: Tree, block: int) -> Leaf:
        """A block's leaf of one of the trees."""
        if tree is Tree.MODEL:
            data = next(model_leaves(_block_of(self.model, block)))
        else:
            data = next(columns_leaves([row[block * BLOCK : (block + 1) * BLOCK] for row in self._rows]))
        return Leaf(data, tuple(merkle.prove(self.hashes[tree], block)))

    def wrong_model(self, result: Result, block: int, claimed: Leaf) -> Coordinate | Exponent:
        """The proof for a leaf of the claimed model that is not this one's. The claimed columns are right."""
        columns, before = self.leaf(Tree.COLUMNS, block), self._leaf_before(block)
        right = self.leaf(Tree.MODEL, block).data
        differing = [offset for offset in range(BLOCK) if _weight(right, offset) != _weight(claimed.data, offset)]
        if differing:
            return Coordinate(result, self.parent, block, differing[0], columns, before, claimed)
        return Exponent(result, self.parent, block, columns, before, claimed)

    def wrong_columns(self, result: Result, block: int, claimed: Leaf) -> Column:
        """The proof for a leaf of the claimed columns that is not this one's."""
        right = self.leaf(Tree.COLUMNS, block).data
        rows = [slice(row * BLOCK, (row + 1) * BLOCK) for row in range(len(self.updates))]
        update = next(update for update, row in zip(self.updates, rows, strict=True) if claimed.data[row] != right[row])
        leaves = list(update_leaves(update.header, update.codes))
        index = 1 + block // (LEAF // BLOCK)
        proof = merkle.prove([merkle.leaf_hash(merkle.Kind.UPDATE, leaf) for leaf in leaves], index)
        return Column(result, block, claimed, update.opened, Leaf(leaves[index], tuple(proof)))

    def wrong_in_file(self, result: Result, data: bytes) -> Coordinate | Exponent | None:
        """The proof for the first wrong block of a claimed model's file; ``None`` where the file is not under the claimed root."""
        dimension = self._before.dimension
        if len(data) != model_size(dimension):
            return None
        leaves = _leaves_of_file(data, dimension)
        hashes = [merkle.leaf_hash(merkle.Kind.MODEL, leaf) for leaf in leaves]
        if merkle.root(hashes) != result.model_root:
            return None
        wrong = [block for block, hash_ in enumerate(hashes) if hash_ != self.hashes[Tree.MODEL][block]]
        if not wrong:
            return None
        # Other weights prove more cheaply than another exponent, for which every code of the block is squared.
        differ = [block for block in wrong if leaves[block][1:] != self.leaf(Tree.MODEL, block).data[1:]]
        block = (differ or wrong)[0]
        return self.wrong_model(result, block, Leaf(leaves[block], tuple(merkle.prove(hashes, block))))

    def _leaf_before(self, block: int) -> Leaf:
        hashes = [merkle.leaf_hash(merkle.Kind.MODEL, leaf) for leaf in model_leaves(self._before)]
        return Leaf(next(model_leaves(_block_of(self._before, block))), tuple(merkle.prove(hashes, block)))


def _block_of(model: Model, block: int) -> Model:
    """One block of a model, as a model of its own."""
    return Model(model.weights[block * BLOCK : (block + 1) * BLOCK], model.exponents[block : block + 1], model.fraction_bits)


def _weight(leaf: bytes, offset: int) -> bytes:
    return leaf[1 + _WEIGHT * offset : 1 + _WEIGHT * (offset + 1)]


def _leaves_of_file(data: bytes, dimension: int) -> list[bytes]:
    """A model file's leaves, whatever its numbers are."""
    blocks = block_count(dimension)
    exponents = np.frombuffer(data, np.uint8, blocks, _HEADER)
    weights, size = data[_HEADER + blocks :], _WEIGHT * BLOCK
    return [bytes((exponent,)) + weights[i * size : (i + 1) * size].ljust(size, b"\0") for i, exponent in enumerate(exponents)]
