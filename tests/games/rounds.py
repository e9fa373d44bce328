"""A group of players, and rounds of random codes: what nodes do, without any training."""

import random
import secrets
from dataclasses import dataclass, field

import numpy as np
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from network import Network
from table import TOKEN, Player, Table

from swarm_chain.protocol import merkle
from swarm_chain.protocol.commitment import commitment, genesis_hash
from swarm_chain.protocol.grid import block_count
from swarm_chain.protocol.inclusion import available, candidates
from swarm_chain.protocol.model import Model, encode_model, model_root
from swarm_chain.protocol.novelty import known_rows
from swarm_chain.protocol.outcome import Outcome, compute
from swarm_chain.protocol.sealing import seal
from swarm_chain.protocol.update import HEADER_SIZE, LEAF, UpdateHeader, update_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import ZERO32, CommittedUpdate, Digest, GroupId, Mixing, Result, Reveal, Round, Rule, Scoring, Terms

NORMAL, EMPTY, SILENT, ABSENT, STRAY, HIDDEN = "normal", "empty", "silent", "absent", "stray", "hidden"
HEADER, MINUS128, PADDING, GARBAGE = "header", "minus128", "padding", "garbage"
MALFORMED = (HEADER, MINUS128, PADDING)
NO_GROUP = GroupId(0)


@dataclass
class Move:
    """What one player does in a round."""

    behaviour: str
    salt: bytes
    parent: bytes
    codes: np.ndarray | None
    sealed_digest: Digest
    update_root: bytes
    metric: int
    samples: int
    shown: np.ndarray | None = None
    """Codes under the root of an update that is not canonical, as its author would have them counted."""


