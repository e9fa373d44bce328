"""Writes tests/vectors/*.json from the reference in swarm_chain/protocol. See tests/vectors/README.md for what they hold.

python scripts/make_vectors.py           write them
python scripts/make_vectors.py --check   fail if they differ from what is there
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from codec_vectors import codec_vectors
from sealed_vectors import members_vectors, sealed_vectors

from swarm_chain.protocol import merkle
from swarm_chain.protocol.aggregation import aggregate, stepped
from swarm_chain.protocol.choice import FACTOR_MAX, Choice, gram_matrix
from swarm_chain.protocol.columns import columns_leaves, columns_root
from swarm_chain.protocol.commitment import commitment, genesis_hash, keccak, result_hash, reveal_digest
from swarm_chain.protocol.grid import BLOCK, next_exponents
from swarm_chain.protocol.metric import weighted_median
from swarm_chain.protocol.mixtures import decode_choice, encode_choice
from swarm_chain.protocol.model import Model, encode_model, model_leaves, model_root
from swarm_chain.protocol.rules import MIXINGS
from swarm_chain.protocol.update import UpdateHeader, encode_update, update_root
from swarm_chain.types import ZERO32, Address, Digest, Domain, GroupId, Result, Reveal, Round, Rule, report_of, round_id

DIRECTORY = Path(__file__).parent.parent / "tests" / "vectors"

Vectors = dict[str, Any]

DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"), GroupId(7))
NODES = [
    Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    Address("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    Address("0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
]


def commitments() -> Vectors:
    """One array a field, one entry a case; the third case has every field at its highest."""
    domains = [DOMAIN, DOMAIN, Domain(2**256 - 1, Address("0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF"), GroupId(2**32 - 1)), DOMAIN]
    rounds = [Round(1), Round(9), Round(2**32 - 1), Round(2)]
    nodes = [*NODES, NODES[0]]
    reveals = [
        Reveal(keccak(b"salt 1"), keccak(b"parent 1"), keccak(b"root 1"), 1000, 912_345, 0b1011),
        Reveal(keccak(b"salt 2"), keccak(b"parent 2"), keccak(b"root 2"), 1, -1, 1 << 254),
        Reveal(b"\xff" * 32, b"\xff" * 32, b"\xff" * 32, 2**32 - 1, 2**63 - 1, 2**256 - 1),
        Reveal(keccak(b"salt 4"), keccak(b"parent 4"), ZERO32, 0, -(2**63), 0),
    ]
    cases = list(zip(domains, rounds, nodes, reveals, strict=True))
    return {
        "chainId": [_uint(domain.chain_id) for domain in domains],
        "roundManager": [domain.round_manager for domain in domains],
        "group": [domain.group for domain in domains],
        "round": rounds,
        "node": nodes,
        "salt": [_hex(reveal.salt) for reveal in reveals],
        "parent": [_hex(reveal.parent) for reveal in reveals],
        "updateRoot": [_hex(reveal.update_root) for reveal in reveals],
        "samples": [reveal.samples for reveal in reveals],
        "metric": [reveal.metric for reveal in reveals],
        "available": [_uint(reveal.available) for reveal in reveals],
        "roundId": [_uint(round_id(domain.group, round)) for domain, round in zip(domains, rounds, strict=True)],
        "report": [_uint(report_of(reveal.samples, reveal.metric)) for reveal in reveals],
        "commitment": [_hex(commitment(*case)) for case in cases],
        "revealDigest": [_hex(reveal_digest(commitment(*case), case[-1].available)) for case in cases],
    }


def results() -> Vectors:
    """One array a field; the first case is a genesis, whose other fields are zero."""
    genesis = Result(Round(0), ZERO32, Digest(keccak(b"model 0")), keccak(b"model root 0"), ZERO32, 0, b"", b"", 0)
    assert result_hash(DOMAIN, genesis) == genesis_hash(DOMAIN, genesis.model_digest, genesis.model_root)
    cases = [genesis]
    numbers = (
        (1, 0b111, b"", 934_000),
        (2, 1 << 254 | 1, b"\x01", -5),
        (2**32 - 1, 2**256 - 1, bytes(99), -(2**63)),
        (3, 6, b"mixed", 2**63 - 1),
    )
    for number, included, given, metric in numbers:
        fields = [keccak(f"{name} {number}".encode()) for name in ("parent", "model", "model root", "columns root")]
        cases.append(Result(Round(number), fields[0], Digest(fields[1]), fields[2], fields[3], included, given, given[1:], metric))
    return {
        "chainId": [_uint(DOMAIN.chain_id)] * len(cases),
        "roundManager": [DOMAIN.round_manager] * len(cases),
        "group": [DOMAIN.group] * len(cases),
        "round": [case.round for case in cases],
        "parent": [_hex(case.parent) for case in cases],
        "modelDigest": [_hex(case.model_digest) for case in cases],
        "modelRoot": [_hex(case.model_root) for case in cases],
        "columnsRoot": [_hex(case.columns_root) for case in cases],
        "included": [_uint(case.included) for case in cases],
        "choice": [_hex(case.choice) for case in cases],
        "scores": [_hex(case.scores) for case in cases],
        "metric": [case.metric for case in cases],
        "resultHash": [_hex(result_hash(DOMAIN, case)) for case in cases],
    }


def trees() -> Vectors:
    """Trees over the first 1 … 9 of nine leaves, and every proof of each."""
    datas = [bytes(range(7 * i)) for i in range(9)]
    leaves = [merkle.leaf_hash(merkle.Kind.UPDATE, data) for data in datas]
    proofs = [(count, index) for count in range(1, 10) for index in range(count)]
    return {
        "data": [_hex(data) for data in datas],
        **{f"leaf{kind.name.capitalize()}": [_hex(merkle.leaf_hash(kind, data)) for data in datas] for kind in merkle.Kind},
        "count": list(range(1, 10)),
        "depth": [merkle.depth_of(count) for count in range(1, 10)],
        "root": [_hex(merkle.root(leaves[:count])) for count in range(1, 10)],
        "proofCount": [count for count, _ in proofs],
        "proofIndex": [index for _, index in proofs],
        "proof": [_hex(b"".join(merkle.prove(leaves[:count], index))) for count, index in proofs],
    }


def steps() -> Vectors:
    """One coordinate a case: every rule over 1 … 9 updates, at several exponents, and the corners."""
    draw = np.random.default_rng(1)
    cases: list[tuple[Rule, list[int], int, int, int]] = []
    for rule in Rule:
        for count in range(1, 10):
            for bits, exponent in ((24, 12), (24, -3), (24, 24), (0, 0), (30, -16)):
                codes = draw.integers(-127, 128, count).tolist()
                cases.append((rule, codes, bits, exponent, int(draw.integers(-(2**20), 2**20))))
        for codes in ([-1, 0], [1, 0], [-1, 0, 0], [-3, -2], [3, 2], [-127, 0, 0, 0, 1], [-5, -5, 1, 2, 3, 90], [127] * 255, [-127] * 255):
            cases.append((rule, codes, 8, 8, 0))
        for weight, code in ((2**31 - 1, 127), (2**31 - 1, 1), (-(2**31), -127), (-(2**31), -1), (-(2**31), 127)):
            cases.append((rule, [code] * 3, 24, -16, weight))
            cases.append((rule, [code] * 3, 24, 24, weight))
    return {
        "rule": [int(rule) for rule, *_ in cases],
        "codes": [_hex(np.array(codes, np.int8).tobytes()) for _, codes, *_ in cases],
        "fractionBits": [bits for _, _, bits, _, _ in cases],
        "exponent": [exponent for *_, exponent, _ in cases],
        "weight": [weight for *_, weight in cases],
        "expected": [_step(*case) for case in cases],
    }


def _step(rule: Rule, codes: list[int], bits: int, exponent: int, weight: int) -> int:
    model = Model(np.array([weight], np.int32), np.array([exponent], np.int8), bits)
    return int(aggregate(rule, np.array(codes, np.int8)[:, None], model)[0])


def choices() -> Vectors:
    """One coordinate a case, mixed: what every rule chooses, choices of any kind, the corners; then bytes that are no choice."""
    draw = np.random.default_rng(5)
    cases: list[tuple[bytes, list[int], Rule, int, int, int]] = []

    def case(given: Choice, codes: list[int], rule: Rule, bits: int = 24, exponent: int = 12, weight: int = 0) -> None:
        cases.append((encode_choice(given), codes, rule, bits, exponent, weight))

    for rule in Rule:
        for choose in MIXINGS.values():
            for count in (1, 2, 4, 7):
                codes = draw.integers(-127, 128, (count, 40)).astype(np.int8)
                case(choose(gram_matrix(codes)), codes[:, 0].tolist(), rule, weight=int(draw.integers(-(2**20), 2**20)))
        for count, rows in ((1, 1), (3, 2), (5, 5), (6, 1), (10, 10), (40, 20)):
            takes = draw.integers(0, 2, (rows, count)).astype(np.bool_)
            factors = draw.integers(0, FACTOR_MAX // count + 1, count)
            given = Choice(factors, takes, int(draw.integers(max((takes @ factors).max(), 1), FACTOR_MAX + 2)))
            for bits, exponent in ((24, 24), (0, 0), (30, -16)):
                case(given, draw.integers(-127, 128, count).tolist(), rule, bits, exponent, int(draw.integers(-(2**31), 2**31)))
        for codes_ in ([-1, 0], [1, 0], [-1, 0, 0], [-3, -2], [3, 2], [-5, -5, 1, 2, 3, 90], [127, -127, 127]):
            for divisor in (1, 2, FACTOR_MAX + 1):
                case(Choice(np.ones(len(codes_), np.int64), np.eye(len(codes_), dtype=np.bool_), divisor), codes_, rule, 9, 8)
    for code in (127, -127):
        case(Choice(np.full(255, 257), np.ones((255, 255), np.bool_), FACTOR_MAX), [code] * 255, Rule.MEDIAN, 30, -16)
    none = Choice(np.full(3, FACTOR_MAX), np.zeros((3, 3), np.bool_), FACTOR_MAX + 1)
    case(none, [1, 2, 3], Rule.MEDIAN, weight=77)

    right = encode_choice(none)
    assert len(right) == 106
    # Cut at every place that matters, too long, divisors and rows out of range.
    wrong = [right[:length] for length in (0, 3, 4, 9, 10, 11, 41, 43, 105)] + [right + b"\x00", right + bytes(32)]
    wrong += [divisor.to_bytes(4, "big") + right[4:] for divisor in (0, FACTOR_MAX + 2, 2**32 - 1)]
    wrong += [right[:10] + bytes(32 * row) + (1 << bit).to_bytes(32, "big") for row, bit in ((0, 3), (1, 4), (2, 255))]
    wrong.append(encode_choice(Choice(np.array([5, 1, 3]), np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], np.bool_), 7)))
    cases += [(data, [1, 2, 3], Rule.MEAN, 24, 12, 0) for data in wrong]
    decoded = [decode_choice(data, len(codes)) for data, codes, *_ in cases]
    assert [given is None for given in decoded] == [False] * (len(cases) - len(wrong)) + [True] * len(wrong)
    return {
        "choice": [_hex(data) for data, *_ in cases],
        "codes": [_hex(np.array(codes, np.int8).tobytes()) for _, codes, *_ in cases],
        "rule": [int(rule) for _, _, rule, *_ in cases],
        "fractionBits": [bits for *_, bits, _, _ in cases],
        "exponent": [exponent for *_, exponent, _ in cases],
        "weight": [weight for *_, weight in cases],
        "wellFormed": [int(given is not None) for given in decoded],
        "expected": [0 if given is None else _mixed_step(given, *case[1:]) for given, case in zip(decoded, cases, strict=True)],
    }


def _mixed_step(given: Choice, codes: list[int], rule: Rule, bits: int, exponent: int, weight: int) -> int:
    model = Model(np.array([weight], np.int32), np.array([exponent], np.int8), bits)
    return int(stepped(np.array(codes, np.int8)[:, None], model, rule, given)[0])


def exponents() -> Vectors:
    """One block a case: its columns leaf, how many of the 256 coordinates are real, and the exponent that follows."""
    draw = np.random.default_rng(2)
    cases: list[tuple[np.ndarray[Any, np.dtype[np.int8]], int, int, int]] = []
    for count in range(1, 10):
        for largest, size in ((0, 256), (3, 256), (12, 100), (40, 256), (80, 256), (127, 1)):
            cases.append((draw.integers(-largest, largest + 1, (count, size)).astype(np.int8), 10, -4, 20))
    # One code of 127 among 16 · 4^Δ makes 16 S 4^Δ = 127² c exactly: still Δ; with one more it is not.
    for size in (4, 16, 64, 256):
        for more in (0, 1):
            block = np.zeros((1, size), np.int8)
            block[0, 0], block[0, -1] = 127, more
            cases.append((block, 0, -16, 30))
    cases += [(np.full((3, 256), 127, np.int8), -4, -4, 20), (np.full((3, 256), 1, np.int8), 20, -4, 20)]
    cases += [(np.stack([np.full(256, value, np.int8) for value in (0, 0, 9, 127)]), 5, -4, 20)]
    return {
        "leaf": [_hex(next(columns_leaves(block))) for block, *_ in cases],
        "count": [len(block) for block, *_ in cases],
        "size": [block.shape[1] for block, *_ in cases],
        "exponent": [exponent for _, exponent, _, _ in cases],
        "minExponent": [lo for *_, lo, _ in cases],
        "maxExponent": [hi for *_, hi in cases],
        "expected": [int(next_exponents(block, np.array([exponent], np.int8), lo, hi)[0]) for block, exponent, lo, hi in cases],
    }


def metrics() -> Vectors:
    """Flat: case ``i`` is entries ``start[i]`` to ``start[i + 1]`` of the other arrays."""
    draw = np.random.default_rng(3)
    cases: list[tuple[list[int], list[int], list[Address]]] = [
        ([5], [0], NODES[:1]),
        ([5, 4, 3], [0, 0, 0], NODES),
        ([10, 20], [1, 1], NODES[:2]),
        ([10, 20], [1, 2], NODES[:2]),
        ([-7, -7, 2], [1, 1, 3], NODES),
        ([-(2**63), 2**63 - 1, 0], [1, 1, 1], NODES),
    ]
    for count in (3, 5, 8):
        nodes = [Address("0x" + draw.bytes(20).hex()) for _ in range(count)]
        cases.append((draw.integers(0, 1_000_000, count).tolist(), draw.integers(0, 10_001, count).tolist(), nodes))
    starts = np.cumsum([0, *(len(values) for values, *_ in cases)]).tolist()
    return {
        "start": starts,
        "metric": [value for values, *_ in cases for value in values],
        "weight": [weight for _, weights, _ in cases for weight in weights],
        "node": [node for *_, nodes in cases for node in nodes],
        "expected": [weighted_median(*case) for case in cases],
    }


def roots() -> Vectors:
    """A small round whole: header, updates, parent model, columns, next model."""
    draw = np.random.default_rng(4)
    dimension, bits = 1500, 24
    header = UpdateHeader(DOMAIN, Round(3), NODES[0], dimension, bits)
    codes = draw.integers(-127, 128, (3, dimension)).astype(np.int8)
    parent = Model(draw.integers(-(2**31), 2**31, dimension).astype(np.int32), draw.integers(-16, 25, 6).astype(np.int8), bits)
    child = Model(aggregate(Rule.MEAN, codes, parent), next_exponents(codes, parent.exponents, -16, 24), bits)
    return {
        "dimension": dimension,
        "fractionBits": bits,
        "minExponent": -16,
        "maxExponent": 24,
        "chainId": _uint(DOMAIN.chain_id),
        "roundManager": DOMAIN.round_manager,
        "group": DOMAIN.group,
        "round": header.round,
        "node": header.node,
        "updateHeader": _hex(header.encode()),
        "codes": [_hex(row.tobytes()) for row in codes],
        "updateFile": _hex(encode_update(header, codes[0])),
        "updateRoot": _hex(update_root(header, codes[0])),
        "columnsRoot": _hex(columns_root(codes)),
        "parentFile": _hex(encode_model(parent)),
        "parentRoot": _hex(model_root(parent)),
        "parentLastLeaf": _hex(list(model_leaves(parent))[-1]),
        "meanFile": _hex(encode_model(child)),
        "meanRoot": _hex(model_root(child)),
        "medianWeights": _hex(aggregate(Rule.MEDIAN, codes, parent).astype(">i4").tobytes()),
        "blockSize": BLOCK,
    }


def seals() -> Vectors:
    """One sealed update that opens, and many that do not."""
    return sealed_vectors(UpdateHeader(DOMAIN, Round(3), NODES[0], 300, 24))


def members_seals() -> Vectors:
    """The same in a closed group."""
    return members_vectors(UpdateHeader(DOMAIN, Round(3), NODES[0], 300, 24))


def agreements() -> Vectors:
    """Histories of closed rounds; ``parents`` are those of the rounds after ``settled``, ``expected`` what ``next`` names."""
    head, one, two, three, strange = (name * 32 for name in (b"\x0a", b"\x01", b"\x02", b"\x03", b"\xee"))

    def closed(leader: bytes, weight: int = 3000, revealed: int = 3000, roster: int = 3000, **flags: bool) -> Vectors:
        numbers = {"leaderWeight": weight, "revealedWeight": revealed, "rosterWeight": roster}
        return {"leader": _hex(leader), **numbers, "idle": False, "struck": False, **flags}

    def case(
        name: str, settled: int, rounds: list[Vectors], result: bytes | None, expected: bytes, parents: list[bytes], **more: Any
    ) -> Vectors:
        return {
            "name": name,
            "quorumBps": 5000,
            "head": _hex(head),
            "settled": settled,
            "rounds": rounds,
            "result": _hex(result) if result else None,
            "void": False,
            "expected": _hex(expected),
            "parents": [_hex(parent) for parent in parents],
            **more,
        }

    return {
        "cases": [
            case("before the first round", 0, [], None, head, []),
            case("every round so far expired", 4, [], None, head, []),
            case("after the first round", 0, [closed(head)], one, one, [head]),
            case("each result agreed", 0, [closed(head), closed(one), closed(two)], three, three, [head, one, two]),
            case("a round without a result", 0, [closed(head), closed(one)], None, one, [head, one]),
            case("votes split", 0, [closed(head), closed(one, 1999)], two, two, [head, head]),
            case("exactly two thirds", 0, [closed(head), closed(one, 2000)], two, two, [head, one]),
            case("no quorum of the roster", 0, [closed(head), closed(one, 1499, 1499)], two, two, [head, head]),
            case("exactly the quorum", 0, [closed(head), closed(one, 1500, 1500)], two, two, [head, one]),
            case("nobody of weight", 0, [closed(head), closed(one, 0, 0, 0)], two, two, [head, head]),
            case("nothing revealed", 0, [closed(head), closed(bytes(32), 0, 0)], None, head, [head, head]),
            case(
                "two splits in a row",
                0,
                [closed(head), closed(one), closed(two, 1500), closed(three, 1500)],
                None,
                one,
                [head, one, one, one],
            ),
            case("a strange hash is followed", 0, [closed(head), closed(strange)], two, two, [head, strange]),
            case("the head again", 0, [closed(head), closed(one), closed(head)], three, three, [head, one, head]),
            case("the first unsettled round counts from the head", 3, [closed(strange), closed(one)], two, two, [head, one]),
            case("the next opens too late", 0, [closed(head), closed(one)], two, one, [head, one], void=True),
            case(
                "votes for an idle round bind nobody",
                0,
                [closed(head), closed(one), closed(two, idle=True)],
                three,
                three,
                [head, one, one],
            ),
            case(
                "the next opens after a strike",
                0,
                [closed(head), closed(one), closed(strange, struck=True)],
                three,
                one,
                [head, one, one],
                void=True,
            ),
            case(
                "votes for struck rounds bind nobody",
                0,
                [closed(head), closed(one), closed(strange, struck=True), closed(two, struck=True), closed(one, struck=True)],
                three,
                three,
                [head, one, one, one, one],
            ),
            case("struck from the first on", 0, [closed(head), closed(strange, struck=True)], two, head, [head, head], void=True),
        ]
    }


FILES: dict[str, Callable[[], Vectors]] = {
    "commitment": commitments,
    "result": results,
    "merkle": trees,
    "aggregation": steps,
    "choice": choices,
    "exponent": exponents,
    "metric": metrics,
    "roots": roots,
    "sealing": seals,
    "sealing_for_members": members_seals,
    "codecs": codec_vectors,
    "agreement": agreements,
}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _uint(value: int) -> str:
    return _hex(value.to_bytes(32, "big"))


def main(check: bool) -> int:
    """Writes the files, or compares them; the number of files that differ."""
    different = []
    for name, make in FILES.items():
        path = DIRECTORY / f"{name}.json"
        text = json.dumps(make(), indent=1) + "\n"
        if check and (not path.exists() or path.read_text() != text):
            different.append(path.name)
        elif not check:
            path.write_text(text)
    if check:
        print(f"{len(different)} of {len(FILES)} vector files differ from the reference: {' '.join(different)}")
    return len(different)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
