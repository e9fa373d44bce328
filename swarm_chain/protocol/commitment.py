"""What is hashed on chain: commitments, reveals, results (specification, section 2)."""

from eth_abi.abi import encode
from eth_hash.auto import keccak as _keccak

from swarm_chain.types import ZERO32, Address, Digest, Domain, Result, Reveal, Round, report_of, round_id

DIGEST_SIZE = 24
"""Bytes of a commitment or a reveal's digest: what a slot has room for."""


def keccak(data: bytes) -> bytes:
    """Keccak-256 as the EVM has it, 32 bytes."""
    return _keccak(data)


def commitment(domain: Domain, round: Round, node: Address, reveal: Reveal) -> bytes:
    """What a node commits to, 24 bytes. It is bound to the node, so nobody can commit a copy; ``available`` is not part of it."""
    return keccak(
        encode(
            ["uint256", "address", "uint64", "address", "bytes32", "bytes32", "uint96", "bytes32"],
            [
                domain.chain_id,
                domain.round_manager,
                round_id(domain.group, round),
                node,
                reveal.parent,
                reveal.update_root,
                report_of(reveal.samples, reveal.metric),
                reveal.salt,
            ],
        )
    )[:DIGEST_SIZE]


def reveal_digest(commitment: bytes, available: int) -> bytes:
    """What a seat's slot keeps after the reveal, 24 bytes, so that disputes can bring the rest."""
    return keccak(encode(["bytes24", "uint256"], [commitment, available]))[:DIGEST_SIZE]


def result_hash(domain: Domain, result: Result) -> bytes:
    """The hash that nodes name as parent, 32 bytes."""
    return keccak(
        encode(
            [
                "uint256",
                "address",
                "uint32",
                "uint32",
                "bytes32",
                "bytes32",
                "bytes32",
                "bytes32",
                "uint256",
                "bytes32",
                "bytes32",
                "int64",
            ],
            [
                domain.chain_id,
                domain.round_manager,
                domain.group,
                result.round,
                result.parent,
                result.model_digest,
                result.model_root,
                result.columns_root,
                result.included,
                keccak(result.choice),
                keccak(result.scores),
                result.metric,
            ],
        )
    )


def genesis_hash(domain: Domain, model_digest: Digest, model_root: bytes) -> bytes:
    """The parent of the first round: a result of round 0 that nobody was included in."""
    return result_hash(domain, Result(Round(0), ZERO32, model_digest, model_root, ZERO32, 0, b"", b"", 0))
