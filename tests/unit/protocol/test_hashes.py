import dataclasses

import pytest

from swarm_chain.protocol.commitment import commitment, genesis_hash, keccak, result_hash, reveal_digest
from swarm_chain.types import ZERO32, Domain, Result, Reveal, group_and_round, report_of, round_id, samples_and_metric


def _domains(case):
    return [Domain(*fields) for fields in zip(case["chainId"], case["roundManager"], case["group"], strict=True)]


def _reveals(case):
    names = ("salt", "parent", "updateRoot", "samples", "metric", "available")
    return [Reveal(*fields) for fields in zip(*(case[name] for name in names), strict=True)]


def _results(case):
    names = ("round", "parent", "modelDigest", "modelRoot", "columnsRoot", "included", "choice", "scores", "metric")
    return [Result(*fields) for fields in zip(*(case[name] for name in names), strict=True)]


def _word(value):
    return (value % 2**256).to_bytes(32, "big")


def _address(node):
    return bytes(12) + bytes.fromhex(node[2:])


def test_keccak_is_the_evms():
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_commitments(vectors):
    case = vectors("commitment")
    for domain, number, node, reveal, expected, digest in zip(
        _domains(case), case["round"], case["node"], _reveals(case), case["commitment"], case["revealDigest"], strict=True
    ):
        assert commitment(domain, number, node, reveal) == expected
        assert reveal_digest(expected, reveal.available) == digest
        # abi.encode of static types is their words in a row: put together here by hand.
        name, report = _word(domain.group * 2**32 + number), _word(reveal.samples * 2**64 + reveal.metric % 2**64)
        where = _word(domain.chain_id) + _address(domain.round_manager) + name + _address(node)
        assert keccak(where + reveal.parent + reveal.update_root + report + reveal.salt)[:24] == expected
        assert keccak(expected + bytes(8) + _word(reveal.available))[:24] == digest


def test_what_is_packed_comes_apart_again(vectors):
    case = vectors("commitment")
    packed = zip(_domains(case), case["round"], case["roundId"], _reveals(case), case["report"], strict=True)
    for domain, number, name, reveal, report in packed:
        assert (round_id(domain.group, number), report_of(reveal.samples, reveal.metric)) == (name, report)
        assert group_and_round(round_id(domain.group, number)) == (domain.group, number)
        assert samples_and_metric(report_of(reveal.samples, reveal.metric)) == (reveal.samples, reveal.metric)
    assert round_id(7, 9) == 0x0000000700000009
    assert report_of(2, -1) == 0x00000002FFFFFFFFFFFFFFFF


def test_results(vectors):
    case = vectors("result")
    for domain, result, expected in zip(_domains(case), _results(case), case["resultHash"], strict=True):
        assert result_hash(domain, result) == expected
        words = (
            _word(domain.chain_id)
            + _address(domain.round_manager)
            + _word(domain.group)
            + _word(result.round)
            + result.parent
            + result.model_digest
            + result.model_root
            + result.columns_root
            + _word(result.included)
            + keccak(result.choice)
            + keccak(result.scores)
            + _word(result.metric)
        )
        assert keccak(words) == expected


def test_the_genesis_is_a_result_of_round_zero(vectors):
    case = vectors("result")
    genesis = _results(case)[0]
    assert genesis_hash(_domains(case)[0], genesis.model_digest, genesis.model_root) == case["resultHash"][0]


@pytest.mark.parametrize("field", ["salt", "parent", "update_root", "samples", "metric"])
def test_a_commitment_binds_every_field_but_the_availability(vectors, field):
    case = vectors("commitment")
    domain, reveal, node = _domains(case)[0], _reveals(case)[0], case["node"][0]
    changed = {"samples": 7, "metric": 7}.get(field, ZERO32)
    assert commitment(domain, 1, node, dataclasses.replace(reveal, **{field: changed})) != commitment(domain, 1, node, reveal)


def test_a_commitment_is_bound_to_its_place(vectors):
    case = vectors("commitment")
    domain, reveal, node = _domains(case)[0], _reveals(case)[0], case["node"][0]
    places = [
        (domain, 1, node),
        (domain, 2, node),
        (domain, 1, case["node"][1]),
        (dataclasses.replace(domain, chain_id=1), 1, node),
        (dataclasses.replace(domain, group=8), 1, node),
        (dataclasses.replace(domain, round_manager=node), 1, node),
    ]
    assert len({commitment(*place, reveal) for place in places}) == len(places)
