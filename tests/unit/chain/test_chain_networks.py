import pytest

from swarm_chain.chain.networks import NETWORKS, UNKNOWN, confirmations
from swarm_chain.chain.urls import HTTP, is_loopback, is_usable, several, shown


def test_local_chains_need_no_confirmations_and_unknown_ones_as_many_as_any() -> None:
    assert confirmations(31337) == confirmations(1337) == 0
    assert confirmations(987_654_321) == UNKNOWN.confirmations == max(network.confirmations for network in NETWORKS.values())
    assert all(network.confirmations > 0 for number, network in NETWORKS.items() if number not in (31337, 1337))


@pytest.mark.parametrize("chain_id", [1, 31337, 987_654_321])
def test_what_was_chosen_counts(chain_id: int) -> None:
    assert [confirmations(chain_id, chosen) for chosen in (0, 3)] == [0, 3]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://user:word@rpc.example/v3/key?token=x#y", "https://rpc.example"),
        ("wss://rpc.example:8546/key", "wss://rpc.example:8546"),
        ("http://[::1]:8545", "http://[::1]:8545"),
        ("nonsense", "This"),
    ],
)
def test_of_a_url_its_host_is_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.parametrize("url", ["http://", "http://host:0", "http://host:99999", "ftp://host", "http://" + "a" * 64, "host:8545"])
def test_what_cannot_be_asked_is_known_before(url: str) -> None:
    assert not is_usable(url, HTTP)


def test_a_url_counts_once() -> None:
    assert several(["http://a", "http://b", "http://a"]) == ("http://a", "http://b")
    assert several("http://a,http://b") == ("http://a,http://b",)
    assert [is_loopback(url) for url in ("http://localhost:1", "http://127.0.0.2", "http://[::1]", "http://10.0.0.1")] == [True] * 3 + [
        False
    ]
