"""What a round came to, computed from its updates by the specification's words, one coordinate after the other."""

import struct

from swarm_chain.protocol.sealing import unseal
from swarm_chain.protocol.update import UpdateHeader, update_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.types import CommittedUpdate, Result, Round

BLOCK = 256


def result_of(
    swarm, round_: int, parent_hash: bytes, parent: bytes, commits: list[CommittedUpdate], get, group_key=None
) -> tuple[Result, bytes]:
    """The result and the next model's bytes, of a round in which every update counts.

    ``parent`` is the file of the parent's model, ``get`` gives sealed bytes by their digest.
    """
    terms, d = swarm.terms, swarm.terms.dimension
    blocks = -(-d // BLOCK)
    exponents = list(struct.unpack_from(f">{blocks}b", parent, 32))
    weights = list(struct.unpack_from(f">{d}i", parent, 32 + blocks))
    ordered = sorted(commits, key=lambda commit: int(commit.node, 16))
    rows = []
    for commit in ordered:
        header = UpdateHeader(swarm.contracts.domain(swarm.group), Round(round_), commit.node, d, terms.fraction_bits)
        codes = unseal(header, commit.reveal.salt, get(commit.sealed_digest), group_key)
        assert update_root(header, codes) == commit.reveal.update_root
        rows.append(codes.tolist())

    stepped = []
    for i in range(d):
        column, exponent = [row[i] for row in rows], exponents[i // BLOCK]
        cut = len(column) // 4 if len(column) >= 5 else 0
        kept = sorted(column)[cut : len(column) - cut]
        scaled = sum(kept) << (terms.fraction_bits - exponent)
        step = abs(scaled) // len(kept) * (1 if scaled >= 0 else -1)
        stepped.append(min(max(weights[i] + step, -(2**31)), 2**31 - 1))

    moved = []
    for block in range(blocks):
        real = range(block * BLOCK, min((block + 1) * BLOCK, d))
        energies = sorted(sum(row[i] ** 2 for i in real) for row in rows)
        energy = energies[(len(rows) - 1) // 2]
        exponent = exponents[block]
        if energy:
            change = next((delta for delta in (2, 1, 0, -1) if 4 * 16 * energy * 4**delta <= 4 * 127**2 * len(real)), -2)
            exponent = min(max(exponent + change, terms.min_exponent), terms.max_exponent)
        moved.append(exponent)

    data = (
        struct.pack(">8sQB15x", b"SCMODEL1", d, terms.fraction_bits) + struct.pack(f">{blocks}b", *moved) + struct.pack(f">{d}i", *stepped)
    )
    model_leaves, column_leaves = [], []
    for block in range(blocks):
        padded = (stepped[block * BLOCK : (block + 1) * BLOCK] + [0] * BLOCK)[:BLOCK]
        model_leaves.append(struct.pack(f">b{BLOCK}i", moved[block], *padded))
        codes = [(row[block * BLOCK : (block + 1) * BLOCK] + [0] * BLOCK)[:BLOCK] for row in rows]
        column_leaves.append(b"".join(struct.pack(f">{BLOCK}b", *row) for row in codes))

    by_metric = sorted((commit.reveal.metric, int(commit.node, 16), commit.weight) for commit in ordered)
    total, gathered = sum(weight for _, _, weight in by_metric), 0
    metric = None
    for value, _, weight in by_metric:
        gathered += weight
        if metric is None and 2 * gathered >= total:
            metric = value
    result = Result(
        round=Round(round_),
        parent=parent_hash,
        model_digest=digest_of(data),
        model_root=tree(2, model_leaves),
        columns_root=tree(3, column_leaves),
        included=sum(1 << commit.seat for commit in commits),
        choice=b"",
        scores=b"",
        metric=metric,
    )
    return result, data


def tree(kind: int, leaves: list[bytes]) -> bytes:
    """The root over leaves of a kind."""
    from hashlib import sha256

    level = [sha256(bytes([0, kind]) + leaf).digest() for leaf in leaves]
    size = 1
    while size < len(level):
        size *= 2
    level += [bytes(32)] * (size - len(level))
    while len(level) > 1:
        level = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
    return level[0]
