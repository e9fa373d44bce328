"""Computes a round of five updates that never changes, by every rule, with scores; prints the hash of its results' hashes, then what the
processor may be used for.

python fixed_round.py ORDER [torch | compiled | DEVICE]      ORDER: in which order the seats' updates come, "01234"
"""

import sys
from hashlib import sha256, shake_128

import numpy as np

from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.grid import block_count
from swarm_chain.protocol.model import Model
from swarm_chain.protocol.outcome import PLAIN, Passes, compute
from swarm_chain.protocol.rules import RULES
from swarm_chain.types import ZERO32, Address, CommittedUpdate, Digest, Domain, GroupId, Reveal, Round, Scoring, Seat, Terms

DIMENSION = 20_011
DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"), GroupId(1))


def _bytes(name: str, count: int) -> bytes:
    """The same on every machine and with every version of NumPy."""
    return shake_128(name.encode()).digest(count)


def _commit(seat: int) -> CommittedUpdate:
    reveal = Reveal(bytes(32), ZERO32, ZERO32, 100, seat * 7 % 5, 0b11111)
    node = Address("0x" + _bytes(f"node {seat}", 20).hex())
    return CommittedUpdate(Seat(seat), node, 1000 + seat, Digest(_bytes(f"sealed {seat}", 32)), reveal)


def _codes(seat: int) -> np.ndarray:
    return np.frombuffer(_bytes(f"codes {seat}", DIMENSION), np.int8).clip(-127, 127)


def main(order: str, passes: Passes = PLAIN) -> str:
    seats = [Seat(int(seat)) for seat in order]
    weights = np.frombuffer(_bytes("weights", 4 * DIMENSION), "<i4").astype(np.int32) >> 4
    exponents = (np.frombuffer(_bytes("exponents", block_count(DIMENSION)), np.uint8) % 25 - 4).astype(np.int8)
    hashes = b""
    for rule in RULES.values():
        parts = rule.coordinates, rule.mixing, Scoring.NOVELTY
        terms = Terms(DIMENSION, 24, -4, 20, *parts, 5, 2, 5000, False, 60, 20, 10, 300, 3, 8, 0, 0)
        opened = {seat: _codes(seat) for seat in seats}
        outcome = compute(
            DOMAIN,
            terms,
            Round(1),
            ZERO32,
            Model(weights, exponents, 24),
            [_commit(seat) for seat in seats],
            opened,
            lambda data: Digest(sha256(data).digest()),
            passes,
            known=[_codes(9), _codes(8)],
        )
        assert outcome.result is not None
        hashes += result_hash(DOMAIN, outcome.result)
    return sha256(hashes).hexdigest()


if __name__ == "__main__":
    if "torch" in sys.argv[2:]:
        import torch

        # Wakes the libraries whose settings the variables are.
        torch.mm(torch.ones(64, 64), torch.ones(64, 64))
        print(main(sys.argv[1]), torch.backends.cpu.get_cpu_capability())
    elif "compiled" in sys.argv[2:]:
        from swarm_chain.learning import kernels
        from swarm_chain.learning.compiled import add_steps

        kernels.COMPILED_FROM, kernels.PIECE = 0, 1024  # however small the round is, and in many pieces
        hash_ = main(sys.argv[1], kernels.PASSES)
        (machine,) = add_steps.inspect_asm().values()
        print(hash_, *sorted(register for register in ("xmm", "ymm", "zmm") if register in machine))
    elif sys.argv[2:]:
        from swarm_chain.learning import devices, torch_passes

        torch_passes.AT_ONCE = 20_000  # in many pieces
        device = devices.pick(sys.argv[2])
        passes = torch_passes.passes_of(device)
        print(main(sys.argv[1], passes), device)
    else:
        from numpy._core import _multiarray_umath as core

        print(main(sys.argv[1]), *(name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)))