@dataclass
class Group:
    """A group made for one game."""

    table: Table
    network: Network
    rng: random.Random
    terms: Terms
    players: list[Player]
    id: GroupId = field(default=NO_GROUP)
    genesis: Result = field(init=False)
    head: bytes = b""
    models: dict[bytes, Model] = field(default_factory=dict)
    moves: dict[Round, list[Move]] = field(default_factory=dict)
    results: dict[bytes, Result] = field(default_factory=dict)

    @property
    def contracts(self):
        return self.table.contracts

    @property
    def domain(self):
        return self.contracts.domain(self.id)

    # ------------------------------------------------------------------------------------------------ setting up

    def found(self) -> "Group":
        """Creates the group, funds it and seats everybody; seats are numbered as the players are."""
        model = random_model(self.rng, self.terms)
        data = encode_model(model)
        digest, root = self.network.serve(self.players[0].endpoint, data), model_root(model)
        groups, treasury = self.contracts.groups, self.table.deployer.address
        self.table.must([(treasury, groups.create(self.terms, Digest(b"\x01" * 32), digest, root))])
        self.id = GroupId(groups.group_count())
        budget = 1_000 * TOKEN
        self.table.must([(treasury, self.contracts.token.approve(groups.address, budget)), (treasury, groups.fund(self.id, budget))])
        self.table.must([(player.address, self.contracts.rounds.join(self.id, player.address)) for player in self.players])
        seats = self.contracts.views.seats(self.id, self.terms.capacity)
        assert [seat.node for seat in seats] == [player.address for player in self.players]
        self.genesis = Result(Round(0), ZERO32, digest, root, ZERO32, 0, b"", b"", 0)
        self.head = genesis_hash(self.domain, digest, root)
        self.models[self.head], self.results[self.head] = model, self.genesis
        return self

    # ------------------------------------------------------------------------------------------------ a round

    def commit(self, round_: Round, parents: list[bytes], behaviours: list[str]) -> None:
        """Everybody commits, each naming a parent."""
        moves, calls = [], []
        for index, (player, parent, behaviour) in enumerate(zip(self.players, parents, behaviours, strict=True)):
            move = self._move(round_, index, secrets_of(self.rng) if behaviour == STRAY else parent, behaviour)
            moves.append(move)
            if behaviour == ABSENT:
                continue
            opened = Reveal(move.salt, move.parent, move.update_root, move.samples, move.metric, 0)
            value = commitment(self.domain, round_, player.address, opened)
            calls.append((player.address, self.contracts.rounds.commit(self.id, round_, move.sealed_digest, value)))
        self.moves[round_] = moves
        self.table.must(calls)

    def reveal(self, round_: Round, order: list[int] | None = None, presented: dict[int, Result] | None = None) -> None:
        """Everybody reveals that does, in some order; phases end as early as they can."""
        view = self.contracts.views.round_at(self.id, round_)
        self.table.pass_until(view.commit_deadline)
        calls = []
        for index in order if order is not None else range(len(self.players)):
            move = self.moves[round_][index]
            if move.behaviour in (ABSENT, SILENT):
                continue
            opened = self.opened(round_, index)
            function = self.contracts.rounds.reveal(self.id, round_, opened, (presented or {}).get(index))
            calls.append((self.players[index].address, function))
        self.table.must(calls)
        self.table.pass_until(self.contracts.views.round_at(self.id, round_).reveal_deadline)

    def opened(self, round_: Round, index: int) -> Reveal:
        """What a player reveals: it reports every update that is not hidden."""
        move, moves = self.moves[round_][index], self.moves[round_]
        held = sum(1 << seat for seat, other in enumerate(moves) if other.sealed_digest != ZERO32 and other.behaviour != HIDDEN)
        hidden = [seat for seat, other in enumerate(moves) if other.behaviour == HIDDEN]
        if hidden and index < (2 * len(moves) - 1) // 3:
            held |= sum(1 << seat for seat in hidden)  # just too few for 2/3
        return Reveal(move.salt, move.parent, move.update_root, move.samples, move.metric, held)

    def outcome(self, round_: Round, parent: bytes) -> Outcome:
        """What the round came to, by what the players really did."""
        commits = self.commits(round_)
        opened = {}
        for commit in candidates(commits, parent):
            move = self.moves[round_][commit.seat]
            if available(commits, commit) and move.behaviour == NORMAL:
                opened[commit.seat] = move.codes
        known = self.known(round_, parent)
        return compute(self.domain, self.terms, round_, parent, self.models[parent], commits, opened, digest_of, known=known)

    def known(self, round_: Round, parent: bytes) -> list[np.ndarray]:
        """What was known before a round, by the specification's words."""
        sent: list[tuple[np.ndarray, list[np.ndarray]]] = []
        models, result = [self.models[parent]], self.results[parent]
        while len(sent) < 2 and result.round >= max(round_ - 4, 1):
            before = self.models[result.parent]
            codes = [move.codes for seat, move in enumerate(self.moves[result.round]) if result.included >> seat & 1]
            sent.insert(0, (before.exponents, [each for each in codes if each is not None]))
            models.insert(0, before)
            result = self.results[result.parent]
        return known_rows(sent, models)

    def commits(self, round_: Round) -> list[CommittedUpdate]:
        return self.contracts.rounds.commits(self.id, round_)

    def header(self, round_: Round, index: int) -> UpdateHeader:
        return UpdateHeader(self.domain, round_, self.players[index].address, self.terms.dimension, self.terms.fraction_bits)

    def _move(self, round_: Round, index: int, parent: bytes, behaviour: str) -> Move:
        rng, salt, header = self.rng, secrets_of(self.rng), self.header(round_, index)
        metric, samples = rng.randrange(-(2**40), 2**40), rng.randrange(1, 1000)
        if behaviour == EMPTY:
            return Move(behaviour, salt, parent, None, Digest(ZERO32), ZERO32, metric, samples)
        codes = random_codes(rng, self.terms.dimension)
        if behaviour == GARBAGE:
            digest = self.network.serve(self.players[index].endpoint, rng.randbytes(rng.randrange(1, 600)))
            return Move(behaviour, salt, parent, codes, digest, update_root(header, codes), metric, samples)
        if behaviour in MALFORMED:
            plain, shown = self._malformed(round_, index, codes, behaviour)
            digest = self.network.serve(self.players[index].endpoint, seal_plain(header, salt, plain))
            return Move(behaviour, salt, parent, codes, digest, root_of_plain(plain), metric, samples, shown)
        sealed = seal(header, salt, codes)
        digest = digest_of(sealed) if behaviour == HIDDEN else self.network.serve(self.players[index].endpoint, sealed)
        return Move(behaviour, salt, parent, codes, digest, update_root(header, codes), metric, samples)

    def _malformed(self, round_: Round, index: int, codes: np.ndarray, behaviour: str) -> tuple[bytes, np.ndarray]:
        header, dimension = self.header(round_, index).encode(), self.terms.dimension
        shown = codes.copy()
        if behaviour == HEADER:
            header = self.header(round_, (index + 1) % len(self.players)).encode()
        if behaviour == MINUS128:
            shown[self.rng.randrange(dimension)] = -128
        plain = header + shown.tobytes()
        if behaviour == PADDING:
            behind = bytearray(-dimension % LEAF)
            behind[self.rng.randrange(len(behind))] = self.rng.randrange(1, 128)
            plain += bytes(behind)
        return plain, shown


