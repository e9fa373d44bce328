"""Random rounds: the disputes' recomputation, compiled as it is shipped, gives what the reference gives, bit for bit."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from web3 import Web3
from web3.contract import Contract

from swarm_chain.chain.connection import connect
from swarm_chain.chain.local import LocalChain
from swarm_chain.protocol.aggregation import UPDATES_MAX, cut_of, stepped, sum_without
from swarm_chain.protocol.choice import FACTOR_MAX, Choice, gram_matrix
from swarm_chain.protocol.grid import BLOCK, EXPONENT_MIN, FRACTION_BITS_MAX, next_exponents
from swarm_chain.protocol.mixtures import encode_choice
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.rules import MIXINGS
from swarm_chain.types import Rule

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "tests/contracts/Recomputer.sol",
    "contracts/libraries/Aggregation.sol",
    "contracts/libraries/Blocks.sol",
    "contracts/libraries/Mixtures.sol",
    "contracts/types/Types.sol",
)
ROUNDS = 10_000
CALL_BYTES = 700_000
"""Of rounds in one call; Anvil takes 2 MB of JSON."""
PICKED = 3
"""Coordinates of a round that are recomputed."""
CHOSEN_MAX = 40
"""Updates up to which rules choose; of more the choice is random, since a Gram matrix takes long."""
GAS = 2**62
INT32 = np.iinfo(np.int32)


@pytest.fixture(scope="module")
def recomputer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    settings = json.loads((ROOT / "swarm_chain/chain/artifacts/standard-input.json").read_text())["settings"]
    sources = {path: {"content": (ROOT / path).read_text()} for path in SOURCES}
    source = {"language": "Solidity", "settings": settings, "sources": sources}
    done = subprocess.run(
        ["node", "scripts/solc.js", "--standard-json"], cwd=ROOT, input=json.dumps(source), capture_output=True, text=True, check=True
    )
    compiled = json.loads(done.stdout)["contracts"][SOURCES[0]]["Recomputer"]
    with LocalChain(tmp_path_factory.mktemp("anvil")) as chain:
        web3 = connect(chain.url)
        # No transaction: the code stands where a call finds it.
        address = Web3.to_checksum_address("0x" + "dd" * 20)
        code = "0x" + compiled["evm"]["deployedBytecode"]["object"]
        web3.provider.make_request("anvil_setCode", [address, code])  # type: ignore[arg-type]
        yield web3.eth.contract(address=address, abi=compiled["abi"])


def random_round(random: np.random.Generator) -> tuple[bytes, bytes, Counter[str]]:
    """A round as the recomputer reads it, what it must give, and what the round is a case of."""
    rule = Rule(int(random.integers(len(Rule))))
    most = int(random.choice([8, 40, UPDATES_MAX], p=[0.7, 0.27, 0.03]))
    count = int(random.integers(1, most + 1))
    coordinates = BLOCK if random.random() < 0.5 else int(random.integers(1, BLOCK + 1))
    bits = int(random.integers(1, FRACTION_BITS_MAX + 1))
    lowest, highest = sorted(int(bound) for bound in random.integers(EXPONENT_MIN, bits + 1, 2))
    exponent = int(random.integers(lowest, highest + 1))
    codes = np.zeros((count, BLOCK), np.int8)
    codes[:, :coordinates] = random_codes(random, count, coordinates)
    weights = random_weights(random, coordinates)
    model = Model(weights, np.array([exponent], np.int8), bits)
    choice, kind = random_choice(random, codes)

    real = codes[:, :coordinates]
    after = stepped(real, model, rule, choice)
    exponents = next_exponents(real, model.exponents, lowest, highest)
    picked = random.integers(0, coordinates, PICKED)
    mixed = b"" if choice is None else encode_choice(choice)
    head = np.array([rule, count, bits, exponent, lowest, highest], np.int16).astype(np.uint8).tobytes()
    places = b"".join(bytes([place]) + int(weights[place]).to_bytes(4, "big", signed=True) for place in picked)
    lengths = coordinates.to_bytes(2, "big") + len(mixed).to_bytes(2, "big")
    given = head + lengths + places + mixed + codes.tobytes()
    expected = after[picked].astype(">i4").tobytes() + exponents.tobytes()

    values = codes[:, picked] if choice is None else choice.matrix @ codes[:, picked].astype(np.int64)
    cut = cut_of(rule, len(values))
    numerators, denominator = sum_without(values, cut), (len(values) - 2 * cut) * (1 if choice is None else choice.divisor)
    steps = numerators.astype(object) * 2 ** (bits - exponent)
    seen = Counter(
        {
            f"{rule.name} of {'codes' if choice is None else 'mixtures'}": 1,
            kind: 1,
            "saturated": int(np.isin(after[picked], (INT32.min, INT32.max)).sum()),
            "a negative remainder": int(sum(step < 0 and step % denominator != 0 for step in steps)),
            "the exponent moved": int(exponents[0] != exponent),
            "a block of zeros": int(not codes.any()),
        }
    )
    return given, expected, seen


def random_choice(random: np.random.Generator, codes: NDArray[np.int8]) -> tuple[Choice | None, str]:
    """None, what a rule chooses for these codes, or any that is well-formed; and which."""
    count = len(codes)
    draw = random.random()
    if draw < 0.4:
        return None, "none"
    if draw < 0.7 and count <= CHOSEN_MAX:
        mixing = list(MIXINGS)[int(random.integers(len(MIXINGS)))]
        return MIXINGS[mixing](gram_matrix(codes)), mixing.name
    rows = int(random.integers(1, count + 1))
    takes = random.random((rows, count)) < random.choice([0.1, 0.5, 0.9])
    most = FACTOR_MAX // count
    factors = random.integers(0, min(int(random.choice([2, 300, FACTOR_MAX])), most) + 1, count)
    longest = max(int((takes @ factors).max()), 1)
    divisor = int(random.choice([longest, FACTOR_MAX + 1, random.integers(longest, FACTOR_MAX + 2)]))
    return Choice(factors, takes, divisor), "any"


def random_codes(random: np.random.Generator, count: int, coordinates: int) -> NDArray[np.int8]:
    """Codes small, of all sizes or extreme; some blocks are zero."""
    kind = random.integers(5)
    if kind == 0:
        return random.choice(np.array([-127, 0, 127], np.int8), (count, coordinates))
    reach = (0, 1, 9, 40, 127)[kind] if random.random() < 0.9 else 0
    return random.integers(-reach, reach + 1, (count, coordinates)).astype(np.int8)


def random_weights(random: np.random.Generator, coordinates: int) -> NDArray[np.int32]:
    """Weights anywhere, or close to where they saturate."""
    if random.random() < 0.5:
        return random.integers(INT32.min, INT32.max, coordinates, dtype=np.int32, endpoint=True)
    ends = random.choice(np.array([INT32.min, 0, INT32.max], np.int64), coordinates)
    return np.clip(ends + random.integers(-300, 301, coordinates), INT32.min, INT32.max).astype(np.int32)


@pytest.mark.timeout(240)
def test_solidity_recomputes_what_the_reference_computes(recomputer: Contract) -> None:
    random = np.random.default_rng(0xD1FF)
    seen: Counter[str] = Counter()
    waiting: list[tuple[bytes, bytes]] = []
    for _ in range(ROUNDS):
        given, expected, cases = random_round(random)
        waiting.append((given, expected))
        seen += cases
        if sum(len(given) for given, _ in waiting) > CALL_BYTES:
            compare(recomputer, waiting)
            waiting = []
    compare(recomputer, waiting)
    for rule in Rule:
        assert min(seen[f"{rule.name} of codes"], seen[f"{rule.name} of mixtures"]) > ROUNDS // 15
    assert min(seen[kind] for kind in ("none", "any", *(mixing.name for mixing in MIXINGS))) > ROUNDS // 40
    assert min(seen[case] for case in ("saturated", "a negative remainder", "the exponent moved", "a block of zeros")) > ROUNDS // 20


def compare(recomputer: Contract, rounds: list[tuple[bytes, bytes]]) -> None:
    results = recomputer.functions.recompute(b"".join(given for given, _ in rounds)).call({"gas": GAS})
    size = 4 * PICKED + 1
    assert len(results) == size * len(rounds)
    for index, (given, expected) in enumerate(rounds):
        assert results[size * index : size * (index + 1)] == expected, f"the round that begins with {given[:23].hex()}"
