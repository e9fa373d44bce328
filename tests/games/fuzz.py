"""One honest round, and a challenger who tries everything against it: proofs that are right in all but their point, and noise."""

import random
from dataclasses import dataclass, replace
from typing import Any

from network import Network
from play import Onlooker
from rounds import ABSENT, EMPTY, GARBAGE, HIDDEN, MINUS128, NORMAL, SILENT, STRAY, Group, random_terms
from table import FUZZER, WATCHER, Table

from swarm_chain.protocol import merkle
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.disputes.evidence import (
    Absence,
    Availability,
    Column,
    Coordinate,
    Exponent,
    Inclusion,
    Leaf,
    Opened,
    Terms,
    Tree,
    Update,
)
from swarm_chain.protocol.disputes.numbers import IncludedUpdate, Reference
from swarm_chain.protocol.grid import block_count
from swarm_chain.protocol.inclusion import seats_in
from swarm_chain.protocol.mixtures import decode_choice
from swarm_chain.protocol.update import update_leaves
from swarm_chain.types import Address, Result, Round

ATTEMPTS = 60


@dataclass
class Tally:
    """How an honest round went."""

    seed: int
    seats: int
    attempts: int = 0
    demands: int = 0
    answer_size: int = 0
    answer_gas: int = 0


class HonestGame:
    """A round without a fault, and those who say that it has one."""

    def __init__(self, table: Table, seed: int) -> None:
        self.rng, self.table = random.Random(seed), table
        seats = self.rng.randrange(3, 13)
        players = self.rng.sample(table.players, seats)
        self.group = Group(table, Network(), self.rng, random_terms(self.rng, seats), players).found()
        self.watcher = Onlooker(self.group, table.chain.account(WATCHER))
        self.fuzzer = Address(table.chain.account(FUZZER).address)
        self.tally = Tally(seed, seats)

    def close(self) -> None:
        self.watcher.close()

    def play(self) -> Tally:
        group, rng, everybody = self.group, self.rng, len(self.group.players)
        behaviours = [NORMAL] * everybody
        if rng.random() < 0.6:
            behaviours[rng.randrange(everybody)] = rng.choice((EMPTY, SILENT, ABSENT, STRAY, HIDDEN, GARBAGE, MINUS128))
        parent = group.head
        group.commit(Round(1), [parent] * everybody, behaviours)
        group.reveal(Round(1))
        outcome = group.outcome(Round(1), parent)
        assert outcome.result is not None
        self.result, self.hash = outcome.result, result_hash(group.domain, outcome.result)
        self._remember(outcome)
        group.commit(Round(2), [self.hash] * everybody, [EMPTY] * everybody)
        group.reveal(Round(2), presented={0: self.result})
        assert group.contracts.views.agreed_parent(group.id, Round(2)) == self.hash

        self.attack()
        self.watcher.look()
        # On a busy machine bytes can take a few looks longer than a watcher is patient: it says so, and judges when they are here.
        assert [sighting.what for sighting in self.watcher.seen if sighting.what != "unjudged"] == ["right"]
        if rng.random() < 0.5:
            self.demand()
        self.attack()
        self.settle()
        self.watcher.look()
        assert not {"struck", "slashed", "demanded"} & {sighting.what for sighting in self.watcher.seen}
        return self.tally

    # ------------------------------------------------------------------------------------------------ what they know

    def _remember(self, outcome) -> None:
        """All evidence there is, every leaf of it true."""
        group = self.group
        self.commits = group.commits(Round(1))
        updates = [
            IncludedUpdate(self._opened(seat), group.header(Round(1), seat), codes) for seat, codes in sorted(outcome.opened.items())
        ]
        self.updates = {seat: update for (seat, _), update in zip(sorted(outcome.opened.items()), updates, strict=True)}
        choice = decode_choice(self.result.choice, len(updates))
        self.reference = Reference(group.terms, group.genesis, group.models[group.head], updates, choice)
        assert self.reference.roots[Tree.MODEL] == self.result.model_root
        assert self.reference.roots[Tree.COLUMNS] == self.result.columns_root

    def _opened(self, seat: int) -> Opened:
        return Opened(self.group.players[seat].address, self.group.opened(Round(1), seat))

    # ------------------------------------------------------------------------------------------------ the attack

    def attack(self) -> None:
        """Many challenges at once; none may be taken."""
        disputes, group = self.group.contracts.disputes, self.group
        calls: list[Any] = []
        for _ in range(ATTEMPTS):
            challenge = self._twisted(self._plausible())
            calls.append(disputes.challenge(group.id, challenge))
        calls += [
            disputes.challenge_unpresented(group.id),
            disputes.challenge_unanswered(group.id, self.result, self.fuzzer),
            disputes.collect(group.id, self.hash),
            disputes.reclaim(group.id, self.hash, self.fuzzer),
            disputes.slash(group.id, self.hash, Opened(group.players[0].address, group.opened(Round(2), 0))),
            group.contracts.rounds.function("strike", group.id, 1, self.hash),
            group.contracts.rounds.function("slash", group.id, 0),
            group.contracts.rounds.function("hold", group.id, 1, 2**32),
            disputes.answer(group.id, self.result, self.fuzzer, self.reference.leaf(Tree.MODEL, 0)),
        ]
        senders = [self.rng.choice([self.fuzzer, *(player.address for player in group.players)]) for _ in calls]
        refused = self.table.refusals(list(zip(senders, calls, strict=True)))
        # An answer to a demand that is open is no challenge.
        is_open = group.contracts.disputes.demand_of(group.id, self.hash, self.fuzzer).until > 0
        for call, was_refused in zip(calls, refused, strict=True):
            assert was_refused or (is_open and call.fn_name == "answer"), (call.fn_name, call.args)
        self.tally.attempts += len(calls)

    def _plausible(self):
        """A challenge whose every part is true, but which proves nothing."""
        rng, reference, result, terms = self.rng, self.reference, self.result, self.group.terms
        block, seat = rng.randrange(block_count(terms.dimension)), rng.choice(sorted(self.updates))
        update, opened = self.updates[seat], self.updates[seat].opened
        before = reference._leaf_before(block)
        columns, claimed = reference.leaf(Tree.COLUMNS, block), reference.leaf(Tree.MODEL, block)
        kind = rng.randrange(8)
        if kind == 0:
            return Coordinate(result, reference.parent, block, rng.randrange(256), columns, before, claimed)
        if kind == 1:
            return Exponent(result, reference.parent, block, columns, before, claimed)
        leaves = list(update_leaves(update.header, update.codes))
        hashes = [merkle.leaf_hash(merkle.Kind.UPDATE, leaf) for leaf in leaves]
        if kind == 2:
            index = 1 + block // 4
            return Column(result, block, columns, opened, Leaf(leaves[index], tuple(merkle.prove(hashes, index))))
        if kind == 3:
            index = rng.randrange(len(leaves))
            return Update(result, opened, index, Leaf(leaves[index], tuple(merkle.prove(hashes, index))))
        if kind == 4:
            seats = sorted(rng.sample(range(len(self.group.players)), rng.randrange(len(self.group.players) + 1)))
            return Availability(result, seat, tuple(self._opened(each) for each in seats))
        if kind == 5:
            return Absence(result, rng.choice([*seats_in(result.included), rng.randrange(256)]))
        if kind == 6:
            return Inclusion(result, self._opened(rng.randrange(len(self.group.players))))
        return Terms(result)

    def _twisted(self, challenge):
        """The same with up to two of its parts bent."""
        for _ in range(self.rng.choice((0, 0, 1, 1, 1, 2))):
            name = self.rng.choice(list(challenge.__dataclass_fields__))
            challenge = replace(challenge, **{name: self._bent(getattr(challenge, name))})
        return challenge

    def _bent(self, part):
        rng = self.rng
        match part:
            case bool():
                return not part
            case int():
                return rng.choice((abs(part - 1), part + 1, rng.randrange(256), part ^ 4)) % 256
            case bytes():
                return rng.choice((part[:-1], part + b"\0", _flipped(rng, part), rng.randbytes(len(part))))
            case Leaf():
                proof = list(part.proof)
                if proof and rng.random() < 0.4:
                    at = rng.randrange(len(proof))
                    proof[at] = rng.choice((rng.randbytes(32), bytes(32), proof[0]))
                elif rng.random() < 0.2:
                    proof = rng.choice((proof[:-1], [*proof, bytes(32)]))
                else:
                    return rng.choice(
                        (
                            Leaf(self._bent(part.data), part.proof),
                            self.reference.leaf(Tree.MODEL, 0),
                            self.reference.leaf(Tree.COLUMNS, 0),
                            self.reference._leaf_before(0),
                        )
                    )
                return Leaf(part.data, tuple(proof))
            case Opened():
                reveal, name = part.reveal, rng.choice(("parent", "update_root", "available", "salt", "metric", "node"))
                if name == "node":
                    return Opened(rng.choice(self.group.players).address, reveal)
                old = getattr(reveal, name)
                new = rng.randbytes(32) if isinstance(old, bytes) else old ^ 1 << rng.randrange(12)
                return Opened(part.node, replace(reveal, **{name: new}))
            case tuple():
                others = [self._bent(each) for each in part]
                return tuple(rng.choice((others, [*part, *part], list(reversed(part)), others[1:])))
            case Result():
                name = rng.choice(list(Result.__dataclass_fields__))
                old = getattr(part, name)
                if isinstance(old, bytes):
                    return replace(part, **{name: rng.choice((rng.randbytes(32), bytes(32)))})
                return replace(part, **{name: {"included": old ^ 1 << rng.randrange(12), "round": old + 1, "metric": old ^ 1}[name]})
        raise AssertionError(part)

    # ------------------------------------------------------------------------------------------------ afterwards

    def demand(self) -> None:
        """Somebody demands leaves for nothing; the watcher answers, and is paid half of the bond for it."""
        contracts, group = self.group.contracts, self.group
        bond = group.terms.stake // 100
        for _ in range(self.rng.randrange(1, 4)):
            if group.contracts.views.round_at(group.id, Round(2)).due <= self.table.now + 10:
                break
            tree = self.rng.choice(list(Tree))
            index = self.rng.randrange(block_count(group.terms.dimension))
            self.table.must(
                [
                    (self.fuzzer, contracts.token.approve(contracts.disputes.address, bond)),
                    (self.fuzzer, contracts.disputes.demand(group.id, self.result, tree, index)),
                ]
            )
            self.attack()
            before = contracts.token.balance_of(self.watcher.address)
            self.watcher.look()
            assert contracts.token.balance_of(self.watcher.address) - before == bond // 2
            self.tally.demands += 1
        answers = self.watcher.told("answered")
        self.tally.answer_size = max((answer.size for answer in answers), default=0)
        self.tally.answer_gas = max((answer.gas for answer in answers), default=0)

    def settle(self) -> None:
        """It becomes final in the first block that it can, and everybody keeps their stake."""
        group, contracts = self.group, self.group.contracts
        due = contracts.views.round_at(group.id, Round(2)).due
        finalize = contracts.rounds.finalize(group.id, self.result)
        self.table.pass_until(due - 3)
        assert not self.table.succeeds(self.fuzzer, finalize)
        assert self.table.succeeds(self.fuzzer, finalize, at=due)
        assert contracts.views.head(group.id).result_hash == self.hash
        seats = contracts.views.seats(group.id, group.terms.capacity)
        assert all(seat.forfeits in (0, 1) for seat in seats)
        self.attack_settled()

    def attack_settled(self) -> None:
        calls = [(self.fuzzer, self.group.contracts.disputes.challenge(self.group.id, self._twisted(self._plausible()))) for _ in range(8)]
        assert all(self.table.refusals(calls))
        self.tally.attempts += len(calls)


def _flipped(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