def secrets_of(rng: random.Random) -> bytes:
    """32 bytes that no other move of any game has."""
    return rng.randbytes(16) + secrets.token_bytes(16)


def random_terms(rng: random.Random, seats: int) -> Terms:
    fraction_bits = rng.randrange(8, 31)
    low = rng.randrange(-16, fraction_bits - 3)
    window = rng.choice((60, 300, 3_600))
    return Terms(
        dimension=rng.randrange(300, 3_001),
        fraction_bits=fraction_bits,
        min_exponent=low,
        max_exponent=rng.randrange(low, fraction_bits + 1),
        rule=rng.choice(list(Rule)),
        mixing=rng.choice(list(Mixing)),
        scoring=rng.choice(list(Scoring)),
        capacity=rng.randrange(seats, 33),
        min_updates=1 + rng.randrange(max(seats // 3, 1)),
        quorum_bps=rng.randrange(5_000, 6_601),
        by_invitation=False,
        commit_duration=7_200,
        reveal_duration=7_200,
        challenge_window=window,
        idle_timeout=window + rng.randrange(60, 7_200),
        max_missed=3,
        maturity=rng.randrange(1, 9),
        stake=rng.randrange(1, 1_000) * TOKEN,
        reward_per_round=rng.randrange(1, 100) * TOKEN,
    )


def random_model(rng: random.Random, terms: Terms) -> Model:
    """Weights of all sizes, many of them next to where they saturate."""
    noise = np.random.default_rng(rng.randrange(2**32))
    above, below = 2**31 - 1 - noise.integers(0, 200, terms.dimension), noise.integers(0, 200, terms.dimension) - 2**31
    near = np.where(noise.random(terms.dimension) < 0.5, above, below)
    anywhere = noise.integers(-(2**31), 2**31, terms.dimension)
    weights = np.where(noise.random(terms.dimension) < 0.3, near, anywhere).astype(np.int32)
    exponents = noise.integers(terms.min_exponent, terms.max_exponent + 1, block_count(terms.dimension)).astype(np.int8)
    return Model(weights, exponents, terms.fraction_bits)


def random_codes(rng: random.Random, dimension: int) -> np.ndarray:
    noise = np.random.default_rng(rng.randrange(2**32))
    width = rng.choice((3, 20, 127))
    return noise.integers(-width, width + 1, dimension).astype(np.int8)


def seal_plain(header: UpdateHeader, salt: bytes, plain: bytes) -> bytes:
    """Seals any bytes as if they were the update that the header names."""
    key = HKDF(SHA256(), 32, salt=None, info=b"swarm-chain seal v1").derive(salt)
    frame = zstandard.ZstdCompressor(level=3, write_content_size=True).compress(plain)
    return b"SCSEAL\x00\x01" + AESGCM(key).encrypt(bytes(12), frame, header.encode())


def root_of_plain(plain: bytes) -> bytes:
    leaves = [plain[:HEADER_SIZE], *(plain[start : start + LEAF].ljust(LEAF, b"\0") for start in range(HEADER_SIZE, len(plain), LEAF))]
    return merkle.root_of(merkle.Kind.UPDATE, leaves)
