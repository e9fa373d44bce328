"""Opens mutated sealed updates of every codec: each is refused with its reason, or is another canonical one; memory stays below a cap.

    python scripts/malformed.py [--count 20000] [--seed 1]

A third of the mutations is of the sealed bytes, as anyone on the way can make them. The others are the author's, who knows the salt: of the
compressed frame, and of header and wire form, sealed properly afterwards. Ends with 1 where something else than an IntegrityError comes
out, where codes come out whose wire form is another, or where opening took more memory than the cap.
"""

import argparse
import random
import resource
import tracemalloc
from collections import Counter
from collections.abc import Sequence

import numpy as np
import zstandard

from swarm_chain.errors import IntegrityError
from swarm_chain.protocol import sealing
from swarm_chain.protocol.codecs import CODECS, Codec
from swarm_chain.protocol.grid import block_count
from swarm_chain.protocol.update import HEADER_SIZE, UpdateHeader
from swarm_chain.types import Address, Domain, GroupId, Round

DIMENSION = 3_000
SALT = bytes(range(32))
HEADER = UpdateHeader(
    Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"), GroupId(7)),
    Round(3),
    Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    DIMENSION,
    24,
)
OPENED = "a canonical update"
CAP = 8 * (HEADER_SIZE + DIMENSION) + (1 << 16)
"""Bytes that opening may take at once, as Python counts them."""
RESIDENT_CAP = sealing.WINDOW_MAX + (16 << 20)
"""Bytes by which the process may grow."""


def campaign(count: int, seed: int) -> Counter[str]:
    """Opens so many mutated updates; how often each reason was given. AssertionError, with seed and number, where a promise is broken."""
    random_, found = random.Random(seed), Counter[str]()
    wires = {name: _wires(codec) for name, codec in CODECS.items()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        for number in range(count):
            name, layer = random_.choice(list(CODECS)), random_.choice(("sealed", "frame", "wire"))
            codec, wire = CODECS[name], random_.choice(wires[name])
            if layer == "wire":
                wire = mutated(random_, HEADER.encode() + wire, keeps_length=random_.randrange(4) > 0)
                sealed = _sealed(codec, zstandard.compress(wire))
            else:
                frame = zstandard.compress(HEADER.encode() + wire)
                sealed = mutated(random_, _sealed(codec, frame)) if layer == "sealed" else _sealed(codec, mutated(random_, frame))
            tracemalloc.reset_peak()
            start, _ = tracemalloc.get_traced_memory()
            where = f"seed {seed}, number {number}, {name}, {layer}"
            try:
                codes = sealing.unseal(HEADER, SALT, sealed)
            except IntegrityError as refused:
                found[f"{layer}: {_without_numbers(refused.what)}"] += 1
            else:
                assert layer != "sealed" or sealed == _sealed(codec, frame), f"{where}: changed bytes opened"
                assert codes.shape == (DIMENSION,), f"{where}: {codes.shape}"
                assert codes.dtype == np.int8, f"{where}: {codes.dtype}"
                opened = next(codec for codec in CODECS.values() if codec.number == sealed[len(sealing.MAGIC)])
                assert layer != "wire" or HEADER.encode() + opened.pack(codes) == wire, f"{where}: codes have two wire forms"
                found[f"{layer}: {OPENED}"] += 1
            taken = tracemalloc.get_traced_memory()[1] - start
            assert taken <= CAP, f"{where}: opening took {taken:,} bytes; the cap is {CAP:,}"
    finally:
        tracemalloc.stop()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown <= RESIDENT_CAP, f"the process grew by {grown:,} bytes; the cap is {RESIDENT_CAP:,}"
    return found


def mutated(random_: random.Random, data: bytes, *, keeps_length: bool = False) -> bytes:
    """The bytes with one or a few changes: bits, runs, cuts, insertions, pieces repeated; seldom none."""
    changed = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 5))):
        at, length = random_.randrange(len(changed) + 1), random_.choice((1, 1, 2, 8, 64))
        match random_.randrange(3 if keeps_length else 6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random_.randrange(8)
            case 1:
                changed[at : at + length] = random_.randbytes(len(changed[at : at + length]))
            case 2:
                changed[at : at + length] = bytes([random_.choice((0, 1, 127, 128, 255))]) * len(changed[at : at + length])
            case 3:
                changed[at:at] = random_.randbytes(length)
            case 4:
                del changed[at : at + length]
            case 5:
                changed[at:at] = changed[: random_.randrange(len(changed) + 1)]
        if not keeps_length and random_.randrange(20) == 0:
            del changed[random_.randrange(len(changed) + 1) :]
    # Most changes are in the middle; headers and prefixes decide more.
    if changed and not keeps_length and random_.randrange(4) == 0:
        changed[random_.randrange(min(32, len(changed)))] = random_.randrange(256)
    return bytes(changed)


def _wires(codec: Codec) -> list[bytes]:
    """Wire forms of updates: small, usual, large, nothing, and with blocks of zeros."""
    draw, exponents, wires = np.random.default_rng(1), np.zeros(block_count(DIMENSION), np.int8), []
    for scale in (0.0, 0.5, 30.0, 300.0):
        values = (draw.standard_normal(DIMENSION) * scale).astype(np.float32)
        values[512:1024] = 0
        wires.append(codec.pack(codec.quantise(values, exponents)[0]))
    return wires


def _sealed(codec: Codec, frame: bytes) -> bytes:
    prefix = sealing.MAGIC + bytes((codec.number, sealing.VERSION))
    return prefix + sealing._cipher(SALT).encrypt(bytes(12), frame, HEADER.encode())


def _without_numbers(reason: str) -> str:
    return "".join("#" if letter.isdigit() else letter for letter in reason)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    found = campaign(given.count, given.seed)
    for reason, times in found.most_common():
        print(f"{times:7,}  {reason}")
    opened = sum(times for reason, times in found.items() if reason.endswith(OPENED))
    print(f"{sum(found.values()):,} mutated updates: {sum(found.values()) - opened:,} refused, {opened:,} canonical, most with other codes")


if __name__ == "__main__":
    main()
