"""Mutated sealed updates, frames and wire forms: refused with a reason, within bounded memory."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))

import malformed

from swarm_chain.protocol import sealing


def test_some_mutated_updates():
    found = malformed.campaign(150, seed=2)
    assert sum(found.values()) == 150


@pytest.mark.slow
def test_many_mutated_updates_of_every_codec():
    found = malformed.campaign(3_000, seed=3)
    assert sum(found.values()) == 3_000
    for layer in ("sealed", "frame", "wire"):
        assert sum(times for reason, times in found.items() if reason.startswith(layer)) > 800
    for codec in ("int#", "sign", "top-k"):
        assert any(f"no wire form of {codec}" in reason for reason in found), codec


def test_the_campaign_finds_a_codec_that_takes_two_forms(monkeypatch):
    """It can fail: a top-k that takes positions in any order is found out."""
    sound = type(malformed.CODECS["top-k"]).unpack

    def lax(self, data, dimension):
        count = -(-dimension // 256) * self.kept
        positions = sorted_in_rows(bytes(data[:count]), self.kept)
        return sound(self, positions + bytes(data[count:]), dimension)

    monkeypatch.setattr(type(malformed.CODECS["top-k"]), "unpack", lax)
    with pytest.raises(AssertionError, match="two wire forms"):
        malformed.campaign(3_000, seed=4)


def sorted_in_rows(data: bytes, width: int) -> bytes:
    return b"".join(bytes(sorted(data[at : at + width])) for at in range(0, len(data), width))


def test_memory_above_the_cap_is_found(monkeypatch):
    monkeypatch.setattr(malformed, "CAP", 1_000)
    with pytest.raises(AssertionError, match="opening took"):
        malformed.campaign(50, seed=5)


def test_mutations_change_most_bytes_strings():
    random_ = random.Random(1)
    data = sealing.MAGIC * 20
    assert sum(malformed.mutated(random_, data) != data for _ in range(100)) > 90
